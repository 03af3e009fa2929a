"""A model's limits against findings: each limit at its edge, the series verdict first."""

from dataclasses import replace

import pytest

from dicom_node.series import OwnIdentity, examine, fits
from train.phantom.vendors import style


@pytest.fixture(scope="module")
def findings(written):
    return examine(written(style("siemens-ve-mprage")), OwnIdentity())


def codes(findings, contract):
    return [reason.code for reason in fits(findings, contract)]


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        ({"labels": ("T2",)}, "SEQUENCE_WRONG"),
        ({"anatomy": ("PELVIS",)}, "ANATOMY_WRONG"),
        ({"min_slices": 23}, "TOO_FEW_SLICES"),
        ({"pixel_spacing_mm": (0.4, 2.19)}, "SPACING_OUTSIDE"),
        ({"pixel_spacing_mm": (2.21, 3.0)}, "SPACING_OUTSIDE"),
        ({"slice_step_mm": (0.5, 4.9)}, "SPACING_OUTSIDE"),
        ({"extent_mm": (122.0, 400.0)}, "FOV_OUTSIDE"),
        ({"extent_mm": (100.0, 131.0)}, "FOV_OUTSIDE"),
    ],
)
def test_each_limit_gives_its_code(findings, contract, limits, code):
    assert set(codes(findings, replace(contract, **limits))) == {code}


@pytest.mark.parametrize(
    "limits",
    [
        {"min_slices": 22},
        {"pixel_spacing_mm": (2.2, 2.2)},
        {"slice_step_mm": (5.5, 5.5)},
        {"extent_mm": (121.0, 132.0)},
    ],
)
def test_a_limit_that_is_just_met_is_met(findings, contract, limits):
    assert codes(findings, replace(contract, **limits)) == []


@pytest.mark.parametrize(
    ("tokens", "grid", "refused"),
    [
        (("M", "ND"), "rt-axial", True),
        (("M", "ND", "NORM"), "rt-axial", True),
        (("M", "ND", "DIS2D"), "rt-axial", False),
        (("M", "ND", "DIS3D"), "rt-axial", False),
        (("M", "NORM", "DIS2D"), "rt-axial", False),
        (("M", "NORM"), "rt-axial", False),
        (("M", "ND"), "native", False),
    ],
)
def test_an_uncorrected_image_is_refused_for_radiotherapy(planted, contract, tokens, grid, refused):
    def spoil(slices):
        for ds in slices:
            ds.ImageType = ["ORIGINAL", "PRIMARY", *tokens]

    found = [reason.code for reason in fits(planted(spoil), contract, grid)]
    assert found == (["DISTORTION_UNCORRECTED"] if refused else [])


def test_a_slab_is_outside_the_field_of_view_with_few_or_many_slices(planted, contract):
    slab = planted(lambda slices: sorted(slices, key=lambda ds: ds.ImagePositionPatient[2])[:18])
    assert codes(slab, contract) == ["FOV_OUTSIDE"]


def test_the_reasons_of_the_series_come_first(planted, contract):
    def spoil(slices):
        for ds in slices:
            ds.ImageType, ds.BodyPartExamined = ["DERIVED", "SECONDARY", "MPR"], "KNEE"

    assert codes(planted(spoil), contract) == ["DERIVED", "SEQUENCE_WRONG", "ANATOMY_WRONG"]


def test_an_agent_is_allowed_where_the_contract_allows_it(planted, contract):
    def enhance(slices):
        for ds in slices:
            ds.ContrastBolusAgent = "Gadovist"

    findings = planted(enhance)
    assert findings.label == "T1CE"
    assert codes(findings, contract) == ["SEQUENCE_WRONG", "CONTRAST_AGENT"]
    assert codes(findings, replace(contract, labels=("T1CE",), contrast_agent=True)) == []


def test_an_undecided_sequence_is_not_also_called_wrong(planted, contract):
    def hush(slices):
        for ds in slices:
            ds.SeriesDescription = ds.ProtocolName = ds.SequenceName = ""

    assert codes(planted(hush), contract) == ["SEQUENCE_UNKNOWN"]


def test_what_is_no_image_gets_no_further_reasons(data, contract):
    report = next((data / "sr/fuji_basic_text_sr_papaya").iterdir())
    findings = examine([report], OwnIdentity())
    assert codes(findings, contract) == ["NOT_AN_IMAGE"]
