"""How many workers a serving process starts."""

import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
from pynetdicom import AE

from dicom_node.dicom import VERIFICATION
from tests.support.node import NodeConf, RunningNode
from tests.support.until import until


def children(pid: int) -> list[str]:
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [child for task in tasks for child in (task / "children").read_text().split()]


def started(node: RunningNode) -> list[dict]:
    return [event for event in node.events if event.get("event") == "worker started"]


@pytest.mark.parametrize("count", [0, 2])
def test_as_many_workers_are_started_as_are_configured(tmp_path, count):
    node = RunningNode(NodeConf(tmp_path, extra={"worker": {"count": count}}).write())
    try:
        node.start()
        until(lambda: len(started(node)) >= count)
        if not count:
            node.command("why", "1.2", check=False)  # it had time to start one
            assert children(node.process.pid) == []
        assert len(started(node)) == count
        assert len({event["pid"] for event in started(node)}) == count
    finally:
        assert node.stop() == 0


def test_a_stop_starts_no_worker_and_ends_soon(tmp_path):
    """Stopped while a peer holds an association open and silent: the slowest way to end."""
    conf = NodeConf(tmp_path)
    node = RunningNode(conf.write()).start()
    ae = AE(ae_title="SCANNER")
    ae.add_requested_context(VERIFICATION)
    assoc = ae.associate("127.0.0.1", conf.port, ae_title="SYNTHNODE")
    assert assoc.is_established
    node.wait_for("worker started")
    began = time.monotonic()
    assert node.stop() == 0
    took = time.monotonic() - began
    assoc.abort()
    assert len(started(node)) == 1
    assert not [event for event in node.events if event.get("event") == "worker ended"]
    assert took < 10


def test_a_stop_ends_soon_where_the_database_is_locked_for_good(tmp_path):
    node = RunningNode(NodeConf(tmp_path).write()).start()
    node.wait_for("worker started")
    with closing(sqlite3.connect(tmp_path / "var" / "node.db", timeout=20)) as other:
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        assert node.stop() == 0
        took = time.monotonic() - began
    assert took < 11
    assert [event for event in node.events if event.get("event") == "stopped late"]


def test_ctrl_c_in_a_terminal_is_for_the_serving_process_alone(tmp_path):
    """The terminal signals the whole group; a worker or a child that dies of it costs a try."""
    node = RunningNode(NodeConf(tmp_path).write()).start()
    worker = node.wait_for("worker started")["pid"]
    (child,) = until(lambda: children(worker))
    pids = node.process.pid, worker, int(child)
    assert until(lambda: len({os.getpgid(pid) for pid in pids}) == 3)
    assert node.stop() == 0
    assert not node.words, "a traceback"


def test_a_node_that_was_stopped_is_missed_by_nobody(tmp_path):
    """Processes of another host are judged by their rows alone: a container made anew is one."""
    conf = NodeConf(tmp_path)
    node = RunningNode(conf.write()).start()
    with closing(sqlite3.connect(tmp_path / "var" / "node.db")) as database:
        kinds = "SELECT kind FROM process"
        until(lambda: {("listener",), ("worker",)} <= set(database.execute(kinds).fetchall()))
        assert node.stop() == 0
        assert database.execute(kinds).fetchall() == []
