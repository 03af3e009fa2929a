"""Rules and tasks with the versions of models that are used now."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy.orm import Session

from dicom_node.models import Activation, Activations, Signings
from dicom_node.rules.rule import Rule
from dicom_node.rules.wish import Offer
from dicom_node.values import Companion
from engine.errors import SpecError
from engine.reason import Code, Reason
from engine.task import Bundle, Task

__all__ = ["Current", "Versions"]


class Versions:
    """Every version of every model, by digest; one that came since is looked for on the disk.

    Parameters
    ----------
    known : mapping
        What was there when the process started.
    look : callable
        Returns what is there now.
    """

    def __init__(
        self,
        known: Mapping[str, Bundle],
        look: Callable[[], Mapping[str, Bundle]] = dict,
    ) -> None:
        self._known = dict(known)
        self._look = look

    def find(self, digest: str) -> Bundle | None:
        """Return a model; None where it is not there."""
        if digest not in self._known:
            self._known.update(self._look())
        return self._known.get(digest)

    def digests(self) -> frozenset[str]:
        """Return the digests of all that was ever seen here."""
        return frozenset(self._known)


@dataclass(frozen=True)
class Current:
    """What rules and requests do, as configured; asked for as things stand at a moment.

    Parameters
    ----------
    rules : sequence of Rule
    offer : Offer
    versions : Versions
    """

    rules: Sequence[Rule]
    offer: Offer
    versions: Versions

    def at_this_moment(self, session: Session) -> tuple[tuple[Rule, ...], Offer]:
        """Return the same with the versions that are used now, and what is signed for whom.

        A task or a rule that names one version has that one, whichever is used otherwise.
        """
        active = Activations(session).current()
        signed = Signings(session).everything() if self.offer.clinical else frozenset()
        tasks, stopped = dict(self.offer.tasks), {}
        for name, task in tasks.items():
            tasks[name], why = self._with_active(task, active)
            if why is not None:
                stopped[name] = why
        rules = tuple(self._rule(rule, active) for rule in self.rules)
        beside = {name: _beside(rules, name) for name in tasks}
        now = replace(self.offer, tasks=tasks, signed=signed, stopped=stopped, companions=beside)
        return rules, now

    def digests(self) -> frozenset[str]:
        """Return the digests of all models that may have made what comes back to us."""
        used = (*self.offer.tasks.values(), *(rule.task for rule in self.rules))
        return self.versions.digests() | {task.bundle.identity.digest for task in used}

    def _rule(self, rule: Rule, active: Mapping[str, Activation]) -> Rule:
        task, stopped = self._with_active(rule.task, active)
        return replace(rule, task=task, stopped=stopped)

    def _with_active(
        self, task: Task, active: Mapping[str, Activation]
    ) -> tuple[Task, Reason | None]:
        """Return a task with the version that is used now; or as it was, and why it is stopped."""
        chosen = active.get(task.bundle.name)
        if task.pinned or chosen is None or chosen.model.digest == task.bundle.identity.digest:
            return task, None
        name = f"{chosen.model.name}@{chosen.model.version}"
        bundle = self.versions.find(chosen.model.digest)
        if bundle is None:
            text = f"{name} ({chosen.model.digest[:19]}…) was activated and is not in models/; "
            remedy = f"put it back, or 'dicom-node models rollback {chosen.model.name}'"
            return task, Reason(Code.MODEL_MISSING, text + remedy)
        try:
            return replace(task, bundle=bundle), None
        except SpecError as exc:
            text = f"{name} was activated: {exc}, or 'models rollback {chosen.model.name}'"
            return task, Reason(Code.MODEL_MISSING, text)


def _beside(rules: Sequence[Rule], task: str) -> tuple[Companion, ...]:
    """Return what all rules that do a task as it stands have made beside its result."""
    same = [rule for rule in rules if rule.task.name == task and not rule.asks_otherwise]
    wanted = {one for rule in same for one in rule.companions}
    return tuple(one for one in Companion if one in wanted)
