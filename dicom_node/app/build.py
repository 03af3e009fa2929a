"""Settings into stores into stages."""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from dicom_node import log
from dicom_node.app.clock import SetBack, Stage, utc_now
from dicom_node.app.peers import Peers, fetch_mistakes, web_server
from dicom_node.app.told import end_teller, query_teller, tell_left_open
from dicom_node.archive import Archive, Associations, Files, Space
from dicom_node.archive.query import HeaderFiller
from dicom_node.archive.upkeep import Eraser
from dicom_node.association import Doorway, Listener, QueryRetrieve, Telling
from dicom_node.audit import (
    Audit,
    AuditStage,
    Remote,
    SyslogStage,
    audit_folder,
    audit_of,
    remote_of,
)
from dicom_node.catalogue import Catalogue, load_catalogue, load_models
from dicom_node.completion import AskSender, CompletionStage, Limits, SenderStage
from dicom_node.db import Database
from dicom_node.destination import (
    CountedSender,
    DestinationStage,
    DimseSender,
    FolderSender,
    Patience,
    Sender,
    Target,
)
from dicom_node.draws import Drawn
from dicom_node.errors import NodeError, NotPossible, SettingsError
from dicom_node.installation import device_uid, half_restored
from dicom_node.jobs import JobQueue
from dicom_node.lease import Lease, process_owner
from dicom_node.notes import NotesStage
from dicom_node.outbox import Outbox, Receipts
from dicom_node.questions import Fetches
from dicom_node.results import Site
from dicom_node.retention import Keep, RetentionStage
from dicom_node.rules import (
    Current,
    Offer,
    Requester,
    Rule,
    RulesStage,
    Versions,
    load_rules,
    rule_mistakes,
)
from dicom_node.scu import Askable, Ourselves
from dicom_node.settings import Destination, Settings, load_settings
from dicom_node.tally import CERTIFICATE_DAYS, Count, Tally
from dicom_node.tls import Credentials, plain_peers
from dicom_node.worker import Child, Retries, WorkerStage

__all__ = ["Node", "load_all", "open_credentials", "open_node"]

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
    peers: Peers
    tally: Tally
    audit: Audit

    @property
    def credentials(self) -> Credentials | None:
        """With what TLS is spoken; None where nobody speaks it."""
        return self.peers.ourselves.credentials

    def levels(self, now: datetime) -> list[Count]:
        """Return what a process that speaks TLS measures: the days that certificates have left."""
        left = {} if self.credentials is None else self.credentials.days_left(now)
        return [
            Count(CERTIFICATE_DAYS, {"of": kind, "name": name}, days)
            for (kind, name), days in left.items()
        ]

    @property
    def lease(self) -> Lease:
        """What this process holds things with."""
        return Lease(process_owner(), self.settings.file.worker.lease_s)

    def listener(self) -> Listener:
        """Return the SCP."""
        file = self.settings.file
        listener = Listener(
            file.node.ae_title,
            Doorway(file.listen, file.limits, self.credentials if file.listen.tls else None),
            self.settings.peers,
            (self.archive, self.database),
            utc_now,
            self.audit,
        )
        store = (self.database, self.archive.folder)
        us, telling = self.peers.ourselves, Telling(self.audit, utc_now)
        listener.offer(QueryRetrieve(store, self.settings.peers, us, telling))
        listener.add(self.peers.commitment_service())
        listener.catch(self.peers.probes, Drawn.of(self.settings, self.database, utc_now))
        return listener

    def rules_stage(self) -> RulesStage:
        """Return the stage that plans studies."""
        site = self.settings.file.site
        return RulesStage(
            self.database,
            self.archive.folder,
            self.current(),
            (self.node_uid, {"content_qualification": site.content_qualification}),
            self.peers.elsewhere(self.rules, self.node_uid),
        )

    def current(self) -> Current:
        """Return rules, and what may be asked for, with the versions that are used at a moment."""
        settings = self.settings
        names, clinical = settings.destination_names(), settings.clinical_names()
        return Current(
            self.rules,
            Offer(self.catalogue.tasks, names, clinical),
            Versions(self.catalogue.by_digest, lambda: load_models(settings.folder)),
        )

    def requester(self) -> Requester:
        """Return who takes requests for series that no rule has made."""
        return Requester(
            self.rules_stage(),
            (self.database, self.archive.folder),
            self.current(),
            lambda rule: self.peers.elsewhere((*self.rules, rule), self.node_uid),
        )

    def stages(self) -> dict[str, tuple[Stage, float]]:
        """Return what ticks in the serving process: name to stage and seconds between ticks."""
        stages: dict[str, tuple[Stage, float]] = {
            **self._completion_stages(),
            "clock": (SetBack(self.database), _TICK_S),
            "rules": (self.rules_stage(), _TICK_S),
            "notes": (self.notes_stage(), _TICK_S),
            "headers": (HeaderFiller(self.database, self.archive.folder), _TICK_S),
            "retention": (
                RetentionStage(self.database, self.archive.folder, Keep.of(self.settings)),
                _RETENTION_S,
            ),
        }
        for target in self.targets():
            stages[f"destination {target.who.name}"] = (self._destination(target), _TICK_S)
        of_peers = self.peers.stages(self.rules, self.node_uid)
        return {**stages, **self.certificates(), **of_peers, **self._audit_stages()}

    def notes_stage(self) -> NotesStage:
        """Return the stage that tells destinations what is rejected."""
        of_site = self.settings.file.site
        site = Site(self.node_uid, of_site.institution, of_site.content_qualification)
        stopped = end_teller(self.audit, self.targets)
        return NotesStage((self.database, self.archive), site, self.audit, stopped)

    def _completion_stages(self) -> dict[str, tuple[Stage, float]]:
        """Return the stage that judges, and one for each sender that counts."""
        times, folder = self.settings.file.completion, self.archive.folder
        asks = AskSender(Askable(self.peers.ourselves, self.settings.peers))
        limits = Limits(times.quiet_s, times.interrupted_s, times.sender_limit_s)
        stages: dict[str, tuple[Stage, float]] = {
            "completion": (CompletionStage(self.database, folder, limits, asks), _TICK_S)
        }
        for name in asks.names():
            stage = SenderStage(name, self.database, folder, limits, asks)
            stages[f"sender {name}"] = (stage, _TICK_S)
        return stages

    def certificates(self) -> dict[str, tuple[Stage, float]]:
        """Return what takes up renewed certificates, in each process that speaks TLS."""
        if self.credentials is None:
            return {}
        return {"certificates": (self.credentials, _CERTIFICATES_S)}

    def targets(self) -> list[Target]:
        """Return who each destination is, and how it is reached."""
        settings = self.settings
        targets = [
            self._target(remote_of(peer), DimseSender(self.peers.ourselves, peer))
            for peer in settings.peers
            if peer.port is not None
        ]
        return targets + [
            self._target(Remote(other.name, address=self._address(other)), self._sender(other))
            for other in settings.destinations
        ]

    def _target(self, who: Remote, sender: Sender) -> Target:
        counted = CountedSender(who.name, sender, self.tally)
        clinical, marked = self.settings.clinical_names(), self.settings.marked_names()
        return Target(who, counted, clinical=who.name in clinical, marked=who.name in marked)

    def _address(self, other: Destination) -> str:
        if other.kind == "folder":
            return (self.settings.folder / other.path).absolute().as_uri()
        return other.url

    def _audit_stages(self) -> dict[str, tuple[Stage, float]]:
        """Return what keeps the audit trail in order, and what sends it."""
        if not self.audit.on:
            return {}
        settings, sender = self.settings, (socket.gethostname(), os.getpid())
        stages: dict[str, tuple[Stage, float]] = {"audit": (self._audit_stage(), _AUDIT_TICK_S)}
        for one in settings.file.audit.receiver:
            stage = SyslogStage(one, settings.folder, audit_folder(settings), sender)
            stages[f"audit receiver {one.name}"] = (stage, _AUDIT_TICK_S)
        return stages

    def _audit_stage(self) -> AuditStage:
        return AuditStage(self.settings, self.audit, self.database)

    def hold_trail(self, now: datetime) -> None:
        """Hold the audit trail against what the database knows of it; see :class:`AuditStage`.

        The care of patients does not wait for it: what keeps it from being done is in the log.
        """
        if not self.audit.on:
            return
        try:
            self._audit_stage().hold(now)
        except NodeError as exc:
            _log.warning("audit trail not compared", why=str(exc))

    def _sender(self, other: Destination) -> Sender:
        if other.kind == "folder":
            return FolderSender(other.name, self.settings.folder / other.path)
        from dicom_node.destination.stow import StowSender  # HTTP is loaded where it is spoken

        return StowSender(web_server(self.settings, other))

    def worker(self) -> WorkerStage:
        """Return the stage that runs jobs, with a child of its own."""
        worker = self.settings.file.worker
        child = Child(("-m", "dicom_node.worker.child", str(self.settings.folder)))
        child.start()  # it loads torch while nothing is due yet
        retries = Retries(worker.attempts, worker.job_limit_s)
        store = (self.database, self.archive)
        return WorkerStage(store, child, self.lease, retries, utc_now, self.audit)

    def recover(self) -> None:
        """Put right what an earlier process left: call it before anything else runs."""
        now = utc_now()
        SetBack(self.database).tick(now)
        self.files.discard_unfinished()
        Eraser(self.database, self.archive.folder).rescue()
        with self.database.transaction() as session:
            if self.audit.on:
                titles = {peer.name: peer.ae_title for peer in self.settings.peers}
                left = Associations(session).left_open(titles, self.archive.folder)
                tell_left_open(self.audit, now, left, self.settings)
            lost = Associations(session).lost(now)
            Associations(session).restart_quiet(now)
            jobs = JobQueue(session).reclaim(now)
            deliveries = Outbox(session, self.archive.folder).reclaim(now, all_of_them=True)
            strays = Outbox(session, self.archive.folder).stray(self.settings.destination_names())
            Fetches(session).restart()
            resends = self.settings.file.outbox.refused_attempts
            receipts = Receipts(session, self.archive.folder, resends)
            receipts.ask_anew(self.settings.receipting_names(), now)
        _log.info("recovered", associations=lost, jobs=len(jobs), deliveries=deliveries)
        for name, count in strays.items():
            _log.warning("destination gone", destination=name, deliveries=count, why=_GONE)
        for peer in plain_peers(self.settings.peers):
            _log.warning("peer without TLS", peer=peer.name, host=peer.host, why=_PLAIN)

    def _destination(self, target: Target) -> DestinationStage:
        outbox = self.settings.file.outbox
        patience = Patience(timedelta(days=outbox.give_up_days), outbox.refused_attempts)
        store = (self.database, self.archive.folder)
        lease = Lease(process_owner(), max(self.lease.seconds, 3 * outbox.answer_s))
        return DestinationStage(target, store, lease, patience, utc_now, self.audit)


_TICK_S = 0.25
_RETENTION_S = 10.0
_AUDIT_TICK_S, _CERTIFICATES_S = 1.0, 5.0
_PLAIN = "results go to it for anyone on the way to read; set tls = true where it speaks TLS"
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
    if wrong := list(fetch_mistakes(settings, rules)):
        raise SettingsError(wrong)
    return settings, catalogue, rules


def open_credentials(settings: Settings) -> Credentials | None:
    """Return the certificates that TLS is spoken with; None where nobody speaks it.

    Raises
    ------
    SettingsError
        When the files of ``[tls]`` cannot be used.
    """
    file = settings.file
    if not (file.listen.tls or file.web.tls or any(peer.tls for peer in settings.peers)):
        return None
    return Credentials(settings.folder, settings.file.tls)


def open_node(folder: Path, environ: Mapping[str, str], *, begins: bool = True) -> Node:
    """Read the configuration and open database and archive.

    Parameters
    ----------
    begins : bool
        Whether a node may begin here; else there has to be one.

    Raises
    ------
    SettingsError
        When the configuration has mistakes.
    DatabaseAway
        When the database cannot be opened, or is newer than this program.
    NotPossible
        When a restore was begun here and not finished, or no node has ever begun here and none may.
    """
    settings, catalogue, rules = load_all(folder, environ)
    if not begins and not (settings.data / "archive").is_dir():
        raise NotPossible(
            f"there is no node in {settings.data}; is its disk mounted, and is node.data right? "
            "'dicom-node serve' begins one"
        )
    if half_restored(settings.data):
        raise NotPossible(
            f"a restore into {settings.data} was begun and not finished; run it again"
        )
    audit, file = audit_of(settings, utc_now), settings.file
    ourselves = Ourselves(
        file.node.ae_title,
        file.outbox,
        open_credentials(settings),
        query_teller(audit, utc_now),
        file.limits,
    )
    try:
        settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)  # patients are in it
    except (OSError, ValueError) as exc:  # a file in its place, no permission, no such device
        why = getattr(exc, "strerror", None) or exc
        raise SettingsError([f"node.toml: node.data = '{settings.data}': {why}"]) from exc
    database = Database(settings.file.database.url, settings.data)
    database.prepare()
    files = Files(settings.data / "archive")
    tally = Tally()
    space = Space(settings.data, settings.file.archive.keep_free_mb * 2**20)
    return Node(
        settings=settings,
        catalogue=catalogue,
        rules=rules,
        database=database,
        archive=Archive(database, files, space, utc_now, tally, settings.file.limits),
        files=files,
        tally=tally,
        node_uid=device_uid(settings),
        peers=Peers.of(settings, (database, files.folder), ourselves, catalogue.tasks),
        audit=audit,
    )
