"""How far a receiver has the journal, in a file beside it."""

import json
import os
from pathlib import Path

from dicom_node.audit.journal import Head, Link
from dicom_node.errors import JournalBroken

__all__ = ["Position", "lowest"]


class Position:
    """The last line that one receiver has, and where it ends.

    Parameters
    ----------
    journal : Path
        The journal's folder.
    receiver : str
        Its name.
    """

    def __init__(self, journal: Path, receiver: str) -> None:
        self._path = journal / f"sent-{receiver}.json"

    def read(self) -> Head | None:
        """Return it; None where nothing was sent yet, or nobody knows how much."""
        try:
            fields = json.loads(self._path.read_bytes())
            return Head(Link(fields["seq"], fields["hash"]), fields["file"], fields["size"])
        except (OSError, KeyError, TypeError, ValueError):
            return None

    def write(self, position: Head) -> None:
        """Keep it.

        Raises
        ------
        JournalBroken
            When it cannot be written: lines are then sent again.
        """
        part = self._path.with_suffix(".part")
        try:
            with part.open("wb") as file:
                file.write(position.encode())
                file.flush()
                os.fsync(file.fileno())
            part.replace(self._path)
        except OSError as exc:
            raise JournalBroken(f"{self._path} cannot be written: {exc.strerror}") from exc


def lowest(positions: list[Position]) -> int:
    """Return the number of the last line that all receivers have; all there are without any."""
    found = [position.read() for position in positions]
    return min((one.link.seq if one else 0 for one in found), default=2**63)
