"""Deliveries into the audit trail: one event when a delivery begins, one a fate when it ends."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from dicom_node.audit import (
    US,
    Audit,
    Event,
    Outcome,
    Remote,
    Study,
    events,
    outcome_of,
    read_study,
)
from dicom_node.values import Delivery, Instance

__all__ = ["tell_begin", "tell_end"]

_FATES = (Outcome.SUCCESS, Outcome.MINOR, Outcome.SERIOUS)


def tell_begin(audit: Audit, now: datetime, who: Remote, delivery: Delivery) -> None:
    """Record that a delivery begins (PS3.15 A.5.3.3); further tries of it are no new beginning."""
    if audit.on and delivery.unsent:
        audit.record(events.transfer_begins(now, _way(who), _study(delivery.unsent)))


def tell_end(
    audit: Audit,
    now: datetime,
    who: Remote,
    answered: Sequence[tuple[Instance, int | None]],
    error: str,
) -> None:
    """Record how a delivery ended, all its tries together (PS3.15 A.5.3.7).

    Parameters
    ----------
    answered : sequence of (Instance, status or None)
        Every instance, with the destination's last answer.
    error : str
        What is said of those that are not there as they were sent.
    """
    told: list[Event] = []
    for outcome in _FATES:
        instances = [one for one, status in answered if outcome_of(status) is outcome]
        if instances:
            because = error if outcome is not Outcome.SUCCESS else ""
            study = _study(instances)
            told.append(
                events.instances_transferred(
                    now, _way(who), study, outcome=outcome, because=because
                )
            )
    audit.record(*told)


def _way(who: Remote) -> events.Way:
    return events.Way(source=US, destination=who, requestor=US)


def _study(instances: Sequence[Instance]) -> Study:
    classes = Counter(one.sop_class_uid for one in instances)
    return read_study(instances[0].study_uid, tuple(sorted(classes.items())), instances[0].path)
