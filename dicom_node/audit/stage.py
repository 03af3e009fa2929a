"""The stage that keeps the trail in order: counts are told, its end is known, old lines go."""

from datetime import datetime, timedelta
from pathlib import Path

from dicom_node.archive.upkeep import erasing
from dicom_node.audit.here import audit_folder, journal_of, source_of
from dicom_node.audit.journal import Retention
from dicom_node.audit.known import Guard, KnownEnd
from dicom_node.audit.message import to_xml
from dicom_node.audit.message.alerts import lines_deleted, recording_stopped
from dicom_node.audit.recorder import Audit
from dicom_node.audit.syslog import Position, lowest
from dicom_node.db import Database
from dicom_node.errors import JournalBroken
from dicom_node.settings import Settings

__all__ = ["AuditStage"]


class AuditStage:
    """Tells what was only counted, notes where the journal ends, deletes one old file at a time.

    Parameters
    ----------
    settings : Settings
    audit : Audit
        Of this process.
    database : Database
        Where the end of the journal is known too.
    """

    def __init__(self, settings: Settings, audit: Audit, database: Database) -> None:
        section = settings.file.audit
        self._audit = audit
        self._journal = journal_of(settings)
        self._source = source_of(settings)
        self._guard = Guard(self._journal, KnownEnd(database), self._missing)
        self._positions = [
            Position(audit_folder(settings), receiver.name) for receiver in section.receiver
        ]
        keep = timedelta(days=section.keep_days)
        self._retention = Retention(keep, self._sent, self._told)

    def tick(self, now: datetime) -> int:
        """Do what is due; return how many files were deleted."""
        self._audit.flush(now)
        self.hold(now)
        folder = self._journal.folder
        try:
            with erasing(folder) as may:  # not while a backup copies it
                return self._retention.apply(self._journal, now) if may else 0
        except FileNotFoundError:
            return 0  # nothing was told yet
        except OSError as exc:
            raise JournalBroken(f"{folder} cannot be written: {exc.strerror}") from exc

    def hold(self, now: datetime) -> None:
        """Hold the trail against the database: at the start, before a line is written.

        Raises
        ------
        DatabaseAway, JournalBroken
            When one of them cannot be read or written.
        """
        self._guard.look(now)

    def _missing(self, now: datetime, why: str) -> str:
        return to_xml(recording_stopped(now, self._journal.folder.as_uri(), why), self._source)

    def _sent(self) -> int:
        return lowest(self._positions)

    def _told(self, now: datetime, path: Path, numbers: tuple[int, int]) -> str:
        first, last = numbers
        why = f"lines {first} to {last} are older than audit.keep_days; the file was deleted"
        return to_xml(lines_deleted(now, path.as_uri(), why), self._source)
