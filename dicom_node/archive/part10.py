"""Part 10 files: the meta header that we write, and what those from disk hold."""

import struct
from io import BytesIO

from pydicom import dcmread
from pydicom.filereader import read_dataset
from pydicom.tag import BaseTag
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from dicom_node.archive.identity import PARSER_ERRORS
from dicom_node.dicom import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from dicom_node.errors import NotDicom

__all__ = ["meta_header", "read_part10"]

_PREAMBLE = b"\0" * 128 + b"DICM"


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
    length = b"\x02\x00\x00\x00UL\x04\x00" + struct.pack("<I", len(elements))
    return _PREAMBLE + length + elements


def _element(element: int, vr: bytes, value: str, padding: bytes) -> bytes:
    content = value.encode("ascii", "replace")
    content += padding * (len(content) % 2)
    return struct.pack("<HH2sH", 0x0002, element, vr, len(content)) + content


def read_part10(content: bytes) -> tuple[bytes, str]:
    """Return the data set's bytes as they are, and its transfer syntax UID.

    Preamble and meta header may be absent. Where no encoding is named it is guessed, and the guess
    has to parse.

    Raises
    ------
    NotDicom
        When it is no DICOM file.
    """
    stream = BytesIO(content)
    stream.seek(132 if content[128:132] == b"DICM" else 0)
    try:
        meta = read_dataset(stream, False, True, stop_when=_past_meta)
        start = stream.tell()
        syntax = str(meta.get("TransferSyntaxUID", "") or "")
    except PARSER_ERRORS as exc:
        raise NotDicom(f"the meta header cannot be read: {type(exc).__name__}: {exc}") from exc
    return content[start:], syntax or _guessed(content[start:])


def _past_meta(tag: BaseTag, _vr: str | None, _length: int) -> bool:
    return int(tag) >> 16 != 2


def _guessed(content: bytes) -> str:
    """Return the native syntax under which a bare data set parses."""
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
