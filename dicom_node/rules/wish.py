"""A request as a rule: whoever asks is given what a rule would give, through the same gates."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from dicom_node.rules.rule import Rule
from dicom_node.values import Priority
from engine.reason import Code, Reason
from engine.task import Task

__all__ = ["Offer", "choose", "mistakes", "wish"]

_NAME = "request:{}"
"""No rule of a file can be called that: its name has no colon."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What may be asked for.

    Parameters
    ----------
    tasks : mapping
        Every task that is configured, by name.
    destinations : collection of str
        Where results may go.
    clinical : collection of str
        Those of them that only signed models reach.
    """

    tasks: Mapping[str, Task]
    destinations: Collection[str] = ()
    clinical: Collection[str] = ()


def wish(task: str, destinations: Sequence[str], offer: Offer) -> Rule | None:
    """Return the rule that stands for a request; None where its task is not there any more.

    A destination that was taken away since, or is for clinical use by now, is left out.
    """
    if task not in offer.tasks:
        return None
    places = tuple(
        name for name in destinations if name in offer.destinations and name not in offer.clinical
    )
    known = offer.tasks[task]
    return Rule(_NAME.format(task), known, known.grid, places, Priority.ROUTINE, ())


def choose(task: str, named: Sequence[str], rules: Sequence[Rule]) -> tuple[str, ...] | None:
    """Return where a series goes: as it was named, else where rules send what the task makes.

    Returns
    -------
    tuple of str or None
        None where nobody named a destination and no rule has the task.
    """
    if named:
        return tuple(dict.fromkeys(named))
    same = [rule for rule in rules if rule.task.name == task]
    if not same:
        return None
    return tuple(dict.fromkeys(name for rule in same for name in rule.destinations))


def mistakes(task: str, destinations: Sequence[str] | None, offer: Offer) -> Iterator[Reason]:
    """Yield what of a request this node does not know, or may not do."""
    if task not in offer.tasks:
        known = ", ".join(sorted(offer.tasks)) or "none"
        yield Reason(Code.TASK_UNKNOWN, f"there is no task '{task}'; there are: {known}")
    elif destinations is None:
        text = f"no rule has task '{task}', so name where the series is to go: {_known(offer)}"
        yield Reason(Code.DESTINATION_UNKNOWN, text)
    for name in destinations or ():
        if name not in offer.destinations:
            text = f"there is no destination '{name}'; there are: {_known(offer)}"
            yield Reason(Code.DESTINATION_UNKNOWN, text)
        elif name in offer.clinical:
            text = f"{name} is for clinical use, and no model is signed for that"
            yield Reason(Code.MODEL_UNSIGNED, text)


def _known(offer: Offer) -> str:
    return ", ".join(sorted(offer.destinations)) or "none"
