"""Studies with results that have left, and everything that takes them back; time stands still."""

from dataclasses import replace
from datetime import timedelta

from dicom_node.app import explain_study
from dicom_node.archive import Archive, Entry, Files, MadeSeries, Received, Space, Studies
from dicom_node.archive.query import ATTRIBUTES, Condition, Finder, Level, Query
from dicom_node.audit import Remote, Silence
from dicom_node.db import Database, DeliveryRow
from dicom_node.destination import DestinationStage, DimseSender, FolderSender, Patience, Target
from dicom_node.jobs import Ended, JobQueue
from dicom_node.lease import Lease, process_owner
from dicom_node.notes import KEY_OBJECT, NotesStage
from dicom_node.outbox import Outbox
from dicom_node.rejections import Because, Rejections
from dicom_node.results import Site, held_kind, series_uid
from dicom_node.rules import Current, Elsewhere, Offer, Rule, RulesStage, Versions
from dicom_node.scu import Ourselves
from dicom_node.series import pixel_digest
from dicom_node.settings import Outbox as OutboxSettings
from dicom_node.settings import Peer
from dicom_node.values import Job, JobState, Origin, Priority
from dicom_node.worker import enter_made, hold_made
from tests.dicom_node.archive.objects import Store
from tests.support.mr import MrSeries, acquired_ct, encoded
from tests.support.need import free_port
from tests.support.scp import Scp

SYNTAX = "1.2.840.10008.1.2.1"
CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
NODE_UID = "2.25.9"
US = Lease(process_owner(), 30.0)
PLACES = ("pacs", "share")
WAITS = {"code": "RELEASE_WANTED", "text": "a person has to look at it"}


def ct(series: MrSeries, uid: str, number: int = 20) -> list:
    """Return slices of the study as an acquired CT."""
    return acquired_ct(series, uid)[:number]


def synthetic(series: MrSeries, uid: str, number: int = 20) -> list:
    """Return a result as the worker makes it, as far as anybody asks here."""
    found = ct(series, uid, number)
    for ds in found:
        ds.SyntheticData, ds.SeriesNumber = "YES", "301"
        ds.SeriesDescription = "sCT from T1w MR (SYNTHETIC, RESEARCH)"
        ds.PixelData = bytes(ds.PixelData)[::-1]  # it shows something else than what is acquired
    return found


def stripped(series: MrSeries, uid: str, number: int = 20) -> list:
    """Return a result after a tool that took every mark of its origin away."""
    found = ct(series, uid, number)
    for ds, made in zip(found, synthetic(series, uid, number), strict=True):
        ds.PixelData = made.PixelData
    return found


class Scene:
    """A node without processes, with a PACS and a folder that results go to."""

    def __init__(self, store: Store, task) -> None:
        self.store, self.task = store, task
        self.pacs = Scp(free_port())
        self.share = store.files.folder.parent / "share"
        self.marked = self.clinical = frozenset[str]()
        rule = Rule("sct", task, "native", PLACES, Priority.ROUTINE, ())
        self.current = Current((rule,), Offer({task.name: task}, PLACES), Versions({}))
        self.rules = RulesStage(
            store.database,
            store.files.folder,
            self.current,
            (NODE_UID, {}),
            Elsewhere(),
        )

    @property
    def database(self) -> Database:
        return self.store.database

    @property
    def archive(self) -> Archive:
        return self.store.archive

    @property
    def model(self) -> tuple[str, str]:
        identity = self.task.bundle.identity
        return identity.name, identity.version

    def send(self, datasets) -> None:
        for ds in datasets:
            self.store.archive.keep(Received(encoded(ds), SYNTAX, "SCANNER", Origin.RECEIVED))

    def plan(self) -> None:
        with self.database.transaction() as session:
            studies = Studies(session, self.store.files.folder)
            for waiting in studies.receiving():
                studies.complete(waiting.uid, waiting.revision, "quiet")
        self.rules.tick(self.store.now)

    def claim(self) -> Job:
        with self.database.transaction() as session:
            return JobQueue(session).claim(self.store.now, US)

    def placed(self, series: MrSeries, job: Job, number: int = 20, kind: str = "CT") -> MadeSeries:
        uid = series_uid(job.key, kind)
        entries = tuple(
            self._shown(Received(encoded(ds), SYNTAX, "NODE", Origin.MADE))
            for ds in synthetic(series, uid, number)
        )
        return MadeSeries(series.study_uid, uid, "CT", entries)

    def _shown(self, received: Received) -> Entry:
        entry = self.store.archive.place(received)
        return replace(entry, pixels=pixel_digest(self.store.files.folder / entry.place))

    def finish(self, job: Job, made: MadeSeries) -> None:
        """End a job as the worker does."""
        with self.database.transaction() as session:
            queue = JobQueue(session)
            queue.finish(job, Ended(JobState.DONE, (), (made.series_uid,)))
            places = queue.destinations(job.id)
            enter_made(session, self.store.archive, made, job.id, places, self.store.now)

    def hold(self, series: MrSeries, number: int = 2) -> tuple[Job, str, str]:
        """Receive a study and have what is made of it wait; return the job, result and copy."""
        self.send(series.datasets())
        self.plan()
        return self.wait(series, self.claim(), number)

    def wait(self, series: MrSeries, job: Job, number: int = 2) -> tuple[Job, str, str]:
        """End a job as the worker does, held, with a marked copy for who takes one."""
        made = self.placed(series, job, number)
        marked = self.placed(series, job, number, held_kind("CT"))
        with self.database.transaction() as session:
            queue = JobQueue(session)
            queue.finish(job, Ended(JobState.HELD, (WAITS,), (made.series_uid,)))
            places = sorted(self.marked & set(queue.destinations(job.id)))
            hold_made(session, self.archive, (made, marked), job.id, places, self.store.now)
        return job, made.series_uid, marked.series_uid

    def make(self, series: MrSeries, number: int = 20) -> str:
        """Receive a study and make what it lacks; return the series' UID."""
        self.send(series.datasets())
        self.plan()
        job = self.claim()
        made = self.placed(series, job, number)
        self.finish(job, made)
        return made.series_uid

    def deliver(self, *names: str) -> None:
        peer = Peer(name="pacs", ae_title="PACS", host="127.0.0.1", port=self.pacs.port)
        times = OutboxSettings(connect_s=20.0, answer_s=20.0)
        senders = {
            "pacs": DimseSender(Ourselves("SYNTHNODE", times), peer),
            "share": FolderSender("share", self.share),
        }
        for name in names or PLACES:
            DestinationStage(
                Target(Remote(name), senders[name], name in self.clinical, name in self.marked),
                (self.database, self.store.files.folder),
                US,
                Patience(timedelta(days=7), 3),
                lambda: self.store.now,
                Silence(),
            ).tick(self.store.now)

    def acquire(self, series: MrSeries, uid: str = "1.2.3.4") -> None:
        """Have the acquired CT come, late."""
        self.send(ct(series, uid))
        self.plan()

    def tell(self) -> int:
        return notes_stage(self.store).tick(self.store.now)

    def reject(self, series: MrSeries, uid: str, because: Because = Because.RECALLED) -> None:
        with self.database.transaction() as session:
            place, said = (series.study_uid, uid), ("A. Physicist", "wrong")
            Rejections(session).reject(place, because, said, self.store.now)

    def why(self, series: MrSeries) -> dict:
        return explain_study(self.database, series.study_uid)

    def rejected(self, series: MrSeries, uid: str) -> list[dict]:
        (one,) = [one for one in self.why(series)["series"] if one["series_uid"] == uid]
        return one["rejected"]

    def deliveries(self, uid: str) -> dict[str, DeliveryRow]:
        rows = self.store.rows(DeliveryRow)
        return {row.destination: row for row in rows if row.series_uid == uid}

    def shown(self, series: MrSeries, uid: str) -> int:
        """Return how many instances of a series a query finds."""
        asked = {"StudyInstanceUID": series.study_uid, "SeriesInstanceUID": uid}
        conditions = tuple(Condition(ATTRIBUTES[word], (one,)) for word, one in asked.items())
        finder = Finder(self.database, self.store.files.folder)
        return len(finder.keys(Query(Level.IMAGE, conditions, ())))

    def outbox(self, step, *arguments):
        with self.database.transaction() as session:
            return step(Outbox(session, self.store.files.folder), *arguments)


def notes_stage(store: Store) -> NotesStage:
    site = Site(NODE_UID, "Test Hospital")
    return NotesStage((store.database, store.archive), site, Silence(), lambda *_told: None)


def tell_elsewhere(url: str, folder, now) -> None:
    """Tick the stage in another process, with connections of its own."""
    database = Database(url, folder.parent)
    archive = Archive(database, Files(folder), Space(folder, 0), lambda: now)
    store = Store(database, archive, Files(folder), now)
    notes_stage(store).tick(now)
    database.close()


__all__ = [
    "CT_IMAGE", "KEY_OBJECT", "NODE_UID", "PLACES", "US", "WAITS", "Scene", "ct", "notes_stage",
    "synthetic", "tell_elsewhere",
]  # fmt: skip
