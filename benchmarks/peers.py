"""Who receives: ours in two ways, Orthanc, and DCMTK's storescp, each on a port of its own."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sqlalchemy import create_engine, text

from benchmarks.raw_client import Target
from tests.support.need import free_port, program
from tests.support.node import NodeConf, RunningNode
from tests.support.orthanc import Orthanc

BENCH = {"name": "bench", "ae_title": "BENCH", "host": "127.0.0.1"}


class Ours:
    """Our node; studies stay in reception, so that receiving is all it does.

    Without ``data_plane`` pynetdicom reads everything. ``may`` is what the benchmark's own peer
    may ask for; ``peers`` are the others that the node knows.
    """

    def __init__(
        self,
        folder: Path,
        name: str = "ours",
        *,
        data_plane: bool = True,
        may: Sequence[str] = ("echo", "store"),
        peers: Sequence[dict] = (),
    ) -> None:
        extra = {"log": {"level": "info"}, "listen": {"data_plane": data_plane}}
        conf = NodeConf(folder, quiet_s=3600.0, extra=extra, rules=[])
        conf.peers += [{**BENCH, "may": list(may)}, *peers]
        self.node = RunningNode(conf.write())
        self.data = folder / "var"
        self.target = Target(name, conf.port, "SYNTHNODE")

    def start(self) -> float:
        """Return the seconds until the first association was accepted."""
        began = time.perf_counter()
        self.node.start()
        wait_for_port(self.target.port)
        return time.perf_counter() - began

    def stop(self) -> None:
        self.node.stop()

    def resident_mb(self) -> float:
        """Resident memory of the listening process."""
        return resident_mb(self.node.process.pid)

    def check(self, sent: list[tuple[str, str, bytes]]) -> None:
        """Every instance that was answered has its row and its file, with the bytes sent."""
        engine = create_engine(f"sqlite:///{self.data / 'node.db'}")
        with engine.connect() as connection:
            query = text("SELECT sop_instance_uid, path FROM instance")
            places = dict(connection.execute(query).all())
        engine.dispose()
        for _, uid, content in sent:
            path = self.data / "archive" / places[uid]
            if not path.read_bytes().endswith(content):
                raise RuntimeError(f"{uid} is not there as it was sent")


def resident_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"process {pid} is gone")


def wait_for_port(port: int, wait_s: float = 30.0) -> None:
    deadline = time.monotonic() + wait_s
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.005)


@contextmanager
def storescp(folder: Path) -> Iterator[Target]:
    """DCMTK's receiver: no sync, no index, a process per association. The floor."""
    folder.mkdir()
    port = free_port()
    arguments = [program("/usr/bin/storescp"), "--fork", "-pdu", "131072", "-od", str(folder), "+B"]
    process = subprocess.Popen(
        [*arguments, str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_for_port(port)
        yield Target("storescp", port, "ANY-SCP")
    finally:
        process.terminate()
        process.wait()


@contextmanager
def receivers() -> Iterator[tuple[Ours, list[Target]]]:
    """Give ours first and all of them, running.

    Orthanc has SyncStorageArea (its default) and TCP_NODELAY=1.
    """
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=os.environ.get("BENCH_FOLDER")))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        orthanc = Orthanc(folder / "orthanc").start()
        stack.callback(orthanc.stop)
        ours = Ours(folder / "ours")
        ours.start()
        stack.callback(ours.stop)
        plain = Ours(folder / "plain", "pynetdicom", data_plane=False)
        plain.start()
        stack.callback(plain.stop)
        floor = stack.enter_context(storescp(folder / "storescp"))
        other = Target("orthanc", orthanc.dicom_port, "ORTHANC")
        yield ours, [ours.target, other, floor, plain.target]
