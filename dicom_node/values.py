"""What the rooms hand to each other: frozen, valid once built, free of database and wire."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Literal

__all__ = [
    "Companion",
    "Decided",
    "Delivery",
    "DeliveryState",
    "Instance",
    "Job",
    "JobState",
    "Model",
    "Origin",
    "Priority",
    "Role",
    "Source",
    "StudyState",
]


class StudyState(StrEnum):
    """Where a study stands; see docs/reference/states.md."""

    RECEIVING = "receiving"
    COMPLETE = "complete"
    ROUTED = "routed"


class JobState(StrEnum):
    """Where a job stands."""

    WAITING = "waiting"
    RUNNING = "running"
    HELD = "held"
    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"
    CANCELLED = "cancelled"


class DeliveryState(StrEnum):
    """Where a series stands on its way to one destination."""

    WAITING = "waiting"
    SENDING = "sending"
    SENT = "sent"
    RECEIPTED = "receipted"
    FAILED = "failed"


class Priority(IntEnum):
    """Stat before routine before bulk; the lower the sooner."""

    STAT = 0
    ROUTINE = 1
    BULK = 2


class Role(StrEnum):
    """What an object is that a job made and that lies apart."""

    RESULT = "result"
    MARKED = "marked"
    """A copy that says on its face that it waits for a person; research may have it meanwhile."""


class Origin(StrEnum):
    """How an instance came into the archive."""

    RECEIVED = "received"
    INGESTED = "ingested"
    MADE = "made"


@dataclass(frozen=True, slots=True)
class Instance:
    """One kept object.

    Parameters
    ----------
    path : Path
        The Part 10 file.
    sha256 : str
        Over the data set's bytes as they came, without file meta information.
    size : int
        Of these bytes.
    """

    sop_instance_uid: str
    sop_class_uid: str
    study_uid: str
    series_uid: str
    transfer_syntax_uid: str
    sha256: str
    size: int
    path: Path
    origin: Origin = Origin.RECEIVED


@dataclass(frozen=True, slots=True)
class Source:
    """One series that a job works on: its label, and the instances it had when it was planned."""

    label: str
    series_uid: str
    sop_instance_uids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Model:
    """Which model a job runs: name, version, and ``sha256:`` digest of the bundle."""

    name: str
    version: str
    digest: str


@dataclass(frozen=True, slots=True)
class Decided:
    """What a person decided about a result that waited.

    Parameters
    ----------
    what : {"released", "rejected"}
    by : str
        The person's name, as given.
    why : str
        In their words; empty where none were given.
    at : datetime
        UTC.
    content : str
        SHA-256 over what it was: made again byte for byte, it is decided already.
    """

    what: Literal["released", "rejected"]
    by: str
    why: str
    at: datetime
    content: str

    def record(self) -> dict[str, str]:
        """Return it as JSON has it."""
        return {
            "what": self.what,
            "by": self.by,
            "why": self.why,
            "at": self.at.isoformat(),
            "content": f"sha256:{self.content}",
        }


class Companion(StrEnum):
    """What a rule may ask for beside a result, in the order in which it is made."""

    UNCERTAINTY = "uncertainty"
    REPORT = "report"
    OVERLAY = "overlay"
    PDF = "pdf"


@dataclass(frozen=True, slots=True)
class Job:
    """One study to run through one task.

    Parameters
    ----------
    key : str
        The UID that names the result for ever: see :func:`dicom_node.jobs.key.job_key`.
    token : int
        Raised with every claim. What finishes a job names the token it was given, so a worker that
        was thought dead cannot finish what another took.
    created_at : datetime
        UTC. It dates every object made, so that a second run writes the same bytes.
    series_uids : tuple of str
        What it made: the result first, then its companions.
    decided : mapping or None
        What a person decided about its result: the record of a :class:`Decided`.
    companions : tuple of Companion
        What is to be made beside the result.
    """

    id: int
    key: str
    study_uid: str
    rule: str
    task: str
    grid: str
    priority: Priority
    state: JobState
    attempts: int
    token: int
    created_at: datetime
    model: Model
    sources: tuple[Source, ...]
    reasons: tuple[Mapping[str, str], ...] = ()
    series_uids: tuple[str, ...] = ()
    decided: Mapping[str, str] | None = None
    companions: tuple[Companion, ...] = ()


@dataclass(frozen=True, slots=True)
class Delivery:
    """One series on its way to one destination.

    Parameters
    ----------
    attempts : int
        How often it was tried.
    refusals : int
        In how many of these tries the destination answered, and refused for good.
    unsent : tuple of Instance
        What is to be sent: not answered yet, or refused.
    doubted : int
        How many instances were answered with a warning: they are there, but not as they were sent.
    """

    id: int
    destination: str
    study_uid: str
    series_uid: str
    state: DeliveryState
    attempts: int
    refusals: int
    token: int
    created_at: datetime
    unsent: tuple[Instance, ...] = ()
    doubted: int = 0
    total: int = 0
    error: str | None = None
