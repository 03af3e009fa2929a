"""Part 10 files: our meta header is what pydicom writes, and what pydicom writes is read."""

import contextlib
import struct
from copy import copy
from dataclasses import replace
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import dcmread, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import JPEG2000Lossless

from dicom_node.archive import identify, read_part10
from dicom_node.archive.part10 import meta_header
from dicom_node.dicom import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME, derive_uid
from dicom_node.errors import NotDicom
from tests.dicom_node.archive.objects import SYNTAXES, file_of, instance, wire

NAMES = [syntax.name for syntax in SYNTAXES]
NATIVE = SYNTAXES[:3]
UIDS = st.one_of(
    st.lists(st.integers(0, 10**9).map(str), min_size=2, max_size=6).map(".".join),
    st.text().map(derive_uid),
)


def written_by_pydicom(sop_class_uid: str, sop_instance_uid: str, syntax: str) -> bytes:
    ds = instance(SOPClassUID=sop_class_uid, SOPInstanceUID=sop_instance_uid)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = syntax
    ds.file_meta.ImplementationClassUID = IMPLEMENTATION_CLASS_UID
    ds.file_meta.ImplementationVersionName = IMPLEMENTATION_VERSION_NAME
    buffer = BytesIO()
    dcmwrite(buffer, ds, enforce_file_format=True)
    return buffer.getvalue()


def data_set_of(file: bytes) -> bytes:
    """Return what follows the meta header, by the length that the header gives."""
    return file[144 + int.from_bytes(file[140:144], "little") :]


@given(sop_class_uid=UIDS, sop_instance_uid=UIDS, syntax=st.sampled_from(SYNTAXES))
def test_the_meta_header_is_byte_for_byte_what_pydicom_writes(
    sop_class_uid, sop_instance_uid, syntax
):
    ours = meta_header(sop_class_uid, sop_instance_uid, syntax)
    assert written_by_pydicom(sop_class_uid, sop_instance_uid, syntax).startswith(ours)


@pytest.mark.parametrize("syntax", SYNTAXES, ids=NAMES)
def test_header_and_data_set_together_are_a_file_that_pydicom_reads(syntax):
    ds = instance()
    content = meta_header(ds.SOPClassUID, ds.SOPInstanceUID, syntax) + wire(ds, syntax)
    back = dcmread(BytesIO(content))
    assert back.file_meta.TransferSyntaxUID == syntax
    assert back.file_meta.MediaStorageSOPInstanceUID == ds.SOPInstanceUID
    assert back == ds


@pytest.mark.parametrize("syntax", SYNTAXES, ids=NAMES)
def test_the_data_set_of_a_file_comes_back_as_it_is(syntax):
    content = file_of(instance(), syntax)
    assert read_part10(content) == (data_set_of(content), syntax)


def test_an_encoding_that_is_not_native_is_left_as_it_is():
    ds = instance()
    content = meta_header(ds.SOPClassUID, ds.SOPInstanceUID, JPEG2000Lossless) + wire(ds)
    assert read_part10(content) == (wire(ds), JPEG2000Lossless)


@pytest.mark.parametrize("syntax", NATIVE, ids=NAMES[:3])
def test_a_bare_data_set_is_read_in_the_encoding_that_it_has(syntax):
    content = wire(instance(), syntax)
    assert read_part10(content) == (content, syntax)


@pytest.mark.parametrize("syntax", NATIVE, ids=NAMES[:3])
def test_a_preamble_without_meta_header_is_no_part_of_the_data_set(syntax):
    content = wire(instance(), syntax)
    assert read_part10(b"\0" * 128 + b"DICM" + content) == (content, syntax)


@pytest.mark.parametrize("syntax", SYNTAXES, ids=NAMES)
def test_a_meta_header_without_preamble_is_no_part_of_the_data_set(syntax):
    content = file_of(instance(), syntax)
    assert read_part10(content[132:]) == (data_set_of(content), syntax)


@pytest.mark.parametrize("syntax", NATIVE, ids=NAMES[:3])
def test_a_meta_header_that_does_not_name_the_encoding_leaves_a_guess(syntax):
    ds = copy(instance())
    ds.file_meta = FileMetaDataset()
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.preamble = b"\0" * 128
    buffer = BytesIO()
    implicit, little = syntax.is_implicit_VR, syntax.is_little_endian
    dcmwrite(buffer, ds, implicit_vr=implicit, little_endian=little)
    assert read_part10(buffer.getvalue()) == (wire(instance(), syntax), syntax)


@pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom's doubts about what it is given
@pytest.mark.parametrize(
    "content",
    [
        b"", b"x", b"no DICOM at all, only words that somebody wrote" * 9, b"\0" * 1000,
        b"\x89PNG\r\n\x1a\n" + bytes(range(256)), b"PK\x03\x04" + bytes(300), b"{}", b"\xff" * 300,
        b"\0" * 128 + b"DICM", b"\0" * 128 + b"DICM" + b"\0" * 500,
    ],
)  # fmt: skip
def test_what_is_no_dicom_file_is_refused(content):
    with pytest.raises(NotDicom, match=r"no DICOM file|cannot be read"):
        read_part10(content)


def test_a_meta_header_without_vrs_is_read_as_it_is():
    meta = struct.pack("<HHI", 2, 0x10, 18) + b"1.2.840.10008.1.2\0"
    data_set = wire(instance(), NATIVE[0])
    for content in (bytes(128) + b"DICM" + meta, meta):
        assert read_part10(content + data_set) == (data_set, "1.2.840.10008.1.2")


@pytest.mark.parametrize("vr", [b"\0\0", b"O\0", b"A\xff", b"ob"])
def test_a_meta_header_whose_first_vr_is_spoilt_says_so_or_leaves_a_guess(vr):
    content = meta_header("1.2", "1.3", "1.2.840.10008.1.2.1")
    spoilt = content[:136] + vr + content[138:]
    with pytest.raises(NotDicom):
        read_part10(spoilt + b"\r\n")


@pytest.mark.parametrize(
    "syntax", [b"1.2.840.10008.1.2.1 or so", b"1" * 66, b".2.840", b"\xff\xfe"]
)
def test_a_transfer_syntax_that_is_no_uid_is_refused(syntax):
    element = b"\x02\0\x10\0UI" + len(syntax).to_bytes(2, "little") + syntax
    content = bytes(128) + b"DICM" + element + wire(instance(), NATIVE[1])
    with pytest.raises(NotDicom, match="its transfer syntax is no UID"):
        read_part10(content)


@pytest.mark.parametrize("preamble", [b"", bytes(128) + b"DICM"], ids=["bare", "file"])
def test_a_message_with_its_command_is_no_data_set(preamble):
    """pydicom would guess, and warn, before anybody could refuse it."""
    command = b"\0\0\0\0UL\x04\0\x38\0\0\0"
    with pytest.raises(NotDicom, match="begins with a command"):
        read_part10(preamble + command + wire(instance(), NATIVE[1]))


def test_an_object_without_identity_is_read_and_refused_only_when_it_is_filed():
    ds = instance()
    del ds.StudyInstanceUID
    content, syntax = read_part10(wire(ds))
    with pytest.raises(NotDicom, match="no StudyInstanceUID"):
        identify(content, syntax)


@pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom's doubts about what it is given
@pytest.mark.parametrize("syntax", SYNTAXES, ids=NAMES)
def test_cut_anywhere_a_file_is_the_right_object_or_none(syntax):
    content = file_of(instance(), syntax)
    whole, outcomes = identify(wire(instance(), syntax), syntax), set()
    right = replace(whole, number=None)  # the number comes behind the UIDs, and may be cut off
    for length in range(len(content)):
        try:
            outcomes.add(replace(identify(*read_part10(content[:length])), number=None))
        except NotDicom:
            outcomes.add(None)
    assert outcomes == {None, right}


@pytest.mark.filterwarnings("ignore::UserWarning")
@given(
    syntax=st.sampled_from(SYNTAXES),
    changes=st.lists(st.tuples(st.integers(128, 700), st.integers(0, 255)), max_size=8),
)
def test_spoilt_anywhere_a_file_raises_nothing_but_not_dicom(syntax, changes):
    content = bytearray(file_of(instance(), syntax))
    for place, value in changes:
        content[place % len(content)] = value
    with contextlib.suppress(NotDicom):
        data, found = read_part10(bytes(content))
        assert bytes(content).endswith(data)
        assert found
