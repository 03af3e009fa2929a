"""What is measured of a node: lengths and ages of its queues, its disk, and what it has counted."""

import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Text, cast, func, select
from sqlalchemy.orm import Session

from dicom_node.app.build import Node
from dicom_node.app.clock import utc_now
from dicom_node.db import DeliveryRow, JobRow, StudyRow
from dicom_node.errors import DatabaseAway
from dicom_node.processes import Beat, Processes
from dicom_node.tally import CERTIFICATE_DAYS, GPU_BUSY, GPU_MEMORY_SIZE, GPU_MEMORY_USED
from dicom_node.values import DeliveryState, JobState, StudyState
from dicom_node.web import Figure

__all__ = ["HELP", "figures_of"]

_RECENT = timedelta(minutes=5)
"""A process that was not seen for so long has counted its last."""
HELP = {
    "received_instances_total": "Instances that came to the archive, by what they were there.",
    "refused_instances_total": "Instances that were not kept, by why.",
    "sent_instances_total": "Answers of destinations to instances, by DIMSE status.",
    "jobs_ended_total": "Runs of jobs that ended, by the state that they left the job in.",
    "job_seconds_total": "Seconds that runs of jobs took.",
    CERTIFICATE_DAYS: "Days until a certificate ends: of ours, authorities and peers that called.",
    GPU_MEMORY_USED: "Memory of a graphics card that is in use, by whomever.",
    GPU_MEMORY_SIZE: "Memory that a graphics card has.",
    GPU_BUSY: "Share of the last moments in which a graphics card computed, 0 to 1.",
    "web_requests_total": "Requests over HTTP.",
    "web_request_seconds_total": "Seconds that requests over HTTP took.",
    "web_connections_refused_total": "Connections over HTTP that were not let in, by why.",
    "web_tokens_refused_total": "Tokens that were unknown, expired, revoked or for something else.",
    "web_stored_instances_total": "Instances that came over STOW-RS, by what became of them.",
    "web_retrieved_instances_total": "Instances that were given over WADO-RS.",
}
"""What is said of a figure that processes count or measure."""
Labels = tuple[tuple[str, str], ...]


def figures_of(node: Node) -> Iterator[Figure]:
    """Yield every figure; where the database is away, that and what is known without it."""
    now = utc_now()
    yield from _disk(node)
    try:
        with node.database.reading() as session:
            found = [*_studies(session, now), *_jobs(session, now), *_deliveries(session, now)]
            beats = Processes(session).seen_since(now - _RECENT)
    except DatabaseAway:
        yield Figure("database_up", "gauge", "Whether the database answers.", [((), 0)])
        return
    yield Figure("database_up", "gauge", "Whether the database answers.", [((), 1)])
    yield from found
    yield from _processes(beats, now)


def _disk(node: Node) -> Iterator[Figure]:
    reserve = node.settings.file.archive.keep_free_mb * 2**20
    yield Figure("disk_reserve_bytes", "gauge", "What is kept free of the disk.", [((), reserve)])
    try:
        disk = os.statvfs(node.settings.data)
    except OSError:
        return
    free, size = disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize
    yield Figure("disk_free_bytes", "gauge", "Free on the disk of the data folder.", [((), free)])
    yield Figure("disk_size_bytes", "gauge", "Size of that disk.", [((), size)])


def _studies(session: Session, now: datetime) -> Iterator[Figure]:
    row = StudyRow
    query = select(row.state, func.count(), func.min(row.last_at)).group_by(row.state)
    found = {state: (count, oldest) for state, count, oldest in session.execute(query)}
    yield _by_state("studies", "Studies, by where they stand.", StudyState, found)
    waiting = {state: found[state][1] for state in (StudyState.RECEIVING, StudyState.COMPLETE)
               if state in found}  # fmt: skip
    help_text = "Age of the last instance of the study that waits longest, by state."
    yield Figure("study_wait_seconds", "gauge", help_text, _ages(waiting, "state", now))


def _jobs(session: Session, now: datetime) -> Iterator[Figure]:
    row = JobRow
    query = select(row.state, func.count(), func.min(row.created_at)).group_by(row.state)
    found = {state: (count, oldest) for state, count, oldest in session.execute(query)}
    yield _by_state("jobs", "Jobs, by where they stand.", JobState, found)
    open_ones = {state: found[state][1] for state in (JobState.WAITING, JobState.RUNNING)
                 if state in found}  # fmt: skip
    help_text = "Age of the oldest job that waits or runs."
    yield Figure("job_wait_seconds", "gauge", help_text, _ages(open_ones, "state", now))
    yield Figure("job_reasons", "gauge", "Jobs without result, by reason code.", _reasons(session))


def _reasons(session: Session) -> list[tuple[Labels, float]]:
    """Return how many jobs ended so, by code; alike ones are counted by the database."""
    text = cast(JobRow.reasons, Text)
    states = (JobState.REFUSED, JobState.FAILED, JobState.HELD)
    query = (
        select(JobRow.state, func.min(JobRow.id), func.count())
        .where(JobRow.state.in_(states))
        .group_by(JobRow.state, text)
    )
    groups = session.execute(query).all()
    rows = session.execute(
        select(JobRow.id, JobRow.reasons).where(JobRow.id.in_([one for _, one, _ in groups]))
    )
    reasons = {number: found for number, found in rows}  # noqa: C416 - rows are no pairs
    counts: Counter[Labels] = Counter()
    for state, number, count in groups:
        for code in {reason["code"] for reason in reasons.get(number, ())}:
            counts[("code", code), ("state", state)] += count
    return sorted(counts.items())


def _deliveries(session: Session, now: datetime) -> Iterator[Figure]:
    row = DeliveryRow
    query = select(row.destination, row.state, func.count(), func.min(row.created_at))
    values: list[tuple[Labels, float]] = []
    waiting: dict[str, datetime] = {}
    for destination, state, count, oldest in session.execute(
        query.group_by(row.destination, row.state)
    ):
        values.append(((("destination", destination), ("state", state)), float(count)))
        if state in (DeliveryState.WAITING, DeliveryState.SENDING):
            waiting[destination] = min(oldest, waiting.get(destination, oldest))
    yield Figure("deliveries", "gauge", "Series on their way, by destination and state.", values)
    help_text = "Age of the oldest series that a destination does not have yet."
    yield Figure("delivery_wait_seconds", "gauge", help_text, _ages(waiting, "destination", now))


def _processes(beats: Iterable[Beat], now: datetime) -> Iterator[Figure]:
    ages: list[tuple[Labels, float]] = []
    counters: dict[str, list[tuple[Labels, float]]] = defaultdict(list)
    for beat in beats:
        host, _, number, _ = beat.owner.split("/")
        whose = (("kind", str(beat.kind)), ("process", f"{host}/{number}"))
        ages.append((whose, (now - beat.seen_at).total_seconds()))
        for count in beat.counts:
            counters[count.name].append(((*sorted(count.labels.items()), *whose), count.value))
    yield Figure("process_seen_seconds", "gauge", "Since when a process was not seen.", ages)
    for name, values in sorted(counters.items()):
        kind = "counter" if name.endswith("_total") else "gauge"
        yield Figure(name, kind, HELP.get(name, "Counted by each process."), values)


def _by_state(name: str, help_text: str, states: Any, found: Mapping[str, Any]) -> Figure:
    """Return a number for each state: one that is 0 is there too, so that it can be watched."""
    values = [((("state", str(state)),), float(found.get(state, (0,))[0])) for state in states]
    return Figure(name, "gauge", help_text, values)


def _ages(oldest: Mapping[Any, datetime], label: str, now: datetime) -> list[tuple[Labels, float]]:
    return [
        (((label, str(name)),), max(0.0, (now - moment).total_seconds()))
        for name, moment in oldest.items()
    ]
