"""Who an object is, in any encoding, whole or broken."""

import contextlib
import os
import struct
import tracemalloc
import zlib
from dataclasses import replace
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
)

from dicom_node.archive import Identity, identify, read_part10
from dicom_node.errors import NotDicom
from tests.dicom_node.archive.datasets import nested
from tests.dicom_node.archive.objects import SYNTAXES, instance, wire

WORDS = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
NAMES = [syntax.name for syntax in SYNTAXES]


def identity_of(ds: Dataset) -> Identity:
    return Identity(*(str(ds[word].value) for word in WORDS), number=number_of(ds))


def number_of(ds: Dataset) -> int | None:
    return int(ds.InstanceNumber) if ds.get("InstanceNumber") is not None else None


@pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom's, of files that are odd on purpose
def test_every_real_file_is_who_pydicom_says_it_is(real_data):
    seen, refused = 0, []
    for path in sorted(path for path in real_data.rglob("*") if path.is_file()):
        content = path.read_bytes()
        ds = dcmread(
            BytesIO(content),
            force=True,
            stop_before_pixels=True,
            specific_tags=[*WORDS, "InstanceNumber"],
        )
        values = [str(ds.get(word) or "") for word in WORDS]
        if all(values):
            seen += 1
            assert identify(*read_part10(content)) == Identity(*values, number=number_of(ds)), path
        else:
            refused.append(path)
    assert seen > 500
    for path in refused:
        with pytest.raises(NotDicom):
            identify(*read_part10(path.read_bytes()))


@pytest.mark.parametrize("syntax", SYNTAXES, ids=NAMES)
@given(before=nested())
@settings(deadline=None, max_examples=60)
def test_whatever_stands_before_the_uids_they_are_found(syntax, before):
    ds = instance()
    ds.update(before)
    ds.PixelData = b"\0" * 64
    ds["PixelData"].VR = "OW"
    assert identify(wire(ds, syntax), syntax) == identity_of(ds)


@pytest.mark.parametrize("syntax", SYNTAXES, ids=NAMES)
def test_cut_anywhere_it_is_the_right_one_or_none(syntax):
    ds = instance(ReferencedStudySequence=Sequence([instance("another")]))
    content = wire(ds, syntax)
    outcomes = set()
    for length in range(len(content)):
        try:
            outcomes.add(replace(identify(content[:length], syntax), number=None))
        except NotDicom:
            outcomes.add(None)
    assert outcomes == {None, replace(identity_of(ds), number=None)}


@pytest.mark.parametrize("syntax", SYNTAXES, ids=NAMES)
@given(changes=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=8))
@settings(deadline=None)
def test_spoilt_anywhere_it_is_an_identity_or_no_dicom(syntax, changes):
    ds = instance(ReferencedStudySequence=Sequence([instance("another")]))
    content = bytearray(wire(ds, syntax))
    for place, value in changes:
        content[place % len(content)] = value
    try:
        found = identify(bytes(content), syntax)
    except NotDicom:
        return
    for value in (found.sop_class_uid, found.sop_instance_uid, found.study_uid, found.series_uid):
        assert 1 <= len(value) <= 64
        assert value.isascii()
        assert value.isprintable()


@given(content=st.binary(max_size=300), syntax=st.sampled_from(SYNTAXES))
def test_any_bytes_at_all_raise_nothing_but_not_dicom(content, syntax):
    with contextlib.suppress(NotDicom):
        found = identify(content, syntax)
        assert found.series_uid


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("syntax", SYNTAXES, ids=NAMES)
def test_without_one_of_the_uids_it_cannot_be_filed(word, syntax):
    ds = instance()
    del ds[word]
    with pytest.raises(NotDicom, match=f"no {word}"):
        identify(wire(ds, syntax), syntax)
    ds = instance(**{word: ""})
    with pytest.raises(NotDicom, match=f"no {word}"):
        identify(wire(ds, syntax), syntax)


def raw(ds: Dataset, word: str, value: bytes) -> bytes:
    """Encode ``ds`` with other bytes for one UID, which pydicom would not write."""
    content = wire(ds)
    old = str(ds[word].value).encode()
    old += b"\0" * (len(old) % 2)
    at = content.index(old) - 2
    return content[:at] + struct.pack("<H", len(value)) + value + content[at + 2 + len(old) :]


def test_a_uid_of_64_characters_is_taken_and_one_of_65_is_not():
    ds = instance()
    longest = b"1." + b"2" * 62
    assert identify(raw(ds, "StudyInstanceUID", longest), ExplicitVRLittleEndian).study_uid == (
        longest.decode()
    )
    with pytest.raises(NotDicom, match="has 65 characters; a UID has at most 64"):
        identify(raw(ds, "StudyInstanceUID", longest + b"2\0"), ExplicitVRLittleEndian)


@pytest.mark.parametrize("value", [b"1.2.3", b"1.2.3\0", b"1.2.3 ", b" 1.2.3", b"1.2.3\0\0\0"])
def test_padding_is_no_part_of_a_uid(value):
    found = identify(raw(instance(), "SeriesInstanceUID", value), ExplicitVRLittleEndian)
    assert found.series_uid == "1.2.3"


@pytest.mark.parametrize("value", [b"1.2\x003", b"1.2\n3.", b"1.2\xe43.", b"1.2\x7f3."])
@pytest.mark.parametrize("word", WORDS)
def test_a_uid_with_characters_that_none_has_is_refused(word, value):
    with pytest.raises(NotDicom, match=f"{word} has characters that no UID has"):
        identify(raw(instance(), word, value), ExplicitVRLittleEndian)


def test_a_uid_that_only_breaks_the_grammar_is_kept_as_it_is():
    found = identify(raw(instance(), "StudyInstanceUID", b"../../etc/x"), ExplicitVRLittleEndian)
    assert found.study_uid == "../../etc/x"


def test_an_encoding_that_is_not_known_is_taken_for_explicit_little_endian():
    content = wire(instance())
    for syntax in (JPEG2000Lossless, "1.2.826.0.1.3680043.9.9"):
        assert identify(content, syntax) == identity_of(instance())


@pytest.mark.parametrize("syntax", ["", "1." + "2" * 63, "1.2\x003", "1.2\xe4"])
def test_an_encoding_without_a_proper_name_is_refused(syntax):
    with pytest.raises(NotDicom, match="TransferSyntaxUID"):
        identify(wire(instance()), syntax)


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian])
def test_sequences_nested_without_end_are_refused(syntax):
    item = struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
    head = struct.pack("<HHI", 0x0008, 0x1110, 0xFFFFFFFF)
    if syntax == ExplicitVRLittleEndian:
        head = struct.pack("<HH2sHI", 0x0008, 0x1110, b"SQ", 0, 0xFFFFFFFF)
    with pytest.raises(NotDicom):
        identify((head + item) * 5000, syntax)


def test_a_deflated_object_is_inflated_no_further_than_its_header():
    deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    ds = instance()
    parts = [deflate.compress(wire(ds) + struct.pack("<HH2sHI", 0x7FE0, 0x10, b"OW", 0, 2**27))]
    parts += [deflate.compress(b"\0" * 2**20) for _ in range(128)]
    content = b"".join([*parts, deflate.flush()])
    tracemalloc.start()
    found = identify(content, DeflatedExplicitVRLittleEndian)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found == identity_of(ds)
    assert peak < 2**26


def test_reading_an_identity_decodes_nothing_else():
    ds = instance(PatientName="x")
    content = raw(ds, "PatientID", os.urandom(6))
    assert identify(content, ExplicitVRLittleEndian) == identity_of(instance())
