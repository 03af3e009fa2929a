"""One life of a node in this process: every stage is ticked in turn, at a time that is told.

All is what ``dicom-node serve`` runs, but for two things: the stages have no threads, and a job's
child is this process, so that what a child writes is written, and dies, here.
"""

import json
import os
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from click.testing import CliRunner

import dicom_node.cli
from dicom_node import log
from dicom_node.app import explain_study, open_node, tell_started
from dicom_node.archive.upkeep import sweep, verify
from dicom_node.errors import NodeError, NotKnown
from dicom_node.worker import ChildDied, Retries, WorkerStage
from dicom_node.worker.run import load_bench, run
from dicom_node.worker.work import Work
from tests.support.matrix.disk import Recorder
from tests.support.matrix.points import Aim, Points
from tests.support.matrix.scenes import SCENES, Scene

LIMIT_S = 900.0
"""Of simulated time; what takes longer is stuck."""
STEP_S = 0.5
FLAG = "mended"
"""A file beside the configuration: from when on what was broken on purpose is whole."""


def say(what: dict) -> None:
    os.write(1, json.dumps(what).encode() + b"\n")


def hear() -> str | None:
    """Return the next line of standard input, and not a byte of the one after."""
    line = b""
    while (one := os.read(0, 1)) not in (b"", b"\n"):
        line += one
    return line.decode() if line or one else None


class Time:
    """The clock, and how far it is put forward."""

    def __init__(self, ahead_s: float) -> None:
        self.ahead_s = ahead_s

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.ahead_s)

    def everywhere(self) -> None:
        for name, module in list(sys.modules.items()):
            if name.startswith("dicom_node") and hasattr(module, "utc_now"):
                module.utc_now = self.now


class Here:
    """A job's child that is this process; it dies for as long as a scene wants it to."""

    pid = None

    def __init__(self, bench, dies) -> None:
        self._bench, self._dies = bench, dies
        self._line = ""

    def give(self, line: str) -> None:
        self._line = line

    def answer(self, _wait_s: float) -> str:
        if self._dies():
            raise ChildDied("the child was killed by signal 9")
        work = Work.of_line(self._line)
        return replace(run(self._bench, work), run=work.run).to_line()

    def stop(self) -> None:
        self._line = ""


class Node:
    """A node that lives, as scenes see it."""

    def __init__(self, order: dict, time: Time, scene: Scene) -> None:
        self.conf, self.time, self.scene = Path(order["conf"]), time, scene
        self.study_uid = order["study_uid"]
        self.parts = open_node(self.conf, os.environ)
        now = time.now()
        self.parts.hold_trail(now)
        tell_started(self.parts.audit, now, self.parts.settings, self.parts.catalogue, os.environ)
        self.parts.recover()
        self.listener = self.parts.listener()
        self.listener.start()
        self.stages = {name: stage for name, (stage, _) in self.parts.stages().items()}
        self.stages["worker"] = self._worker()
        self.failed: list[str] = []
        self._why: dict | None = None

    def _worker(self) -> WorkerStage:
        parts, file = self.parts, self.parts.settings.file.worker
        child = Here(load_bench(self.conf, os.environ), self.is_broken)
        store = (parts.database, parts.archive)
        retries = Retries(file.attempts, file.job_limit_s)
        return WorkerStage(store, child, parts.lease, retries, self.time.now, parts.audit)

    def is_unmended(self) -> bool:
        return not (self.conf.parent / FLAG).exists()

    def is_broken(self) -> bool:
        return self.scene.breaks == "child" and self.is_unmended()

    def mend(self) -> None:
        (self.conf.parent / FLAG).touch()

    def want_late(self) -> None:
        """Have the modality send what it has not sent yet, and wait until it is through."""
        say({"said": "wanted"})
        hear()
        self._why = None

    def why(self) -> dict:
        """Return what is known of the study, as it was after the last tick or command."""
        if self._why is None:
            try:
                self._why = explain_study(self.parts.database, self.study_uid)
            except NotKnown:
                self._why = {}
        return self._why

    def command(self, *words: str) -> None:
        """Do what a person does at a terminal."""
        self._why = None
        done = CliRunner().invoke(dicom_node.cli.main, ["--conf", str(self.conf), *words])
        if done.exit_code and done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        if done.exit_code:
            self.failed.append(done.output)

    def tick(self) -> int:
        moved, self._why = 0, None
        for name, stage in self.stages.items():
            if name == self.scene.breaks and self.is_unmended():
                continue
            try:
                moved += bool(stage.tick(self.time.now()))
            except NodeError as exc:  # as the clock does
                self.failed.append(f"{name}: {exc}")
        return moved

    def sweep(self) -> list[str]:
        """Sweep as a start of tomorrow does; return what is wrong then."""
        folder = self.parts.archive.folder
        moved = sweep(self.parts.database, folder, self.time.now() + timedelta(days=1))
        later = self.time.now() + timedelta(days=2)
        found = verify(self.parts.database, folder, later, lambda _count: None)
        orphans = [f"{max(moved, found.orphans)} orphans"] if moved or found.orphans else []
        return orphans + [str(one) for one in found.faults]


def live(order: dict) -> None:
    log.configure("warning")
    time, scene = Time(order["ahead_s"]), SCENES[order["scene"]]
    time.everywhere()
    points = _points(order)
    try:
        node = Node(order, time, scene)
    except NodeError as exc:  # as the command does; whoever runs it starts it again
        say({"said": "not started", "why": str(exc)})
        os._exit(1)
    say({"said": "listening"})
    hear()
    began, jumped = time.now(), 0.0
    moving, sent_s = True, None
    for jump in order.get("jumps", ()):
        node.tick()
        time.ahead_s += STEP_S + jump
        jumped += jump
    while not scene.is_over(node):
        if (time.now() - began).total_seconds() - jumped > LIMIT_S:
            say({"said": "stuck", "why": node.why(), "failed": node.failed[-9:]})
            os._exit(3)
        if not moving:
            time.ahead_s += STEP_S
        jumped += scene.act(node)
        moving = bool(node.tick())
        if not has_left(node):
            sent_s = None
        elif sent_s is None:
            sent_s = (time.now() - began).total_seconds() - jumped
    took_s = (time.now() - began).total_seconds() - jumped
    wrong = node.sweep()
    over = {
        "said": "over",
        "why": node.why(),
        "took_s": took_s,
        "sent_s": took_s if sent_s is None else sent_s,
        "wrong": wrong,
        "failed": node.failed,
        "hit": points.hit,
        "counts": dict(points.counts),
        "sites": sorted(points.sites),
        "states": sorted(points.states),
        "ahead_s": time.ahead_s,
    }
    node.parts.database.close()
    say(over)


def has_left(node: Node) -> bool:
    """Whether what was made is where it was to go, and who has what is rejected knows it.

    That somebody vouches for it comes later.
    """
    why = node.why()
    states = {one["state"] for one in why.get("deliveries", ())}
    rejected = [one for series in why.get("series", ()) for one in series["rejected"]]
    return bool(states) and states <= {"sent", "receipted"} and all(map(_is_told, rejected))


def _is_told(rejected: dict) -> bool:
    return bool(rejected["told"])


def _points(order: dict) -> Points:
    recorder = None
    if "log" in order:
        recorder = Recorder(Path(order["log"]), Path(order["grave"]))
    aim = Aim(**order["aim"]) if order.get("aim") else None
    roots = tuple(order["roots"])
    return Points(roots, aim, recorder, tuple(order.get("sabotage", ()))).install()
