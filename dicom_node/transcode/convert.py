"""One object from one transfer syntax into another, by pydicom and whatever decodes for it."""

import zlib
from typing import BinaryIO

import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.filebase import DicomIO
from pydicom.filewriter import write_dataset
from pydicom.uid import UID

__all__ = ["convert"]

_WORD_BYTES = {"OW": 2, "OF": 4, "OL": 4, "OD": 8, "OV": 8}


def convert(source: BinaryIO, target: BinaryIO, to: str) -> int:
    """Write the data set of ``source``, a Part 10 file, to ``target``; return its size in bytes.

    Colours stay as they were encoded, where the decoder leaves them; the photometric interpretation
    says what the decoded pixels are.

    Parameters
    ----------
    to : str
        One of the native transfer syntaxes.

    References
    ----------
    PS3.5 8.2 (encapsulated pixel data), 7.3 (byte order), A.5 (deflated).
    """
    ds = dcmread(source)
    stored, wanted = UID(ds.file_meta.TransferSyntaxUID), UID(to)
    if stored.is_encapsulated and "PixelData" in ds:
        ds.decompress(as_rgb=False, generate_instance_uid=False)
    if stored.is_little_endian != wanted.is_little_endian:
        _swap_words(ds)
    out = DicomIO(target)
    out.is_implicit_VR = wanted.is_implicit_VR
    out.is_little_endian = wanted.is_little_endian
    write_dataset(out, ds)
    if wanted.is_deflated:
        _deflate(target)
    return target.tell()


def _swap_words(ds: Dataset) -> None:
    """Turn the words of binary elements round: pydicom writes them as they were read."""
    for element in ds.iterall():
        size = _WORD_BYTES.get(element.VR)
        if size and element.value:
            words = np.frombuffer(element.value, dtype=f"u{size}")
            element.value = words.byteswap().tobytes()


def _deflate(target: BinaryIO) -> None:
    target.seek(0)
    deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    content = deflate.compress(target.read()) + deflate.flush()
    target.seek(0)
    target.truncate()
    target.write(content + b"\0" * (len(content) % 2))
