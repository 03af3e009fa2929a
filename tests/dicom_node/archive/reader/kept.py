"""Objects as the archive keeps them."""

import struct
import tempfile
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pydicom.valuerep import EXPLICIT_VR_LENGTH_32

from dicom_node.archive import identify, read_part10
from dicom_node.archive.part10 import meta_header
from dicom_node.archive.reader import opened_source, recoded
from tests.dicom_node.archive.objects import wire


def keep(folder: Path, content: bytes, syntax: str) -> Path:
    """Write an encoded data set as the archive does."""
    identity = identify(content, syntax)
    path = folder / "kept.dcm"
    head = meta_header(identity.sop_class_uid, identity.sop_instance_uid, syntax)
    path.write_bytes(head + content)
    return path


@contextmanager
def kept(folder: Path, ds: Dataset | bytes, syntax: str = ExplicitVRLittleEndian):
    """Give a data set as it is read from the archive."""
    content = ds if isinstance(ds, bytes) else wire(Dataset(ds), syntax)
    with opened_source(keep(folder, content, syntax), syntax, scratch) as source:
        yield source


def spliced(ds: Dataset, tag: int, vr: str, content: bytes) -> bytes:
    """Return a data set in little endian with an element that no library would write.

    ``vr`` empty: implicit.
    """
    syntax = ExplicitVRLittleEndian if vr else ImplicitVRLittleEndian
    parts = Dataset(), Dataset()
    for element in ds:
        if element.tag != tag:
            parts[element.tag > tag].add(element)
    head = struct.pack("<HH", tag >> 16, tag & 0xFFFF)
    if not vr:
        head += struct.pack("<I", len(content))
    elif vr in EXPLICIT_VR_LENGTH_32:
        head += vr.encode() + struct.pack("<2xI", len(content))
    else:
        head += vr.encode() + struct.pack("<H", len(content))
    return wire(parts[0], syntax) + head + content + wire(parts[1], syntax)


@contextmanager
def kept_file(folder: Path, file: Path):
    """Give a file from disk as it is read from the archive."""
    content, syntax = read_part10(file.read_bytes())
    with opened_source(keep(folder, content, syntax), syntax, scratch) as source:
        yield source


def scratch():
    return tempfile.TemporaryFile()


def in_explicit_little(source) -> Dataset:
    """Return an object as it is after it was encoded again."""
    out = BytesIO()
    recoded(source, out, 2**28)
    head = meta_header("1.2", "1.2.3", ExplicitVRLittleEndian)
    return dcmread(BytesIO(head + out.getvalue()))
