"""Part 10 files: the meta header that we write, and what those from disk hold."""

import os
import struct
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from pydicom import dcmread
from pydicom.filereader import read_dataset
from pydicom.tag import BaseTag
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from dicom_node.content import Spooled, digest_of
from dicom_node.dicom import (
    IMPLEMENTATION_CLASS_UID,
    IMPLEMENTATION_VERSION_NAME,
    PARSER_ERRORS,
    is_uid,
)
from dicom_node.errors import NotDicom
from dicom_node.values import Instance

__all__ = [
    "at_data_set",
    "damaged",
    "dataset_offset",
    "is_intact",
    "is_meta_of",
    "meta_header",
    "read_part10",
    "skip_meta",
]

_SMALLEST_FILE = 144  # preamble, mark and the group length of the meta information (PS3.10 7.1)
_PREAMBLE = b"\0" * 128 + b"DICM"
_LENGTH = b"\x02\x00\x00\x00UL\x04\x00"
_COMMAND = b"\0\0"
"""Group 0000: of messages (PS3.7 6.3.1), never of a data set in a file."""
_VERSION_NAME = b"\x02\x00\x13\x00SH"


def meta_header(sop_class_uid: str, sop_instance_uid: str, transfer_syntax_uid: str) -> bytes:
    """Return preamble, mark and file meta information for a data set.

    References
    ----------
    PS3.10 7.1 (DICOM File Meta Information): explicit little endian, whatever follows.
    """
    elements = b"".join(
        (
            b"\x02\x00\x01\x00OB\x00\x00\x02\x00\x00\x00\x00\x01",  # version 1
            _element(0x0002, b"UI", sop_class_uid, b"\0"),
            _element(0x0003, b"UI", sop_instance_uid, b"\0"),
            _element(0x0010, b"UI", transfer_syntax_uid, b"\0"),
            _element(0x0012, b"UI", IMPLEMENTATION_CLASS_UID, b"\0"),
            _element(0x0013, b"SH", IMPLEMENTATION_VERSION_NAME, b" "),
        )
    )
    return _PREAMBLE + _LENGTH + struct.pack("<I", len(elements)) + elements


def _element(element: int, vr: bytes, value: str, padding: bytes) -> bytes:
    content = value.encode("ascii", "replace")
    content += padding * (len(content) % 2)
    return struct.pack("<HH2sH", 0x0002, element, vr, len(content)) + content


def dataset_offset(head: bytes) -> int:
    """Return where the data set begins in a file of the archive.

    Parameters
    ----------
    head : bytes
        The file's beginning: see :func:`meta_header`.

    Raises
    ------
    NotDicom
        When it is no beginning that the archive writes.
    """
    start = len(_PREAMBLE)
    if not head.startswith(_PREAMBLE) or head[start : start + 8] != _LENGTH:
        raise NotDicom("the file does not begin as the archive's files do")
    end = start + 12 + int.from_bytes(head[start + 8 : start + 12], "little")
    if end > len(head):
        raise NotDicom("the file ends within its meta header")
    return end


def is_meta_of(head: bytes, sop_class_uid: str, sop_instance_uid: str, syntax_uid: str) -> bool:
    """Whether a file begins as :func:`meta_header` has it, in whatever version of this program."""
    expected = meta_header(sop_class_uid, sop_instance_uid, syntax_uid)
    start, end = len(_PREAMBLE) + 12, expected.rindex(_VERSION_NAME) + len(_VERSION_NAME)
    return head[start:end] == expected[start:end]


def read_part10(content: bytes) -> tuple[bytes, str]:
    """Return the data set's bytes as they are, and its transfer syntax UID.

    Preamble and meta header may be absent. Where no encoding is named it is guessed, and the guess
    has to parse.

    Raises
    ------
    NotDicom
        When it is no DICOM file.
    """
    stream, start = BytesIO(content), 132 if content[128:132] == b"DICM" else 0
    stream.seek(start)
    vr = content[start + 4 : start + 6]
    is_explicit = vr.isalpha() and vr.isupper()  # as PS3.10 7.1 wants it; some write it otherwise
    try:
        meta = read_dataset(stream, not is_explicit, True, stop_when=_past_meta)
        start = stream.tell()
        named = meta.get_item("TransferSyntaxUID") if "TransferSyntaxUID" in meta else None
    except PARSER_ERRORS as exc:
        raise NotDicom(f"the meta header cannot be read: {type(exc).__name__}: {exc}") from exc
    syntax = "" if named is None else bytes(named.value or b"").strip(b"\0 ").decode("latin-1")
    if syntax and not is_uid(syntax):
        raise NotDicom("no DICOM file: its transfer syntax is no UID")
    return content[start:], syntax or _guessed(content[start:])


def skip_meta(stream: BinaryIO) -> None:
    """Move a file that we wrote to where its data set starts.

    The length of the meta information stands in its first element (PS3.10 7.1).
    """
    stream.seek(len(_PREAMBLE) + 8)
    (length,) = struct.unpack("<I", stream.read(4))
    stream.seek(length, os.SEEK_CUR)


def at_data_set(stream: BinaryIO) -> int:
    """Move a file to where its data set starts; return how many bytes that has."""
    there = os.fstat(stream.fileno()).st_size
    if there <= _SMALLEST_FILE:
        return there
    skip_meta(stream)
    return there - stream.tell()


def is_intact(path: Path, sha256: str) -> bool:
    """Return whether a file is, byte for byte, what was kept; not where it cannot be read.

    Asked before anything uses it. A disk may give back other bytes than it took: they would go out
    as somebody's image, or be made into one, and nobody could tell.

    Parameters
    ----------
    sha256 : str
        Over the data set, hex.
    """
    try:
        with path.open("rb") as stream:
            size = at_data_set(stream)
            return digest_of(Spooled(stream, stream.tell(), size)) == sha256
    except OSError:
        return False


def damaged(instances: Iterable[Instance]) -> list[Instance]:
    """Return those whose files are gone, cannot be read, or are not what was kept."""
    return [one for one in instances if not is_intact(one.path, one.sha256)]


def _past_meta(tag: BaseTag, _vr: str | None, _length: int) -> bool:
    return int(tag) >> 16 != 2


def _guessed(content: bytes) -> str:
    """Return the native syntax under which a bare data set parses."""
    if content.startswith(_COMMAND):
        raise NotDicom("no DICOM file: it begins with a command (group 0000), a data set is wanted")
    try:
        ds = dcmread(BytesIO(content), force=True, stop_before_pixels=True)
        if not len(ds) or "SOPClassUID" not in ds:
            raise NotDicom("no DICOM file: neither the DICM mark nor a SOP Class UID is there")
    except PARSER_ERRORS as exc:
        raise NotDicom(f"no DICOM file: {type(exc).__name__}: {exc}") from exc
    implicit, little = ds.original_encoding
    if implicit:
        return str(ImplicitVRLittleEndian)
    return str(ExplicitVRLittleEndian if little else ExplicitVRBigEndian)
