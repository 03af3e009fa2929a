"""A model's limits against findings: each limit at its edge, the series verdict first."""

from dataclasses import replace

import numpy as np
import pytest
from pydicom import dcmread

from dicom_node.series import OwnIdentity, examine, fits
from engine.volume import Grid
from tests.dicom_node.series.conftest import AXES, turned
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
    ("said", "code"),
    [
        ({"BodyPartExamined": "KNEE"}, "ANATOMY_WRONG"),
        ({"PatientAge": "007Y"}, "AGE_OUTSIDE"),
        ({"MagneticFieldStrength": "7"}, "FIELD_STRENGTH"),
    ],
)
@pytest.mark.parametrize("which", [0, 9, -1])
def test_what_a_single_slice_says_counts(written, contract, tmp_path, said, code, which):
    paths = [tmp_path / path.name for path in written(style("siemens-ve-mprage"))]
    for path, original in zip(paths, written(style("siemens-ve-mprage")), strict=True):
        ds = dcmread(original)
        for keyword, value in said.items() if path == paths[which] else ():
            setattr(ds, keyword, value)
        ds.save_as(path)
    limited = replace(contract, age_years=(18.0, 90.0), field_strength_t=(1.0, 3.5))
    assert codes(examine(paths, OwnIdentity()), limited) == [code]


def lying(findings, plane, degrees=0.0, axis=2):
    """Return the findings as if the slices lay in ``plane``, turned about a patient axis."""
    affine = np.eye(4)
    affine[:3, :3] = turned(degrees, axis) @ np.array(AXES[plane], float).T
    grid = Grid(findings.chosen.grid.shape, affine @ np.diag([5.5, 2.2, 2.2, 1]))
    return replace(findings, chosen=replace(findings.chosen, grid=grid))


@pytest.mark.parametrize("plane", sorted(AXES))
def test_a_model_of_one_plane_takes_that_plane_and_no_other(findings, contract, plane):
    found = lying(findings, plane)
    wide = replace(contract, extent_mm=(1.0, 1000.0))
    for wanted in sorted(AXES):
        seen = codes(found, replace(wide, planes=(wanted,)))
        assert seen == ([] if wanted == plane else ["GEOM_ORIENTATION"]), wanted
    assert codes(found, replace(wide, planes=tuple(AXES))) == []


def test_a_slice_that_is_not_in_the_models_plane_is_told_by_both_planes(findings, contract):
    two = replace(contract, planes=("sagittal", "coronal"))
    (reason,) = fits(findings, two)
    assert reason.text == "the slices are axial; the model was made for sagittal or coronal ones"


@pytest.mark.parametrize("plane", sorted(AXES))
@pytest.mark.parametrize("turn", [44.0, -44.0, 46.0])
def test_oblique_slices_are_of_the_nearest_plane(findings, contract, plane, turn):
    axis = {"axial": 0, "sagittal": 2, "coronal": 2}[plane]  # not the slices' own normal
    found = codes(lying(findings, plane, turn, axis), replace(contract, planes=(plane,)))
    assert found == (["GEOM_ORIENTATION"] if turn > 45 else [])


def test_slices_far_from_every_plane_are_of_none(findings, contract):
    found = lying(findings, "axial")
    affine = turned(45, 0) @ turned(54.74, 1)  # the normal is as far from each axis
    grid = Grid(found.chosen.grid.shape, np.block([[affine, np.zeros((3, 1))], [0, 0, 0, 1]]))
    askew = replace(found, chosen=replace(found.chosen, grid=grid))
    wide = replace(contract, extent_mm=(1, 1000), slice_step_mm=(1, 9), planes=tuple(AXES))
    (reason,) = fits(askew, wide)
    assert reason.code == "GEOM_ORIENTATION"
    assert "more than 45 degrees from every plane" in reason.text


def test_without_a_lattice_the_plane_is_not_also_called_wrong(planted, contract):
    def cut(slices):
        return sorted(slices, key=lambda ds: ds.ImagePositionPatient[2])[:9] + slices[-1:]

    findings = planted(cut)
    assert findings.pixel_spacing_mm is None
    assert "GEOM_ORIENTATION" not in codes(findings, replace(contract, planes=("sagittal",)))


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


MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4"


def stating(findings, **values):
    """Return the findings with other facts in their header; None takes one away."""
    header = {key: value for key, value in {**findings.header, **values}.items() if value}
    return replace(findings, header=header, kinds=(header,))


@pytest.mark.parametrize(
    ("values", "refused"),
    [
        ({"PatientAge": "018Y"}, False),
        ({"PatientAge": "017Y"}, True),
        ({"PatientAge": "090Y"}, False),
        ({"PatientAge": "091Y"}, True),
        ({"PatientAge": "216M"}, False),
        ({"PatientAge": "006M"}, True),
        ({"PatientAge": "030D"}, True),
        ({"PatientAge": "abc", "PatientBirthDate": "19800101", "StudyDate": "20260101"}, False),
        ({"PatientBirthDate": "20081201", "StudyDate": "20261122"}, True),
        ({"PatientBirthDate": "20081101", "StudyDate": "20261122"}, False),
        ({"PatientBirthDate": "20300101", "StudyDate": "20260101"}, True),
        ({"PatientBirthDate": "19801340", "StudyDate": "20260101"}, True),
        ({}, True),
    ],
)
def test_who_is_too_young_or_too_old_or_of_no_known_age_is_refused(
    findings, contract, values, refused
):
    nothing = {"PatientAge": None, "PatientBirthDate": None, "AcquisitionDate": None}
    found = stating(findings, **{**nothing, **values})
    adults = replace(contract, age_years=(18.0, 90.0))
    assert codes(found, adults) == (["AGE_OUTSIDE"] if refused else [])
    assert codes(found, contract) == []


def test_a_model_may_take_who_does_not_say_an_age_but_nobody_of_another(findings, contract):
    lenient = replace(contract, age_years=(18.0, 90.0), unstated="accept")
    nothing = {"PatientBirthDate": None, "AcquisitionDate": None}
    assert codes(stating(findings, PatientAge=None, **nothing), lenient) == []
    assert codes(stating(findings, PatientAge="007Y", **nothing), lenient) == ["AGE_OUTSIDE"]


@pytest.mark.parametrize(
    ("value", "refused"),
    [
        (1.5, False),
        (3.0, False),
        (15000.0, False),
        (0.55, True),
        (7.0, True),
        (None, True),
        (0, True),
    ],
)
def test_a_magnet_that_the_model_does_not_know_is_refused(findings, contract, value, refused):
    found = stating(findings, MagneticFieldStrength=value)
    clinical = replace(contract, field_strength_t=(1.5, 3.0))
    assert codes(found, clinical) == (["FIELD_STRENGTH"] if refused else [])


def test_what_is_not_stated_is_said_not_to_be(findings, contract):
    found = stating(findings, MagneticFieldStrength=None)
    (reason,) = fits(found, replace(contract, field_strength_t=(1.5, 3.0)))
    assert reason.text == "the field strength is not stated; 1.5 to 3 T is wanted"


def test_an_object_of_another_class_is_refused_by_a_model_that_names_its_own(findings, contract):
    assert codes(findings, replace(contract, sop_classes=(MR_IMAGE,))) == []
    assert codes(findings, replace(contract, sop_classes=("1.2.3",))) == ["SEQUENCE_WRONG"]


def test_a_model_that_wants_distortion_corrected_wants_it_on_every_grid(planted, contract):
    def spoil(slices):
        for ds in slices:
            ds.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND"]

    found, wanting = planted(spoil), replace(contract, distortion_corrected=True)
    assert "DISTORTION_UNCORRECTED" in codes(found, wanting)
    assert "DISTORTION_UNCORRECTED" not in codes(found, contract)
