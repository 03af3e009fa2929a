import pytest

from engine.reason import Code, Reason

PUBLIC = [
    "GEOM_GAP",
    "GEOM_SPACING",
    "GEOM_DUPLICATE",
    "GEOM_TILT",
    "GEOM_ORIENTATION",
    "GEOM_SINGLE",
    "GEOM_MISSING",
    "LOCALIZER",
    "DERIVED",
    "PHASE",
    "MOSAIC",
    "EPI",
    "DIFFUSION",
    "PERFUSION",
    "COLOUR",
    "BURNED_IN",
    "LOSSY",
    "SYNTHETIC",
    "MULTI_ECHO",
    "MULTI_PHASE",
    "CONTRAST_AGENT",
    "SEQUENCE_UNKNOWN",
    "SEQUENCE_CONFLICT",
    "SEQUENCE_WRONG",
    "ANATOMY_WRONG",
    "ANATOMY_UNKNOWN",
    "ANGIOGRAPHY",
    "SUSCEPTIBILITY",
    "FIELD_MAP",
    "MATRIX_MIXED",
    "SPECIES",
    "FIELD_STRENGTH",
    "DISTORTION_UNCORRECTED",
    "FOV_OUTSIDE",
    "SPACING_OUTSIDE",
    "TOO_FEW_SLICES",
    "AGE_OUTSIDE",
    "IDENTITY_CONFLICT",
    "IDENTITY_INVALID",
    "PIXELS_UNREADABLE",
    "NOT_AN_IMAGE",
    "OUT_OF_DISTRIBUTION",
    "QC_FAILED",
    "OUTPUT_INVALID",
    "MODEL_MISSING",
    "MODEL_UNSIGNED",
    "MODEL_TAMPERED",
    "CHILD_DIED",
    "NO_MEMORY",
]


@pytest.mark.parametrize("word", PUBLIC)
def test_a_public_word_stays_and_is_spelt_so(word):
    assert Code(word).name == word


def test_every_code_is_written_as_it_is_called():
    assert {code.name for code in Code} == {str(code) for code in Code}
    assert set(PUBLIC) <= {str(code) for code in Code}


def test_an_unknown_word_is_no_code():
    with pytest.raises(ValueError, match="GEOM_HOLE"):
        Code("GEOM_HOLE")


def test_a_reason_reads_as_code_and_sentence():
    assert str(Reason(Code.GEOM_GAP, "2 slices are missing")) == "GEOM_GAP: 2 slices are missing"


def test_equal_reasons_are_one():
    reasons = [Reason(Code.EPI, "x"), Reason(Code.EPI, "x"), Reason(Code.EPI, "y")]
    assert len(dict.fromkeys(reasons)) == 2
