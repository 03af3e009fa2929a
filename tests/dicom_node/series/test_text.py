"""Names into weightings: languages, vendors, negations, and any text at all."""

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from dicom_node.series.facts import series_texts, words
from dicom_node.series.findings import Label
from dicom_node.series.text import agent_named, fat_suppressed, named, weightings


def called(text, **more):
    return {"SeriesDescription": text, **more}


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("t1_mprage_sag_p2_iso", "T1"),
        ("Accelerated SAG IR-SPGR", "T1"),
        ("anat-T1w_acq-tfl", "T1"),
        ("WIP sT1W_3D_TFE SENSE", "T1"),
        ("3D Ax T1 MP-RAGE_R22", "T1"),
        ("t1_gre_fsp_3d_sag", "T1"),
        ("Ax T1 FLAIR", "T1"),
        ("T2 FLAIR axial", "FLAIR"),
        ("t2_tirm_tra_dark-fluid", "FLAIR"),
        ("t2_tirm_cor", "STIR"),
        ("STIR cor", "STIR"),
        ("Sag CUBE T2", "T2"),
        ("t2_haste", "T2"),
        ("pd_tse_fs_sag", "PD"),
        ("pd+t2_tse", "PD T2"),
        ("T1 T2", "T1 T2"),
        ("T2* GRE", ""),
        ("t2_star", ""),
        ("T1 map", ""),
        ("T1rho", ""),
        ("T12 vertebra", ""),
        ("localizer", ""),
        ("", ""),
    ],
)
def test_weightings_by_name(text, labels):
    assert weightings(words(text)) == frozenset(labels.split())


@pytest.mark.parametrize(
    ("text", "agent"),
    [
        ("AX T1 POST", "given"),
        ("t1_mprage_KM", "given"),
        ("T1 +C", "given"),
        ("T1ce", "given"),
        ("T1 SE avec injection", "given"),
        ("T1 nach KM", "given"),
        ("T1 con contraste", "given"),
        ("T1 w/ contrast", "given"),
        ("T1 post gado", "given"),
        ("T1 with pre and post", "given"),
        ("T1 nativ", "none"),
        ("t1_mprage_pre", "none"),
        ("T1 ohne KM", "none"),
        ("T1 w/o contrast", "none"),
        ("T1 sans injection", "none"),
        ("T1 senza mdc", "none"),
        ("T1 posterior fossa", None),
        ("t1_mprage_sag", None),
    ],
)
def test_contrast_agent_by_name(text, agent):
    assert agent_named(called(text)) == agent


@pytest.mark.parametrize(
    "text", ["t1_tse_fs_tra", "T2 fat sat", "T1 SPIR", "t2_fatsat", "T2 fettgesättigt"]
)
def test_fat_suppression_by_name(text):
    assert fat_suppressed(called(text))


def test_a_dixon_image_counts_as_suppressed_unless_it_is_said_to_be_in_phase():
    assert fat_suppressed(called("t1_vibe_dixon_tra"))
    assert not fat_suppressed(called("t1_vibe_dixon_tra_in"))


def test_description_and_protocol_that_contradict_each_other_name_both():
    assert named(called("T1 tra", ProtocolName="t2_tse")) == {Label.T1, Label.T2}


def test_the_protocol_of_ge_names_the_examination_and_is_not_asked():
    header = called("Ax T1", ProtocolName="Brain T2 DWI", Manufacturer="GE MEDICAL SYSTEMS")
    assert series_texts(header) == ("ax t1",)
    assert named(header) == {Label.T1}


def test_the_vendors_name_speaks_where_people_are_silent():
    assert named({"SequenceName": "*tfl3d1_16ns"}) == {Label.T1}
    assert named(called("T2 tra", SequenceName="*tfl3d1_16ns")) == {Label.T2}


def test_underscores_accents_and_capitals_do_not_matter():
    assert words("  Schädel_T1^MPRAGE ") == "schadel t1 mprage"
    assert words("頭部") == "頭部"
    assert words(None) == words(7) == ""


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(max_size=64))
@example("\N{MATHEMATICAL BOLD FRAKTUR CAPITAL A}")
def test_any_text_can_be_searched(text):
    plain = words(text)
    assert words(plain) == plain
    assert weightings(plain) <= set(Label)
    assert agent_named(called(text)) in ("given", "none", None)
    assert fat_suppressed(called(text)) in (True, False)
