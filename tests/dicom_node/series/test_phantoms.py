"""Phantom series in every style and orientation: valid objects, right labels, the same geometry."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread

from dicom_node.series import OwnIdentity, examine, fits
from engine.io import read_voxels
from train.phantom.series import Patient, write_series
from train.phantom.vendors import STYLES, style

T1 = [one for one in STYLES if one.sequence.label == "T1"]
OTHERS = [one for one in STYLES if one.sequence.label != "T1"]
ORIENTATIONS = ("axial", "sagittal", "oblique")
VALIDATOR = Path(sys.executable).with_name("dciodvfy")


def named(one):
    return one.name


def test_there_are_enough_of_them():
    assert len(T1) * len(ORIENTATIONS) >= 40
    assert len({one.equipment["Manufacturer"] for one in T1 if one.enhanced}) >= 3


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("one", T1, ids=named)
def test_a_t1_phantom_is_accepted(written, contract, one, orientation):
    findings = examine(written(one, orientation), OwnIdentity())
    assert findings.reasons == ()
    assert findings.label == "T1"
    assert fits(findings, contract) == ()


@pytest.mark.parametrize("one", OTHERS, ids=named)
def test_another_phantom_gets_its_label_and_is_sound(written, contract, one):
    findings = examine(written(one), OwnIdentity())
    assert findings.label == one.sequence.label
    assert findings.verdict == "accept"
    assert "SEQUENCE_WRONG" in {reason.code for reason in fits(findings, contract)}


@pytest.mark.parametrize("orientation", ["axial", "sagittal", "coronal", "oblique"])
@pytest.mark.parametrize("name", ["siemens-ve-mprage", "philips-tfe-enhanced", "siemens-ct"])
def test_what_is_read_back_lies_where_it_was_and_is_what_it_was(written, head, name, orientation):
    source = head(orientation)
    back = read_voxels(examine(written(style(name), orientation), OwnIdentity()).chosen)
    voxels, affine = back.voxels, back.affine.copy()
    if back.affine[:3, 0] @ source.affine[:3, 0] < 0:  # the reader stacks along the normal
        voxels = voxels[::-1]
        affine[:3, 3] += affine[:3, 0] * (len(voxels) - 1)
        affine[:3, 0] *= -1
    np.testing.assert_allclose(affine, source.affine, atol=1e-5)
    wanted = source.voxels - 1000 if name == "siemens-ct" else source.voxels
    scale = 1.0 if name != "siemens-ve-mprage" else wanted.max() / 4000  # classic MR keeps none
    np.testing.assert_allclose(voxels * scale, wanted, atol=1.0)


@pytest.mark.skipif(not VALIDATOR.is_file(), reason="dciodvfy (dicom3tools) is not installed")
@pytest.mark.parametrize("one", STYLES, ids=named)
def test_objects_are_valid_but_for_what_the_vendor_itself_breaks(written, one):
    path = written(one, "oblique")[3 % len(written(one, "oblique"))]
    done = subprocess.run([VALIDATOR, "-new", path], capture_output=True, text=True, check=False)
    errors = [line for line in done.stderr.splitlines() if line.startswith("Error")]
    assert len(errors) == len(one.errors), errors
    assert all(word in line for word, line in zip(one.errors, errors, strict=True))


def test_every_vendor_has_a_style_without_any_error():
    makers = {one.equipment["Manufacturer"] for one in STYLES}
    assert makers == {one.equipment["Manufacturer"] for one in STYLES if not one.errors}


def test_the_same_subject_gives_the_same_bytes(tmp_path, head):
    first, second = (
        write_series(head("axial"), style("uih-gre-fsp"), Patient(), tmp_path / name)
        for name in ("one", "two")
    )
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_another_seed_gives_other_uids_and_the_same_study_shares_its_own(tmp_path, head):
    def uids(seed, name, number):
        where = tmp_path / f"{seed}{number}"
        path = write_series(head("axial"), style(name), Patient(seed), where, number=number)[0]
        ds = dcmread(path, stop_before_pixels=True)
        return ds.StudyInstanceUID, ds.FrameOfReferenceUID, ds.SeriesInstanceUID

    one, two = uids("a", "ge-mprage", 1), uids("a", "ge-ct", 2)
    other = uids("b", "ge-mprage", 1)
    assert one[:2] == two[:2]
    assert one[2] != two[2]
    assert not set(one) & set(other)


def test_shuffled_files_bear_no_order(written):
    files = written(style("siemens-ve-mprage"))
    assert files != sorted(files)


def test_phantoms_say_what_they_are(written):
    for one in STYLES:
        ds = dcmread(written(one)[0], stop_before_pixels=True)
        assert str(ds.PatientName).startswith("PHANTOM^")
        assert "phantom" in ds.PatientComments
        assert "PHANTOM" in ds.InstitutionName
