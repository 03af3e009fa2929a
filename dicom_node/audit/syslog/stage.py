"""The stage: what is in the journal and not yet with one receiver is sent."""

import threading
from datetime import datetime
from pathlib import Path

from dicom_node import log
from dicom_node.audit.journal import Head, Read, beginning, lines_after, read_head
from dicom_node.audit.syslog.frame import framed
from dicom_node.audit.syslog.position import Position
from dicom_node.audit.syslog.transport import deliver
from dicom_node.backoff import next_try
from dicom_node.errors import JournalBroken, PeerAway
from dicom_node.settings import AuditReceiver

__all__ = ["SyslogStage"]

_log = log.get("audit")
_AT_ONCE = 200


class SyslogStage:
    """Send the journal to one receiver, in order, each line at least once.

    The journal is the queue: how far the receiver has it is kept in a file, so a restart goes on
    where it stopped. Nobody waits for a receiver that is away.

    Parameters
    ----------
    receiver : AuditReceiver
    conf : Path
        The configuration folder: certificates lie relative to it.
    journal : Path
        The journal's folder.
    sender : (str, int)
        Our host's name, and the number of this process.
    """

    def __init__(
        self, receiver: AuditReceiver, conf: Path, journal: Path, sender: tuple[str, int]
    ) -> None:
        self._receiver = receiver
        self._conf = conf
        self._journal = journal
        self._sender = sender
        self._position = Position(journal, receiver.name)
        self._at = self._position.read()
        self._due: datetime | None = None
        self._attempts = 0
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Ask for an end: what is being sent is the last."""
        self._stopping.set()

    def tick(self, now: datetime) -> int:
        """Send what is new; return how many lines the receiver got."""
        if self._due is not None and now < self._due:
            return 0
        sent = 0
        try:
            while not self._stopping.is_set() and (batch := self._batch()):
                sent += self._send(batch)
        except (PeerAway, JournalBroken) as exc:
            self._attempts += 1
            self._due = next_try(now, self._attempts)
            _log.warning("audit not sent", receiver=self._receiver.name, why=str(exc))
            return sent
        if self._attempts:
            _log.info("audit receiver is back", receiver=self._receiver.name, lines=sent)
        self._attempts, self._due = 0, None
        return sent

    def _batch(self) -> list[Read]:
        """Return the next lines."""
        end = read_head(self._journal)
        if end is None:
            return []
        batch = []
        for read in lines_after(self._journal, self._start(end), end):
            batch.append(read)
            if len(batch) == _AT_ONCE:
                break
        return batch

    def _start(self, end: Head) -> Head:
        if self._at is not None and self._at.link.seq > end.link.seq:
            why = f"it has line {self._at.link.seq}, the journal ends with {end.link.seq}"
            _log.error("audit sent anew", receiver=self._receiver.name, why=why)
            self._at = None
        return self._at or beginning(self._journal)

    def _send(self, batch: list[Read]) -> int:
        lines = [read.line for read in batch if read.line is not None]
        for read in batch:
            if read.line is None:
                _log.error("audit line not sent", receiver=self._receiver.name, why=read.why)
        if lines:
            messages = [framed(line, *self._sender) for line in lines]
            deliver(self._receiver, self._conf, messages)
        self._at = batch[-1].position
        self._position.write(self._at)
        return len(lines)
