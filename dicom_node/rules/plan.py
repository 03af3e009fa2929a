"""Which rules fire on a study, on which series, and why the others do not."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from dicom_node.archive import SeriesFacts
from dicom_node.rules.elsewhere import is_label, may_be
from dicom_node.rules.rule import Rule
from dicom_node.scu import SeriesThere
from dicom_node.series import Findings, fits
from dicom_node.values import Instance
from engine.reason import Code, Reason

__all__ = ["Candidate", "Decision", "Shelf", "decide", "facts_of", "forbid"]


class Shelf(Protocol):
    """Where the files of studies are, and what is known of them beside."""

    def made(self, study_uid: str) -> Iterable[str]:
        """Return the UIDs of series that were made here."""

    def files(self, study_uid: str) -> Mapping[str, Sequence[Instance]]:
        """Return the instances of each series, by UID."""

    def conflicts(self, study_uid: str) -> Mapping[str, int]:
        """Return how many instances of each series came again with other content."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One series of the study, with what each task says against it (nothing: accepted)."""

    series_uid: str
    findings: Findings
    against: Mapping[str, tuple[Reason, ...]] = field(default_factory=dict)

    @property
    def is_somebodys(self) -> bool:
        """Whether nothing puts in doubt that it is of the study's patient."""
        doubts = (Code.IDENTITY_CONFLICT, Code.IDENTITY_INVALID)
        return not any(reason.code in doubts for reason in self.findings.reasons)


@dataclass(frozen=True, slots=True)
class Decision:
    """What one rule does with one study.

    Parameters
    ----------
    rule : Rule
    unmet : tuple of str
        Why it does not fire; empty when it does.
    sources : tuple of (label, series UID)
        What its task works on, in the order of the task's needs.
    lacking : tuple of str
        Labels that its task needs and no series will do for, where it lacks nothing else.
    reasons : tuple of Reason
        The same as ``unmet``, code by code, for a program; a condition of a rule has no code.
    """

    rule: Rule
    unmet: tuple[str, ...]
    sources: tuple[tuple[str, str], ...] = ()
    lacking: tuple[str, ...] = ()
    reasons: tuple[Reason, ...] = ()

    @property
    def fired(self) -> bool:
        """Whether there is a job to do."""
        return not self.unmet


def decide(
    rule: Rule, series: Sequence[Candidate], elsewhere: Sequence[SeriesThere] = ()
) -> Decision:
    """Return whether ``rule`` fires on a complete study.

    It fires when what its task makes is missing, and for each label that the task needs there is a
    series that the task accepts and for which every condition holds. Synthetic series count
    neither as what is needed nor as what is missing.

    Parameters
    ----------
    series : sequence of Candidate
        Every series of the study.
    elsewhere : sequence of SeriesThere
        What peers have of the study and is not here.
    """
    acquired = [one for one in series if not one.findings.synthetic]
    unmet = [
        f"{rule.task.makes} is not missing: series {one.series_uid} is acquired {rule.task.makes}"
        for one in acquired
        if one.findings.label == rule.task.makes
    ]
    unmet += _not_missing(rule.task.makes, elsewhere)
    sources: list[tuple[str, str]] = []
    lacking: list[str] = []
    reasons = [Reason(Code.NOT_MISSING, text) for text in unmet]
    if rule.stopped is not None:
        unmet.append(str(rule.stopped))
        reasons.append(rule.stopped)
    lacks_nothing_else = not unmet
    for label in rule.task.needs:
        usable, why_not, codes = _usable(rule, label, acquired)
        if usable:
            sources.append((label, max(usable, key=_rank).series_uid))
        else:
            unmet += [*why_not, *_only_there(label, elsewhere)]
            reasons += codes
            lacking.append(label)
    return Decision(
        rule,
        tuple(unmet),
        tuple(sources) if not unmet else (),
        tuple(lacking) if lacks_nothing_else else (),
        tuple(reasons),
    )


def forbid(decision: Decision, reason: Reason) -> Decision:
    """Return the decision of a rule that must not fire, whatever is there; it fetches nothing."""
    return replace(
        decision,
        unmet=(str(reason), *decision.unmet),
        sources=(),
        lacking=(),
        reasons=(reason, *decision.reasons),
    )


def _not_missing(label: str, elsewhere: Sequence[SeriesThere]) -> list[str]:
    """Say what peers have that is ``label``, or may be."""
    return [
        f"{label} is not missing: {one.peer} has series {one.series_uid}, acquired {label} "
        f"({one.how}), which is not here"
        for one in elsewhere
        if is_label(label, one)
    ] + [
        f"{label} may not be missing: {one.peer} has series {one.series_uid} of modality "
        f"{one.modality}, which is not here"
        for one in elsewhere
        if may_be(label, one)
    ]


def _only_there(label: str, elsewhere: Sequence[SeriesThere]) -> list[str]:
    return [
        f"{one.peer} has {label} series {one.series_uid}, which is not here"
        for one in elsewhere
        if is_label(label, one)
    ]


def _usable(
    rule: Rule, label: str, acquired: Sequence[Candidate]
) -> tuple[list[Candidate], list[str], list[Reason]]:
    """Return the series that will do for ``label``, and otherwise why none does: words, codes."""
    labelled = [one for one in acquired if one.findings.label == label]
    if not labelled:
        there = ", ".join(sorted({str(one.findings.label) for one in acquired})) or "no series"
        text = f"no series is {label}; the study has {there}"
        return [], [text], [Reason(Code.SOURCE_MISSING, text)]
    usable, why_not, codes = [], [], []
    for one in labelled:
        judged = one.against.get(rule.task.name, ())
        if rule.asks_otherwise:
            judged = fits(one.findings, rule.task.bundle.contract, rule.grid)
        against = [str(reason) for reason in judged]
        against = against or rule.unmet(one.findings.header)
        where = f"{label} series {one.series_uid}"
        codes += [Reason(reason.code, f"{where}: {reason.text}") for reason in judged]
        if against:
            why_not.append(f"{where}: {'; '.join(against)}")
        else:
            usable.append(one)
    return usable, why_not, codes


def _rank(one: Candidate) -> tuple[float, float, str]:
    """Order series that will do: the finest voxel first, then the largest field of view."""
    spacing, step = one.findings.pixel_spacing_mm, one.findings.slice_step_mm
    extent = one.findings.extent_mm
    if spacing is None or step is None or extent is None:
        return (float("-inf"), 0.0, one.series_uid)
    voxel_mm3 = spacing[0] * spacing[1] * step
    return (-round(voxel_mm3, 3), round(extent[0] * extent[1] * extent[2], 0), one.series_uid)


def facts_of(one: Candidate) -> SeriesFacts:
    """Return what was understood of a series, for every task."""
    findings = one.findings
    tasks: dict[str, Any] = {
        name: {"verdict": "refuse" if against else "accept", "reasons": _plain(against)}
        for name, against in one.against.items()
    }
    return SeriesFacts(
        series_uid=one.series_uid,
        modality=findings.modality or None,
        description=findings.description or None,
        label=str(findings.label),
        synthetic=findings.synthetic,
        verdict=findings.verdict,
        reasons=tuple(_plain(findings.reasons)),
        tasks=tasks,
    )


def _plain(reasons: Sequence[Reason]) -> list[dict[str, str]]:
    return [{"code": str(reason.code), "text": reason.text} for reason in reasons]
