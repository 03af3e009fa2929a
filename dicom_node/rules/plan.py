"""Which rules fire on a study, on which series, and why the others do not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from dicom_node.rules.elsewhere import may_be
from dicom_node.rules.rule import Rule
from dicom_node.scu import SeriesThere
from dicom_node.series import Findings, fits
from engine.reason import Reason

__all__ = ["Candidate", "Decision", "decide"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One series of the study, with what each task says against it (nothing: accepted)."""

    series_uid: str
    findings: Findings
    against: Mapping[str, tuple[Reason, ...]] = field(default_factory=dict)


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
    """

    rule: Rule
    unmet: tuple[str, ...]
    sources: tuple[tuple[str, str], ...] = ()

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
    unmet += [
        f"{rule.task.makes} may not be missing: {one.peer} has series {one.series_uid} of modality "
        f"{one.modality}, which is not here"
        for one in elsewhere
        if may_be(rule.task.makes, one)
    ]
    sources: list[tuple[str, str]] = []
    for label in rule.task.needs:
        usable, why_not = _usable(rule, label, acquired)
        if usable:
            sources.append((label, max(usable, key=_rank).series_uid))
        else:
            unmet.extend(why_not)
    return Decision(rule, tuple(unmet), tuple(sources) if not unmet else ())


def _usable(
    rule: Rule, label: str, acquired: Sequence[Candidate]
) -> tuple[list[Candidate], list[str]]:
    """Return the series that will do for ``label``, and otherwise why none does."""
    labelled = [one for one in acquired if one.findings.label == label]
    if not labelled:
        there = ", ".join(sorted({str(one.findings.label) for one in acquired})) or "no series"
        return [], [f"no series is {label}; the study has {there}"]
    usable, why_not = [], []
    for one in labelled:
        judged = one.against.get(rule.task.name, ())
        if rule.asks_otherwise:
            judged = fits(one.findings, rule.task.bundle.contract, rule.grid)
        against = [str(reason) for reason in judged]
        against = against or rule.unmet(one.findings.header)
        if against:
            why_not.append(f"{label} series {one.series_uid}: {'; '.join(against)}")
        else:
            usable.append(one)
    return usable, why_not


def _rank(one: Candidate) -> tuple[float, float, str]:
    """Order series that will do: the finest voxel first, then the largest field of view."""
    spacing, step = one.findings.pixel_spacing_mm, one.findings.slice_step_mm
    extent = one.findings.extent_mm
    if spacing is None or step is None or extent is None:
        return (float("-inf"), 0.0, one.series_uid)
    voxel_mm3 = spacing[0] * spacing[1] * step
    return (-round(voxel_mm3, 3), round(extent[0] * extent[1] * extent[2], 0), one.series_uid)
