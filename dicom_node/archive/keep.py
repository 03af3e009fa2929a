"""The archive: bytes in, kept for good or refused, and nothing in between."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from sqlalchemy.exc import DataError, OperationalError
from sqlalchemy.orm import Session

from dicom_node import log
from dicom_node.archive.files import Files, SpoolFile
from dicom_node.archive.group import GroupCommit
from dicom_node.archive.held import Held, MadeSeries
from dicom_node.archive.identity import identify
from dicom_node.archive.index import (
    Entry,
    Known,
    Outcome,
    Seen,
    add_conflict,
    add_entries,
    claim,
    make_way,
)
from dicom_node.archive.part10 import meta_header
from dicom_node.archive.query.attributes import Level
from dicom_node.archive.query.header import header_of_file, read_header
from dicom_node.archive.query.note import Headers
from dicom_node.archive.same import same_content
from dicom_node.archive.space import Space
from dicom_node.content import Content, digest_of, head_of, opened, size_of
from dicom_node.db import Database
from dicom_node.errors import ArchiveBroken, Mismatched, NodeError, NotDicom
from dicom_node.extent import check_extent
from dicom_node.sections import Limits
from dicom_node.tally import Tally
from dicom_node.values import Origin, Role

__all__ = ["Archive", "Kept", "Received"]

_log = log.get("archive")
_NOT_TAKEN = (DataError, OperationalError, UnicodeError)
"""What one object is at fault for: a database that does not answer raises DatabaseAway."""


@dataclass(frozen=True, slots=True)
class Received:
    """An encoded data set as it came.

    Parameters
    ----------
    content : bytes or Spooled
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

    content: Content
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
    sop_class_uid: str


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
    tally : Tally or None
        Counts what is kept and what is not.
    limits : Limits or None
        How deep, wide and deflated a data set may be; None: the defaults.
    """

    def __init__(
        self,
        database: Database,
        files: Files,
        space: Space,
        now: Callable[[], datetime],
        tally: Tally | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._database = database
        self._files = files
        self._space = space
        self._now = now
        self.tally = tally or Tally()
        self._limits = limits or Limits()
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

    @contextmanager
    def spool(self) -> Iterator[SpoolFile]:
        """Give a file to collect a data set in that is too long for the memory.

        It lies on the archive's disk and has no name: what becomes of the process, it leaves
        nothing behind.

        Raises
        ------
        ArchiveFull, ArchiveBroken
            When the disk is full, or cannot be written.
        """
        with self._files.scratch(self._space) as file:
            yield SpoolFile(file)

    def scratch(self) -> AbstractContextManager[BinaryIO]:
        """Give a file without a name on the archive's disk, to work in.

        Every write to it asks whether there is room, and raises the same.

        Raises
        ------
        ArchiveFull, ArchiveBroken
            When there is no room for more, or the disk cannot be written.
        """
        self._space.check(0)
        return self._files.scratch(self._space)

    def place(self, received: Received) -> Entry:
        """Write the file of an object made here; its row is entered with the job that made it.

        Raises
        ------
        ArchiveFull, ArchiveBroken, NotDicom
            As :meth:`keep`.
        """
        self._space.check(size_of(received.content))
        entry = self._entry(received)
        self._files.write(entry.place, *self._part10(received, entry))
        return entry

    def headers_of(self, place: str, transfer_syntax_uid: str) -> Headers | None:
        """Return what a placed object is searched by; None where its file cannot be read."""
        try:
            return header_of_file(self.folder / place, transfer_syntax_uid, Level.SERIES.above)
        except OSError:
            return None

    def enter(self, session: Session, entries: Sequence[Entry]) -> int:
        """Enter placed files in the caller's transaction, their folders synced first.

        Returns
        -------
        int
            How many bytes are new, for :meth:`Studies.weigh` once they are committed.

        Raises
        ------
        ArchiveBroken
            When one of them is gone, or a folder cannot be synced: they are to be placed again. Or
            when a UID is taken by something else that was made here: what would be sent on is not
            what was made.
        """
        self._secure(entries)
        make_way(session.connection(), entries)
        known = add_entries(session.connection(), entries, Seen(), self.headers_of)
        taken = sum(one.outcome is Outcome.DIFFERS for one in known)
        if taken:
            text = f"the UIDs of {taken} of {len(entries)} objects made here are taken by other"
            raise ArchiveBroken(f"{text} content; nothing was entered, the first content stays")
        pairs = list(zip(entries, known, strict=True))
        there = [entry for entry, one in pairs if one.outcome is Outcome.SAME]
        claim(session.connection(), there)  # somebody had sent it back here
        return sum(entry.size for entry, one in pairs if one.outcome is Outcome.NEW)

    def hold(
        self, session: Session, job_id: int, made: MadeSeries, role: Role = Role.RESULT
    ) -> None:
        """Hold placed files in the caller's transaction, until a person decides: see :class:`Held`.

        Raises
        ------
        ArchiveBroken
            When one of them is gone, or a folder cannot be synced: they are to be placed again.
        """
        self._secure(made.everything)
        Held(session).add(job_id, made, role)

    def _secure(self, entries: Sequence[Entry]) -> None:
        """See that placed files are there, and stay, until the caller has committed their rows."""
        gone = [entry for entry in entries if not self._files.has(entry.place)]
        if gone:  # a file without a row is swept when another process starts
            text = f"{len(gone)} of {len(entries)} files are gone from the archive; make them again"
            raise ArchiveBroken(text)
        places = {entry.place for entry in entries}
        self._files.refresh(places)  # nobody sweeps them between here and the caller's commit
        self._files.settle(places)

    def keep(self, received: Received) -> Kept:
        """Keep one instance for good, and count it.

        The same content again changes nothing. Other content under a known UID is kept apart and
        reported, and never replaces the first.

        Raises
        ------
        ArchiveFull
            When the reserve of the disk is touched.
        ArchiveBroken, DatabaseAway
            When disk or database fail; nothing was kept.
        BeyondLimits
            When the data set is deeper, wider or more deflated than is taken.
        NotDicom, Mismatched
            When the bytes are no object that can be filed, or not the one that was announced; or
            when the database, which is there, does not take what it is filed by.
        """
        try:
            kept = self._keep(received)
        except NodeError as exc:
            self.tally.add("refused_instances_total", {"why": type(exc).__name__})
            raise
        labels = {"outcome": kept.outcome.value, "origin": str(received.origin)}
        self.tally.add("received_instances_total", labels)
        return kept

    def _keep(self, received: Received) -> Kept:
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
            outcome=known.outcome,
            study_uid=identity.study_uid,
            series_uid=identity.series_uid,
            sop_instance_uid=identity.sop_instance_uid,
            sop_class_uid=identity.sop_class_uid,
        )

    def _entry(self, received: Received) -> Entry:
        head = head_of(received.content)
        check_extent(head, received.transfer_syntax_uid, self._limits)
        identity = identify(head, received.transfer_syntax_uid)
        if received.announced is not None:
            _agree(received.announced, (identity.sop_class_uid, identity.sop_instance_uid))
        sha256 = digest_of(received.content)
        key = (identity.study_uid, identity.series_uid, received.origin)
        return Entry(
            identity=identity,
            transfer_syntax_uid=received.transfer_syntax_uid,
            sha256=sha256,
            size=size_of(received.content),
            place=self._files.place_of(identity.study_uid, sha256),
            origin=received.origin,
            sender=received.sender,
            received_at=self._now(),
            association=received.association,
            headers=None if self._seen.knows(key) else _headers(received),
        )

    def _part10(self, received: Received, entry: Entry) -> tuple[bytes, Content]:
        identity = entry.identity
        meta = meta_header(
            identity.sop_class_uid, identity.sop_instance_uid, received.transfer_syntax_uid
        )
        return meta, received.content

    def _commit(self, entries: Sequence[Entry]) -> Sequence[Known]:
        # a folder that was emptied and deleted meanwhile is made again: see _ensure
        self._files.settle({entry.place for entry in entries}, missing_ok=True)
        self._seen.rolled_back()  # whatever became of the batch before
        try:
            with self._database.writing() as connection:
                outcomes = add_entries(connection, entries, self._seen, self.headers_of)
        except _NOT_TAKEN as exc:
            if len(entries) == 1:  # else each is tried by itself, and this one told then
                _log.error("rows not taken by the database", exc_info=exc)
            raise NotDicom("the database does not take a value of it; see the log") from exc
        self._seen.committed()
        return outcomes

    def _settle_difference(self, received: Received, entry: Entry, known: Known) -> Known:
        """Other bytes under a known UID: the same object encoded otherwise, or a conflict."""
        first = self._files.folder / known.place
        if same_content(first, opened(*self._part10(received, entry))):
            self._files.remove(entry.place)
            return replace(known, outcome=Outcome.SAME)
        with self._database.writing() as connection:
            add_conflict(connection, entry)
        self._ensure(received, entry)
        return known

    def _ensure(self, received: Received, entry: Entry) -> None:
        """See that the file is there now that its row is committed; write it again if it is not.

        A sweep moves a file aside before it looks for its row the last time. Either it then finds
        the row, or the file was gone before we look here: no order of the two loses the instance.
        """
        if not self._files.has(entry.place):
            self._files.write(entry.place, *self._part10(received, entry))
            self._files.settle({entry.place})


def _headers(received: Received) -> Headers:
    stream = BytesIO(head_of(received.content))
    return read_header(stream, received.transfer_syntax_uid, Level.SERIES.above)


def _agree(announced: tuple[str, str], seen: tuple[str, str]) -> None:
    for word, wanted, found in zip(("Class", "Instance"), announced, seen, strict=True):
        if wanted and wanted != found:
            raise Mismatched(f"SOP {word} UID is {found} in the data set, {wanted} in the command")
