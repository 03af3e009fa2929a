"""A node of its own: configuration, data folder, process, and what it logs."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from click.testing import CliRunner

from tests.support.bundle import write_bundle
from tests.support.gated import limits, put_gate
from tests.support.need import free_port

SCANNER = {"name": "scanner", "ae_title": "SCANNER", "host": "127.0.0.1", "may": ["echo", "store"]}


@dataclass(frozen=True)
class Said:
    """How a command ended, and what it said."""

    returncode: int
    stdout: str
    stderr: str


@dataclass
class NodeConf:
    """A configuration folder that tests write."""

    folder: Path
    port: int = field(default_factory=free_port)
    web_port: int = field(default_factory=free_port)
    database: str = "sqlite:///node.db"
    quiet_s: float = 0.6
    interrupted_s: float = 10.0
    peers: list[dict] = field(default_factory=lambda: [dict(SCANNER)])
    destinations: list[dict] = field(default_factory=list)
    rules: list[dict] | None = None
    extra: dict[str, dict] = field(default_factory=dict)
    shipped_model: bool = False
    release: str = "at_once"
    gate: dict | None = field(default_factory=limits)
    """Limits of the tiny model (:mod:`tests.support.gated`): all images pass unless it is said
    otherwise; of a model that has none every result is held."""

    def write(self) -> Path:
        conf = self.folder / "conf"
        for name in ("rules", "tasks", "models"):
            (conf / name).mkdir(parents=True, exist_ok=True)
        sections = {
            "node": {"ae_title": "SYNTHNODE", "data": "../var"},
            "listen": {"port": self.port},
            "database": {"url": self.database},
            "completion": {"quiet_s": self.quiet_s, "interrupted_s": self.interrupted_s},
            "archive": {"keep_free_mb": 1},
            "engine": {"device": "cpu"},
            "web": {"enabled": False, "port": self.web_port},
        }
        for name, values in self.extra.items():
            sections.setdefault(name, {}).update(values)
        (conf / "node.toml").write_text(toml_tables(sections))
        lists = [("peer", peer) for peer in self.peers]
        lists += [("destination", other) for other in self.destinations]
        (conf / "peers.toml").write_text(toml_lists(lists))
        names = [peer["name"] for peer in self.peers if "port" in peer]
        names += [other["name"] for other in self.destinations]
        rules = self.rules
        if rules is None:
            rules = [{"name": "sct-head", "task": "ct_from_mr", "destinations": names}]
        (conf / "rules" / "rules.toml").write_text(toml_lists([("rule", rule) for rule in rules]))
        if self.shipped_model:
            shutil.rmtree(conf / "tasks"), shutil.rmtree(conf / "models")
        else:
            bundle = write_bundle(conf / "models" / "tiny")
            if self.gate is not None:
                put_gate(bundle, self.gate)
            (conf / "tasks" / "ct_from_mr.toml").write_text(
                f'needs = ["T1"]\nmakes = "CT"\nmodel = "tiny"\nrelease = "{self.release}"\n'
            )
        return conf


def toml_tables(sections: dict[str, dict]) -> str:
    return "\n".join(
        f"[{name}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items())
        for name, values in sections.items()
    )


def toml_lists(entries: list[tuple[str, dict]]) -> str:
    return "\n".join(
        f"[[{name}]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items())
        for name, values in entries
    )


class RunningNode:
    """``dicom-node serve`` in a process of its own; its log lines are events."""

    def __init__(self, conf: Path, environ: dict[str, str] | None = None) -> None:
        self.conf = conf
        self.environ = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONFAULTHANDLER": "1",
                        **(environ or {})}  # fmt: skip
        self.events: list[dict] = []
        self.words: list[str] = []
        self._new = threading.Condition()
        self.process: subprocess.Popen | None = None

    def start(self, wait_s: float = 120.0) -> "RunningNode":
        self.events, self.words = [], []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "dicom_node", "--conf", str(self.conf), "serve"],
            stderr=subprocess.PIPE,
            env=self.environ,
            text=True,
        )
        threading.Thread(target=self._listen, args=(self.process,), daemon=True).start()
        self.wait_for("listening", wait_s)
        return self

    def _listen(self, process) -> None:
        with process.stderr as lines:
            for line in lines:
                with self._new:
                    try:
                        self.events.append(json.loads(line))
                    except ValueError:
                        self.words.append(line)
                    self._new.notify_all()

    def wait_for(self, event: str, wait_s: float = 120.0, **fields) -> dict:
        """Return the next event that fits, from those since the last start."""
        deadline = time.monotonic() + wait_s
        with self._new:
            while True:
                for one in self.events:
                    if one.get("event") == event and all(
                        one.get(key) == value for key, value in fields.items()
                    ):
                        return one
                left = deadline - time.monotonic()
                if left <= 0 or (self.process.poll() is not None and not left > wait_s - 1):
                    raise AssertionError(
                        f"no '{event}' {fields} within {wait_s} s; "
                        f"last events {self.events[-8:]}, words {self.words[-20:]}"
                    )
                self._new.wait(min(left, 0.5))

    def kill(self) -> None:
        """SIGKILL, as a power cut of one process."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        if self.process is None or self.process.poll() is not None:
            return 0
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(40)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)  # every thread says where it is
            self.process.wait()
            where = "".join(self.words[-200:])
            raise AssertionError(
                f"still there 40 s after SIGTERM; last events {self.events[-8:]}\n{where}"
            ) from None

    def command(self, *arguments: str, check: bool = True) -> "Said":
        """Run a command of the node's, in this process: to load everything anew takes seconds."""
        from dicom_node.cli import main

        words = ["--conf", str(self.conf), *arguments]
        done = CliRunner().invoke(main, words, env=self.environ)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        if check and done.exit_code:
            raise AssertionError(f"{arguments} ended with {done.exit_code}: {done.stderr}")
        return Said(done.exit_code, done.stdout, done.stderr)

    def why(self, study_uid: str) -> dict:
        return json.loads(self.command("why", study_uid, "--json").stdout)

    def until(self, study_uid: str, fits, wait_s: float = 180.0) -> dict:
        """Return what ``why`` says once ``fits`` holds for it."""
        from dicom_node.app import explain_study
        from dicom_node.db import Database
        from dicom_node.errors import NotKnown
        from dicom_node.settings import load_settings

        settings = load_settings(self.conf, self.environ)
        database = Database(settings.file.database.url, settings.data)
        deadline = time.monotonic() + wait_s
        answer: dict = {}
        try:
            while time.monotonic() < deadline:
                try:
                    answer = explain_study(database, study_uid)
                except NotKnown:
                    answer = {}
                if answer and fits(answer):
                    return answer
                time.sleep(0.1)
        finally:
            database.close()
        raise AssertionError(
            f"not within {wait_s} s: {json.dumps(answer)[:3000]} {self.words[-5:]}"
        )


def is_held(answer: dict) -> bool:
    """Whether the only job of a study waits for a person."""
    return [job["state"] for job in answer["jobs"]] == ["held"]


def is_sent(answer: dict) -> bool:
    """Whether every delivery of a study is sent, and there is one; receipted is more than that."""
    states = [delivery["state"] for delivery in answer["deliveries"]]
    return bool(states) and set(states) <= {"sent", "receipted"}


def is_receipted(answer: dict) -> bool:
    """Whether every delivery of a study is receipted, and there is one."""
    states = [delivery["state"] for delivery in answer["deliveries"]]
    return bool(states) and set(states) == {"receipted"}
