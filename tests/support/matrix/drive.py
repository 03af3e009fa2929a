"""Sends a study to a node that dies on the way, starts it again, and looks at what is left."""

import hashlib
import json
import shutil
import subprocess
import sys
import threading
from collections import defaultdict
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pydicom.dataset import Dataset
from sqlalchemy import create_engine, text

from dicom_node.audit.journal import verify as verify_journal
from dicom_node.commitment import Reference, Request, request_of
from tests.support.committing import CommittingScp, Modality, ask
from tests.support.matrix.disk import PowerCut
from tests.support.matrix.life import FLAG
from tests.support.matrix.points import Aim
from tests.support.matrix.scenes import SCENES
from tests.support.mr import MR_IMAGE, MrSeries, encoded
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


class Pacs(CommittingScp):
    """Keeps what it is sent, notes each content of each UID, and refuses until it is mended."""

    def __init__(self, port: int, node_port: int, mended: Path | None) -> None:
        super().__init__(port, node_port, reports="new")
        self.contents: dict[str, set[str]] = defaultdict(set)
        self.mended = mended

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
        self.datasets = self.series.datasets()
        mended = self.folder / FLAG if self.said.breaks == "pacs" else None
        node_port = free_port()
        self.pacs = Pacs(free_port(), node_port, mended).start()
        self.modality = Modality(free_port()).listen() if self.said.promises else None
        self.conf = self._conf(node_port)
        self.path = self.conf.write()
        self.kept: set[str] = set()
        self.promised = not self.said.promises
        self.ahead_s = 0.0

    def begin_with(self, database: Path) -> None:
        """Let the node find an empty database: the schema is made elsewhere."""
        (self.folder / "var").mkdir(mode=0o700)
        shutil.copy(database, self.folder / "var")

    def _conf(self, node_port: int) -> NodeConf:
        extra = {"commitment": {"report_s": 20.0, "count_s": 5.0}, **self.said.extra}
        conf = NodeConf(self.folder, port=node_port, database=self.url, extra=extra)
        conf.release, conf.rules = self.said.release, list(self.said.rules)
        pacs = {"name": "pacs", "ae_title": "PACS", "host": "127.0.0.1", "port": self.pacs.port}
        conf.peers = [dict(SCANNER), {**pacs, "may": ["echo", "store"], "ask": ["commit"]}]
        if self.modality is not None:
            conf.peers[0] |= {"port": self.modality.port, "may": ["echo", "store", "commit"]}
        conf.destinations = [{"name": "shelf", "kind": "folder", "path": "../shelf"}]
        return conf

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
            found.append(f"{len(self.kept)} of {SLICES} were ever answered with success")
        found += self._lost() if self.said.keeps else []
        found += self._doubled(over["why"])
        if left := self._files("archive/incoming"):
            found.append(f"half-written files are left: {left}")
        verdict = verify_journal(self.folder / "var" / "audit")
        if not verdict.holds:
            found.append(f"the audit trail does not hold: {verdict.why}")
        if self.modality is not None:
            told = {one.sop_instance_uid for report in self.modality.reports for one in report.held}
            if told != self.kept:
                found.append(f"{len(told)} of {SLICES} were vouched for")
        return found

    def _lost(self) -> list[str]:
        """Return what was answered with success and is not there, byte for byte."""
        rows = self.rows("SELECT sop_instance_uid, path FROM instance")
        lost = []
        for ds in (one for one in self.datasets if str(one.SOPInstanceUID) in self.kept):
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
        made = why["jobs"][0]["series_uids"] if self.said.ends == "done" else []
        there = {str(ds.SeriesInstanceUID) for ds in self.pacs.kept.values()}
        found = []
        if there != set(made):
            found.append(f"the PACS has series {there}, {made} were made")
        if len(self.pacs.kept) != SLICES * len(made):
            found.append(f"the PACS has {len(self.pacs.kept)} instances")
        if many := [uid for uid, contents in self.pacs.contents.items() if len(contents) > 1]:
            found.append(f"{len(many)} instances came with two contents")
        shelf = [one for one in (self.folder / "shelf").rglob("*") if one.is_file()]
        if sorted(one.stem for one in shelf if one.suffix == ".dcm") != sorted(self.pacs.kept):
            found.append("the folder has other instances than the PACS")
        if parts := [one.name for one in shelf if one.suffix != ".dcm"]:
            found.append(f"half-written files are in the folder: {parts}")
        return found

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
