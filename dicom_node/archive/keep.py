"""The archive: bytes in, kept for good or refused, and nothing in between."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from sqlalchemy.orm import Session

from dicom_node.archive.files import Files
from dicom_node.archive.group import GroupCommit
from dicom_node.archive.identity import identify
from dicom_node.archive.index import Entry, Known, Outcome, Seen, add_conflict, add_entries
from dicom_node.archive.part10 import meta_header
from dicom_node.archive.same import same_content
from dicom_node.archive.space import Space
from dicom_node.db import Database
from dicom_node.errors import ArchiveBroken, Mismatched
from dicom_node.values import Origin

__all__ = ["Archive", "Kept", "Received"]


@dataclass(frozen=True, slots=True)
class Received:
    """An encoded data set as it came.

    Parameters
    ----------
    content : bytes
        The data set, without file meta information, exactly as it was sent.
    transfer_syntax_uid : str
        Its encoding.
    sender : str
        AE title of who sent it, ``INGEST`` for a file from disk.
    origin : Origin
        How it came.
    announced : (SOP Class UID, SOP Instance UID) or None
        What the command said; the data set has to agree.
    association : (id, peer, opened_at) or None
        On which association.
    """

    content: bytes
    transfer_syntax_uid: str
    sender: str
    origin: Origin
    announced: tuple[str, str] | None = None
    association: tuple[str, str, datetime] | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of an instance that was kept."""

    outcome: Outcome
    study_uid: str
    series_uid: str
    sop_instance_uid: str


class Archive:
    """Keeps instances: file in place and fsynced, then the row committed, then the answer.

    Safe to call from many threads; their rows are committed together.

    Parameters
    ----------
    database : Database
        Where the rows go.
    files : Files
        Where the bytes go.
    space : Space
        Says when to stop.
    now : callable
        The clock, UTC.
    """

    def __init__(
        self, database: Database, files: Files, space: Space, now: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._files = files
        self._space = space
        self._now = now
        self._seen = Seen()  # of the group commit alone: one thread at a time
        self._group = GroupCommit[Entry, Known](self._commit)

    @property
    def folder(self) -> Path:
        """Where the files lie; paths in rows are relative to it."""
        return self._files.folder

    def check_space(self) -> None:
        """Pass when there is room for more.

        Raises
        ------
        ArchiveFull, ArchiveBroken
            When there is not, or the disk is gone.
        """
        self._space.check(0)

    def place(self, received: Received) -> Entry:
        """Write the file of an object made here; its row is entered with the job that made it.

        Raises
        ------
        ArchiveFull, ArchiveBroken, NotDicom
            As :meth:`keep`.
        """
        self._space.check(len(received.content))
        entry = self._entry(received)
        self._files.write(entry.place, *self._part10(received, entry))
        return entry

    def enter(self, session: Session, entries: Sequence[Entry]) -> None:
        """Enter placed files in the caller's transaction, their folders synced first.

        Raises
        ------
        ArchiveBroken
            When one of them is gone, or a folder cannot be synced: they are to be placed again. Or
            when a UID is taken by other content: what would be sent on is not what was made.
        """
        gone = [entry for entry in entries if not (self.folder / entry.place).is_file()]
        if gone:  # a file without a row is swept when another process starts
            text = f"{len(gone)} of {len(entries)} files are gone from the archive; make them again"
            raise ArchiveBroken(text)
        places = {entry.place for entry in entries}
        self._files.refresh(places)  # nobody sweeps them between here and the caller's commit
        self._files.settle(places)
        known = add_entries(session, entries, Seen())
        taken = sum(one.outcome is Outcome.DIFFERS for one in known)
        if taken:
            text = f"the UIDs of {taken} of {len(entries)} objects made here are taken by other"
            raise ArchiveBroken(f"{text} content; nothing was entered, the first content stays")

    def keep(self, received: Received) -> Kept:
        """Keep one instance for good.

        The same content again changes nothing. Other content under a known UID is kept apart and
        reported, and never replaces the first.

        Raises
        ------
        ArchiveFull
            When the reserve of the disk is touched.
        ArchiveBroken, DatabaseAway
            When disk or database fail; nothing was kept.
        NotDicom, Mismatched
            When the bytes are no object that can be filed, or not the one that was announced.
        """
        entry = self.place(received)
        known = self._group.submit(entry)
        if known.outcome is Outcome.DIFFERS:
            known = self._settle_difference(received, entry, known)
        elif known.place and known.place != entry.place:
            self._files.remove(entry.place)  # same content, other study: cannot be, or a bad UID
        else:
            self._ensure(received, entry)
        identity = entry.identity
        return Kept(
            known.outcome, identity.study_uid, identity.series_uid, identity.sop_instance_uid
        )

    def _entry(self, received: Received) -> Entry:
        identity = identify(received.content, received.transfer_syntax_uid)
        if received.announced is not None:
            _agree(received.announced, (identity.sop_class_uid, identity.sop_instance_uid))
        sha256 = hashlib.sha256(received.content).hexdigest()
        return Entry(
            identity=identity,
            transfer_syntax_uid=received.transfer_syntax_uid,
            sha256=sha256,
            size=len(received.content),
            place=self._files.place_of(identity.study_uid, sha256),
            origin=received.origin,
            sender=received.sender,
            received_at=self._now(),
            association=received.association,
        )

    def _part10(self, received: Received, entry: Entry) -> tuple[bytes, bytes]:
        identity = entry.identity
        meta = meta_header(
            identity.sop_class_uid, identity.sop_instance_uid, received.transfer_syntax_uid
        )
        return meta, received.content

    def _commit(self, entries: Sequence[Entry]) -> Sequence[Known]:
        self._files.settle({entry.place for entry in entries})
        self._seen.rolled_back()  # whatever became of the batch before
        with self._database.transaction() as session:
            outcomes = add_entries(session, entries, self._seen)
        self._seen.committed()
        return outcomes

    def _settle_difference(self, received: Received, entry: Entry, known: Known) -> Known:
        """Other bytes under a known UID: the same object encoded otherwise, or a conflict."""
        first = self._files.folder / known.place
        if same_content(first, b"".join(self._part10(received, entry))):
            self._files.remove(entry.place)
            return replace(known, outcome=Outcome.SAME)
        with self._database.transaction() as session:
            add_conflict(session, entry)
        self._ensure(received, entry)
        return known

    def _ensure(self, received: Received, entry: Entry) -> None:
        """See that the file is there now that its row is committed; write it again if it is not.

        A sweep moves a file aside before it looks for its row the last time. Either it then finds
        the row, or the file was gone before we look here: no order of the two loses the instance.
        """
        if not (self.folder / entry.place).is_file():
            self._files.write(entry.place, *self._part10(received, entry))
            self._files.settle({entry.place})


def _agree(announced: tuple[str, str], seen: tuple[str, str]) -> None:
    for word, wanted, found in zip(("Class", "Instance"), announced, seen, strict=True):
        if wanted and wanted != found:
            raise Mismatched(f"SOP {word} UID is {found} in the data set, {wanted} in the command")
