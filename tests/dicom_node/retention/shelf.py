"""Studies that have gone their whole way, and time that passes at will."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import select, update

from dicom_node.app import explain_study
from dicom_node.archive import Studies
from dicom_node.archive.upkeep import Eraser
from dicom_node.db import ConflictRow, Database, DeliveryRow, DoomedRow, InstanceRow, JobRow
from dicom_node.jobs import JobQueue, job_key
from dicom_node.outbox import Outbox
from dicom_node.retention import Keep, RetentionStage
from dicom_node.values import DeliveryState, JobState, Origin, Source
from tests.dicom_node.archive.objects import Store, instance, received, series_uid, study_uid
from tests.dicom_node.jobs.plans import PLAN

KEEP = Keep(received_days=30, made_days=30)


@dataclass
class Shelf:
    """An archive with studies, and the stage that deletes them."""

    store: Store

    @property
    def database(self) -> Database:
        return self.store.database

    @property
    def dialect(self) -> str:
        return self.database._engine.dialect.name

    @property
    def folder(self) -> Path:
        return self.store.files.folder

    def add(self, study: str = "one", received_ones: int = 3, made: int = 2) -> str:
        """Receive a study, make a series of it, deliver that; return the study's UID."""
        for number in range(received_ones):
            self.store.keep(instance(study, number=number))
        self.route(study)
        if made:
            self.make(study, made)
        return study_uid(study)

    def route(self, study: str = "one") -> None:
        uid = study_uid(study)
        with self.database.transaction() as session:
            studies = Studies(session, self.folder)
            (revision,) = (one.revision for one in studies.receiving() if one.uid == uid)
            studies.complete(uid, revision, "quiet")
            studies.routed(uid, revision)

    def make(self, study: str, count: int) -> None:
        """Have a job, done, with its series entered and delivered."""
        uid, series = study_uid(study), series_uid(study, "made")
        objects = [
            received(instance(study, "made", number), origin=Origin.MADE) for number in range(count)
        ]
        entries = [self.store.archive.place(one) for one in objects]
        with self.database.transaction() as session:
            added = self.store.archive.enter(session, entries)
            Studies(session, self.folder).weigh(uid, added)
            job = JobQueue(session).add(self.key(study), self.plan(study), self.store.now)
            done = {"state": JobState.DONE, "series_uids": [series]}
            session.execute(update(JobRow).where(JobRow.id == job.id).values(**done))
            Outbox(session, self.folder).add(uid, series, ["pacs"], self.store.now)
        self.deliveries(study, DeliveryState.RECEIPTED)

    def plan(self, study: str = "one"):
        with self.database.reading() as session:
            files = Studies(session, self.folder).files(study_uid(study))
        sources = tuple(
            Source("T1", uid, tuple(one.sop_instance_uid for one in some))
            for uid, some in files.items()
        )
        return replace(PLAN, study_uid=study_uid(study), sources=sources)

    def key(self, study: str = "one") -> str:
        return job_key("2.25.9", self.plan(study))

    def deliveries(self, study: str, state: DeliveryState) -> None:
        with self.database.transaction() as session:
            mine = DeliveryRow.study_uid == study_uid(study)
            session.execute(update(DeliveryRow).where(mine).values(state=state))

    def jobs(self, study: str, state: JobState) -> None:
        with self.database.transaction() as session:
            mine = JobRow.study_uid == study_uid(study)
            session.execute(update(JobRow).where(mine).values(state=state))

    def after(self, days: float) -> datetime:
        return self.store.now + timedelta(days=days)

    def stage(self, keep: Keep = KEEP) -> RetentionStage:
        return RetentionStage(self.database, self.folder, keep)

    def tick(self, days: float = 40, keep: Keep = KEEP) -> int:
        return self.stage(keep).tick(self.after(days))

    def erase(self, days: float = 40) -> int:
        return Eraser(self.database, self.folder).tick(self.after(days))

    def why(self, study: str = "one") -> dict:
        return explain_study(self.database, study_uid(study))

    def named(self) -> set[Path]:
        """Return the files that rows name."""
        with self.database.reading() as session:
            tables = (InstanceRow, ConflictRow)
            return {Path(p) for table in tables for p in session.scalars(select(table.path))}

    def doomed(self) -> set[Path]:
        with self.database.reading() as session:
            return {Path(path) for path in session.scalars(select(DoomedRow.path))}

    def files(self) -> set[Path]:
        """Return all files of objects, those that lie aside too."""
        others = {"erase.lock", "swept.json"}
        return {path for path in self.store.on_disk() if path.name not in others}

    def folders(self) -> set[Path]:
        return set(self.folder.glob("??/*"))
