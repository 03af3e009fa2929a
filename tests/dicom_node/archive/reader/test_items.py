"""A long sequence is found where it lies, and one that is none is refused by name."""

import struct

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from dicom_node.archive.reader import model_of
from dicom_node.archive.reader.items import Items
from tests.dicom_node.archive.objects import instance
from tests.dicom_node.archive.reader.kept import kept, spliced

SEQUENCE = 0x00081110
ITEM = struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
LONG = bytes(70_000)


@pytest.mark.parametrize("defined", [True, False])
def test_the_items_of_a_long_sequence_are_read_one_by_one(tmp_path, defined):
    ds = instance()
    ds.ReferencedStudySequence = [Dataset() for _ in range(3)]
    ds["ReferencedStudySequence"].is_undefined_length = not defined
    for number, item in enumerate(ds.ReferencedStudySequence):
        item.add_new(0x00091001, "OB", LONG)
        item.InstanceNumber = number
        item.is_undefined_length_sequence_item = bool(number % 2)
    with kept(tmp_path, ds) as source:
        element = source.dataset().get_item(SEQUENCE, keep_deferred=True)
        items = source.items(element)
        assert isinstance(items, Items)
        assert [item.InstanceNumber for item in items] == [0, 1, 2]
        assert [item.InstanceNumber for item in items[1:]] == [1, 2]
        assert items[-1].get_item(0x00091001, keep_deferred=True).value is None
        assert source.dataset().PatientID == "TEST-1"


@pytest.mark.parametrize(
    "content",
    [
        LONG,
        ITEM + LONG,
        struct.pack("<HHI", 0xFFFE, 0xE000, 2**31) + LONG,
        4000 * ITEM + 4000 * b"\0\0\0\0\0\0\0\0",
        struct.pack("<HHI", 0xFFFE, 0xE000, 70_000) + b"\x08\0\x18\0" + LONG[4:],
    ],
)
def test_a_long_sequence_that_is_none_breaks_nothing(tmp_path, content):
    whole = spliced(instance(), SEQUENCE, "SQ", content)
    with kept(tmp_path, whole, ExplicitVRLittleEndian) as source:
        found = model_of(source, source.dataset(), lambda path: path)
    assert found["00080018"]["Value"] == [instance().SOPInstanceUID]
