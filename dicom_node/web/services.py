"""What the web serves from, and how a request is given it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Request

from dicom_node import jobs
from dicom_node.archive import Archive
from dicom_node.archive.query import Finder
from dicom_node.audit import Audit, Silence
from dicom_node.db import Database
from dicom_node.settings import Limits, Web
from dicom_node.tally import Tally

__all__ = ["Check", "Figure", "Served", "Services"]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that has to be well for the node to be ready.

    Parameters
    ----------
    name : str
        ``database``, ``disk``, ``listener``, ``worker``.
    text : str
        What was seen; no path, no patient.
    """

    name: str
    ok: bool
    text: str


@dataclass(frozen=True, slots=True)
class Figure:
    """One metric with the values of all its labels.

    Parameters
    ----------
    name : str
        Without the prefix that all share.
    kind : str
        ``gauge`` or ``counter``.
    help : str
        One sentence.
    values : sequence of (labels, value)
        Labels as pairs.
    """

    name: str
    kind: str
    help: str
    values: Sequence[tuple[tuple[tuple[str, str], ...], float]]


@dataclass(frozen=True)
class Services:
    """The stores and settings behind every answer.

    Parameters
    ----------
    now : callable
        The clock, UTC.
    checks : callable
        Whether the node is ready, and what it lacks.
    figures : callable
        What is measured.
    asks : callable
        A request for a series to what became of it, as JSON has it.
    audit : Audit
        Where it is told who was not let in, what was asked, and what came and went.
    limits : Limits
        How large an instance may be, and how many connections may wait.
    """

    database: Database
    archive: Archive
    settings: Web
    now: Callable[[], datetime]
    checks: Callable[[], Sequence[Check]]
    figures: Callable[[], Iterable[Figure]]
    asks: Callable[[jobs.Request], Mapping[str, Any]]
    tally: Tally = field(default_factory=Tally)
    audit: Audit = field(default_factory=Silence)
    limits: Limits = field(default_factory=Limits)

    @property
    def finder(self) -> Finder:
        """Answers queries."""
        return Finder(self.database, self.archive.folder)


async def _services(request: Request) -> Services:
    """Return them at once: what is not async would wait for a thread."""
    found: Services = request.app.state.services
    return found


Served = Annotated[Services, Depends(_services)]
"""What an endpoint asks for to be given the services."""
