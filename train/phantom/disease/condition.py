"""What a subject has: which lesions, and how far its brain has shrunk."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

__all__ = ["DISEASES", "FIGURES", "LESIONS", "Condition", "draw_condition"]

LESIONS: Mapping[str, float] = {
    "none": 0.44, "plaques": 0.14, "tumour": 0.14, "infarct": 0.14, "haemorrhage": 0.14,
}  # fmt: skip
"""Kinds of lesion, and how many subjects have each."""
DISEASES: Mapping[str, float] = {"none": 0.5, "alzheimer": 0.5}
"""Patterns of loss, and how many subjects have each; drawn apart from the lesions."""
_SEVERITY, _AGEING, _LEAN = (0.55, 1.0), (0.0, 0.5), 0.15
FIGURES = (LESIONS, DISEASES, _SEVERITY, _AGEING, _LEAN)


@dataclass(frozen=True, slots=True)
class Condition:
    """A subject's health.

    Parameters
    ----------
    lesion, disease : str
        Of :data:`LESIONS` and :data:`DISEASES`.
    severity : float
        Of the disease, 0 to 1; 0 without it.
    lean : float
        By what share the left side has more of the disease than the mean, and the right side less.
    ageing : float
        Loss everywhere, as everybody has it, 0 to 1.
    """

    lesion: str
    disease: str
    severity: float
    lean: float
    ageing: float


def draw_condition(rng: np.random.Generator) -> Condition:
    """Draw a subject's health."""
    lesion = str(rng.choice(list(LESIONS), p=list(LESIONS.values())))
    disease = str(rng.choice(list(DISEASES), p=list(DISEASES.values())))
    severity, lean = rng.uniform(*_SEVERITY), np.clip(rng.normal(0, _LEAN), -0.3, 0.3)
    return Condition(
        lesion=lesion,
        disease=disease,
        severity=float(severity) if disease != "none" else 0.0,
        lean=float(lean),
        ageing=float(rng.uniform(*_AGEING)),
    )
