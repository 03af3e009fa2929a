"""One request that stores: part by part into the archive, each judged by itself."""

from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from uuid import uuid4

from dicom_node import log
from dicom_node.archive import Archive, Associations, Outcome, Received, identify, read_part10
from dicom_node.archive.files import SpoolFile
from dicom_node.audit import Fate, Remote, Tally, count_apart
from dicom_node.content import Content, head_of, size_of
from dicom_node.errors import (
    ArchiveError,
    BeyondLimits,
    DatabaseAway,
    Mismatched,
    NodeError,
    NotDicom,
)
from dicom_node.values import Origin
from dicom_node.web.services import Services
from dicom_node.web.store.parts import Arrived, Begun, Broken, Event
from dicom_node.web.told import tell_brought

__all__ = ["Reception", "Verdict"]

_log = log.get("web")
_IN_MEMORY = 2**20
_HEAD_MOST = 2**16
"""Bytes that may stand before a data set: preamble and file meta information."""
_DICOM = "application/dicom"
OUT_OF_RESOURCES, DOES_NOT_MATCH, CANNOT_UNDERSTAND = 0xA700, 0xA900, 0xC000
BEYOND_LIMITS = 0xC010
NOT_PROCESSED, CHANGED = 0x0110, 0xB000
"""Reasons, as PS3.18 I.2 and PS3.4 B.2.3 number them."""
_REASONS: dict[type[NodeError], int] = {
    NotDicom: CANNOT_UNDERSTAND,
    Mismatched: DOES_NOT_MATCH,
}
"""Not this one; whatever else it was may be over when it is sent again."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one part.

    Parameters
    ----------
    uids : (SOP Class, SOP Instance, Study, Series) or None
        None where it has none.
    reason : int
        0 where it was kept as it came; B000 where its UID was here with other content.
    """

    uids: tuple[str, str, str, str] | None
    reason: int

    @property
    def is_kept(self) -> bool:
        """Whether it is in the archive."""
        return self.reason in (0, CHANGED)


@dataclass(slots=True)
class _Part:
    """A part that is still arriving: in memory while it is small, then in a file.

    Parameters
    ----------
    most_mb : int
        Of a data set; of what is larger only the beginning is held, by which it is named.
    """

    archive: Archive
    is_dicom: bool
    most_mb: int
    size: int = 0
    small: bytearray = field(default_factory=bytearray)
    spool: SpoolFile | None = None
    failure: ArchiveError | None = None
    stack: ExitStack = field(default_factory=ExitStack)

    def take(self, content: bytes) -> None:
        """Hold more of it; once the disk has refused a piece, the rest is let go."""
        if not self.is_dicom or self.failure is not None or self.is_cut:
            return
        self.size += len(content)
        try:
            if self.spool is None and len(self.small) + len(content) > _IN_MEMORY:
                self.spool = self.stack.enter_context(self.archive.spool())
                self.spool.write(bytes(self.small))
                self.small.clear()
            if self.spool is not None:
                self.spool.write(content)
            else:
                self.small += content
        except ArchiveError as exc:
            self.failure = exc

    @property
    def is_cut(self) -> bool:
        """Whether it is larger than any that is taken, whatever stands before its data set."""
        return self.size > self.most_mb * 2**20 + _HEAD_MOST

    def check_size(self, content: Content) -> None:
        """Pass a data set that is no larger than is taken.

        Raises
        ------
        BeyondLimits
            Otherwise.
        """
        if self.is_cut or size_of(content) > self.most_mb * 2**20:
            raise BeyondLimits(f"the data set is larger than limits.data_set_mb = {self.most_mb}")

    def data_set(self) -> tuple[Content, str]:
        """Return the data set within the file that came, and its transfer syntax.

        Raises
        ------
        ArchiveError
            When it is no DICOM file, or could not be held.
        """
        if self.failure is not None:
            raise self.failure
        if self.spool is None:
            return read_part10(bytes(self.small))
        head = head_of(self.spool.whole(0))
        content, syntax = read_part10(head)
        return self.spool.whole(len(head) - len(content)), syntax


class Reception:
    """What one request brings. Blocks on disk and database: call it from a thread.

    Parameters
    ----------
    services : Services
    caller : Remote
        Who sends: under whose name it is kept, and told.
    study_uid : str or None
        That the address names: no other study is taken.
    """

    def __init__(self, services: Services, caller: Remote, study_uid: str | None) -> None:
        self._services = services
        self._study_uid = study_uid
        self._caller = caller
        self._sender = caller.name
        self._association: tuple[str, str, datetime] = (str(uuid4()), caller.name, services.now())
        self._part: _Part | None = None
        self._tally = Tally()
        self.verdicts: list[Verdict] = []
        self.is_broken = False

    def take(self, event: Event) -> None:
        """Take what has come."""
        if isinstance(event, Begun):
            self._begin(event.headers.get("content-type", _DICOM))
        elif isinstance(event, Arrived):
            if self._part is not None:
                self._part.take(event.content)
        elif isinstance(event, Broken):
            self.is_broken = True
        else:
            self.end()

    def _begin(self, kind: str) -> None:
        if len(self.verdicts) >= self._services.settings.parts:
            self.is_broken = True
            return
        is_dicom = kind.partition(";")[0].strip().lower() == _DICOM
        most_mb = self._services.limits.data_set_mb
        self._part = _Part(self._services.archive, is_dicom, most_mb)

    def end(self) -> None:
        """Judge the part that is whole now."""
        part, self._part = self._part, None
        if part is None:
            return
        with part.stack:
            verdict = self._judged(part)
        self.verdicts.append(verdict)
        outcome = "kept" if verdict.is_kept else f"0x{verdict.reason:04X}"
        self._services.tally.add("web_stored_instances_total", {"outcome": outcome})

    def close(self, *, whole: bool) -> None:
        """End the request; unless it is ``whole``, more was to come, and its study waits for it."""
        if self._part is not None:
            self._part.stack.close()
        whole = whole and not self.is_broken
        # told first: a crash in between tells it twice, and never not at all
        tell_brought(self._caller, self._services, self._tally)
        try:
            with self._services.database.transaction() as session:
                now = self._services.now()
                Associations(session).ended(self._association[0], now, released=whole)
        except DatabaseAway as exc:  # it then counts as open, and no longer than quiet_s
            _log.warning("end of request not kept", caller=self._sender, why=str(exc))
        kept = sum(verdict.is_kept for verdict in self.verdicts)
        _log.info("stored", caller=self._sender, instances=kept, parts=len(self.verdicts))

    def _judged(self, part: _Part) -> Verdict:
        if not part.is_dicom:
            return Verdict(None, NOT_PROCESSED)
        uids, received = None, None
        try:
            received = self._received(*part.data_set())
            identity = identify(head_of(received.content), received.transfer_syntax_uid)
            uids = (identity.sop_class_uid, identity.sop_instance_uid, identity.study_uid,
                    identity.series_uid)  # fmt: skip
            part.check_size(received.content)
            if self._study_uid not in (None, identity.study_uid):
                raise Mismatched("the instance is of another study than the address names")
            return Verdict(uids, self._keep(received))
        except (ArchiveError, DatabaseAway) as exc:
            beyond = part.is_cut or isinstance(exc, BeyondLimits)
            reason = BEYOND_LIMITS if beyond else _REASONS.get(type(exc), OUT_OF_RESOURCES)
            _log.warning("instance refused", caller=self._sender, reason=hex(reason), why=str(exc))
            if received is not None and not beyond:  # nobody parses that, not even for its patient
                count_apart(self._tally, Fate.REFUSED, received)
            return Verdict(uids, reason)

    def _received(self, content: Content, syntax: str) -> Received:
        return Received(
            content=content,
            transfer_syntax_uid=syntax,
            sender=self._sender,
            origin=Origin.RECEIVED,
            association=self._association,
        )

    def _keep(self, received: Received) -> int:
        kept = self._services.archive.keep(received)
        self._tally.kept(kept)
        if kept.outcome is not Outcome.DIFFERS:
            return 0
        _log.warning(
            "instance conflicts",
            caller=self._sender,
            study_uid=kept.study_uid,
            sop_instance_uid=kept.sop_instance_uid,
            why="the UID was here with other content; the first stays, this one lies apart",
        )
        return CHANGED
