"""What a rule fetches: a needed series that only a peer has. Pure: everything is an argument."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from dicom_node.questions import Fetch, FetchState
from dicom_node.rules.elsewhere import is_label
from dicom_node.rules.plan import Decision
from dicom_node.scu import SeriesThere

__all__ = ["Bounds", "Sought", "seek"]

_MOST = 3
"""Series of one label that are fetched for a study, one after the other, until one will do."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Whence, and how long.

    Parameters
    ----------
    movers : collection of str
        Peers from which a series can be fetched.
    fetch_s, cache_s : float
        How long a fetch may take, and how long one that failed is not tried again.
    """

    movers: Collection[str]
    fetch_s: float
    cache_s: float


@dataclass(frozen=True, slots=True)
class Sought:
    """What is to be fetched for a study.

    Parameters
    ----------
    wanted : tuple of Fetch
        What nobody fetches yet.
    until : datetime or None
        How long to wait for that and for what is under way; None where there is nothing.
    notes : tuple of str
        What was tried in vain, in words.
    """

    wanted: tuple[Fetch, ...] = ()
    until: datetime | None = None
    notes: tuple[str, ...] = ()


def seek(
    decision: Decision,
    there: Sequence[SeriesThere],
    fetches: Sequence[Fetch],
    bounds: Bounds,
    asked: tuple[str, datetime],
) -> Sought:
    """Return what to fetch so that a rule may fire; nothing where that would not be enough.

    Parameters
    ----------
    decision : Decision
        Of a rule that fetches, and lacks nothing but series.
    there : sequence of SeriesThere
        What peers have and is not here.
    fetches : sequence of Fetch
        What was fetched of the study, or is.
    bounds : Bounds
    asked : (str, datetime)
        Of which study, and when.
    """
    study_uid, now = asked
    recent = [one for one in fetches if now < one.until + timedelta(seconds=bounds.cache_s)]
    wanted: list[Fetch] = []
    open_ones: list[Fetch] = []
    notes = tuple(_notes(decision, recent, now))
    for label in decision.lacking:
        tried = [one for one in recent if one.label == label]
        under_way = [one for one in tried if one.is_open(now)]
        candidate = _next(label, there, {one.series_uid for one in tried}, bounds.movers)
        if under_way:
            open_ones += under_way
        elif candidate is None or len(tried) >= _MOST:
            return Sought(notes=notes)  # without this label the others are of no use
        else:
            until = now + timedelta(seconds=bounds.fetch_s)
            wanted.append(
                Fetch(study_uid, candidate.peer, candidate.series_uid, label,
                      FetchState.WANTED, until)
            )  # fmt: skip
    until_all = max((one.until for one in (*wanted, *open_ones)), default=None)
    return Sought(tuple(wanted), until_all, notes)


def _next(
    label: str, there: Sequence[SeriesThere], tried: Collection[str], movers: Collection[str]
) -> SeriesThere | None:
    """Return the series to fetch: the longest one that was not tried."""
    able = [
        one
        for one in there
        if is_label(label, one) and one.peer in movers and one.series_uid not in tried
    ]
    return max(able, key=lambda one: (one.instances, one.series_uid), default=None)


def _notes(decision: Decision, fetches: Sequence[Fetch], now: datetime) -> Iterator[str]:
    for one in fetches:
        if one.label not in decision.lacking or one.is_open(now):
            continue
        if one.state is FetchState.FETCHED:
            why = "it was sent, and will not do or did not come"
        else:
            why = one.error or "it did not come in time"
        yield f"{one.label} series {one.series_uid} was fetched from {one.peer} in vain: {why}"
