"""DCMTK's getscu and movescu against the node, at every level of both models."""

from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEGLosslessSV1

from dicom_node.archive import Received, read_part10
from dicom_node.values import Origin
from tests.dicom_node.archive.objects import instance, received, series_uid, study_uid, wire
from tests.support.dcmtk import getscu, movescu

ONE, TWO = f"StudyInstanceUID={study_uid('one')}", f"StudyInstanceUID={study_uid('two')}"
LEVELS = [
    ("-P", ("QueryRetrieveLevel=PATIENT", "PatientID=TEST-1"), 5),
    ("-P", ("QueryRetrieveLevel=STUDY", "PatientID=TEST-1", TWO), 3),
    ("-P", ("QueryRetrieveLevel=SERIES", "PatientID=TEST-1", TWO,
            f"SeriesInstanceUID={series_uid('two', 'b')}"), 1),
    ("-S", ("QueryRetrieveLevel=STUDY", ONE), 2),
    ("-S", ("QueryRetrieveLevel=STUDY", f"{ONE}\\{study_uid('two')}"), 5),
    ("-S", ("QueryRetrieveLevel=SERIES", TWO, f"SeriesInstanceUID={series_uid('two', 'a')}"), 2),
    ("-S", ("QueryRetrieveLevel=IMAGE", ONE, f"SeriesInstanceUID={series_uid('one', 'a')}",
            f"SOPInstanceUID={instance('one', number=2).SOPInstanceUID}"), 1),
]  # fmt: skip


@pytest.fixture
def filled(scene):
    there = [instance("one", number=1), instance("one", number=2), instance("two", number=1),
             instance("two", number=2), instance("two", series="b")]  # fmt: skip
    for ds in there:
        scene.archive.keep(received(ds))
    return scene, {str(ds.SOPInstanceUID): wire(ds) for ds in there}


def contents(folder: Path) -> dict[str, bytes]:
    """Return the data sets in a folder by UID."""
    found = {}
    for path in folder.iterdir():
        content, _ = read_part10(path.read_bytes())
        found[str(dcmread(path).SOPInstanceUID)] = content
    return found


def test_getscu_gets_what_it_asks_for_at_every_level(filled, tmp_path):
    scene, there = filled
    for number, (root, keys, count) in enumerate(LEVELS):
        folder = tmp_path / f"got{number}"
        said = getscu(scene.port, folder, *keys, options=(root,))
        assert said.returncode == 0, said.stderr
        got = contents(folder)
        assert len(got) == count, (keys, said.stderr[-2000:])
        assert all(content == there[uid] for uid, content in got.items())


def test_movescu_has_it_sent_to_itself_at_every_level(filled, receiver, tmp_path):
    scene, there = filled
    for number, (root, keys, count) in enumerate(LEVELS):
        folder = tmp_path / f"moved{number}"
        said = movescu(scene.port, ("PACS", receiver.port), folder, *keys, options=(root,))
        assert said.returncode == 0, said.stderr
        got = contents(folder)
        assert len(got) == count, (keys, said.stderr[-2000:])
        assert all(content == there[uid] for uid, content in got.items())


def test_movescu_to_a_stranger_hears_that_it_is_one(filled, tmp_path):
    scene, _ = filled
    keys = ("QueryRetrieveLevel=STUDY", ONE)
    said = movescu(scene.port, ("STRANGER", None), tmp_path / "none", *keys)
    assert "MoveDestinationUnknown" in said.stderr.replace(" ", "")
    assert list((tmp_path / "none").iterdir()) == []


def test_movescu_to_one_that_does_not_listen_hears_that_all_failed(filled, tmp_path):
    scene, _ = filled
    keys = ("QueryRetrieveLevel=STUDY", ONE)
    said = movescu(scene.port, ("PACS", None), tmp_path / "none", *keys)
    assert said.returncode != 0 or "Refused" in said.stderr
    assert getscu(scene.port, tmp_path / "got", *keys).returncode == 0
    assert len(contents(tmp_path / "got")) == 2


def test_lossless_images_come_uncompressed_to_whom_takes_nothing_else(scene, receiver, tmp_path,
                                                                      real_data):  # fmt: skip
    files = sorted((real_data / "encodings/triotim_flair_jpeg").iterdir())
    for path in files:
        content, syntax = read_part10(path.read_bytes())
        scene.archive.keep(Received(content, syntax, "SCANNER", Origin.RECEIVED))
    pixels = {str(ds.SOPInstanceUID): ds.pixel_array for ds in map(dcmread, files)}
    keys = ("QueryRetrieveLevel=STUDY", f"StudyInstanceUID={dcmread(files[0]).StudyInstanceUID}")
    station = ("PACS", receiver.port)
    assert getscu(scene.port, tmp_path / "got", *keys).returncode == 0
    moved = movescu(scene.port, station, tmp_path / "moved", *keys, options=("-S", "+xi"))
    assert moved.returncode == 0, moved.stderr
    kept = movescu(scene.port, station, tmp_path / "kept", *keys, options=("-S", "+xa"))
    assert kept.returncode == 0, kept.stderr
    for name, syntax in (
        ("got", ExplicitVRLittleEndian), ("moved", ImplicitVRLittleEndian),
        ("kept", JPEGLosslessSV1),
    ):  # fmt: skip
        found = [dcmread(path) for path in (tmp_path / name).iterdir()]
        assert {str(ds.file_meta.TransferSyntaxUID) for ds in found} == {syntax}
        assert len(found) == len(files)
        assert all((ds.pixel_array == pixels[str(ds.SOPInstanceUID)]).all() for ds in found)


def test_getscu_that_aborts_harms_nobody(filled, tmp_path):
    scene, _ = filled
    said = getscu(scene.port, tmp_path / "a", "QueryRetrieveLevel=STUDY", ONE,
                  options=("-S", "--abort"))  # fmt: skip
    assert said.returncode == 0
    assert getscu(scene.port, tmp_path / "b", "QueryRetrieveLevel=STUDY", ONE).returncode == 0
