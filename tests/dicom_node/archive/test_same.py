"""The same object in other bytes, and another object under the same name."""

from copy import deepcopy
from io import BytesIO

import pytest
from hypothesis import HealthCheck, given, settings
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
)

from dicom_node.archive.part10 import meta_header
from dicom_node.archive.same import same_content
from tests.dicom_node.archive.datasets import leaves
from tests.dicom_node.archive.objects import instance, wire

NATIVE = (ImplicitVRLittleEndian, ExplicitVRLittleEndian)


def rich() -> Dataset:
    """An object as scanners send it: text, numbers, a nested sequence, private elements, pixels."""
    inner = instance("another", ReferencedSOPInstanceUID="1.2.3")
    inner.private_block(0x0021, "ACME INNER", create=True).add_new(1, "LO", "inner")
    ds = instance(
        PatientName="Müller^Änne",
        SpecificCharacterSet="ISO_IR 100",
        EchoTime="3.1",
        Rows=2,
        Columns=2,
        ReferencedImageSequence=Sequence([inner, Dataset()]),
    )
    block = ds.private_block(0x0019, "ACME", create=True)
    block.add_new(1, "LO", "a word")
    block.add_new(2, "DS", ["1.5", "2"])
    block.add_new(3, "OB", b"\0\1\2\3")
    block.add_new(4, "FD", 0.1)
    ds.add_new("PixelData", "OW", bytes(range(8)))
    return ds


@pytest.fixture
def same(tmp_path):
    """Compare two data sets, the first as it lies on the disk."""

    def compare(one: Dataset, first: str, other: Dataset, second: str) -> bool:
        (tmp_path / "first.dcm").write_bytes(file(one, first))
        return same_content(tmp_path / "first.dcm", BytesIO(file(other, second)))

    return compare


def file(ds: Dataset, syntax: str) -> bytes:
    native = ExplicitVRLittleEndian if syntax == JPEG2000Lossless else syntax
    return meta_header(ds.SOPClassUID, ds.SOPInstanceUID, syntax) + wire(ds, native)


@pytest.mark.parametrize("first", NATIVE)
@pytest.mark.parametrize("second", NATIVE)
def test_an_object_is_the_same_in_both_native_encodings(same, first, second):
    assert same(rich(), first, rich(), second)


@given(ds=leaves())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_object_is_the_same_in_both_native_encodings(same, ds):
    ds.update(instance())
    assert same(ds, ImplicitVRLittleEndian, ds, ExplicitVRLittleEndian)
    assert same(ds, ExplicitVRLittleEndian, ds, ImplicitVRLittleEndian)


@pytest.mark.parametrize(
    "change",
    [
        lambda ds: setattr(ds, "PixelData", bytes(range(1, 9))),
        lambda ds: setattr(ds, "PatientName", "Maier^Änne"),
        lambda ds: setattr(ds, "EchoTime", "3.2"),
        lambda ds: setattr(ds, "InstitutionName", "more"),
        lambda ds: delattr(ds, "EchoTime"),
        lambda ds: setattr(ds[0x00191001], "value", "another"),
        lambda ds: setattr(ds.ReferencedImageSequence[0], "ReferencedSOPInstanceUID", "1.2.4"),
        lambda ds: setattr(ds.ReferencedImageSequence[0][0x00211001], "value", "other"),
        lambda ds: ds.ReferencedImageSequence.pop(),
    ],
)
@pytest.mark.parametrize("second", NATIVE)
def test_one_difference_anywhere_is_another_object(same, change, second):
    other = deepcopy(rich())
    change(other)
    assert not same(rich(), ExplicitVRLittleEndian, other, second)


def test_lengths_are_no_content(same):
    other = rich()
    other["ReferencedImageSequence"].is_undefined_length = True
    other.ReferencedImageSequence[0].is_undefined_length_sequence_item = True
    other.add_new(0x00080000, "UL", 1234)
    assert same(rich(), ExplicitVRLittleEndian, other, ExplicitVRLittleEndian)
    assert same(rich(), ExplicitVRLittleEndian, other, ImplicitVRLittleEndian)


@pytest.mark.parametrize(
    "syntax", [ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian, JPEG2000Lossless]
)
def test_between_other_encodings_nothing_is_said(same, syntax):
    assert not same(rich(), ExplicitVRLittleEndian, rich(), syntax)
    assert same(rich(), syntax, rich(), syntax)


@pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom's, of UIDs that are cut off
def test_what_cannot_be_read_is_not_the_same(tmp_path):
    whole = file(rich(), ExplicitVRLittleEndian)
    (tmp_path / "first.dcm").write_bytes(whole)
    assert same_content(tmp_path / "first.dcm", BytesIO(whole))
    assert not same_content(tmp_path / "gone.dcm", BytesIO(whole))
    for length in range(len(whole)):
        assert not same_content(tmp_path / "first.dcm", BytesIO(whole[:length]))


def large(last: int, length: int = 3 * 2**20) -> Dataset:
    ds = rich()
    ds.PixelData = bytes(length - 2) + bytes((1, last))
    return ds


@pytest.mark.parametrize("syntax", NATIVE)
def test_values_too_large_for_the_memory_are_compared_to_the_last_byte(same, syntax):
    assert same(large(2), ExplicitVRLittleEndian, large(2), syntax)
    assert not same(large(2), ExplicitVRLittleEndian, large(3), syntax)
    assert not same(large(2), ExplicitVRLittleEndian, large(2, 3 * 2**20 + 2), syntax)
    assert not same(large(2), ExplicitVRLittleEndian, large(2, 2), syntax)


def test_large_values_of_undefined_length_are_compared_to_the_last_byte(same):
    def compressed(last: int) -> Dataset:
        ds = large(2)
        ds.PixelData = encapsulate([bytes(2**21) + bytes((last, 7))])
        ds["PixelData"].VR = "OB"
        ds["PixelData"].is_undefined_length = True
        return ds

    assert same(compressed(1), JPEG2000Lossless, compressed(1), JPEG2000Lossless)
    assert not same(compressed(1), JPEG2000Lossless, compressed(2), JPEG2000Lossless)


def test_large_values_of_deflated_objects_are_compared(same):
    deflated = DeflatedExplicitVRLittleEndian
    assert same(large(2), deflated, large(2), deflated)
    assert not same(large(2), deflated, large(3), deflated)
