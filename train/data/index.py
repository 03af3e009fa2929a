"""What prepared pairs are on disk, and of whom."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from train.errors import DataInvalid
from train.pair import read_about

__all__ = ["Entry", "read_index"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One prepared pair: its file, whose it is, and what the file says of it."""

    path: Path
    subject: int
    about: Mapping[str, Any]


def read_index(folder: Path) -> tuple[Entry, ...]:
    """Return the pairs in ``folder``, by name.

    Raises
    ------
    DataInvalid
        When there is none, or a file is no pair.
    """
    entries = []
    for path in sorted(folder.glob("*.npz")):
        about = read_about(path)
        entries.append(Entry(path, int(about["subject"]), about))
    if not entries:
        text = f"no prepared pair in {folder}; make some with 'dicom-train phantom {folder}'"
        raise DataInvalid(text)
    return tuple(entries)
