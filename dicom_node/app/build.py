"""Settings into stores into stages."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from dicom_node import log
from dicom_node.app.clock import Stage, utc_now
from dicom_node.archive import Archive, Associations, Files, Space
from dicom_node.association import Listener
from dicom_node.catalogue import Catalogue, load_catalogue
from dicom_node.completion import AskSender, CompletionStage, Limits
from dicom_node.db import Database
from dicom_node.destination import DestinationStage, DimseSender, FolderSender, Patience, Sender
from dicom_node.errors import SettingsError
from dicom_node.installation import device_uid
from dicom_node.jobs import JobQueue
from dicom_node.lease import Lease, process_owner
from dicom_node.outbox import Outbox
from dicom_node.rules import Elsewhere, Rule, RulesStage, load_rules, rule_mistakes
from dicom_node.scu import Askable
from dicom_node.settings import Settings, load_settings
from dicom_node.worker import Child, Retries, WorkerStage

__all__ = ["Node", "load_all", "open_node"]

_log = log.get("app")


@dataclass(frozen=True, slots=True)
class Node:
    """The parts of a node, by what they are built from."""

    settings: Settings
    catalogue: Catalogue
    rules: tuple[Rule, ...]
    database: Database
    archive: Archive
    files: Files
    node_uid: str

    @property
    def lease(self) -> Lease:
        """What this process holds things with."""
        return Lease(process_owner(), self.settings.file.worker.lease_s)

    def listener(self) -> Listener:
        """Return the SCP."""
        file = self.settings.file
        return Listener(
            file.node.ae_title,
            file.listen,
            self.settings.peers,
            self.archive,
            self.database,
            utc_now,
        )

    def rules_stage(self) -> RulesStage:
        """Return the stage that plans studies."""
        file = self.settings.file
        site = file.site
        return RulesStage(
            self.database,
            self.archive.folder,
            self.rules,
            self.catalogue.tasks,
            (self.node_uid, {"content_qualification": site.content_qualification}),
            Elsewhere(self._askable()),
        )

    def stages(self) -> dict[str, tuple[Stage, float]]:
        """Return what ticks in the serving process: name to stage and seconds between ticks."""
        file = self.settings.file
        times = file.completion
        asks = AskSender(self._askable())
        limits = Limits(times.quiet_s, times.interrupted_s, times.sender_limit_s)
        stages: dict[str, tuple[Stage, float]] = {
            "completion": (
                CompletionStage(self.database, self.archive.folder, limits, asks),
                _TICK_S,
            ),
            "rules": (self.rules_stage(), _TICK_S),
        }
        for name, sender in self.senders().items():
            stages[f"destination {name}"] = (self._destination(name, sender), _TICK_S)
        return stages

    def senders(self) -> dict[str, Sender]:
        """Return how each destination is reached."""
        file, settings = self.settings.file, self.settings
        senders: dict[str, Sender] = {
            peer.name: DimseSender(file.node.ae_title, peer, file.outbox)
            for peer in settings.peers
            if peer.port is not None
        }
        for other in settings.destinations:
            senders[other.name] = FolderSender(other.name, settings.folder / other.path)
        return senders

    def worker(self) -> WorkerStage:
        """Return the stage that runs jobs, with a child of its own."""
        worker = self.settings.file.worker
        child = Child(("-m", "dicom_node.worker.child", str(self.settings.folder)))
        child.start()  # it loads torch while nothing is due yet
        retries = Retries(worker.attempts, worker.job_limit_s)
        return WorkerStage(self.database, self.archive, child, self.lease, retries, utc_now)

    def recover(self) -> None:
        """Put right what an earlier process left: call it before anything else runs."""
        now = utc_now()
        self.files.discard_unfinished()
        with self.database.transaction() as session:
            lost = Associations(session).lost(now)
            Associations(session).restart_quiet(now)
            jobs = JobQueue(session).reclaim(now)
            deliveries = Outbox(session, self.archive.folder).reclaim(now, all_of_them=True)
            strays = Outbox(session, self.archive.folder).stray(self.settings.destination_names())
        _log.info("recovered", associations=lost, jobs=len(jobs), deliveries=deliveries)
        for name, count in strays.items():
            _log.warning("destination gone", destination=name, deliveries=count, why=_GONE)

    def _askable(self) -> Askable:
        file = self.settings.file
        return Askable(file.node.ae_title, self.settings.peers, file.outbox)

    def _destination(self, name: str, sender: Sender) -> DestinationStage:
        outbox = self.settings.file.outbox
        patience = Patience(timedelta(days=outbox.give_up_days), outbox.refused_attempts)
        store = (self.database, self.archive.folder)
        lease = Lease(process_owner(), max(self.lease.seconds, 3 * outbox.answer_s))
        return DestinationStage(name, sender, store, lease, patience, utc_now)


_TICK_S = 0.25
_GONE = "peers.toml does not name it any more; name it again, or nothing of this is ever sent"


def load_all(
    folder: Path, environ: Mapping[str, str]
) -> tuple[Settings, Catalogue, tuple[Rule, ...]]:
    """Read the whole configuration folder.

    Raises
    ------
    SettingsError
        With every mistake of every file.
    """
    mistakes: list[str] = []
    settings = catalogue = None
    try:
        settings = load_settings(folder, environ)
    except SettingsError as exc:
        mistakes.extend(exc.mistakes)
    try:
        catalogue = load_catalogue(folder)
    except SettingsError as exc:
        mistakes.extend(exc.mistakes)
    if settings is None or catalogue is None:
        names = None if settings is None else settings.destination_names()
        raise SettingsError([*mistakes, *rule_mistakes(folder, catalogue, names)])
    rules = load_rules(folder, catalogue, settings.destination_names())
    if unsigned := list(_clinical_mistakes(settings, rules)):
        raise SettingsError(unsigned)
    return settings, catalogue, rules


def _clinical_mistakes(settings: Settings, rules: tuple[Rule, ...]) -> Iterator[str]:
    """Only models that are signed for it reach a clinical destination; none can be, yet."""
    clinical = settings.clinical_names()
    for rule in rules:
        for name in sorted(clinical & set(rule.destinations)):
            yield (
                f"rules: rule '{rule.name}' sends to {name}, which is for clinical use; model "
                f"{rule.task.bundle.identity.name} is not signed for that, and this version signs "
                f'none. Say use = "research" of {name} in peers.toml, or take it out of the rule'
            )


def open_node(folder: Path, environ: Mapping[str, str]) -> Node:
    """Read the configuration and open database and archive.

    Raises
    ------
    SettingsError
        When the configuration has mistakes.
    DatabaseAway
        When the database cannot be opened, or is newer than this program.
    """
    settings, catalogue, rules = load_all(folder, environ)
    try:
        settings.data.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as exc:  # a file in its place, no permission, no such device
        why = getattr(exc, "strerror", None) or exc
        raise SettingsError([f"node.toml: node.data = '{settings.data}': {why}"]) from exc
    database = Database(settings.file.database.url, settings.data)
    database.prepare()
    files = Files(settings.data / "archive")
    space = Space(settings.data, settings.file.archive.keep_free_mb * 2**20)
    return Node(
        settings=settings,
        catalogue=catalogue,
        rules=rules,
        database=database,
        archive=Archive(database, files, space, utc_now),
        files=files,
        node_uid=device_uid(settings),
    )
