"""Drawn series: rows of what is being drawn and what came, files in a folder of their own."""

import fcntl
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from dicom_node import log
from dicom_node.archive import Archive, Entry, Files, Received, Space, identify
from dicom_node.content import head_of
from dicom_node.db import Database, DrawnRow, DrawRow
from dicom_node.db.upsert import insert_into
from dicom_node.errors import NotPossible
from dicom_node.probes import DRAW
from dicom_node.sections import Limits
from dicom_node.settings import Settings
from dicom_node.values import Instance

__all__ = ["DrawState", "Drawn"]

_log = log.get("draws")
_FOLDER = "drawn"
_A_DRAW = timedelta(days=1)
"""No series takes longer; a process that drew one may have been killed."""
_YOUNG_S = 3600.0
"""A file without a row may get one yet."""


class DrawState(StrEnum):
    """Where a drawn series stands."""

    DRAWING = "drawing"
    LOOKED_AT = "looked_at"
    """One object of it is here, or more, so that it is known what it shows."""
    HERE = "here"
    FAILED = "failed"


class Drawn:
    """What was drawn from any peer; safe to use from several processes.

    Parameters
    ----------
    database : Database
    folder : Path
        Where the files lie, apart from the archive.
    space : Space
        Says when to stop.
    now : callable
        The clock, UTC.
    ae_title : str
        Ours: for whom a peer says that it moves.
    limits : Limits or None
        What an object may be.
    """

    def __init__(
        self,
        database: Database,
        folder: Path,
        space: Space,
        now: Callable[[], datetime],
        ae_title: str,
        limits: Limits | None = None,
    ) -> None:
        self._database = database
        self._folder = folder
        self._space = space
        self._now = now
        self._ae_title = ae_title.strip()
        self._limits = limits
        self._shelves: dict[str, tuple[Files, Archive]] = {}

    @classmethod
    def of(cls, settings: Settings, database: Database, now: Callable[[], datetime]) -> "Drawn":
        """Return that of an installation: in ``drawn`` of its data folder, which is made."""
        file = settings.file
        space = Space(settings.data, file.archive.keep_free_mb * 2**20)
        where = settings.data / _FOLDER
        return cls(database, where, space, now, file.node.ae_title, file.limits)

    @property
    def folder(self) -> Path:
        """Where the files lie, in a folder for each peer."""
        return self._folder

    def _shelf(self, peer: str) -> tuple[Files, Archive]:
        """Return where the objects of a peer lie: the same content of two lies there twice."""
        if peer not in self._shelves:
            files = Files(self._folder / peer)
            archive = Archive(self._database, files, self._space, self._now, limits=self._limits)
            self._shelves[peer] = files, archive
        return self._shelves[peer]

    def _has(self, place: str) -> bool:
        return (self._folder / place).is_file()

    @contextmanager
    def only_one(self, peer: str) -> Iterator[None]:
        """Let nobody else draw from a peer, as long as the block lasts.

        Raises
        ------
        NotPossible
            When somebody does.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / f"{peer}.lock").open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as exc:
                text = f"another process draws from {peer}"
                raise NotPossible(f"{text}; wait for it, or stop it: it goes on later") from exc
            with self._database.transaction() as session:  # of who was killed
                session.execute(
                    update(DrawRow)
                    .where(DrawRow.peer == peer, DrawRow.state == DrawState.DRAWING)
                    .values(state=DrawState.FAILED, error="broken off")
                )
            yield

    def caught(self, peer: str, originator: tuple[str, int], received: Received) -> bool:
        """Whether an object came because we draw; then it is none for the archive.

        It is kept here, for good, where its series is known as one that is drawn, or was: a PACS
        may go on sending long after nobody waits. Of a series that nobody asked for, of a peer that
        is drawn from, it is dropped.
        Only a peer that says for whom it moves can be drawn from so (PS3.7 9.3.1.1, Move
        Originator): what anybody sends on his own is to be archived. One that says our title alone
        may be answering a fetch, and is drawn from only while a series is being drawn.

        Parameters
        ----------
        originator : (str, int)
            As :meth:`dicom_node.probes.Probes.caught` has it.

        Raises
        ------
        ArchiveFull, ArchiveBroken, DatabaseAway, BeyondLimits, NotDicom, Mismatched
            As :meth:`keep`.
        """
        ae_title, message_id = originator
        if ae_title.strip() != self._ae_title or message_id not in (0, DRAW):
            return False
        who = identify(head_of(received.content), received.transfer_syntax_uid)
        with self._database.reading() as session:
            row = session.get(DrawRow, (peer, who.series_uid))
            any_row = session.scalar(select(DrawRow.peer).where(DrawRow.peer == peer).limit(1))
        if any_row is None:  # nothing was ever drawn from it: it has its own reasons
            return False
        is_known = row is not None and row.study_uid == who.study_uid
        if message_id == 0:
            fresh = self._now() - _A_DRAW
            if (
                row is None
                or row.state != DrawState.DRAWING
                or row.changed_at < fresh
                or not is_known
            ):
                return False
        if is_known:
            self.keep(peer, received)
        else:
            why = "it is of no series that was asked for"
            _log.warning("object not kept", peer=peer, study_uid=who.study_uid, why=why)
        return True

    def keep(self, peer: str, received: Received) -> None:
        """Keep one object: file in its place and synced, then the row committed.

        What is here already stays as it is, whatever its content; one whose file is gone is
        replaced.

        Raises
        ------
        ArchiveFull, ArchiveBroken, DatabaseAway
            When disk or database fail; nothing was kept.
        BeyondLimits, NotDicom, Mismatched
            When it is no object that can be filed.
        """
        files, archive = self._shelf(peer)
        entry = archive.place(received)
        files.settle({entry.place})
        place = f"{peer}/{entry.place}"
        with self._database.transaction() as session:
            row = session.get(DrawnRow, (peer, entry.identity.sop_instance_uid))
            first = row.path if row is not None and self._has(row.path) else place
            if first == place:
                session.merge(_row(peer, entry, place))
        if first != place:
            files.remove(entry.place)

    def state(self, peer: str, series_uid: str) -> DrawState | None:
        """Return where a series stands; None where nobody has begun to draw it."""
        with self._database.reading() as session:
            row = session.get(DrawRow, (peer, series_uid))
            return DrawState(row.state) if row is not None else None

    def begin(self, peer: str, study_uid: str, series_uid: str) -> None:
        """Say that a series is being drawn: what a peer moves of it from now on is kept here."""
        self._set(peer, (study_uid, series_uid), DrawState.DRAWING)

    def end(self, peer: str, study_uid: str, series_uid: str, error: str | None = None) -> None:
        """Say that all of a series is here, or why it cannot be had."""
        state = DrawState.FAILED if error else DrawState.HERE
        self._set(peer, (study_uid, series_uid), state, error)

    def looked_at(self, peer: str, study_uid: str, series_uid: str) -> None:
        """Say that an object of a series is here, and no more is drawn of it for now."""
        self._set(peer, (study_uid, series_uid), DrawState.LOOKED_AT)

    def one(self, peer: str, series_uid: str) -> Path | None:
        """Return the file of an object of a series; None where none is here."""
        with self._database.reading() as session:
            paths = session.scalars(
                select(DrawnRow.path)
                .where(DrawnRow.peer == peer, DrawnRow.series_uid == series_uid)
                .order_by(DrawnRow.sop_instance_uid)
            )  # fmt: skip
            there = next((path for path in paths if self._has(path)), None)
        return None if there is None else self.folder / there

    def here(self, peer: str, series_uid: str) -> frozenset[str]:
        """Return the SOP Instance UIDs of a series whose files are here."""
        with self._database.reading() as session:
            rows = session.execute(
                select(DrawnRow.sop_instance_uid, DrawnRow.path)
                .where(DrawnRow.peer == peer, DrawnRow.series_uid == series_uid)
            )  # fmt: skip
            return frozenset(uid for uid, path in rows if self._has(path))

    def is_whole(self, peer: str, series_uid: str) -> bool:
        """Whether a series was drawn and all of its files are here: a backup has none of them."""
        with self._database.reading() as session:
            paths = session.scalars(
                select(DrawnRow.path)
                .where(DrawnRow.peer == peer, DrawnRow.series_uid == series_uid)
            )  # fmt: skip
            there = [self._has(path) for path in paths]
        return self.state(peer, series_uid) is DrawState.HERE and bool(there) and all(there)

    def studies(self, peer: str) -> list[str]:
        """Return the studies of which a whole series was drawn."""
        with self._database.reading() as session:
            query = select(DrawRow.study_uid).where(
                DrawRow.peer == peer, DrawRow.state == DrawState.HERE
            )
            return sorted(set(session.scalars(query)))

    def files(self, peer: str, study_uid: str) -> dict[str, list[Instance]]:
        """Return the objects of each series of a study that was drawn whole, in their order."""
        with self._database.reading() as session:
            rows = session.scalars(
                select(DrawnRow)
                .join(
                    DrawRow,
                    (DrawRow.peer == DrawnRow.peer) & (DrawRow.series_uid == DrawnRow.series_uid),
                )
                .where(
                    DrawnRow.peer == peer,
                    DrawnRow.study_uid == study_uid,
                    DrawRow.state == DrawState.HERE,
                )
                .order_by(DrawnRow.series_uid, DrawnRow.number, DrawnRow.sop_instance_uid)
            )
            found: dict[str, list[Instance]] = {}
            for row in rows:
                found.setdefault(row.series_uid, []).append(_instance(row, self.folder))
            return found

    def counted(self, peer: str) -> Mapping[str, int]:
        """Return how many objects of a peer are here, by study."""
        with self._database.reading() as session:
            rows = session.execute(
                select(DrawnRow.study_uid, func.count())
                .where(DrawnRow.peer == peer)
                .group_by(DrawnRow.study_uid)
            )
            return dict(rows.tuples())

    def peers(self) -> frozenset[str]:
        """Return from whom anything was drawn, or begun to be."""
        with self._database.reading() as session:
            rows = session.scalars(select(DrawRow.peer).distinct())
            return frozenset(rows) | {one.name for one in self._folder.glob("*/")}

    def forget(self, peer: str) -> int:
        """Delete what was drawn from a peer: rows first, then files; return how many objects."""
        with self._database.transaction() as session:
            rows = session.execute(delete(DrawnRow).where(DrawnRow.peer == peer))
            session.execute(delete(DrawRow).where(DrawRow.peer == peer))
        self._shelves.pop(peer, None)
        shutil.rmtree(self._folder / peer, ignore_errors=True)
        return int(rows.rowcount)  # type: ignore[attr-defined]

    def sweep(self, peer: str) -> int:
        """Delete files of a peer that no row names: who was killed between the two leaves them.

        Returns
        -------
        int
            How many.
        """
        files, _ = self._shelf(peer)
        files.discard_unfinished()
        with self._database.reading() as session:
            known = set(session.scalars(select(DrawnRow.path).where(DrawnRow.peer == peer)))
        old = time.time() - _YOUNG_S
        orphans = [place for place in self._places(peer, old) if place not in known]
        for place in orphans:
            files.remove(place.removeprefix(f"{peer}/"))
        return len(orphans)

    def _places(self, peer: str, before: float) -> Iterator[str]:
        for path in (self._folder / peer).rglob("*.dcm"):
            with suppress(OSError):  # somebody else's sweep
                if path.stat().st_mtime < before:
                    yield path.relative_to(self._folder).as_posix()

    def _set(
        self, peer: str, place: tuple[str, str], state: DrawState, error: str | None = None
    ) -> None:
        study_uid, series_uid = place
        values = {"study_uid": study_uid, "state": state, "changed_at": self._now(), "error": error}
        with self._database.transaction() as session:
            _upsert(session, {"peer": peer, "series_uid": series_uid}, values)


def _upsert(session: Session, key: Mapping[str, str], values: Mapping[str, object]) -> None:
    insert = insert_into(session, DrawRow).values(**key, **values)
    session.execute(insert.on_conflict_do_update(index_elements=[*key], set_=dict(values)))


def _row(peer: str, entry: Entry, place: str) -> DrawnRow:
    who = entry.identity
    return DrawnRow(
        peer=peer,
        sop_instance_uid=who.sop_instance_uid,
        series_uid=who.series_uid,
        study_uid=who.study_uid,
        sop_class_uid=who.sop_class_uid,
        transfer_syntax_uid=entry.transfer_syntax_uid,
        sha256=entry.sha256,
        size=entry.size,
        number=who.number,
        path=place,
    )


def _instance(row: DrawnRow, folder: Path) -> Instance:
    return Instance(
        sop_instance_uid=row.sop_instance_uid,
        sop_class_uid=row.sop_class_uid,
        study_uid=row.study_uid,
        series_uid=row.series_uid,
        transfer_syntax_uid=row.transfer_syntax_uid,
        sha256=row.sha256,
        size=row.size,
        path=folder / row.path,
    )
