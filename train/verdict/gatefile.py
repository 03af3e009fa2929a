"""The gate file: what may change of a model, how it is proven, and whom it may harm.

Its parts are those of a predetermined change control plan: description of modifications,
modification protocol, impact assessment.

References
----------
FDA, Marketing Submission Recommendations for a Predetermined Change Control Plan for Artificial
Intelligence-Enabled Device Software Functions, guidance of December 2024, Section V.
"""

import hashlib
import tomllib
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any

from train.errors import GateInvalid, RecipeInvalid
from train.sections import section

__all__ = ["PARTS", "Changes", "GateFile", "Impact", "Proof", "read_gate_file"]

PARTS = ("weights", "limits", "steps", "network", "scope", "words")
"""Of a bundle: what a candidate may have otherwise than the model that is active."""


@dataclass(frozen=True, slots=True)
class Changes:
    """Description of modifications.

    Parameters
    ----------
    model : str
        Which model may be changed for a candidate.
    parts : tuple of str
        Of :data:`PARTS`: what the candidate may have otherwise.
    """

    model: str
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Proof:
    """Modification protocol: what a candidate is held to, beside the active model.

    Errors are in the unit of the result, or as a share of its range where it has none. "Worse" is
    always candidate beside active model, person beside person.

    Parameters
    ----------
    better_by : float
        The whole 95 % interval of the gain in mean absolute error lies above this.
    fewest : int
        Persons held out.
    worst : float
        No person's error grows by more.
    stratum : float
        No group of :data:`train.verdict.judge.GROUP` persons or more is worse by more on average.
    bias : float
        The mean error of dark, middle and bright voxels is at most so much further from 0.
    shift_mm : float
        The result lies at most so much further from the truth.
    blur : float
        Share of the active model's sharpness that may be lost.
    lesions : float
        Of what the active model shows of lesions, planted ones and those of phantoms, the share
        that has to be kept.
    leak : float
        How much larger the gain on the held-out may be than on those whom learning only looked at,
        beyond what chance gives.
    held : float
        Share of the results that the model's own limits hold or refuse, over the active model's.
    phantoms : float
        On phantoms that neither has learned from the mean error grows by at most this.
    """

    better_by: float
    fewest: int
    worst: float
    stratum: float
    bias: float
    shift_mm: float
    blur: float
    lesions: float
    leak: float
    held: float
    phantoms: float


@dataclass(frozen=True, slots=True)
class Impact:
    """Impact assessment, in words of those who wrote it."""

    benefit: str
    harm: str
    watched_by: str


@dataclass(frozen=True, slots=True)
class GateFile:
    """One gate file, and the SHA-256 of its text."""

    changes: Changes
    proof: Proof
    impact: Impact
    sha256: str


_SECTIONS: dict[str, type[Any]] = {"changes": Changes, "proof": Proof, "impact": Impact}
_RANGES = {
    "better_by": (0.0, inf), "fewest": (5, 10**6), "worst": (0.0, inf), "stratum": (0.0, inf),
    "bias": (0.0, inf), "shift_mm": (0.0, 5.0), "blur": (0.0, 0.5), "lesions": (0.3, 1.0),
    "leak": (0.0, inf), "held": (0.0, 0.5), "phantoms": (0.0, inf),
}  # fmt: skip


def read_gate_file(path: Path) -> GateFile:
    """Read a gate file.

    Raises
    ------
    GateInvalid
        Naming file, key and remedy.
    """
    try:
        text = path.read_bytes()
        raw = tomllib.loads(text.decode())
    except (OSError, ValueError, RecursionError) as exc:
        raise GateInvalid(f"{path.name}: not readable as TOML: {exc}") from exc
    if set(raw) != set(_SECTIONS):
        wanted = ", ".join(f"[{name}]" for name in _SECTIONS)
        seen = ", ".join(f"[{name}]" for name in raw) or "none"
        raise GateInvalid(f"{path.name}: its sections are {seen}; {wanted} are wanted, each once")
    try:
        parts = {name: section(kind, raw[name], f"{path.name}: [{name}]")
                 for name, kind in _SECTIONS.items()}  # fmt: skip
    except RecipeInvalid as exc:
        raise GateInvalid(str(exc)) from exc
    found = GateFile(**parts, sha256=hashlib.sha256(text).hexdigest())
    _sound(found, path.name)
    return found


def _sound(gate: GateFile, name: str) -> None:
    for part in gate.changes.parts:
        if part not in PARTS:
            text = f"{name}: [changes] parts names '{part}'"
            raise GateInvalid(f"{text}; parts of a model are {', '.join(PARTS)}")
    for key, (low, high) in _RANGES.items():
        if not low <= (seen := getattr(gate.proof, key)) <= high:
            wanted = f"{low:g} or more" if high == inf else f"{low:g} to {high:g}"
            raise GateInvalid(f"{name}: [proof] {key} = {seen:g}; {wanted} is wanted")
    for key in ("benefit", "harm", "watched_by"):
        if not getattr(gate.impact, key).strip():
            raise GateInvalid(f"{name}: [impact] {key} is blank; write a sentence that says it")
