"""The stage: rejected series out of sight, their notes made and queued for who may hold them."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from sqlalchemy.orm import Session

from dicom_node import log
from dicom_node.archive import (
    Archive,
    Entry,
    Held,
    Received,
    SeriesFacts,
    Studies,
    read_part10,
)
from dicom_node.audit import Action, Audit, events, read_study
from dicom_node.db import Database
from dicom_node.errors import ArchiveError, OutputInvalid
from dicom_node.jobs import Decisions, companion_of, made_by
from dicom_node.notes.document import KEY_OBJECT, make_note
from dicom_node.notes.recall import carry_out
from dicom_node.outbox import Outbox, Withdrawals, Withdrawn
from dicom_node.rejections import Recalls, Rejection, Rejections
from dicom_node.results import Site, encode
from dicom_node.results.companions import KINDS
from dicom_node.results.iod import iod_of
from dicom_node.values import Instance, Origin
from engine.reason import Code

__all__ = ["NotesStage", "Stopped"]

_log = log.get("notes")
_LATER = timedelta(minutes=1)
_NOTHING = "nothing of the study is here to take the patient from; send any image of it again"

Stopped = Callable[[datetime, str, Sequence[tuple[Instance, int | None]], str], None]
"""Tells the audit trail of a delivery to a destination that was ended half way."""


class NotesStage:
    """Tell every destination that may hold a rejected series that it is.

    Each step is a transaction and says nothing twice: whoever dies in between goes on where it
    was, and the note has the same UIDs and the same bytes.

    Parameters
    ----------
    store : (Database, Archive)
    site : Site
        What notes say of the place that makes them.
    audit : Audit
        Told of each note that is made.
    stopped : callable
    """

    def __init__(
        self, store: tuple[Database, Archive], site: Site, audit: Audit, stopped: Stopped
    ) -> None:
        self._database, self._archive = store
        self._site = site
        self._audit = audit
        self._stopped = stopped

    def tick(self, now: datetime) -> int:
        """Finish what was recalled, and tell what is rejected; return how many rejections ended."""
        with self._database.reading() as session:
            recalls = [one for one in Recalls(session).all().values() if not one.ended]
            due = Rejections(session).due(now)
        for recall in recalls:  # whoever recalled it died half way
            carry_out((self._database, self._archive.folder), recall, now)
        return sum(self._tell(one, now) for one in due)

    def _tell(self, one: Rejection, now: datetime) -> bool:
        """Take one series back, as far as that can be done now; return whether that is all."""
        with self._database.transaction() as session:
            withdrawn = self._withdraw(session, one, now)
        if withdrawn is None or (withdrawn.busy and not withdrawn.places):
            return False
        try:
            entry = self._place(one) if withdrawn.places and one.note_uid is None else None
        except (ArchiveError, OutputInvalid) as exc:
            return self._later(one, now, str(exc))
        if withdrawn.places and one.note_uid is None and entry is None:
            return self._later(one, now, _NOTHING)
        return self._queue(one, withdrawn, entry, now)

    def _withdraw(self, session: Session, one: Rejection, now: datetime) -> Withdrawn | None:
        """End its deliveries, and put it aside once nothing of it is under way."""
        studies, outbox = Studies(session, self._archive.folder), self._outbox(session)
        studies.hold(one.study_uid)
        if Rejections(session).lock(one) is None:
            return None
        withdrawn = Withdrawals(session).withdraw(one.series_uid, f"the series is {one.text}")
        for delivery in outbox.with_ids(withdrawn.stopped):
            answered = outbox.instances(delivery)
            self._stopped(now, delivery.destination, answered, delivery.error or "")
        if not withdrawn.busy:
            made = Rejections(session).made(one.study_uid)
            for job in Decisions(session).of_study(one.study_uid):
                if one.series_uid in made_by(job, made):
                    label = companion_of(job, one.series_uid) or made[one.series_uid]
                    size = Held(session).set_aside(one.series_uid, job.id, label)
                    studies.weigh(one.study_uid, -size)
        return withdrawn

    def _place(self, one: Rejection) -> Entry | None:
        """Write the note's file; None where nothing tells the patient."""
        with self._database.reading() as session:
            header = self._header(session, one)
            classes = [(of_class or _class(session, one), uid) for of_class, uid in one.instances]
        if header is None:
            return None
        ds = make_note(replace(one, instances=tuple(classes)), header, self._site)
        content, syntax = read_part10(encode(ds))
        return self._archive.place(Received(content, syntax, "NODE", Origin.MADE))

    def _header(self, session: Session, one: Rejection) -> Dataset | None:
        """Return the header of an instance of the series, or else of its study."""
        folder = self._archive.folder
        studies = Studies(session, folder)
        own = [instance.path for instance in studies.instances([uid for _, uid in one.instances])]
        aside = [folder / place for place in Held(session).places(one.series_uid)]
        others = [file.path for files in studies.files(one.study_uid).values() for file in files]
        return next((ds for path in (*aside, *own, *others) if (ds := _read(path))), None)

    def _queue(
        self, one: Rejection, withdrawn: Withdrawn, entry: Entry | None, now: datetime
    ) -> bool:
        """Enter the note and queue it, in one transaction with the word that this was done."""
        added, folder = 0, self._archive.folder
        with self._database.transaction() as session:
            Studies(session, folder).hold(one.study_uid)
            rejections = Rejections(session)
            locked = rejections.lock(one)
            if locked is None:  # another process was quicker
                return False
            if entry is not None and locked.note_uid is None:
                added = self._enter(session, one, entry, now)
                rejections.noted(one, entry.identity.series_uid, entry.identity.sop_instance_uid)
                locked = replace(locked, note_series_uid=entry.identity.series_uid)
            if locked.note_series_uid is not None:
                places = withdrawn.places
                self._outbox(session).add(one.study_uid, locked.note_series_uid, places, now)
            if not withdrawn.busy:
                rejections.ended(one, now)
                Held(session).discard_marked(one.series_uid, now)
            Studies(session, folder).weigh(one.study_uid, added)
        _log.info("series rejected", series_uid=one.series_uid, because=str(one.because),
                  noted=list(withdrawn.places), sending=withdrawn.busy)  # fmt: skip
        return not withdrawn.busy

    def _enter(self, session: Session, one: Rejection, entry: Entry, now: datetime) -> int:
        """Enter the note like a result, and tell the audit trail that it was made."""
        headers = self._archive.headers_of(entry.place, entry.transfer_syntax_uid)
        added = self._archive.enter(session, [replace(entry, headers=headers)])
        facts = _facts(entry.identity.series_uid, one)
        Studies(session, self._archive.folder).note_series(one.study_uid, [facts])
        if self._audit.on:
            path = self._archive.folder / entry.place
            study = read_study(one.study_uid, ((KEY_OBJECT, 1),), path)
            self._audit.record(events.instances_accessed(now, study, Action.CREATE))
        return added

    def _later(self, one: Rejection, now: datetime, why: str) -> bool:
        with self._database.transaction() as session:
            Rejections(session).later(one, now + _LATER, why)
        _log.warning("no rejection note", series_uid=one.series_uid, why=why)
        return False

    def _outbox(self, session: Session) -> Outbox:
        return Outbox(session, self._archive.folder)


def _class(session: Session, one: Rejection) -> str:
    """Return what the objects of a series were that are here no more."""
    made = Rejections(session).made(one.study_uid)
    for job in Decisions(session).of_study(one.study_uid):
        if (name := companion_of(job, one.series_uid)) is not None:
            return KINDS[name].sop_class_uid
    return iod_of(made.get(one.series_uid, "")).sop_class_uid


def _read(path: Path) -> Dataset | None:
    """Return the header of a file; None where it is gone or damaged, and another one will do."""
    try:
        return dcmread(path, stop_before_pixels=True)
    except (OSError, InvalidDicomError):
        return None


def _facts(note_series_uid: str, one: Rejection) -> SeriesFacts:
    text = f"the rejection note for series {one.series_uid}, made here; no image"
    return SeriesFacts(
        series_uid=note_series_uid,
        modality="KO",
        description=None,
        label="OTHER",
        synthetic=True,
        verdict="refuse",
        reasons=({"code": str(Code.NOT_AN_IMAGE), "text": text},),
        tasks={},
    )
