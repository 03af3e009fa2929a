"""The journal as it is at one moment, for who copies it while others write on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dicom_node.audit.journal.head import files_in
from dicom_node.audit.journal.lock import OneWriter
from dicom_node.audit.journal.recover import APART
from dicom_node.errors import JournalBroken

__all__ = ["Moment", "moment_of"]

_PATIENCE_S = 10.0


@dataclass(frozen=True, slots=True)
class Moment:
    """What there was.

    Parameters
    ----------
    folder : Path
        The journal's.
    files : tuple of (str, int)
        Names of files that only grow, and how long they were.
    places : mapping
        Name to content of the files that are written anew: the head, how far each receiver is, and
        the configuration that was told last.
    """

    folder: Path
    files: tuple[tuple[str, int], ...] = ()
    places: Mapping[str, bytes] = field(default_factory=dict)


def moment_of(folder: Path) -> Moment:
    """Return what there is now, when nobody writes: a receiver is never further than the head.

    Raises
    ------
    JournalBroken
        When it cannot be read, or another process holds it for too long.
    """
    try:
        with OneWriter(folder, _PATIENCE_S).held():
            apart = [f"{APART}/{path.name}" for path in (folder / APART).glob("*")]
            names = [*files_in(folder), *sorted(apart)]
            return Moment(
                folder,
                tuple((name, (folder / name).stat().st_size) for name in names),
                {path.name: path.read_bytes() for path in sorted(folder.glob("*.json"))},
            )
    except OSError as exc:
        raise JournalBroken(f"{folder} cannot be read: {exc.strerror}; check the disk") from exc
