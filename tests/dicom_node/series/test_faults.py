"""One planted fault for each code: the clean series has none, the spoilt one has that code."""

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.battery.headers import (
    HEADER_FAULTS,
    OWN_CREATOR,
    OWN_DEVICE,
    OWN_SERIES,
    every,
)
from dicom_node.series import OwnIdentity, fits

PAGE = Path(__file__).parents[3] / "docs/reference/acceptance.md"
OWN = OwnIdentity(
    creator_uids=frozenset({OWN_CREATOR}),
    device_uids=frozenset({OWN_DEVICE}),
    series_uids=frozenset({OWN_SERIES}),
)


def test_the_clean_series_has_no_reason(planted, limited):
    findings = planted(every(PatientAge="045Y"), OWN)
    assert fits(findings, limited, "rt-axial") == ()
    assert not findings.synthetic


@pytest.fixture
def limited(contract):
    """A contract that limits what a contract may."""
    return replace(contract, age_years=(18.0, 90.0), field_strength_t=(1.0, 3.5))


@pytest.mark.filterwarnings("ignore")  # pydicom warns of the faults that are planted
@pytest.mark.parametrize(
    ("code", "spoil"),
    [(code, spoil) for _, code, spoil in HEADER_FAULTS],
    ids=[name for name, _, _ in HEADER_FAULTS],
)
def test_a_planted_fault_is_told(planted, limited, code, spoil):
    findings = planted(spoil, OWN)
    reasons = fits(findings, limited, "rt-axial")
    assert code in {reason.code for reason in reasons}
    assert len(set(reasons)) == len(reasons)
    assert findings.synthetic == (code == "SYNTHETIC")
    assert all(word not in reason.text for reason in reasons for word in ("PHANTOM", "HEAD01"))


def test_a_series_that_this_node_made_is_told_by_its_uid_when_it_has_lost_its_words(planted):
    findings = planted(every(SeriesInstanceUID=OWN_SERIES), OWN)
    assert findings.synthetic
    assert {reason.code for reason in findings.reasons} == {"SYNTHETIC"}
    assert not planted(every(SeriesInstanceUID=OWN_SERIES)).synthetic


SYNTHETIC_CT = ("sCT", "sCT_pelvis", "SynthCT", "syn-CT", "MR only sCT", "s-CT^HEAD", "sct2")


@pytest.mark.parametrize("text", SYNTHETIC_CT)
@pytest.mark.parametrize("keyword", ["SeriesDescription", "DerivationDescription", "ImageComments"])
def test_a_ct_that_is_called_synthetic_in_short_is_told(planted, keyword, text):
    findings = planted(every(**{keyword: text}), OWN, clean="siemens-ct")
    assert findings.synthetic


def test_capitals_are_a_synthetic_ct_where_nothing_says_that_it_was_acquired(planted):
    def spoil(slices):
        every(SeriesDescription="SCT HEAD", ImageType=["DERIVED", "SECONDARY", "AXIAL"])(slices)

    assert planted(spoil, OWN, clean="siemens-ct").synthetic


@pytest.mark.parametrize("text", ["CT", "CT HEAD", "SCT HEAD", "SCT_THORAX", "MR only", "sCTA"])
def test_an_acquired_ct_is_not_taken_for_synthetic_by_words_of_scanners(planted, text):
    assert not planted(every(SeriesDescription=text), OWN, clean="siemens-ct").synthetic


@pytest.mark.parametrize(("text", "told"), [("t1_sct", False), ("MR-only sCT", True)])
def test_of_an_mr_image_the_short_word_alone_says_nothing(planted, text, told):
    assert planted(every(SeriesDescription=text), OWN).synthetic == told


def test_inverted_grey_values_are_named_for_what_they_are(planted):
    (reason,) = planted(every(PhotometricInterpretation="MONOCHROME1")).reasons
    assert "MONOCHROME1" in reason.text
    assert "MONOCHROME2 is wanted" in reason.text


def test_a_fault_is_planted_for_every_code_that_the_page_says_is_given_here():
    table = PAGE.read_text(encoding="utf-8").partition("## Reason codes")[2].partition("## ")[0]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("| `")]
    here = {code.strip("`") for code, _, giver in rows if giver.strip() in ("series", "task")}
    assert here == {code for _, code, _ in HEADER_FAULTS}
