"""What goes to a child and what comes back: one JSON line each way, and nothing is unpickled."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

__all__ = ["Answer", "Beside", "Kind", "Marked", "Placed", "Work"]

Kind = Literal["made", "held", "refused", "failed", "again"]


@dataclass(frozen=True, slots=True)
class Work:
    """One job for a child.

    Parameters
    ----------
    job_id : int
        For the log.
    run : str
        Names this run of the job; the answer bears it too.
    key : str
        From which all UIDs are derived.
    created_at : str
        ISO 8601 with zone; dates every object.
    task, grid : str
        What to make, on which grid.
    model_digest : str
        The model that the job was planned with; another one on the disk is another job.
    sources : list of [label, series UID, paths]
        In the order of the task's needs.
    companions : list of str
        What to make beside the result.
    destinations : list of str
        Where rules want it by now: some may be sent a marked copy of what is held.
    """

    job_id: int
    run: str
    key: str
    created_at: str
    task: str
    grid: str
    model_digest: str
    sources: list[tuple[str, str, list[str]]]
    companions: list[str] = field(default_factory=list)
    destinations: list[str] = field(default_factory=list)

    def to_line(self) -> str:
        """Return the work as one line of JSON."""
        return json.dumps(asdict(self)) + "\n"

    @classmethod
    def of_line(cls, line: str) -> "Work":
        """Return the work of a line."""
        return cls(**json.loads(line))

    @property
    def created(self) -> datetime:
        """The job's time."""
        return datetime.fromisoformat(self.created_at)


@dataclass(frozen=True, slots=True)
class Placed:
    """One file that the child wrote into the archive: enough to enter its row.

    ``pixels`` is a digest of what it shows; None of a companion.
    """

    place: str
    sha256: str
    size: int
    sop_instance_uid: str
    sop_class_uid: str
    number: int | None = None
    pixels: str | None = None


@dataclass(frozen=True, slots=True)
class Beside:
    """One companion that the child wrote: its name, and its series of one object."""

    name: str
    series_uid: str
    placed: Placed


@dataclass(frozen=True, slots=True)
class Marked:
    """The marked copy of what is held: a series of its own, and who is sent it."""

    series_uid: str
    placed: tuple[Placed, ...]
    destinations: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of the work.

    Parameters
    ----------
    kind : {"made", "held", "refused", "failed", "again"}
        ``held``: made, and a person has to release it; ``again``: worth another try.
    reasons : list of mapping
        Codes with sentences.
    study_uid, series_uid, label, placed :
        Of what was made.
    seconds : mapping
        Time by part: reading, generating, writing.
    run : str
        That of the work: an answer to other work is no answer.
    record : mapping or None
        What the child knows of how it was made: its part of the provenance record.
    beside : tuple of Beside
        Companions of what was made.
    marked : Marked or None
        Of what is held, where a destination takes a copy that says so.
    """

    kind: Kind
    reasons: list[dict[str, str]]
    study_uid: str = ""
    series_uid: str = ""
    label: str = ""
    placed: tuple[Placed, ...] = ()
    seconds: dict[str, float] | None = None
    run: str = ""
    record: dict[str, Any] | None = None
    beside: tuple[Beside, ...] = ()
    marked: Marked | None = None

    @property
    def series_uids(self) -> tuple[str, ...]:
        """What was made: the result first, then its companions; empty where nothing was."""
        first = (self.series_uid,) if self.placed else ()
        return (*first, *(one.series_uid for one in self.beside))

    @property
    def everything(self) -> tuple[Placed, ...]:
        """The objects of all that was made."""
        return (*self.placed, *(one.placed for one in self.beside))

    def made_from(self, digests: Sequence[str]) -> "Answer":
        """Return it with the digest of each source in its record; unchanged where it has none."""
        if self.record is None:
            return self
        return replace(self, record={**self.record, "sources": list(digests)})

    def to_line(self) -> str:
        """Return the answer as one line of JSON."""
        return json.dumps(asdict(self)) + "\n"

    @classmethod
    def of_line(cls, line: str) -> "Answer":
        """Return the answer of a line."""
        raw = json.loads(line)
        raw["placed"] = _placed(raw["placed"])
        raw["beside"] = tuple(
            Beside(one["name"], one["series_uid"], Placed(**one["placed"]))
            for one in raw.get("beside", ())
        )
        if (marked := raw.get("marked")) is not None:
            names = tuple(marked["destinations"])
            raw["marked"] = Marked(marked["series_uid"], _placed(marked["placed"]), names)
        return cls(**raw)


def _placed(values: Sequence[Any]) -> tuple[Placed, ...]:
    return tuple(Placed(**one) for one in values)
