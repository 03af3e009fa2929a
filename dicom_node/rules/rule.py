"""Rules as data that can explain itself."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dicom_node.values import Companion, Priority
from engine.reason import Reason
from engine.task import Task

__all__ = ["TESTS", "Condition", "Rule"]

TESTS = {
    "equals": "the value is this one",
    "any_of": "the value is one of these",
    "none_of": "the value is none of these, and it is there",
    "matches": "the value holds this regular expression",
    "present": "true: there is a value; false: there is none",
    "at_least": "the number is this or more",
    "at_most": "the number is this or less",
}
"""Every test of a condition, with what it means."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One test of one attribute of the source series.

    An absent attribute meets no test but ``present = false``: a rule never fires because something
    is missing.

    Parameters
    ----------
    keyword : str
        DICOM keyword.
    test : str
        One of :data:`TESTS`.
    value : Any
        What the test wants, of the type that the test needs.
    """

    keyword: str
    test: str
    value: Any

    def holds_for(self, header: Mapping[str, Any]) -> bool:
        """Whether the condition holds; of several values one has to meet it, for none_of all."""
        seen = header.get(self.keyword)
        if self.test == "present":
            return (seen is not None) is self.value
        if seen is None:
            return False
        values = seen if isinstance(seen, tuple) else (seen,)
        if self.test == "none_of":
            return all(not _is_any(value, self.value) for value in values)
        return any(self._met_by(value) for value in values)

    def explain(self, header: Mapping[str, Any]) -> str:
        """Return what was wanted and what was seen, for a person."""
        seen = header.get(self.keyword)
        what = "is absent" if seen is None else f"is {_shown(seen)}"
        return f"{self.keyword} {what}; wanted: {self.test} {_shown(self.value)}"

    def _met_by(self, value: Any) -> bool:
        if self.test == "matches":
            return re.search(self.value, str(value)) is not None
        if self.test in ("equals", "any_of"):
            return _is_any(value, self.value if self.test == "any_of" else (self.value,))
        if not isinstance(value, int | float):
            return False
        return bool(value >= self.value if self.test == "at_least" else value <= self.value)


@dataclass(frozen=True, slots=True)
class Rule:
    """Run a task on a study and send the result to destinations.

    Parameters
    ----------
    name : str
    task : Task
        What it needs and makes, with the task's own model or the one that the rule names.
    grid : str
        Of the result; the task's unless the rule says otherwise.
    destinations : tuple of str
        Names of peers.toml.
    priority : Priority
    when : tuple of Condition
        All have to hold for each source series.
    own_model : bool
        Whether the rule names the model itself.
    fetch : bool
        Whether a needed series that only a peer has is fetched.
    stopped : Reason or None
        Why it cannot fire on anything, for now.
    companions : tuple of Companion
        What is made beside the result, in the order of :class:`Companion`.
    """

    name: str
    task: Task
    grid: str
    destinations: tuple[str, ...]
    priority: Priority
    when: tuple[Condition, ...]
    own_model: bool = False
    fetch: bool = False
    stopped: Reason | None = None
    companions: tuple[Companion, ...] = ()

    @property
    def asks_otherwise(self) -> bool:
        """Whether more or less is asked of a source than the task alone would ask."""
        return self.own_model or self.grid != self.task.grid

    def unmet(self, header: Mapping[str, Any]) -> list[str]:
        """Return the conditions that do not hold, in words. Empty: the series will do."""
        return [c.explain(header) for c in self.when if not c.holds_for(header)]


def _is_any(value: Any, wanted: tuple[Any, ...]) -> bool:
    """Compare text without regard to case: BodyPartExamined is written Head as well as HEAD."""
    texts = {str(one).strip().upper() for one in wanted}
    return value in wanted or str(value).strip().upper() in texts


def _shown(value: Any) -> str:
    return ", ".join(str(one) for one in value) if isinstance(value, tuple) else str(value)
