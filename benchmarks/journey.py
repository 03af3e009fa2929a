"""The main job with the shipped model: from the last instance in to the last instance out."""

import shutil
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from benchmarks.report import line, median
from dicom_node.dicom import new_uid
from tests.support.mr import MrSeries
from tests.support.need import free_port
from tests.support.node import NodeConf, RunningNode, is_sent
from tests.support.scp import Scp
from tests.support.sender import send

QUIET_S = 1.0
STAGES = ("completion", "rules", "worker", "read", "generate", "write", "destination")


def run(runs: int) -> Iterator[str]:
    """Yield the split by stage as a comment, then ``end-to-end`` against the generator alone."""
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    scp = Scp(free_port()).start()
    conf = NodeConf(folder, quiet_s=QUIET_S, shipped_model=True)
    conf.peers.append({"name": "pacs", "ae_title": "PACS", "host": "127.0.0.1", "port": scp.port})
    node = RunningNode(conf.write()).start()
    try:
        split = [_once(node, conf.port) for _ in range(runs + 1)][1:]  # the first one loads torch
    finally:
        node.stop()
        scp.stop()
        shutil.rmtree(folder, ignore_errors=True)
    medians = {stage: median([one[stage] for one in split]) for stage in (*STAGES, "total")}
    share = medians["generate"] / medians["total"]
    parts = " ".join(f"{stage}={medians[stage]:.2f}s" for stage in STAGES)
    yield f"# end-to-end by stage: {parts}; the generator is {100 * share:.0f} % of it"
    peer = "generate", medians["generate"]
    yield line("end-to-end", medians["total"], peer, "s", runs)


def _once(node: RunningNode, port: int) -> dict[str, float]:
    series = MrSeries(seed=new_uid(), slices=96, size=128, spacing_mm=2.0, step_mm=2.0)
    send(port, series.datasets())
    answer = node.until(series.study_uid, is_sent, 120)
    job = answer["jobs"][0]["id"]
    received = datetime.fromisoformat(answer["last_at"]).timestamp()
    complete = _at(node, "study complete", study_uid=series.study_uid)
    routed = _at(node, "study routed", study_uid=series.study_uid)
    running = _at(node, "job running", job=job)
    ended = node.wait_for("job ended", job=job)
    sent = _at(node, "delivered", series_uid=answer["jobs"][0]["series_uids"][0])
    seconds = ended["seconds"]
    finished = datetime.fromisoformat(ended["timestamp"]).timestamp()
    return {
        "completion": complete - received,
        "rules": routed - complete,
        "worker": (running - routed) + (finished - running) - sum(seconds.values()),
        **seconds,
        "destination": sent - finished,
        "total": sent - received,
    }


def _at(node: RunningNode, event: str, **fields: object) -> float:
    return datetime.fromisoformat(node.wait_for(event, **fields)["timestamp"]).timestamp()
