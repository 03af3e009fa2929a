"""The end of the trail as the database knows it, and the trail held against that."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from sqlalchemy import select

from dicom_node import log
from dicom_node.audit.journal import Head, Journal, Link, NewLine, follows, read_head
from dicom_node.db import Database, TrailRow
from dicom_node.db.upsert import insert_into
from dicom_node.errors import JournalBroken

__all__ = ["Guard", "KnownEnd"]

_log = log.get("audit")
_ONLY = 1


class KnownEnd:
    """The last line that was seen, in the database: who deletes the trail has this to delete too.

    Parameters
    ----------
    database : Database
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self) -> Head | None:
        """Return it; None where none was seen yet.

        Raises
        ------
        DatabaseAway
            When the database does not answer.
        """
        with self._database.reading() as session:
            row = session.scalars(select(TrailRow)).first()
            return None if row is None else Head(Link(row.seq, row.hash), row.file, row.size)

    def keep(self, head: Head) -> None:
        """Keep a newer one.

        Raises
        ------
        DatabaseAway
            When the database does not answer.
        """
        values = {
            "seq": head.link.seq,
            "hash": head.link.hash,
            "file": head.file,
            "size": head.size,
        }
        with self._database.writing() as connection:
            insert = insert_into(connection, TrailRow).values(id=_ONLY, **values)
            connection.execute(insert.on_conflict_do_update(index_elements=["id"], set_=values))


class Guard:
    """Looks whether the trail still has what the database knows of it, and says so if not.

    Parameters
    ----------
    journal : Journal
    known : KnownEnd
    tell : callable
        Makes the message that lines are missing, from the time and a sentence.
    """

    def __init__(
        self, journal: Journal, known: KnownEnd, tell: Callable[[datetime, str], str]
    ) -> None:
        self._journal = journal
        self._known = known
        self._tell = tell
        self._last: Head | None = None
        self._is_another = False

    def look(self, now: datetime) -> None:
        """Compare, and keep where the trail ends now; what does not fit is told in the trail.

        A trail that ends earlier goes on in a new file, behind the line that is known. One that
        has another line in its place was written anew: what is known stays as it is.

        Raises
        ------
        DatabaseAway
            When the database does not answer.
        JournalBroken
            When the trail cannot be read or written.
        """
        if self._is_another:
            return
        known = self._last or self._known.read()
        head = _head(self._journal.folder)
        if known is None or (head is not None and head.link == known.link):
            self._keep(head, known)
        elif head is None or head.link.seq < known.link.seq:
            self._go_on(known, now)  # the next look sees whether it follows
        elif follows(self._journal.folder, known):
            self._keep(head, known)
        else:
            self._say_another(known, now)

    def _keep(self, head: Head | None, known: Head | None) -> None:
        if head is not None and head.link.seq and head != known:
            self._known.keep(head)
        self._last = head or known

    def _go_on(self, known: Head, now: datetime) -> None:
        def told(why: str) -> NewLine:
            return NewLine(self._tell(now, why), now)

        for why in self._journal.resume(known.link, told).findings:
            _log.error("audit trail damaged", why=why)

    def _say_another(self, known: Head, now: datetime) -> None:
        why = (
            f"line {known.link.seq} is not the one that the database knows: the trail was written "
            "anew, or another one was put in its place"
        )
        _log.error("audit trail damaged", why=why)
        self._journal.append([NewLine(self._tell(now, why), now)])
        self._is_another = True


def _head(folder: Path) -> Head | None:
    """Return the head; one that cannot be understood is none."""
    try:
        with suppress(JournalBroken):
            return read_head(folder)
    except OSError as exc:
        raise JournalBroken(f"{folder} cannot be read: {exc.strerror}; check the disk") from exc
    return None
