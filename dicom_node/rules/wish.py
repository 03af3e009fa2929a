"""A request as a rule: whoever asks is given what a rule would give, through the same gates."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from dicom_node.models import unsigned
from dicom_node.rules.rule import Rule
from dicom_node.values import Companion, Model, Priority
from engine.provenance import ModelIdentity
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
    signed : collection of (str, str)
        Digests of models, each with a destination that it is signed for.
    stopped : mapping
        Tasks that can do nothing for now, each with why.
    companions : mapping
        What rules have made beside the result of a task: who asks for it gets the same, and not a
        second series.
    """

    tasks: Mapping[str, Task]
    destinations: Collection[str] = ()
    clinical: Collection[str] = ()
    signed: Collection[tuple[str, str]] = ()
    stopped: Mapping[str, Reason] = field(default_factory=dict)
    companions: Mapping[str, tuple[Companion, ...]] = field(default_factory=dict)

    def against(self, task: str, destination: str) -> Reason | None:
        """Return why what a task makes may not go to a destination; None where it may."""
        return self.barred(self.tasks[task].bundle.identity, destination)

    def barred(self, identity: ModelIdentity, destination: str) -> Reason | None:
        """Return why what a model makes may not go to a destination; None where it may."""
        if destination not in self.clinical or (identity.digest, destination) in self.signed:
            return None
        return unsigned(Model(identity.name, identity.version, identity.digest), destination)


def wish(task: str, destinations: Sequence[str], offer: Offer) -> Rule | None:
    """Return the rule that stands for a request; None where its task is not there any more.

    A destination that was taken away since, or that its model is not signed for, is left out.
    """
    if task not in offer.tasks:
        return None
    places = tuple(
        name
        for name in destinations
        if name in offer.destinations and offer.against(task, name) is None
    )
    known, stopped = offer.tasks[task], offer.stopped.get(task)
    rule = Rule(
        _NAME.format(task), known, known.grid, places, Priority.ROUTINE, (), stopped=stopped
    )
    return replace(rule, companions=offer.companions.get(task, ()))


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
        elif task in offer.tasks and (against := offer.against(task, name)):
            yield against


def _known(offer: Offer) -> str:
    return ", ".join(sorted(offer.destinations)) or "none"
