"""A whole node under peers that are not honest, and under a load balancer: up, and level."""

import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from dicom_node.dicom import new_uid
from tests.dicom_node.archive.objects import instance, wire
from tests.support.mutate import Conversations
from tests.support.node import RunningNode
from tests.support.wire import RawPeer, p_data, status_of, store_rq

AT_ONCE_S = 15.0
HONEST = "HONEST"
"""Another peer than those that are not: what these still hold counts against themselves."""
PEERS = 4
"""At once."""
CONNECTIONS = 5
"""That the database's pool keeps open, once as many threads have read at once."""
TICKING = 4
"""Threads that the scheduler starts as its jobs first run side by side, and keeps."""
STOCK = pytest.param(False, marks=pytest.mark.slow, id="stock")
PLANES = pytest.mark.parametrize("data_plane", [pytest.param(True, id="own plane"), STOCK])
OWN_PLANE = pytest.mark.parametrize("data_plane", [True], ids=["own plane"])
"""The one that nodes have unless they are told otherwise; the other one in ``make slow``."""


@pytest.fixture
def node(start, data_plane) -> RunningNode:
    """A node of little patience: what is spoilt often waits for what never comes."""
    return started(start, data_plane, idle_s=2.0)


@pytest.fixture
def patient(start, data_plane) -> RunningNode:
    """A node that does not lose patience with the honest, however busy the machine is."""
    return started(start, data_plane, idle_s=60.0)


def started(start, data_plane: bool, idle_s: float) -> RunningNode:
    listen = {"data_plane": data_plane, "idle_s": idle_s}
    extra = {"listen": listen, "limits": {"artim_s": 2.0}, "worker": {"count": 0}}
    honest = {"name": "honest", "ae_title": HONEST, "host": "127.0.0.1", "may": ["echo"]}
    return start(extra=extra, peers=[honest])


class Costs:
    """What the process of a node holds."""

    def __init__(self, node: RunningNode) -> None:
        self._proc = Path("/proc") / str(node.process.pid)

    def _status(self, word: str) -> int:
        lines = (self._proc / "status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(f"{word}:"))

    @property
    def memory_mb(self) -> float:
        return self._status("VmRSS") / 1024

    @property
    def threads(self) -> int:
        return self._status("Threads")

    def _opened(self) -> list[str]:
        found = []
        for file in (self._proc / "fd").iterdir():
            with suppress(OSError):  # closed meanwhile
                found.append(file.readlink().name)
        return found

    @property
    def files(self) -> int:
        """Open files and sockets, but those of the database: it closes them when it may."""
        return sum(not name.startswith("node.db") for name in self._opened())

    @property
    def connections(self) -> int:
        """Connections to the database: each has one write-ahead log open."""
        return self._opened().count("node.db-wal")

    def settled(self, most_files: int, most_threads: int, wait_s: float = 15.0) -> tuple[int, int]:
        """Return files and threads once they are back to these, or after ``wait_s``."""
        deadline = time.monotonic() + wait_s
        while time.monotonic() < deadline:
            if self.files <= most_files and self.threads <= most_threads:
                break
            time.sleep(0.05)
        return self.files, self.threads


def converse(port: int, said: list[bytes]) -> None:
    """Say it, piece after piece, reading whatever is answered; then hang up."""
    with suppress(OSError), RawPeer(port, wait_s=8.0) as peer:  # the node may end it
        for content in said:
            peer.send(content)
            peer.raw.setblocking(False)
            with suppress(BlockingIOError):
                peer.raw.recv(65536)
            peer.raw.settimeout(8.0)
        peer.raw.shutdown(socket.SHUT_WR)
        while peer.raw.recv(65536):
            pass


def side_by_side(act: Callable[[], None], count: int) -> None:
    """Call ``act`` so often, from several threads; an error of one is an error of all."""
    left, lock, failed = [count], threading.Lock(), []

    def run() -> None:
        while True:
            with lock:
                if not left[0] or failed:
                    return
                left[0] -= 1
            try:
                act()
            except BaseException as exc:
                failed.append(exc)
                raise

    threads = [threading.Thread(target=run) for _ in range(PEERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]


def echo(port: int, context: ssl.SSLContext | None = None, calling: str = "SCANNER") -> float:
    """Connect, ask, be answered and leave, as a load balancer does every few seconds."""
    began = time.monotonic()
    with RawPeer(port, wait_s=30.0) as peer:
        if context is not None:
            peer.raw = context.wrap_socket(peer.raw, server_hostname="127.0.0.1")
        assert peer.associate(calling=calling).echo() == 0
        peer.release()
    return time.monotonic() - began


def stays_level(node: RunningNode, act: Callable[[], None], count: int, growth_mb: float) -> None:
    """Memory, file handles and threads after a quarter of it are those after the whole."""
    costs = Costs(node)
    side_by_side(act, count // 4)  # until then it learns what it keeps
    files, threads = costs.settled(0, 0, wait_s=5.0)
    memory = costs.memory_mb
    for _ in range(3):
        side_by_side(act, count // 4)
        assert echo(node.port, calling=HONEST) < AT_ONCE_S
    assert node.process.poll() is None
    assert node.words == []  # nothing but log lines
    died = [one["exception"] for one in node.events if one.get("event") == "thread died"]
    assert [one for one in died if "pynetdicom.fsm.InvalidEventError" not in one] == []
    now_files, now_threads = costs.settled(files, threads)
    assert now_files <= files + 2
    assert costs.connections <= CONNECTIONS
    assert now_threads <= threads + TICKING
    assert costs.memory_mb - memory < growth_mb


def spoilt(node: RunningNode, seed: int) -> Callable[[], None]:
    conversations, lock = Conversations(seed), threading.Lock()

    def act() -> None:
        with lock:
            said = conversations.next()
        converse(node.port, said)

    return act


@PLANES
def test_spoilt_conversations_leave_a_node_that_serves(node, data_plane):
    """A thousand of them, half on each plane."""
    stays_level(node, spoilt(node, 1 + data_plane), 500, growth_mb=15)


@pytest.mark.slow
@pytest.mark.timeout(4 * 3600)
@PLANES
def test_twenty_thousand_spoilt_conversations_leave_a_node_that_serves(node, data_plane):
    stays_level(node, spoilt(node, 3 + data_plane), 20_000, growth_mb=25)


@pytest.mark.slow
@OWN_PLANE
def test_echoes_leave_memory_level(patient):
    stays_level(patient, lambda: echo(patient.port), 1000, growth_mb=8)


@pytest.mark.slow
@pytest.mark.timeout(4 * 3600)
@PLANES
def test_a_hundred_thousand_echoes_leave_memory_level(patient):
    stays_level(patient, lambda: echo(patient.port), 100_000, growth_mb=20)


def sending(node: RunningNode, images: int) -> Callable[[], None]:
    """Return what sends a study of that many small images, every UID new, and is told Success."""

    def act() -> None:
        study, series = new_uid(), new_uid()
        with RawPeer(node.port, wait_s=60.0) as peer:
            peer.associate()
            for number in range(1, images + 1):
                ds = instance(number=number, StudyInstanceUID=study, SeriesInstanceUID=series)
                ds.SOPInstanceUID = new_uid()
                peer.send(store_rq(ds.SOPInstanceUID, number))
                peer.send(p_data(wire(ds), 0x02, context=3))
                kind, body = peer.pdu()
                assert (kind, status_of(body)) == (0x04, 0)
            peer.release()

    return act


@OWN_PLANE
@pytest.mark.slow
def test_images_leave_memory_level(patient):
    """A thousand of them; a quarter makes an arena of memory a thread."""
    stays_level(patient, sending(patient, 50), 20, growth_mb=30)


@pytest.mark.slow
@pytest.mark.timeout(4 * 3600)
@PLANES
def test_a_hundred_thousand_images_leave_memory_level(patient):
    stays_level(patient, sending(patient, 100), 1000, growth_mb=40)
