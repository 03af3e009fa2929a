"""An object in explicit little endian is the same object."""

from unittest import mock

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from pydicom import dcmread
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag
from pydicom.uid import (
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGLSLossless,
    RLELossless,
)

from dicom_node.archive.reader import Pixels, items
from dicom_node.errors import NotDicom, Unreadable
from tests.dicom_node.archive.datasets import nested
from tests.dicom_node.archive.objects import SYNTAXES, instance
from tests.dicom_node.archive.reader.kept import in_explicit_little, kept, kept_file, spliced
from tests.dicom_node.archive.reader.test_model import rich
from tests.support.mr import MrSeries


def image(frames: int = 3):
    ds = MrSeries(slices=1, size=48).datasets()[0]
    lines = np.random.default_rng(1).integers(0, 4096, (frames, 48, 1)).astype("<u2")
    drawn = np.repeat(lines, 48, axis=2)
    ds.NumberOfFrames = frames
    ds.PixelData = drawn.tobytes()
    return ds, drawn


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_every_native_encoding_comes_out_equal(tmp_path, syntax):
    with kept(tmp_path, rich(), syntax) as source:
        found = in_explicit_little(source)
    expected = rich()
    if syntax == ExplicitVRBigEndian:  # pydicom writes words as they are: they were little then
        words = np.frombuffer(expected.PixelData, "<u2")
        expected.PixelData = words.astype(">u2").tobytes()
    assert found == expected
    assert found.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless])
def test_compressed_pixels_come_out_to_the_last_bit(tmp_path, syntax):
    ds, drawn = image()
    ds.compress(syntax, generate_instance_uid=False)
    with kept(tmp_path, ds, syntax) as source:
        found = in_explicit_little(source)
        pixels = Pixels.of(source)
        for index in range(3):
            frame, _ = pixels.decoded(index, raw=True, most_bytes=2**20)
            np.testing.assert_array_equal(frame, drawn[index])
    np.testing.assert_array_equal(found.pixel_array, drawn)
    assert found["PixelData"].VR == "OW"


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_native_pixels_come_out_to_the_last_bit(tmp_path, syntax):
    ds, drawn = image()
    content = drawn.astype(">u2").tobytes() if syntax == ExplicitVRBigEndian else drawn.tobytes()
    ds["PixelData"] = RawDataElement(
        Tag("PixelData"), "OW", len(content), content, 0, False, syntax != ExplicitVRBigEndian
    )
    with kept(tmp_path, ds, syntax) as source:
        found = in_explicit_little(source)
    np.testing.assert_array_equal(found.pixel_array, drawn)


def test_a_text_in_another_character_set_than_its_object_names_is_carried_over(tmp_path):
    ds = instance(SpecificCharacterSet="ISO_IR 192")
    wrong = b"M\xfcller"  # Latin-1, not UTF-8
    with kept(tmp_path, spliced(ds, 0x00100010, "", wrong), ImplicitVRLittleEndian) as source:
        found = in_explicit_little(source)
    assert found.get_item(0x00100010).value == wrong


def test_what_has_an_odd_length_is_padded_as_its_kind_is(tmp_path):
    for tag, vr, content, padded in (
        (0x00081030, "LO", b"odd", b"odd "), (0x00080018, "UI", b"1.2", b"1.2\0"),
        (0x00420011, "OB", b"\1", b"\1\0"),
    ):  # fmt: skip
        with kept(tmp_path, spliced(instance(), tag, vr, content)) as source:
            assert in_explicit_little(source).get_item(tag).value == padded


def test_a_value_too_long_for_its_vr_becomes_unknown(tmp_path):
    content = spliced(instance(), 0x00081030, "", b"x" * 70_000)
    with kept(tmp_path, content, ImplicitVRLittleEndian) as source:
        found = in_explicit_little(source)
    assert found.get_item(0x00081030).VR == "UN"
    assert found.get_item(0x00081030).value == b"x" * 70_000


def test_pixels_larger_than_may_be_are_not_decoded(tmp_path):
    ds, _ = image()
    ds.compress(RLELossless, generate_instance_uid=False)
    with kept(tmp_path, ds, RLELossless) as source:
        pixels = Pixels.of(source)
        pixels.decoded(0, raw=True, most_bytes=4608)
        with pytest.raises(Unreadable, match="more than is decoded here"):
            pixels.decoded(0, raw=True, most_bytes=4607)
        with pytest.raises(Unreadable, match="no frame 4"):
            pixels.decoded(3, raw=True, most_bytes=4608)


def test_frames_are_read_as_they_are_stored(tmp_path):
    ds, drawn = image()
    with kept(tmp_path, ds, ImplicitVRLittleEndian) as source:
        pixels = Pixels.of(source)
        assert b"".join(pixels.stored(1)) == drawn[1].tobytes()
        with pytest.raises(Unreadable, match="no frame 4"):
            list(pixels.stored(3))
    ds.compress(JPEGLSLossless, generate_instance_uid=False)
    with kept(tmp_path, ds, JPEGLSLossless) as source:
        assert b"".join(Pixels.of(source).stored(1)).startswith(b"\xff\xd8")


@given(ds=nested())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_nested_comes_out_equal(tmp_path, ds):
    whole = instance()
    whole.update(ds)
    with kept(tmp_path, whole, ExplicitVRLittleEndian) as source:
        assert in_explicit_little(source) == dcmread(tmp_path / "kept.dcm")


@pytest.mark.parametrize("large", [0, 8, 200])
@pytest.mark.parametrize("syntax", SYNTAXES)
@given(ds=nested(depth=3))
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_left_in_the_file_comes_out_equal(tmp_path, syntax, large, ds):
    """However little is held in memory: sequences are then read item by item."""
    whole = instance()
    whole.update(ds)
    if syntax == ImplicitVRLittleEndian:  # there pydicom takes short private sequences for values
        whole.walk(lambda within, element: element.tag.is_private and within.pop(element.tag))
    with kept(tmp_path, whole, syntax) as source:
        expected = in_explicit_little(source)
        with mock.patch.object(items, "LARGE", large):
            assert in_explicit_little(source) == expected


def read(folder, path):
    """Return a real file after it was encoded again; None where it is refused by name."""
    try:
        with kept_file(folder, path) as source:
            return in_explicit_little(source)
    except (NotDicom, Unreadable):
        return None


@pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom's, of files that are odd on purpose
def test_real_files_come_out_with_all_their_elements_or_are_refused_by_name(real_data, tmp_path):
    files = [path for path in (real_data / "encodings").rglob("*") if path.suffix == ".dcm"]
    found = {path: ds for path in files if (ds := read(tmp_path, path)) is not None}
    assert len(found) > 50
    for path, ds in found.items():
        original = dcmread(path, force=True)
        offsets = {0x7FE00001, 0x7FE00002}
        tags = {int(tag) for tag in original.keys() if tag.element} - offsets  # noqa: SIM118
        assert {int(tag) for tag in ds.keys()} == tags, path.name  # noqa: SIM118


def test_one_image_in_four_compressions_comes_out_as_one(real_data, tmp_path):
    found = {}
    for folder in sorted((real_data / "encodings").glob("triotim_flair_*")):
        for path in sorted(folder.rglob("*.dcm")):
            ds = read(tmp_path, path)
            found.setdefault(ds.InstanceNumber, []).append(ds.PixelData)
    assert {len(pixels) for pixels in found.values()} == {4}
    assert all(len(set(pixels)) == 1 for pixels in found.values())
