"""The trail in a backup: held still while it is copied, and told when it is put back."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from dicom_node.archive.upkeep import kept_whole
from dicom_node.audit.here import audit_folder, journal_of, source_of
from dicom_node.audit.journal import Moment, NewLine, moment_of, read_head
from dicom_node.audit.message import Person, to_xml
from dicom_node.audit.message.alerts import restricted_function
from dicom_node.settings import Settings

__all__ = ["CopiedTrail"]


@dataclass(frozen=True, slots=True)
class CopiedTrail:
    """What a backup and a restore need of the trail.

    Parameters
    ----------
    settings : Settings
    person : Person
        Who backs up or restores.
    now : callable
        The clock, UTC.
    """

    settings: Settings
    person: Person
    now: Callable[[], datetime]

    @contextmanager
    def moment(self) -> Iterator[Moment]:
        """Give what there is now; of its files none is deleted meanwhile, and all may grow.

        Raises
        ------
        JournalBroken
            When it cannot be read.
        """
        folder = audit_folder(self.settings)
        if not folder.is_dir():
            yield Moment(folder)
            return
        with kept_whole(folder):
            yield moment_of(folder)

    def restored(self, made_at: str) -> None:
        """Write into the trail that it was restored, and where what came since is missing.

        Parameters
        ----------
        made_at : str
            When the backup was made.

        Raises
        ------
        JournalBroken
            When it cannot be written.
        """
        if not self.settings.file.audit.on:
            return
        folder = audit_folder(self.settings)
        head, now = read_head(folder), self.now()
        last = f"it ends with line {head.link.seq}" if head else "it had no line"
        said = f"the node was restored from the backup of {made_at}: {last}; what was told later is"
        event = restricted_function(now, self.person, folder.as_uri(), f"{said} not in this trail")
        message = to_xml(event, source_of(self.settings))
        journal_of(self.settings).append([NewLine(message, now)])
