"""Rows of instances, series and studies: what a batch of kept files adds to the database."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum
from operator import itemgetter

from sqlalchemy import Connection, delete, select, update

from dicom_node.archive.identity import Identity
from dicom_node.archive.query.note import Headers, note_headers
from dicom_node.db import ConflictRow, InstanceRow
from dicom_node.db.statements import arrivals
from dicom_node.db.upsert import insert_into
from dicom_node.values import Origin, StudyState

__all__ = ["Entry", "Known", "Outcome", "Seen", "add_conflict", "add_entries", "claim", "make_way"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One file in its place, to be entered.

    Parameters
    ----------
    association : (id, peer, opened_at) or None
        Who sends it; None for what was made here.
    headers : mapping or None
        What its series and study are searched by, where this may be the first of its series.
    pixels : str or None
        Of a slice that was made here: a digest of what it shows.
    """

    identity: Identity
    transfer_syntax_uid: str
    sha256: str
    size: int
    place: str
    origin: Origin
    sender: str
    received_at: datetime
    association: tuple[str, str, datetime] | None = None
    headers: Headers | None = None
    pixels: str | None = None

    @property
    def series_key(self) -> tuple[str, ...]:
        """What :class:`Seen` knows its series by."""
        return self.identity.study_uid, self.identity.series_uid, self.origin


class Outcome(Enum):
    """What became of an entry."""

    NEW = "new"
    SAME = "same"
    DIFFERS = "differs"


@dataclass(slots=True)
class Seen:
    """Series and associations known to have their row, so that a batch need not ask again.

    What a batch adds is ``pending`` until its transaction is committed.
    """

    known: set[tuple[str, ...]] = field(default_factory=set)
    pending: set[tuple[str, ...]] = field(default_factory=set)

    def knows(self, key: tuple[str, ...]) -> bool:
        """Whether a row is known to be there."""
        return key in self.known

    def news(self, keys: Iterable[tuple[str, ...]]) -> list[tuple[str, ...]]:
        """Return those of ``keys`` that have no row yet, each once, in order."""
        unknown = sorted({key for key in keys if key not in self.known})
        self.pending.update(unknown)
        return unknown

    def committed(self) -> None:
        """Remember what the last batch added."""
        if len(self.known) > _REMEMBERED:
            self.known.clear()
        self.known |= self.pending
        self.pending.clear()

    def rolled_back(self) -> None:
        """Forget what the last batch would have added."""
        self.pending.clear()


_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Known:
    """The outcome, with the content and place that the UID had before where it was known."""

    outcome: Outcome
    sha256: str = ""
    place: str = ""
    transfer_syntax_uid: str = ""


HeadersOf = Callable[[str, str], Headers | None]
"""Reads what an object is searched by: its place and transfer syntax to headers."""


def add_entries(
    connection: Connection, entries: Sequence[Entry], seen: Seen, headers_of: HeadersOf
) -> list[Known]:
    """Enter a batch; return what each was: new, there already, or there with other content.

    Only new instances change a study: it is receiving again, and its revision grows. An instance
    that is there already says no more than that somebody is sending to the study.

    Parameters
    ----------
    seen : Seen
        Series and associations that have their row; nothing is written for these again.
    headers_of : callable
        Of a placed object, where a row that is there has lost its headers: see :func:`condemn`.
    """
    first = {entry.identity.sop_instance_uid: entry for entry in reversed(entries)}
    inserted, known = _add_instances(connection, first)
    fresh = [entry for uid, entry in first.items() if uid in inserted]
    _add_studies(connection, [entry for entry in fresh if entry.origin is not Origin.MADE])
    _add_series(connection, fresh, seen)
    _note_again(connection, fresh, headers_of)
    _add_sending(connection, entries, seen)
    outcomes = []
    for entry in entries:
        uid = entry.identity.sop_instance_uid
        if first[uid] is entry and uid in inserted:
            outcomes.append(Known(Outcome.NEW))
            known[uid] = Known(Outcome.SAME, entry.sha256, entry.place, entry.transfer_syntax_uid)
        elif known[uid].sha256 == entry.sha256:
            outcomes.append(known[uid])
        else:
            outcomes.append(replace(known[uid], outcome=Outcome.DIFFERS))
    return outcomes


def add_conflict(connection: Connection, entry: Entry) -> None:
    """Enter an instance whose UID is taken by other content; the same one twice is one row.

    A new one is news: what was planned on the first content is planned again.
    """
    identity = entry.identity
    insert = (
        insert_into(connection, ConflictRow)
        .values(
            sop_instance_uid=identity.sop_instance_uid,
            study_uid=identity.study_uid,
            series_uid=identity.series_uid,
            sha256=entry.sha256,
            path=entry.place,
            sender=entry.sender,
            received_at=entry.received_at,
        )
        .on_conflict_do_nothing()
    )
    if connection.scalar(insert.returning(ConflictRow.id)) is not None:
        _add_studies(connection, [entry])


def claim(connection: Connection, entries: Sequence[Entry]) -> None:
    """Make what was received the node's own again, where it is byte for byte what was made here."""
    uids = [entry.identity.sop_instance_uid for entry in entries]
    if uids:
        mine = InstanceRow.sop_instance_uid.in_(uids)
        connection.execute(update(InstanceRow).where(mine).values(origin=Origin.MADE))


def make_way(connection: Connection, entries: Sequence[Entry]) -> None:
    """Keep apart what was received with other content under the UIDs of what was made here.

    A PACS that corrected a name sent it back, and what was made is to be entered: again, for
    retention had deleted it, or now, for a person has released it. Received after that it would lie
    apart as well; the comparison is by bytes.
    """
    row, made = InstanceRow, {one.identity.sop_instance_uid: one.sha256 for one in entries}
    columns = row.sop_instance_uid, row.study_uid, row.series_uid, row.sha256, row.path, row.sender
    query = select(*columns, row.received_at).where(
        row.sop_instance_uid.in_(made), row.origin != Origin.MADE
    )
    found = connection.execute(query.order_by(row.sop_instance_uid).with_for_update())
    others = [
        dict(one) for one in found.mappings() if made[one["sop_instance_uid"]] != one["sha256"]
    ]
    if others:
        connection.execute(insert_into(connection, ConflictRow).on_conflict_do_nothing(), others)
        uids = [one["sop_instance_uid"] for one in others]
        connection.execute(delete(row).where(row.sop_instance_uid.in_(uids)))


def _known(connection: Connection, uids: Sequence[str]) -> dict[str, Known]:
    if not uids:
        return {}
    row = InstanceRow
    found = connection.execute(
        select(row.sop_instance_uid, row.sha256, row.path, row.transfer_syntax_uid)
        .where(row.sop_instance_uid.in_(uids))
        .order_by(row.sop_instance_uid)  # in one order everywhere
        .with_for_update(read=True)  # nobody deletes what is about to be answered Success
    )
    return {uid: Known(Outcome.SAME, sha, place, syntax) for uid, sha, place, syntax in found}


def _add_studies(connection: Connection, entries: Sequence[Entry]) -> None:
    by_study: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        by_study[entry.identity.study_uid].append(entry)
    rows = []
    for uid in sorted(by_study):  # in one order everywhere: two processes never wait crosswise
        last_at = max(entry.received_at for entry in by_study[uid])
        rows.append(
            {
                "uid": uid,
                "state": StudyState.RECEIVING.value,
                "revision": len(by_study[uid]),
                "first_at": last_at,
                "last_at": last_at,
                "interrupted": False,
                "asked_revision": -1,
                "stored_bytes": sum(entry.size for entry in by_study[uid]),
            }
        )
    if rows:
        arrivals(connection).studies.run(connection, rows)


def _add_series(connection: Connection, entries: Sequence[Entry], seen: Seen) -> None:
    rows = [
        {"study_uid": study_uid, "uid": series_uid, "synthetic": origin == Origin.MADE}
        for study_uid, series_uid, origin in seen.news(e.series_key for e in entries)
    ]
    if rows:
        arrivals(connection).series.run(connection, rows)
    first = {e.series_key: e for e in reversed(entries) if e.headers is not None}
    for (study_uid, series_uid, _), entry in sorted(first.items()):
        if entry.headers is not None:
            note_headers(connection, study_uid, series_uid, entry.headers)


def _note_again(connection: Connection, entries: Sequence[Entry], headers_of: HeadersOf) -> None:
    """Note the headers of series that had some, and were deleted since; by whatever process."""
    known = {e.series_key[:2]: e for e in reversed(entries) if e.headers is None}
    bare = arrivals(connection).bare
    for (study_uid, series_uid), entry in sorted(known.items(), key=itemgetter(0)):
        if not bare.run(connection, [{"study_uid": study_uid, "uid": series_uid}]):
            continue
        if (headers := headers_of(entry.place, entry.transfer_syntax_uid)) is not None:
            note_headers(connection, study_uid, series_uid, headers)


def _add_instances(
    connection: Connection, entries: Mapping[str, Entry]
) -> tuple[set[str], dict[str, Known]]:
    """Insert what is not there; return the UIDs that were inserted, and what the others are.

    One that was there for the insert and is not any more was deleted in between: it is new.
    """
    inserted, known = _insert(connection, list(entries.values())), dict[str, Known]()
    while left := [uid for uid in entries if uid not in inserted and uid not in known]:
        known |= _known(connection, left)
        inserted |= _insert(connection, [entries[uid] for uid in left if uid not in known])
    return inserted, known


def _insert(connection: Connection, entries: Sequence[Entry]) -> set[str]:
    if not entries:
        return set()
    rows = [
        {
            "sop_instance_uid": entry.identity.sop_instance_uid,
            "sop_class_uid": entry.identity.sop_class_uid,
            "study_uid": entry.identity.study_uid,
            "series_uid": entry.identity.series_uid,
            "transfer_syntax_uid": entry.transfer_syntax_uid,
            "sha256": entry.sha256,
            "size": entry.size,
            "path": entry.place,
            "origin": entry.origin.value,
            "sender": entry.sender,
            "received_at": entry.received_at,
            "number": entry.identity.number,
        }
        for entry in sorted(entries, key=lambda entry: entry.identity.sop_instance_uid)
    ]
    return set(arrivals(connection).instances.run(connection, rows))


def _add_sending(connection: Connection, entries: Sequence[Entry], seen: Seen) -> None:
    latest: dict[tuple[str, str], Entry] = {}
    for entry in entries:
        if entry.association is not None:
            latest[(entry.association[0], entry.identity.study_uid)] = entry
    associations = {e.association[0]: e.association for e in latest.values() if e.association}
    news = [
        {"id": key, "peer": associations[key][1], "opened_at": associations[key][2]}
        for (key,) in seen.news((key,) for key in associations)
    ]
    if news:
        arrivals(connection).associations.run(connection, news)
    rows = [
        {"association_id": key, "study_uid": study_uid, "last_at": entry.received_at}
        for (key, study_uid), entry in sorted(latest.items())
    ]
    if rows:
        arrivals(connection).sending.run(connection, rows)
