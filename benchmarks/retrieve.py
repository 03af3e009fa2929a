"""Retrieving: images per second that a workstation is given, ours and Orthanc in turns.

DCMTK asks both: getscu by C-GET, movescu by C-MOVE to its own storescp.
"""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path

from pydicom import dcmread

from benchmarks.objects import KINDS, instances
from benchmarks.peers import Ours, storescp
from benchmarks.raw_client import Target, send_all
from benchmarks.report import line, median
from tests.support.need import program
from tests.support.orthanc import Orthanc


def run(runs: int) -> Iterator[str]:
    """Yield ``move-<kind>`` and ``get-<kind>``, a study of each kind."""
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    taken = folder / "taken"
    orthanc = Orthanc(folder / "orthanc")
    try:
        with storescp(taken) as receiver:
            orthanc.modalities = {"bench": [receiver.called, "127.0.0.1", receiver.port],
                                  "asker": ["BENCH", "127.0.0.1", receiver.port]}  # fmt: skip
            orthanc.start()
            there = {"name": "taker", "ae_title": receiver.called, "host": "127.0.0.1",
                     "port": receiver.port, "may": ["echo", "store"]}  # fmt: skip
            may = ("echo", "store", "find", "move", "get")
            ours = Ours(folder / "ours", may=may, peers=(there,))
            ours.start()
            try:
                other = Target("orthanc", orthanc.dicom_port, orthanc.ae_title)
                yield from _retrieved([ours.target, other], receiver, taken, runs)
            finally:
                ours.stop()
    finally:
        orthanc.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _retrieved(
    targets: Sequence[Target], receiver: Target, taken: Path, runs: int
) -> Iterator[str]:
    for kind in KINDS:
        sent = instances(kind)
        study = _study_of(sent[0][2])
        for target in targets:
            send_all(target, [sent])
        for name, ask in (("move", ["movescu", "-aem", receiver.called]),
                          ("get", ["getscu", "+B", "-od", str(taken)])):  # fmt: skip
            rates: dict[str, list[float]] = {target.name: [] for target in targets}
            for _ in range(runs):
                for target in targets:
                    began = time.perf_counter()
                    _ask(ask, target, study)
                    rates[target.name].append(len(sent) / (time.perf_counter() - began))
                    _check(taken, len(sent))
            mine, theirs = (median(found) for found in rates.values())
            yield line(f"{name}-{kind.name}", mine, ("orthanc", theirs), "/s", runs)


def _study_of(content: bytes) -> str:
    return str(dcmread(BytesIO(content), force=True).StudyInstanceUID)


def _ask(arguments: Sequence[str], target: Target, study: str) -> None:
    name, *options = arguments
    subprocess.run(
        [program(f"/usr/bin/{name}"), "-S", *options, "-aet", "BENCH", "-aec", target.called,
         "-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={study}",
         "127.0.0.1", str(target.port)],
        check=True, capture_output=True, timeout=600,
    )  # fmt: skip


def _check(taken: Path, count: int) -> None:
    """Everything came; then it is taken away."""
    files = list(taken.iterdir())
    if len(files) != count:
        raise RuntimeError(f"{len(files)} of {count} images came")
    for file in files:
        file.unlink()
