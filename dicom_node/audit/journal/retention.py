"""Old files of the journal are deleted, and a line says so: the chain begins behind them then."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from dicom_node.audit.journal.head import files_in, first_of
from dicom_node.audit.journal.journal import Journal, NewLine
from dicom_node.audit.journal.line import Line, decode
from dicom_node.errors import JournalBroken

__all__ = ["Retention"]


@dataclass(frozen=True, slots=True)
class Retention:
    """How long files are kept.

    Parameters
    ----------
    keep : timedelta
        After its last line; zero: for ever.
    sent : callable
        Returns the number of the last line that every receiver has; what they have not stays.
    tell : callable
        Makes the message of a deletion from its time, the file and the numbers of its lines.
    """

    keep: timedelta
    sent: Callable[[], int]
    tell: Callable[[datetime, Path, tuple[int, int]], str]

    def apply(self, journal: Journal, now: datetime) -> int:
        """Delete the oldest file if it is old enough; return how many were deleted.

        One at a time: whenever the power goes, a line tells where the chain begins.

        Raises
        ------
        JournalBroken
            When the disk cannot be read or written.
        """
        files = files_in(journal.folder)
        if not self.keep or len(files) < 2:
            return 0
        path, last = journal.folder / files[0], first_of(files[1]) - 1
        try:
            if not self._is_old(path, now) or self.sent() < last:
                return 0
            line = _last_line(path)
        except OSError as exc:
            raise JournalBroken(f"{path} cannot be read: {exc.strerror}") from exc
        message = self.tell(now, path, (first_of(files[0]), line.link.seq))
        journal.drop(files[0], NewLine(message, now, deleted=str(line.link)))
        return 1

    def _is_old(self, path: Path, now: datetime) -> bool:
        written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        return now - written > self.keep


def _last_line(path: Path) -> Line:
    last = b""
    with path.open("rb") as file:
        for raw in file:
            last = raw
    return decode(last)
