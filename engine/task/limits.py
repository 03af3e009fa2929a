"""Whether a model's limits are there and its own: without them a person looks at each result."""

from typing import Any

from engine.errors import ModelMissing
from engine.reason import Code, Reason
from engine.task.bundle import Bundle
from engine.task.content import content
from engine.task.parts import Part, object_of

__all__ = ["lacking", "own_limits", "read_limits", "unknown"]

_CALIBRATE = "'dicom-train calibrate RECIPE BUNDLE --data PAIRS' sets limits on held-out subjects"


def lacking(bundle: Bundle) -> Reason | None:
    """Return why a bundle has no limits that could be used; see :func:`own_limits`."""
    found = own_limits(bundle)
    return found if isinstance(found, Reason) else None


def own_limits(bundle: Bundle) -> Part | Reason:
    """Return the limits of a bundle, or why it has none that could be used.

    Limits say what the results of one network look like. Those that were set on other weights, or
    do not say on which, say nothing of this one.

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
    seen = about.get("weights") if isinstance(about, dict) else None
    if seen == bundle.weights_sha256:
        return limits
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
