"""Whether a file of the archive is, byte for byte, what was kept: asked before anything uses it.

A disk may give back other bytes than it took. They would go out as somebody's image, or be made
into one, and nobody could tell.
"""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from dicom_node.archive.part10 import skip_meta
from dicom_node.values import Instance

__all__ = ["at_data_set", "damaged", "is_intact"]

_SMALLEST_FILE = 144  # preamble, mark and the group length of the meta information (PS3.10 7.1)


def at_data_set(stream: BinaryIO) -> int:
    """Move a file to where its data set starts; return how many bytes that has."""
    there = os.fstat(stream.fileno()).st_size
    if there <= _SMALLEST_FILE:
        return there
    skip_meta(stream)
    return there - stream.tell()


def is_intact(path: Path, sha256: str) -> bool:
    """Return whether the data set in a file has this SHA-256; not where it cannot be read."""
    try:
        with path.open("rb") as stream:
            at_data_set(stream)
            return hashlib.file_digest(stream, "sha256").hexdigest() == sha256
    except OSError:
        return False


def damaged(instances: Iterable[Instance]) -> list[Instance]:
    """Return those whose files are gone, cannot be read, or are not what was kept."""
    return [one for one in instances if not is_intact(one.path, one.sha256)]
