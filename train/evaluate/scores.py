"""Figures of every scan, by method; what they come to over subjects."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from train.evaluate.figures import BIAS, TISSUE
from train.metrics import bootstrap, bootstrap_ratio

__all__ = ["Scored", "below", "figures_by_method", "per_subject", "shares", "strata", "tissues"]


@dataclass(frozen=True, slots=True)
class Scored:
    """One scan, measured.

    Parameters
    ----------
    subject, scan : int
        Whose it is, and which of theirs.
    strata : mapping
        What groups it belongs to, by name.
    figures : mapping
        By method, then by name.
    """

    subject: int
    scan: int
    strata: Mapping[str, str]
    figures: Mapping[str, Mapping[str, float]]


def per_subject(scans: Sequence[Scored], method: str, name: str) -> dict[int, float]:
    """Return the mean over the scans of each subject that have the figure, by subject."""
    known: dict[int, list[float]] = {}
    for one in scans:
        if name in one.figures[method]:
            known.setdefault(one.subject, []).append(one.figures[method][name])
    return {subject: float(np.mean(values)) for subject, values in known.items()}


def figures_by_method(scans: Sequence[Scored], names: Sequence[str]) -> dict[str, Any]:
    """Return the interval of every figure of every method."""
    return {
        method: {
            name: bootstrap(list(values.values())).as_dict()
            for name in names
            if (values := per_subject(scans, method, name))
        }
        for method in scans[0].figures
    }


def below(scans: Sequence[Scored]) -> dict[str, dict[str, float]]:
    """Return by how much the model's error is below that of each other method.

    Subject beside subject: above 0 the model is better, and surely so where the whole interval is.
    The passage is left out: it is what the steps lose, and no method.
    """
    ours = per_subject(scans, "model", "mae")
    found = {}
    for other in scans[0].figures:
        if other not in ("model", "passage"):
            theirs = per_subject(scans, other, "mae")
            found[other] = bootstrap([theirs[one] - ours[one] for one in ours]).as_dict()
    return found


def shares(scans: Sequence[Scored]) -> dict[str, dict[str, float]]:
    """Return the error of each learned method as a share of the look-up table's."""
    table = per_subject(scans, "look_up_table", "mae")
    found = {}
    for method in ("model", "regression"):
        if method in scans[0].figures:
            errors = per_subject(scans, method, "mae")
            pair = [errors[one] for one in table], list(table.values())
            found[method] = bootstrap_ratio(*pair).as_dict()
    return found


def tissues(scans: Sequence[Scored]) -> dict[str, Any]:
    """Return error and mean error of every tissue, by tissue, then by method."""
    names = {name for one in scans for name in one.figures["model"] if name.startswith(TISSUE)}
    found = {}
    for name in sorted(bare.removeprefix(TISSUE) for bare in names):
        methods = {
            method: {
                "mae": bootstrap(
                    list(per_subject(scans, method, TISSUE + name).values())
                ).as_dict(),
                "me": bootstrap(list(per_subject(scans, method, BIAS + name).values())).as_dict(),
            }
            for method in scans[0].figures
        }
        subjects = len(per_subject(scans, "model", TISSUE + name))
        found[name] = {"subjects": subjects, "methods": methods}
    return found


def strata(scans: Sequence[Scored]) -> dict[str, Any]:
    """Return the error in every group that the scans fall into, by kind of group, then by group."""
    kinds = sorted({kind for one in scans for kind in one.strata})
    return {kind: _groups(scans, _group_of(kind)) for kind in kinds}


def _group_of(kind: str) -> Callable[[Scored], str]:
    return lambda one: str(one.strata.get(kind, "not said"))


def _groups(scans: Sequence[Scored], group: Callable[[Scored], str]) -> dict[str, Any]:
    found = {}
    for value in sorted({group(one) for one in scans}):
        chosen = [one for one in scans if group(one) == value]
        errors = {method: per_subject(chosen, method, "mae") for method in chosen[0].figures}
        found[value] = {
            "subjects": len(errors["model"]),
            "scans": len(chosen),
            "mae": {m: bootstrap(list(v.values())).as_dict() for m, v in errors.items()},
        }
    return found
