"""Kill a node at a chosen change of state, start it again, and see what is left."""

import random
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from dicom_node.values import DeliveryState, JobState, StudyState
from tests.support.dcmtk import send_noting
from tests.support.mr import MrSeries, encoded
from tests.support.node import RunningNode, is_sent
from tests.support.orthanc import Orthanc

CHANGES = (
    ("study", StudyState.RECEIVING),
    ("study", StudyState.COMPLETE),
    ("study", StudyState.ROUTED),
    ("job", JobState.WAITING),
    ("job", JobState.RUNNING),
    ("job", JobState.DONE),
    ("delivery", DeliveryState.WAITING),
    ("delivery", DeliveryState.SENDING),
    ("delivery", DeliveryState.SENT),
)
"""Every change of state on the way of a study that ends well."""
_STATES = {
    "study": "SELECT state FROM study WHERE uid = :uid",
    "job": "SELECT state FROM job WHERE study_uid = :uid",
    "delivery": "SELECT state FROM delivery WHERE study_uid = :uid",
}
STUCK_S = 60.0


@dataclass
class Crash:
    """One kill: at which change, and how long after it was seen."""

    table: str
    state: str
    delay_s: float

    @classmethod
    def of_seed(cls, seed: int) -> "Crash":
        """Go through all changes in turn; the moment after each is drawn from the seed."""
        table, state = CHANGES[seed % len(CHANGES)]
        return cls(table, str(state), random.Random(seed).choice((0.0, 0.005, 0.02, 0.08, 0.3)))


class Watcher:
    """Looks at the states of one study every few milliseconds, from outside the node."""

    def __init__(self, url: str, data: Path) -> None:
        resolved = url.replace("sqlite:///", f"sqlite:///{data}/") if "sqlite" in url else url
        self._engine = create_engine(resolved)

    def state(self, table: str, study_uid: str) -> str | None:
        try:
            with self._engine.connect() as connection:
                return connection.execute(text(_STATES[table]), {"uid": study_uid}).scalar()
        except SQLAlchemyError:
            return None

    def wait_for(self, crash: Crash, study_uid: str, limit_s: float) -> bool:
        """Wait until the change has happened; states that are passed through count."""
        order = [str(state) for table, state in CHANGES if table == crash.table]
        enough = set(order[order.index(crash.state) :])
        deadline = time.monotonic() + limit_s
        while time.monotonic() < deadline:
            if self.state(crash.table, study_uid) in enough:
                time.sleep(crash.delay_s)
                return True
            time.sleep(0.002)
        return False

    def rows(self, query: str, study_uid: str):
        with self._engine.connect() as connection:
            return connection.execute(text(query), {"uid": study_uid}).all()

    def close(self) -> None:
        self._engine.dispose()


def crash_once(
    node: RunningNode, port: int, orthanc: Orthanc, watcher: Watcher, seed: int
) -> tuple[str, str]:
    """Send a study, kill the node on the way, start it again, and check every promise.

    Returns
    -------
    (table, state)
        The change after which the node died, as the database showed it then.
    """
    crash = Crash.of_seed(seed)
    series = MrSeries(seed=f"crash {seed} {time.time_ns()}", slices=18, size=32, spacing_mm=6.0)
    paths = series.write(node.conf.parent / "sent" / series.study_uid)
    kept: set[Path] = set()
    sender = threading.Thread(target=lambda: kept.update(send_noting(port, paths)))
    sender.start()
    assert watcher.wait_for(crash, series.study_uid, 60), f"{crash} was never seen"
    node.kill()
    sender.join(60)
    hit = crash.table, watcher.state(crash.table, series.study_uid) or "none"
    node.start()
    began = time.monotonic()
    again = paths if seed % 2 else [path for path in paths if path not in kept]
    if again:
        second = send_noting(port, again)
        assert second == set(again), f"seed {seed}: {len(second)} of {len(again)} were answered"
        kept |= second
    answer = node.until(series.study_uid, is_sent, STUCK_S - (time.monotonic() - began))
    assert kept == set(paths)
    check_promises(answer, series, orthanc, watcher, node.conf.parent / "var")
    return hit


def check_promises(
    answer: dict, series: MrSeries, orthanc: Orthanc, watcher: Watcher, data: Path
) -> None:
    """Nothing lost, nothing doubled, nothing else than what was sent."""
    study_uid, datasets = answer["study_uid"], series.datasets()
    rows = dict(
        watcher.rows(
            "SELECT sop_instance_uid, path FROM instance WHERE study_uid = :uid", study_uid
        )
    )
    for ds in datasets:
        content = (data / "archive" / rows[ds.SOPInstanceUID]).read_bytes()
        assert content.endswith(encoded(ds)), "the archive holds other bytes than were sent"
    jobs = [job for job in answer["jobs"] if job["state"] != "cancelled"]
    assert [job["state"] for job in jobs] == ["done"], answer["jobs"]
    assert len(jobs[0]["series_uids"]) == 1
    held = [
        one
        for one in orthanc.get("series?expand")
        if orthanc.get(f"studies/{one['ParentStudy']}")["MainDicomTags"]["StudyInstanceUID"]
        == study_uid
    ]
    assert [one["MainDicomTags"]["SeriesInstanceUID"] for one in held] == jobs[0]["series_uids"]
    assert len(held[0]["Instances"]) == len(datasets)
    unfinished = list((data / "archive" / "incoming").iterdir())
    assert not unfinished, f"half-written files are left: {unfinished}"
