"""An image is known by what it shows, however it is filed, stored or compressed."""

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import ExplicitVRLittleEndian, RLELossless

from dicom_node.series import OwnIdentity, examine, pixel_digest
from engine.io import inner, read_frames
from train.phantom.vendors import style

CLEAN = "siemens-ve-mprage"


@pytest.fixture
def slices(written):
    return sorted(written(style(CLEAN)))


def saved(ds: Dataset, path):
    ds.save_as(path)
    return path


def compressed(ds: Dataset) -> None:
    ds.compress(RLELossless)


def renamed(ds: Dataset) -> None:
    ds.SOPInstanceUID = ds.SeriesInstanceUID = ds.StudyInstanceUID = "1.2.3"
    ds.PatientID, ds.PatientName, ds.SeriesDescription = "X", "Y", "other"


def in_more_bits(ds: Dataset) -> None:
    ds.PixelData = ds.pixel_array.astype("<i4").tobytes()
    ds.BitsAllocated = ds.BitsStored = 32
    ds.HighBit, ds.PixelRepresentation = 31, 1


@pytest.mark.parametrize("change", [renamed, compressed, in_more_bits])
def test_what_a_slice_shows_does_not_depend_on_how_it_is_kept(slices, tmp_path, change):
    before = pixel_digest(slices[8])
    ds = dcmread(slices[8])
    change(ds)
    assert before is not None
    assert pixel_digest(saved(ds, tmp_path / "changed.dcm")) == before


def one_value_more(ds: Dataset) -> None:
    values = ds.pixel_array.copy()
    values[3, 4] += 1
    ds.PixelData = values.tobytes()


def turned(ds: Dataset) -> None:
    ds.PixelData = np.ascontiguousarray(ds.pixel_array.T[:, ::-1]).tobytes()
    ds.Rows, ds.Columns = ds.Columns, ds.Rows


@pytest.mark.parametrize("change", [one_value_more, turned])
def test_another_image_has_another_digest(slices, tmp_path, change):
    ds = dcmread(slices[8])
    change(ds)
    found = pixel_digest(saved(ds, tmp_path / "changed.dcm"))
    assert found not in (None, pixel_digest(slices[8]))


def empty(ds: Dataset) -> None:
    ds.PixelData = bytes(len(ds.PixelData))


def cut(ds: Dataset) -> None:
    ds.PixelData = ds.PixelData[:100]


def none(ds: Dataset) -> None:
    del ds.PixelData


def coloured(ds: Dataset) -> None:
    ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.PlanarConfiguration = 3, "RGB", 0
    ds.PixelData = ds.PixelData * 3


def several(ds: Dataset) -> None:
    ds.NumberOfFrames = 2
    ds.PixelData = ds.PixelData * 2


def vast(ds: Dataset) -> None:
    ds.Rows = 5000


@pytest.mark.parametrize("change", [coloured, several, vast])
def test_what_is_never_made_here_is_not_decoded(slices, tmp_path, change, monkeypatch):
    """A short file may hold the pixels of a film: nobody makes room for them to look for ours."""
    ds = dcmread(slices[8])
    change(ds)
    path = saved(ds, tmp_path / "changed.dcm")
    monkeypatch.setattr("engine.io.pixels.pixel_array", None)
    assert pixel_digest(path) is None


@pytest.mark.parametrize("change", [empty, cut, none])
def test_air_and_what_cannot_be_read_are_known_by_nobody(slices, tmp_path, change):
    ds = dcmread(slices[8])
    change(ds)
    assert pixel_digest(saved(ds, tmp_path / "changed.dcm")) is None


def test_a_frame_of_an_enhanced_object_is_known_as_the_slice_that_it_was(tmp_path, slices):
    planes = [dcmread(path) for path in slices[8:11]]
    ds = dcmread(slices[8])
    ds.NumberOfFrames = len(planes)
    ds.PixelData = b"".join(one.PixelData for one in planes)
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    whole = saved(ds, tmp_path / "several.dcm")
    assert [pixel_digest(whole, number) for number in (1, 2, 3)] == [
        pixel_digest(path) for path in slices[8:11]
    ]


def test_a_series_is_told_by_any_of_its_inner_slices(written, slices):
    told = inner(read_frames(slices))
    assert [frame.path for frame in told] == [slices[at] for at in (5, 11, 16)]
    for frame in told:
        own = OwnIdentity(pixels={pixel_digest(frame.path)})
        findings = examine(slices, own)
        assert findings.synthetic
        (reason,) = [one for one in findings.reasons if one.code == "SYNTHETIC"]
        assert "it shows what this node made" in reason.text
    assert not examine(slices, OwnIdentity(pixels={"0" * 64})).synthetic
