"""When a study is whole. Pure: everything it looks at is an argument.

1. Not while somebody is sending: an open association counts for ``quiet_s`` after its last instance
   of the study, so one that is merely kept open blocks nothing.
2. Where the sender may be asked, its instance count decides: as many here as there, the study is
   whole at once; fewer, it waits, up to ``sender_limit_s``.
3. Else the quiet period: ``quiet_s`` after the last instance; ``interrupted_s`` when the last
   association was cut off, for then more was to come.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from dicom_node.archive import Waiting

__all__ = ["Limits", "Verdict", "judge"]

_BETWEEN_QUESTIONS = timedelta(seconds=2)
"""A sender that opens an association per instance is not asked after each."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The three times, in seconds: see the module."""

    quiet_s: float
    interrupted_s: float
    sender_limit_s: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the study is whole, and why.

    Parameters
    ----------
    complete : bool
    evidence : str
        One sentence for people.
    ask : bool
        Whether it is time to ask the sender.
    """

    complete: bool
    evidence: str
    ask: bool = False


def judge(study: Waiting, now: datetime, limits: Limits, *, may_ask: bool) -> Verdict:
    """Return whether ``study`` is whole at ``now``.

    Parameters
    ----------
    may_ask : bool
        Whether one of its senders answers queries.
    """
    quiet = timedelta(seconds=limits.quiet_s)
    if study.sending_at is not None and now - study.sending_at < quiet:
        return Verdict(False, "an association is sending to it")
    if may_ask and study.asked_revision != study.revision:
        ask = study.asked_at is None or now - study.asked_at >= _BETWEEN_QUESTIONS
        return Verdict(False, "the sender is to be asked how many instances it has", ask=ask)
    if study.expected is not None and study.asked_revision == study.revision:
        return _by_count(study, now, limits)
    return _by_timer(study, now, limits)


def _by_count(study: Waiting, now: datetime, limits: Limits) -> Verdict:
    """Judge by the sender's count, over the series that it has begun to send."""
    there, here = study.expected or {}, study.series
    if _lacking(there, here) == 0:
        total = sum(here.values())
        if set(there) <= set(here):
            return Verdict(
                True, f"the sender has {sum(there.values())} instances, {total} are here"
            )
        verdict = _by_timer(
            study, now, limits
        )  # series that were never begun may not be meant for us
        return Verdict(verdict.complete, f"every series begun is whole; {verdict.evidence}")
    lacking = _lacking(there, here)
    waited = now - study.last_at
    if waited >= timedelta(seconds=limits.sender_limit_s):
        text = (
            f"{lacking} instances that the sender has did not come in {limits.sender_limit_s:g} s"
        )
        return Verdict(True, text)
    again = study.asked_at is None or now - study.asked_at >= _BETWEEN_QUESTIONS
    return Verdict(False, f"{lacking} instances that the sender has are not here", ask=again)


def _lacking(there: Mapping[str, int], here: Mapping[str, int]) -> int:
    return sum(max(0, count - here[uid]) for uid, count in there.items() if uid in here)


def _by_timer(study: Waiting, now: datetime, limits: Limits) -> Verdict:
    wait_s = max(limits.quiet_s, limits.interrupted_s) if study.interrupted else limits.quiet_s
    why = "after its association was cut off" if study.interrupted else "of quiet"
    if now - study.last_at >= timedelta(seconds=wait_s):
        return Verdict(True, f"{wait_s:g} s {why}")
    return Verdict(False, f"waiting for {wait_s:g} s {why}")
