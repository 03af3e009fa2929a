"""Idle memory of the listener, and the time from start to the first accepted association."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.peers import Ours, resident_mb, wait_for_port
from benchmarks.report import line, median
from tests.support.orthanc import Orthanc

SETTLE_S = 3.0


def run(runs: int) -> Iterator[str]:
    """Yield ``idle-memory`` and ``start-up`` beside Orthanc's."""
    started: dict[str, list[float]] = {"ours": [], "orthanc": []}
    memory: dict[str, list[float]] = {"ours": [], "orthanc": []}
    for _ in range(runs):
        folder = Path(tempfile.mkdtemp(prefix="bench-"))
        try:
            ours = Ours(folder / "ours")
            started["ours"].append(ours.start())
            orthanc = Orthanc(folder / "orthanc")
            began = time.perf_counter()
            orthanc.start()
            wait_for_port(orthanc.dicom_port)
            started["orthanc"].append(time.perf_counter() - began)
            time.sleep(SETTLE_S)
            memory["ours"].append(ours.resident_mb())
            memory["orthanc"].append(resident_mb(orthanc.process.pid))
            orthanc.stop()
            ours.stop()
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    for name, figures, unit in (("idle-memory", memory, "MB"), ("start-up", started, "s")):
        peer = "orthanc", median(figures["orthanc"])
        yield line(name, median(figures["ours"]), peer, unit, runs)
