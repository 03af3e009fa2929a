"""What reports have to say was found: counted here anew from the synthesis."""

from collections.abc import Mapping
from math import inf, isfinite

import numpy as np

from dicom_node.results.making import Making

__all__ = ["UNITS", "Figure", "answers", "figures"]

UNITS: Mapping[str, tuple[str, str]] = {
    "HU": ("[hnsf'U]", "Hounsfield unit"),
    "SUVR": ("{ratio}", "ratio"),
}
"""Unit of a volume to its code and meaning in UCUM; every other has none."""
Figure = tuple[str, str, float, tuple[str, str]]
"""Code of our scheme, its meaning, the value, and the unit in UCUM."""
_NO_UNIT = ("1", "no units")
_UNLIKENESS = frozenset({"unlike_within", "unlike_outside", "unlike_grain", "grain_spread"})


def figures(making: Making) -> list[Figure]:
    """Return what was measured, in the order in which it is told."""
    made, found = making.synthesis, list[Figure]()
    unlike = [check for check in made.checks if check.name in _UNLIKENESS]
    used = [
        _used(check.figure, *check.limit) for check in unlike if any(map(isfinite, check.limit))
    ]
    if used:
        what = "In-distribution score: distance from the usual, beside its limit"
        found.append(("SYN-110", what, max(used), _NO_UNIT))
    spread = made.spread
    body = np.zeros(0) if spread is None else np.asarray(spread.voxels, np.float64)
    body = body[body > 0]
    if spread is not None and body.size:
        unit = UNITS.get(spread.unit, _NO_UNIT)
        mean, most = float(np.mean(body)), float(np.percentile(body, 95))
        found.append(("SYN-111", "Mean uncertainty in the body", mean, unit))
        found.append(("SYN-112", "95th percentile of the uncertainty in the body", most, unit))
    seen = np.count_nonzero(made.inside) / made.inside.size
    found.append(
        ("SYN-113", "Fraction outside of the source's field of view", 1.0 - seen, _NO_UNIT)
    )
    return [one for one in found if isfinite(one[2])]


def _used(figure: float, low: float, high: float) -> float:
    """Return the part of its limit that a figure has used up; of no number, more than there is."""
    if not isfinite(figure):
        return inf
    return figure / high if isfinite(high) else low / max(figure, 1e-9)


def answers(making: Making) -> list[tuple[str, str, bool]]:
    """Return code, statement, and whether it holds; of a gate only where there was one."""
    found = [
        ("SYN-120", "Sequence type accepted", True),
        ("SYN-121", "Slice spacing uniform", True),
        ("SYN-122", "Anatomy within validated region", True),
    ]
    if making.synthesis.checks:
        found.append(("SYN-130", "Quality gate passed", not making.synthesis.held))
    return found
