"""Sends a study to a node that dies on the way, starts it again, and looks at what is left."""

import hashlib
import json
import shutil
import subprocess
import sys
import threading
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pydicom.dataset import Dataset
from sqlalchemy import create_engine, text

from dicom_node.audit.journal import verify as verify_journal
from dicom_node.commitment import Reference, Request, request_of
from dicom_node.notes import KEY_OBJECT
from tests.support.committing import Modality, ask
from tests.support.matrix.disk import PowerCut
from tests.support.matrix.life import FLAG
from tests.support.matrix.points import Aim
from tests.support.matrix.scenes import SCENES
from tests.support.moving import MovingScp
from tests.support.mr import MR_IMAGE, MrSeries, acquired_ct, another, encoded, localizer
from tests.support.need import free_port
from tests.support.node import SCANNER, NodeConf
from tests.support.sender import send

ROOT = Path(__file__).parents[3]
SLICES = 16
STUCK_S = 60.0
"""What a crash may cost until all has left, beyond the time that the scene takes anyway."""
UNVOUCHED_S = 360.0
"""The same until it is vouched for: who dies while it asks does not ask again for five minutes."""
LIVES = 4


@dataclass
class Pacs(MovingScp):
    """Keeps what it is sent, notes each content of each UID, and refuses until it is mended."""

    mended: Path | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.contents: dict[str, set[str]] = defaultdict(set)

    def _store(self, event) -> int:
        if self.mended is not None and not self.mended.exists():
            return 0xA900
        ds: Dataset = event.dataset
        digest = hashlib.sha256(event.encoded_dataset(include_meta=False)).hexdigest()
        self.contents[str(ds.SOPInstanceUID)].add(digest)
        return super()._store(event)


class Zygote:
    """The process that nodes are forked from."""

    def __init__(self, log: Path) -> None:
        self._errors = log.open("ab")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.matrix.zygote"],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors,
        )  # fmt: skip
        assert self.hear()["said"] == "ready"

    def tell(self, line: str) -> None:
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()

    def hear(self) -> dict:
        line = self._process.stdout.readline()
        assert line, "the zygote has died; its log says why"
        return json.loads(line)

    def stop(self) -> None:
        self._process.stdin.close()
        self._process.wait(20)
        self._process.stdout.close()
        self._errors.close()


@dataclass
class Told:
    """What became of one run: its lives, and what the last one said at its end."""

    lives: int
    over: dict
    kept: set[str] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)

    def has_met(self, aims: Sequence[Aim]) -> bool:
        """Return whether each moment that was aimed at came: else nothing was tried at all.

        A life that met its aim and lived on says so; one that was killed there had a life after it.
        """
        return self.lives > len(aims) or (self.lives == len(aims) and bool(self.over.get("hit")))


@dataclass
class Site:
    """A folder for one run, with a node's configuration, its PACS and its modality."""

    zygote: Zygote
    folder: Path
    scene: str
    url: str = "sqlite:///node.db"

    def __post_init__(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.said = SCENES[self.scene]
        self.series = MrSeries(seed=f"matrix {self.scene}", slices=SLICES, size=24, spacing_mm=6.0)
        whole = self.series.datasets()
        self.datasets = localizer(self.series) if self.said.fetches else whole
        self.at_pacs = whole if self.said.fetches else []
        node_port = free_port()
        self.is_late = False
        self.pacs = self._pacs(node_port).start()
        refuses = 0x0110 if self.said.breaks == "modality" else 0x0000
        self.modality = Modality(free_port(), refuses).listen() if self.said.promises else None
        self.conf = self._conf(node_port)
        self.path = self.conf.write()
        self.kept: set[str] = set()
        self.promised = not self.said.promises
        self.ahead_s = 0.0

    def _pacs(self, node_port: int) -> Pacs:
        """Return the PACS; what it may be asked for, and a series that it cannot move."""
        mended = self.folder / FLAG if self.said.breaks == "pacs" else None
        pacs = Pacs(free_port(), node_port, reports="new", drops_number=self.said.drops,
                    mended=mended)  # fmt: skip
        if self.said.fetches:
            longer = another(MrSeries(self.series.seed, SLICES + 1, size=24, spacing_mm=6.0))
            pacs.finds, pacs.own = ("SERIES", "IMAGE"), [*self.at_pacs, *longer]
            pacs.stuck = {str(longer[0].SeriesInstanceUID)}
        return pacs

    def begin_with(self, database: Path) -> None:
        """Let the node find an empty database: the schema is made elsewhere."""
        (self.folder / "var").mkdir(mode=0o700)
        shutil.copy(database, self.folder / "var")

    def _conf(self, node_port: int) -> NodeConf:
        extra = {"commitment": {"report_s": 20.0, "count_s": 5.0}, **self.said.extra}
        conf = NodeConf(self.folder, port=node_port, database=self.url, extra=extra)
        conf.release, conf.rules = self.said.release, list(self.said.rules)
        pacs = {"name": "pacs", "ae_title": "PACS", "host": "127.0.0.1", "port": self.pacs.port}
        pacs |= {"when_held": "send_marked"} if self.said.marked else {}
        conf.peers = [dict(SCANNER), {**pacs, "may": ["echo", "store"], "ask": self._asks()}]
        if self.modality is not None:
            conf.peers[0] |= {"port": self.modality.port, "may": ["echo", "store", "commit"]}
        conf.destinations = [{"name": "shelf", "kind": "folder", "path": "../shelf"}]
        return conf

    def _asks(self) -> list[str]:
        return ["commit", "find", "move"] if self.said.fetches else ["commit"]

    def run(self, *aims: Aim, cut: PowerCut | None = None, **order) -> Told:
        """Let the node live until it comes to its end; each of its first lives meets an aim."""
        try:
            return self._run(aims, cut, order)
        finally:
            self._close()

    def _close(self) -> None:
        self.pacs.stop()
        if self.modality is not None:
            self.modality.stop()

    def _run(self, aims: tuple[Aim, ...], cut: PowerCut | None, order: dict) -> Told:
        at_once: list[str] = []
        for lives in range(1, LIVES + 1):
            more = {**order, "aim": asdict(aims[lives - 1])} if lives <= len(aims) else order
            if cut is not None and lives == 1:
                more = {**more, **self._recording()}
            over = self._live(more)
            if over is not None:
                return Told(lives, over, self.kept, at_once + self.wrong(over))
            if cut is not None and lives == 1:
                at_once = self._strike(cut)
        raise AssertionError(f"{LIVES} lives were not enough")

    def cut_at(self, aim: Aim, cut: PowerCut, **order) -> list[str]:
        """Live until ``aim``, cut the power, and return what is wrong then."""
        try:
            assert self._live({"aim": asdict(aim), **order, **self._recording()}) is None
            return self._strike(cut)
        finally:
            self._close()

    def _recording(self) -> dict:
        return {"log": str(self.folder / "synced"), "grave": str(self.folder / "grave")}

    def _strike(self, cut: PowerCut) -> list[str]:
        for root in self._roots():
            cut.strike(root, self.folder / "synced", self.folder / "grave")
        return (self._lost() if self.said.keeps else []) + self._undelivered()

    def _undelivered(self) -> list[str]:
        """Return what counts as delivered to the folder and is not in it, whole."""
        query = """
            SELECT i.sop_instance_uid, a.path FROM delivery_item i
            JOIN delivery d ON d.id = i.delivery_id
            JOIN instance a ON a.sop_instance_uid = i.sop_instance_uid
            WHERE d.destination = 'shelf' AND i.sent_at IS NOT NULL"""
        missing = []
        for uid, path in self.rows(query).items():
            content = (self.folder / "var" / "archive" / path).read_bytes()
            there = [one.read_bytes() for one in (self.folder / "shelf").rglob(f"{uid}.dcm")]
            if there != [content]:
                missing.append(f"{uid} counts as delivered, and is not there whole")
        return missing

    def _roots(self) -> list[Path]:
        return [self.folder / "var", self.folder / "shelf"]

    def _live(self, more: dict) -> dict | None:
        """Return what a life said at its end; None where it was killed."""
        order = {
            "conf": str(self.path), "scene": self.scene, "study_uid": self.series.study_uid,
            "ahead_s": self.ahead_s, "roots": [str(one) for one in self._roots()], **more,
        }  # fmt: skip
        self.zygote.tell(json.dumps(order))
        over = None
        while (heard := self.zygote.hear())["said"] != "ended":
            if heard["said"] == "listening":
                self._send()
                self._report()
                self.zygote.tell("go")
            elif heard["said"] == "wanted":
                self._send_late()
                self.zygote.tell("go")
            else:
                over = heard
        if heard["status"] == -9 or (over or {}).get("said") == "not started":
            return None
        assert over is not None, f"a life ended with {heard['status']}; the zygote's log says why"
        assert over["said"] == "over", over
        self.ahead_s = over["ahead_s"]
        return over

    def _send(self) -> None:
        """Send what was not answered with success, as a modality does; one that is full later."""
        for _ in range(3):
            rest = [ds for ds in self.datasets if ds.SOPInstanceUID not in self.kept]
            if not rest:
                break
            answers = send(self.conf.port, rest)
            self.kept |= {uid for uid, status in answers.items() if status == 0}
            if not answers:
                return
        if not self.promised:
            self._ask()

    def _send_late(self) -> None:
        """Send the acquired CT; what is left of it is sent at each later start."""
        if not self.is_late:
            self.is_late = True
            self.datasets += acquired_ct(self.series)
        self._send()

    def _report(self) -> None:
        for request in list(self.pacs.requests):  # an archive reports until it is answered
            threading.Thread(target=self.pacs.report, args=(self.pacs.verdict(request),)).start()

    def _ask(self) -> None:
        instances = tuple(Reference(MR_IMAGE, ds.SOPInstanceUID) for ds in self.datasets)
        assoc = self.modality.call(self.conf.port)
        if assoc.is_established:
            status = ask(assoc, request_of(Request("2.25.7", instances)))
            self.promised = status == 0
            assoc.release() if status is not None else assoc.abort()

    def wrong(self, over: dict) -> list[str]:
        """Return every promise that is broken, a sentence each."""
        found = list(over["wrong"])
        if self.kept != {str(ds.SOPInstanceUID) for ds in self.datasets}:
            found.append(
                f"{len(self.kept)} of {len(self.datasets)} were ever answered with success"
            )
        found += self._lost(self.at_pacs) if self.said.keeps else []
        found += self._doubled(over["why"])
        if left := self._files("archive/incoming"):
            found.append(f"half-written files are left: {left}")
        verdict = verify_journal(self.folder / "var" / "audit")
        if not verdict.holds:
            found.append(f"the audit trail does not hold: {verdict.why}")
        if self.modality is not None:
            told = {one.sop_instance_uid for report in self.modality.reports for one in report.held}
            if told != (set() if self.said.breaks == "modality" else self.kept):
                found.append(f"{len(told)} of {SLICES} were vouched for")
        return found

    def _lost(self, fetched: Sequence[Dataset] = ()) -> list[str]:
        """Return what was answered with success, or fetched, and is not there byte for byte."""
        rows = self.rows("SELECT sop_instance_uid, path FROM instance")
        lost = []
        kept = [one for one in self.datasets if str(one.SOPInstanceUID) in self.kept]
        for ds in (*kept, *fetched):
            place = self.folder / "var" / "archive" / rows.get(str(ds.SOPInstanceUID), "-")
            if not place.is_file():
                lost.append(f"{ds.SOPInstanceUID} is lost")
            elif not place.read_bytes().endswith(encoded(ds)):
                lost.append(f"{ds.SOPInstanceUID} has other bytes")
        return lost

    def _doubled(self, why: dict) -> list[str]:
        ended = [job["state"] for job in why["jobs"]]
        if ended != ([self.said.ends] if self.said.ends else []):
            return [f"jobs ended as {ended}"]
        found = self._noted(why)
        shelf = [one for one in (self.folder / "shelf").rglob("*") if one.is_file()]
        there = {
            "pacs": Counter(str(ds.SeriesInstanceUID) for ds in self.pacs.kept.values()),
            "shelf": Counter(one.parent.name for one in shelf if one.suffix == ".dcm"),
        }
        for place, counts in self._expected(why).items():
            if there[place] != counts:
                found.append(f"{place} has {dict(there[place])}, {counts} were to go there")
        if many := [uid for uid, contents in self.pacs.contents.items() if len(contents) > 1]:
            found.append(f"{len(many)} instances came with two contents")
        if parts := [one.name for one in shelf if one.suffix != ".dcm"]:
            found.append(f"half-written files are in the folder: {parts}")
        return found

    def _expected(self, why: dict) -> dict[str, dict[str, int]]:
        """Return how many instances of which series are to be at each destination, at the end."""
        said, job = self.said, why["jobs"][0] if why["jobs"] else {}
        made = job["series_uids"] if said.ends == "done" else []
        counts = {place: dict.fromkeys(made, SLICES) for place in ("pacs", "shelf")}
        if said.marked:
            counts["pacs"][job["marked"]] = SLICES
        for _, one in _rejected(why):
            for place in said.told:
                counts[place][one["note_series_uid"]] = 1
        return counts

    def _noted(self, why: dict) -> list[str]:
        """Return what is wrong with the notes that the PACS has: each names all of one series."""
        rejected = _rejected(why)
        if len(rejected) != bool(self.said.told):
            return [f"{len(rejected)} series are rejected"]
        kept = self.pacs.kept.values()
        has = [_named(ds) for ds in kept if ds.SOPClassUID == KEY_OBJECT]
        there: dict[str, set[str]] = defaultdict(set)
        for ds in kept:
            there[str(ds.SeriesInstanceUID)].add(str(ds.SOPInstanceUID))
        wanted = [(uid, there[uid]) for uid, _ in rejected]
        return [] if has == wanted else [f"the notes name {has}, {wanted} is rejected"]

    def _files(self, where: str) -> list[str]:
        return [one.name for one in (self.folder / "var" / where).iterdir()]

    def rows(self, query: str) -> dict:
        url = self.url.replace("sqlite:///", f"sqlite:///{self.folder / 'var'}/")
        engine = create_engine(url)
        try:
            with engine.connect() as connection:
                return {row[0]: row[1] for row in connection.execute(text(query))}
        finally:
            engine.dispose()


def _rejected(why: dict) -> list[tuple[str, dict]]:
    """Return each series that is rejected, and what is said of that."""
    return [(series["series_uid"], one) for series in why["series"] for one in series["rejected"]]


def _named(note: Dataset) -> tuple[str, set[str]]:
    """Return the series that a note names, and the instances."""
    (study,) = note.CurrentRequestedProcedureEvidenceSequence
    (series,) = study.ReferencedSeriesSequence
    named = {str(one.ReferencedSOPInstanceUID) for one in series.ReferencedSOPSequence}
    return str(series.SeriesInstanceUID), named
