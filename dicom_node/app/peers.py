"""What is wired by peer: who vouches for what, who is reported to, who is asked."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from dicom_node.app.clock import Stage, utc_now
from dicom_node.association.commitment import (
    CommitmentService,
    Lines,
    PromiseStage,
    Trying,
)
from dicom_node.cohort import Holder
from dicom_node.db import Database
from dicom_node.destination.receipt import (
    Commitments,
    FolderCounts,
    Lists,
    PeerCounts,
    ReceiptStage,
    Times,
    Ways,
)
from dicom_node.outbox import Reports
from dicom_node.probes import Probes
from dicom_node.remote import Remote
from dicom_node.rules import Asked, AskStage, Elsewhere, FetchStage, Inquirer, Looks, Pace, Rule
from dicom_node.scu import Ourselves
from dicom_node.series import OwnIdentity
from dicom_node.settings import Destination, Peer, Settings
from engine.task import Bundle, Task

if TYPE_CHECKING:
    from dicom_node.dicomweb import DicomWeb
    from dicom_node.qido import WebRemote

__all__ = ["Peers", "fetch_mistakes", "web_server"]

_TICK_S, _RECEIPT_TICK_S = 0.25, 0.5
_NOTHING_TO_ASK = "nobody vouches for it: {} may not be asked (ask in peers.toml: find or commit)"
_NOTHING_TO_ASK_THERE = (
    'nobody vouches for it: {} may not be asked (ask = ["find"] in peers.toml allows QIDO-RS)'
)
_TAKEN_AWAY = "nobody vouches for it: whoever reads {} takes the files away (keeps = false)"


@dataclass(frozen=True, slots=True)
class Peers:
    """Stages and services of each peer.

    Parameters
    ----------
    settings : Settings
    store : (Database, Path)
        The database, and the archive's folder.
    lines : Lines
        Associations of callers that may take a report; shared with the listener.
    probes : Probes
        Instances that are fetched to be looked at; shared with the listener.
    ourselves : Ourselves
        How peers are called.
    tasks : mapping
        Whatever somebody may ask for, beside what rules make.
    pace : Pace
        How often a peer is asked what it has, by stages and on the spot.
    """

    settings: Settings
    store: tuple[Database, Path]
    lines: Lines
    probes: Probes
    ourselves: Ourselves
    tasks: Mapping[str, Task]
    pace: Pace

    @classmethod
    def of(
        cls,
        settings: Settings,
        store: tuple[Database, Path],
        ourselves: Ourselves,
        tasks: Mapping[str, Task],
    ) -> "Peers":
        """Return those of a configuration."""
        probes, pace = Probes(ourselves.ae_title), Pace(settings.file.asking.every_s)
        return cls(settings, store, Lines(), probes, ourselves, tasks, pace)

    def commitment_service(self) -> CommitmentService:
        """Return what the listener serves of storage commitment."""
        return CommitmentService(self.store[0], self.lines, self._reports(), utc_now)

    def stages(self, rules: Sequence[Rule], node_uid: str) -> dict[str, tuple[Stage, float]]:
        """Return the stages that ask, report and fetch: name to stage and seconds between ticks."""
        stages: dict[str, tuple[Stage, float]] = {}
        for name, stage in self._receipts().items():
            stages[f"receipts {name}"] = (stage, _RECEIPT_TICK_S)
        for peer in self.settings.peers:
            if "commit" in peer.may:
                stages[f"promises {peer.name}"] = (self._promises(peer), _TICK_S)
        database, every_s = self.store[0], self.settings.file.asking.every_s
        for name, inquirer in self._inquirers(rules, node_uid, self.probes).items():
            asks = AskStage(inquirer, database, every_s, utc_now)
            stages[f"questions {name}"] = (asks, _TICK_S)
        for name in sorted(self._movers() if any(rule.fetch for rule in rules) else ()):
            stages[f"fetches {name}"] = (FetchStage(self._remote(name), database), _TICK_S)
        return stages

    def elsewhere(self, rules: Sequence[Rule], node_uid: str) -> Elsewhere:
        """Return who is asked before a rule fires; nothing is fetched to be looked at."""
        asking = self.settings.file.asking
        return Elsewhere(
            inquirers=self._inquirers(rules, node_uid, None),
            movers=self._movers(),
            wait_s=asking.wait_s,
            cache_s=asking.cache_s,
            fetch_s=asking.fetch_s,
        )

    def archives(self) -> dict[str, Lists]:
        """Return every archive that may be asked what it has of a series."""
        settings = self.settings
        found: dict[str, Lists] = {
            peer.name: self._remote(peer.name)
            for peer in settings.peers
            if "find" in peer.ask and peer.port is not None
        }
        return found | {one.name: self._web_remote(one) for one in settings.destinations if one.ask}

    def holders(self) -> dict[str, Holder]:
        """Return every archive that may be drawn from: that finds, and moves or retrieves."""
        found: dict[str, Holder] = {name: self._remote(name) for name in self._movers()}
        return found | {
            one.name: self._web_remote(one) for one in self.settings.destinations if one.ask
        }

    def _receipts(self) -> dict[str, ReceiptStage]:
        file, found = self.settings.file, {}
        times = Times(
            report=timedelta(seconds=file.commitment.report_s),
            count=timedelta(seconds=file.commitment.count_s),
            asks=file.commitment.asks,
            resends=file.outbox.refused_attempts,
        )
        for one in self._everyone():
            found[one.name] = ReceiptStage(one.name, self._ways(one), self.store, times, utc_now)
        return found

    def _everyone(self) -> list[Peer | Destination]:
        """Return every destination."""
        peers = [peer for peer in self.settings.peers if peer.port is not None]
        return [*peers, *self.settings.destinations]

    def _ways(self, one: Peer | Destination) -> Ways:
        if isinstance(one, Destination):
            return self._ways_of_other(one)
        commitments, counts = None, None
        if "commit" in one.ask:
            reports = self._reports()
            commitments = Commitments(self.ourselves, one, reports)
        if "find" in one.ask:
            counts = PeerCounts(self._remote(one.name))
        nothing = commitments is None and counts is None
        return Ways(commitments, counts, _NOTHING_TO_ASK.format(one.name) if nothing else "")

    def _ways_of_other(self, one: Destination) -> Ways:
        if not one.vouches:
            why = _TAKEN_AWAY if one.kind == "folder" else _NOTHING_TO_ASK_THERE
            return Ways(why_not=why.format(one.name))
        if one.kind == "folder":
            return Ways(counts=FolderCounts(one.name, self.settings.folder / one.path))
        return Ways(counts=PeerCounts(self._web_remote(one), "QIDO-RS search"))

    def _promises(self, peer: Peer) -> PromiseStage:
        file = self.settings.file
        trying = Trying(
            give_up=timedelta(days=file.commitment.give_up_days),
            refused_attempts=file.outbox.refused_attempts,
        )
        return PromiseStage(self.ourselves, peer, self.lines, self.store, trying, utc_now)

    def _reports(self) -> Reports:
        settings = self.settings
        speaks_for = {peer.name: settings.speaks_for(peer.name) for peer in settings.peers}
        return Reports(self.store, speaks_for, settings.file.outbox.refused_attempts, utc_now)

    def _inquirers(
        self, rules: Sequence[Rule], node_uid: str, probes: Probes | None
    ) -> dict[str, Inquirer]:
        """Return who is asked; who can make nothing asks nobody."""
        made = {str(rule.task.makes) for rule in rules}
        needed = {str(label) for rule in rules if rule.fetch for label in rule.task.needs}
        file, movers = self.settings.file, self._movers()
        looks = Looks(
            labels=frozenset(made | needed),
            most=file.asking.looks,
            limit_s=file.outbox.answer_s,
            probes=probes,
            limits=file.limits,
            makes={name: str(task.makes) for name, task in self.tasks.items()},
        )
        tasks = [*self.tasks.values(), *(rule.task for rule in rules)]
        own = _own(node_uid, (task.bundle for task in tasks))
        asked: list[Asked] = [
            self._remote(peer.name)
            for peer in self.settings.peers
            if "find" in peer.ask and peer.port is not None and tasks
        ]
        asked += [self._web_remote(one) for one in self.settings.destinations if one.ask and tasks]
        return {
            one.name: Inquirer(one, looks, own, moves=one.name in movers, pace=self.pace)
            for one in asked
        }

    def _movers(self) -> frozenset[str]:
        return frozenset(peer.name for peer in self.settings.peers if _moves(peer))

    def _remote(self, name: str) -> Remote:
        (peer,) = (one for one in self.settings.peers if one.name == name)
        return Remote(self.ourselves, peer)

    def _web_remote(self, other: Destination) -> "WebRemote":
        from dicom_node.qido import WebRemote  # HTTP is loaded where it is spoken

        return WebRemote(web_server(self.settings, other))


def web_server(settings: Settings, other: Destination) -> "DicomWeb":
    """Return the server of a destination over DICOMweb."""
    from dicom_node.dicomweb import DicomWeb, Place

    place = Place(other, settings.folder, settings.tokens.get(other.name))
    return DicomWeb(place, settings.file.outbox)


def fetch_mistakes(settings: Settings, rules: Iterable[Rule]) -> list[str]:
    """Return what is wrong with rules that fetch: nobody to fetch from."""
    if any(_moves(peer) for peer in settings.peers):
        return []
    return [
        f"rules: rule '{rule.name}' has fetch = true, and no peer can be fetched from; one with "
        'ask = ["find", "move"] and "store" in may is wanted in peers.toml'
        for rule in rules
        if rule.fetch
    ]


def _moves(peer: Peer) -> bool:
    """Whether series can be fetched from a peer: it finds and moves, and may store here."""
    return {"find", "move"} <= set(peer.ask) and "store" in peer.may and peer.port is not None


def _own(node_uid: str, bundles: Iterable[Bundle]) -> OwnIdentity:
    return OwnIdentity.of(node_uid, {bundle.identity.digest for bundle in bundles})
