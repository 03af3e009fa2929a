"""Two real heads through the node with the shipped model, looked at by independent readers.

The model learned from phantoms, so its gate holds them; a person releases them for this.
"""

from io import BytesIO
from pathlib import Path

import highdicom as hd
import numpy as np
import pytest
import SimpleITK
from pydicom import dcmread

from tests.support.dciodvfy import dcentvfy, dciodvfy
from tests.support.dcmtk import storescu
from tests.support.need import data_folder
from tests.support.node import is_held, is_sent

HEADS = {
    "mr/siemens_prismafit_t1_fl2d_sag_hfs_head": 35,
    "mr/siemens_prismafit_xa30_enhanced_t1_head": 96,
}
FIRST, SECOND = HEADS
NEAR_MM = 0.01
IDENTITY = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyInstanceUID", "StudyDate",
    "StudyTime", "FrameOfReferenceUID",
)  # fmt: skip


@pytest.fixture(scope="module", params=[FIRST, pytest.param(SECOND, marks=pytest.mark.slow)])
def head(request, tmp_path_factory):
    """Send a study with DCMTK and release what is made; return sources, results, both answers.

    The answers are the node's, while it is held and when it was sent; then what Orthanc holds.
    """
    from tests.support.node import NodeConf, RunningNode
    from tests.support.orthanc import Orthanc

    source = sorted((data_folder() / request.param).iterdir())
    folder = tmp_path_factory.mktemp("head")
    orthanc = Orthanc(folder / "orthanc").start()
    conf = NodeConf(folder / "node", shipped_model=True)
    conf.peers.append(orthanc.peer())
    node = RunningNode(conf.write()).start()
    try:
        said = storescu(conf.port, *source)
        assert said.returncode == 0, said.stderr
        study_uid = dcmread(source[0], stop_before_pixels=True).StudyInstanceUID
        held = node.until(study_uid, is_held, 180)
        assert orthanc.series() == {}
        (job,) = held["jobs"]
        node.command("jobs", "release", str(job["id"]), "--by", "A. Physicist")
        sent = node.until(study_uid, is_sent, 120)
        (series_uid,) = sent["jobs"][0]["series_uids"]
        assert orthanc.series().keys() == {series_uid}
        results = []
        for number, instance in enumerate(orthanc.series()[series_uid]):
            results.append(folder / f"{number}.dcm")
            results[-1].write_bytes(orthanc.file(instance))
    finally:
        node.stop()
        orthanc.stop()
    return source, results, (held, sent), HEADS[request.param]


def test_a_model_of_phantoms_holds_a_real_head_until_a_person_has_looked(head):
    held, sent = head[2]
    (job,) = held["jobs"]
    assert (job["state"], held["deliveries"]) == ("held", [])
    assert "OUT_OF_DISTRIBUTION" in {reason["code"] for reason in job["reasons"]}
    assert sent["jobs"][0]["decided"]["by"] == "A. Physicist"


def test_orthanc_holds_one_series_of_as_many_slices(head):
    _, results, (_, sent), slices = head
    assert len(results) == slices
    (delivery,) = sent["deliveries"]
    assert (delivery["state"], delivery["sent"], delivery["total"]) == ("sent", slices, slices)


def test_the_validator_finds_no_error_and_no_warning_of_ours(head):
    _, results, *_ = head
    for path in results:
        errors, warnings = dciodvfy(path)
        assert errors == []
        # the patient's name is the source's, and may be as dubious as it was
        assert [line for line in warnings if "PatientName" not in line] == []


def test_patient_and_study_are_the_same_entities(head):
    source, results, *_ = head
    said = dcentvfy([*source, *results])
    of_source = {line.split(" for file ")[0] for line in dcentvfy(source)}
    ours = {line.split(" for file ")[0] for line in said} - of_source
    assert {line for line in ours if "AccessionNumber" not in line} == set()


def test_identity_and_frame_of_reference_are_the_sources_and_synthetic_is_said(head):
    source, results, *_ = head
    first = dcmread(source[0], stop_before_pixels=True)
    for path in results:
        ds = dcmread(path)
        for word in IDENTITY:
            assert ds.get(word) == first.get(word), word
        assert ds.SyntheticData == "YES"
        assert ds.SeriesInstanceUID != first.SeriesInstanceUID
        assert "phantom" in ds.ImageComments


def corners(shape: tuple[int, int, int]) -> np.ndarray:
    """Array indices of the eight corner voxels of (Z, Y, X)."""
    return np.array(np.meshgrid(*[(0, n - 1) for n in shape])).reshape(3, -1).T.astype(float)


def as_set(points: np.ndarray) -> np.ndarray:
    """Order points so that two readers' orders do not matter."""
    rounded = np.round(points, 1)
    return points[np.lexsort(rounded.T)]


def source_corners(source: list[Path]) -> np.ndarray:
    if len(source) == 1:
        volume = hd.imread(source[0]).get_volume(apply_real_world_transform=False)
    else:
        volume = hd.get_volume_from_series(
            [dcmread(path) for path in source], apply_real_world_transform=False
        )
    return as_set(
        np.array(volume.map_indices_to_reference(corners(volume.spatial_shape).astype(int)))
    )


def test_every_voxel_lies_where_its_source_lies_by_highdicom(head):
    source, results, *_ = head
    volume = hd.get_volume_from_series(
        [dcmread(path) for path in results], apply_real_world_transform=False
    )
    found = np.array(volume.map_indices_to_reference(corners(volume.spatial_shape).astype(int)))
    assert np.abs(as_set(found) - source_corners(source)).max() < NEAR_MM


def test_every_voxel_lies_where_its_source_lies_by_simpleitk(head):
    source, results, *_ = head
    reader = SimpleITK.ImageSeriesReader()
    by_place = sorted(results, key=lambda path: float(dcmread(path).SliceLocation))
    reader.SetFileNames([str(path) for path in by_place])
    image = reader.Execute()
    shape = image.GetSize()[::-1]
    found = np.array(
        [image.TransformContinuousIndexToPhysicalPoint(tuple(p[::-1])) for p in corners(shape)]
    )
    assert np.abs(as_set(found) - source_corners(source)).max() < NEAR_MM


def test_each_slice_lies_on_the_slice_that_it_names(head):
    source, results, *_ = head
    places = {}
    for path in source:
        ds = dcmread(path, stop_before_pixels=True)
        if "PerFrameFunctionalGroupsSequence" in ds:
            for number, groups in enumerate(ds.PerFrameFunctionalGroupsSequence, start=1):
                position = groups.PlanePositionSequence[0].ImagePositionPatient
                places[(ds.SOPInstanceUID, number)] = np.array(position, dtype=float)
        else:
            places[(ds.SOPInstanceUID, None)] = np.array(ds.ImagePositionPatient, dtype=float)
    for path in results:
        ds = dcmread(path)
        (item,) = ds.SourceImageSequence
        frame = item.get("ReferencedFrameNumber")
        named = places[(item.ReferencedSOPInstanceUID, int(frame) if frame else None)]
        assert np.abs(np.array(ds.ImagePositionPatient, dtype=float) - named).max() < NEAR_MM


def test_the_pixels_are_an_image_of_a_head(head):
    """Air around, soft tissue inside, bone somewhere: no more can be asked of a phantom's pupil."""
    _, results, *_ = head
    volume = np.stack(
        [ds.pixel_array * float(ds.RescaleSlope) + float(ds.RescaleIntercept)
         for ds in (dcmread(BytesIO(path.read_bytes())) for path in results)]
    )  # fmt: skip
    assert np.percentile(volume, 2) < -900
    soft = ((volume > -100) & (volume < 150)).mean()
    bone = (volume > 300).mean()
    assert 0.1 < soft < 0.7
    assert 0.005 < bone < 0.25
