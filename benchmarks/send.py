"""Sending: instances per second to one Orthanc, by a destination of ours and by DCMTK's dcmsend."""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.objects import KINDS, Kind, instances
from benchmarks.report import line, median
from dicom_node.archive.part10 import meta_header
from dicom_node.destination import DimseSender
from dicom_node.scu import Ourselves
from dicom_node.settings import Outbox, Peer
from dicom_node.values import Instance
from tests.support.need import program
from tests.support.orthanc import Orthanc

EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"


def run(runs: int) -> Iterator[str]:
    """Yield ``send`` for MR of 256 × 256 and ``send-ct`` for CT of 512 × 512."""
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    orthanc = Orthanc(folder / "orthanc").start()
    try:
        for kind in KINDS:
            rates: dict[str, list[float]] = {"ours": [], "dcmsend": []}
            for number in range(runs):
                for name, send in (("ours", _ours), ("dcmsend", _dcmsend)):
                    files = written(kind, folder / f"{kind.name}-{name}-{number}")
                    began = time.perf_counter()
                    send(orthanc, files)
                    rates[name].append(len(files) / (time.perf_counter() - began))
                    _check(orthanc, files)
                    shutil.rmtree(folder / f"{kind.name}-{name}-{number}")
            name = "send" if kind.name == "mr" else f"send-{kind.name}"
            yield line(
                name, median(rates["ours"]), ("dcmsend", median(rates["dcmsend"])), "/s", runs
            )
    finally:
        orthanc.stop()
        shutil.rmtree(folder, ignore_errors=True)


def written(kind: Kind, folder: Path) -> list[Instance]:
    """Write a study as the archive does; every UID is new."""
    folder.mkdir(parents=True)
    found = []
    for number, (sop_class, uid, content) in enumerate(instances(kind)):
        path = folder / f"{number:04d}.dcm"
        path.write_bytes(meta_header(sop_class, uid, EXPLICIT_LITTLE) + content)
        found.append(Instance(uid, sop_class, "", "", EXPLICIT_LITTLE, "", len(content), path))
    return found


def _ours(orthanc: Orthanc, files: Sequence[Instance]) -> None:
    peer = Peer(name="pacs", ae_title="ORTHANC", host="127.0.0.1", port=orthanc.dicom_port)
    sender = DimseSender(Ourselves("BENCH", Outbox()), peer)
    refused = [status for _, status in sender.send(files) if status]
    if refused:
        raise RuntimeError(f"Orthanc answered {refused[0]:#06x}")


def _dcmsend(orthanc: Orthanc, files: Sequence[Instance]) -> None:
    arguments = [program("/usr/bin/dcmsend"), "-aet", "BENCH", "-aec", "ORTHANC", "+sd"]
    subprocess.run(
        [*arguments, "127.0.0.1", str(orthanc.dicom_port), str(files[0].path.parent)],
        check=True, capture_output=True, timeout=600,
    )  # fmt: skip


def _check(orthanc: Orthanc, files: Sequence[Instance]) -> None:
    """Everything is there; then it is taken away, so that the next run finds the same Orthanc."""
    if orthanc.get("statistics")["CountInstances"] != len(files):
        raise RuntimeError("Orthanc does not hold what was sent")
    for patient in orthanc.get("patients"):
        orthanc.delete(f"patients/{patient}")
