"""Whether a model's limits are there and its own: without them a person looks at each result."""

from typing import Any

from engine.errors import ModelMissing
from engine.reason import Code, Reason
from engine.task.bundle import Bundle
from engine.task.content import content
from engine.task.figures import RESULT, SOURCE, Side
from engine.task.parts import Part, is_number, object_of

__all__ = ["FEWEST", "lacking", "own_limits", "read_limits", "unknown"]

FEWEST = 20
"""Limits of fewer held-out subjects are none: the third furthest of them sets a limit."""
_BEYOND = 1e12
"""No figure can come so far, in whichever unit: a limit there is none."""
_FEW = 3
_CALIBRATE = "'dicom-train calibrate RECIPE BUNDLE --data PAIRS' sets limits on held-out subjects"


def lacking(bundle: Bundle) -> Reason | None:
    """Return why every result of a bundle has to wait for a person; None where limits judge them.

    Raises
    ------
    ModelMissing, ModelTampered, SpecError
        As :func:`own_limits`; also where they have not what they must.
    """
    limits = own_limits(bundle)
    if isinstance(limits, Reason):
        return limits
    parts = [(Part(limits.where, one), SOURCE) for one in limits.objects("sources")]
    parts.append((limits.part("result"), RESULT))
    without = [
        name
        for part, known in parts
        for name, figure in known.items()
        if not _is_limited(part, name, figure.side)
    ]
    if not without:
        return None
    few = ", ".join([*without[:_FEW], *(["…"] if len(without) > _FEW else [])])
    return unknown(bundle, f"{len(without)} of its figures have no limit: {few}")


def _is_limited(part: Part, name: str, side: Side) -> bool:
    """Whether a figure has a limit on the side, or sides, that it can be wrong on."""
    if name not in part.values:
        return False
    ends: Any = part.part(name).values.get("hold")
    if not isinstance(ends, list) or len(ends) != 2:
        raise part.part(name).refused("hold", "[low, high], null for none,")
    low, high = (is_number(end) and abs(end) < _BEYOND for end in ends)
    return (low or side == "high") and (high or side == "low")


def own_limits(bundle: Bundle) -> Part | Reason:
    """Return the limits of a bundle, or why it has none that could be used.

    Limits say what the results of one network look like. Those that were set on other weights, or
    do not say on which, say nothing of this one; nor do those of too few subjects.

    Raises
    ------
    ModelMissing, ModelTampered
        When the limits are not there, or not those that the bundle names.
    SpecError
        When they are no object of JSON.
    """
    if bundle.quality is None or bundle.likeness is None:
        return unknown(bundle, "it has no limits to hold them against")
    limits = read_limits(bundle)
    about: Any = limits.values.get("calibrated_on")
    about = about if isinstance(about, dict) else {}
    seen = about.get("weights")
    if seen == bundle.weights_sha256:
        subjects = about.get("subjects")
        if type(subjects) is int and subjects >= FEWEST:
            return limits
        text = f"its limits were set on {subjects} subjects, at least {FEWEST} are wanted"
        return unknown(bundle, text)
    which = f"weights {seen[:16]}…" if isinstance(seen, str) else "weights that they do not name"
    own = f"its own are {bundle.weights_sha256[:16]}…"
    return unknown(bundle, f"its limits were set on {which}, {own}")


def read_limits(bundle: Bundle) -> Part:
    """Return what stands in a bundle's file of limits.

    Raises
    ------
    ModelMissing, ModelTampered
        When it is not there, or not the one that the bundle names.
    SpecError
        When it is no object of JSON.
    """
    if bundle.quality is None:
        raise ModelMissing(f"{bundle.name} names no limits; {_CALIBRATE}")
    where = f"{bundle.name}: {bundle.quality.file}"
    text = content(bundle.path / bundle.quality.file, bundle.quality.sha256, what="limits")
    return object_of(where, text)


def unknown(bundle: Bundle, why: str) -> Reason:
    """Return that nobody can tell whether a result is as it should be, why, and what to do."""
    name = f"{bundle.name}@{bundle.version}"
    text = f"nothing is known about what results of {name} look like: {why}; {_CALIBRATE}"
    return Reason(Code.QC_FAILED, text)
