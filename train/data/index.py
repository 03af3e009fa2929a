"""What prepared pairs are on disk, and of whom."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from train.errors import DataInvalid
from train.pair import read_about

__all__ = ["Entry", "entries_of", "read_index"]

_NAMED = 8


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
        entries.append(Entry(path, about["subject"], about))
    if not entries:
        command = f"dicom-train phantom {folder} --recipe RECIPE' or 'dicom-train pairs"
        raise DataInvalid(f"no prepared pair in {folder}; make some with '{command}'")
    return tuple(entries)


def entries_of(
    entries: Sequence[Entry], subjects: Collection[int], folder: Path
) -> tuple[Entry, ...]:
    """Return the pairs of ``subjects`` alone; pairs of others in a folder are passed over.

    Parameters
    ----------
    entries : sequence of Entry
        What :func:`read_index` found.
    folder : Path
        Where, for the message.

    Raises
    ------
    DataInvalid
        Naming the subjects of whom there is no pair.
    """
    there = {entry.subject for entry in entries}
    if missing := sorted(set(subjects) - there):
        named = ", ".join(str(one) for one in missing[:_NAMED])
        named += ", ..." if len(missing) > _NAMED else ""
        text = f"no prepared pair of {len(missing)} of {len(set(subjects))} subjects ({named}) in"
        made = "'dicom-train phantom --recipe' or 'dicom-train pairs'"
        advice = f"make them with {made}, or name another folder with --data"
        raise DataInvalid(f"{text} {folder}; {advice}")
    return tuple(entry for entry in entries if entry.subject in subjects)
