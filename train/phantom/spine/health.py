"""How healthy a spine is: age, grades of its discs, fat and oedema of its marrow."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from train.phantom.spine.figures import DISC, HEALTH, LEVELS

__all__ = ["Health", "Oedema", "draw_health"]

Oedema = Literal["none", "endplate", "fracture"]
_KINDS: tuple[Oedema, ...] = ("none", "endplate", "fracture")
_LUMBAR = 5  # the last discs
_WORST = 5


@dataclass(frozen=True, slots=True)
class Health:
    """Findings of one spine; tuples from top to bottom.

    Parameters
    ----------
    age : float
        In years.
    grades : per disc
        Pfirrmann's, 1 to 5.
    protruding_mm, fissured : per disc
        How far a part of it stands out behind; whether its ring is torn.
    fat : per vertebra, then the sacrum
        Share of spongy tissue that is fat beyond what the table's has.
    oedema : str
        What kind there is.
    at : int
        Index of the disc or of the vertebra that has it; -1 without.
    fatty : per disc
        Whether the marrow beside it has turned to fat.
    zones : per disc, (below, above, share)
        How deep such changes reach into the bone below and above it, in mm, and how much of the
        marrow they take.
    haemangioma : int
        Index of the vertebra that has one; -1 without.
    muscle_fat : float
        Share of the back's muscles.
    """

    age: float
    grades: tuple[int, ...]
    protruding_mm: tuple[float, ...]
    fissured: tuple[bool, ...]
    fat: tuple[float, ...]
    oedema: Oedema
    at: int
    fatty: tuple[bool, ...]
    zones: tuple[tuple[float, float, float], ...]
    haemangioma: int
    muscle_fat: float

    @property
    def degeneration(self) -> str:
        """``none``, ``mild`` or ``severe``: by the five lumbar discs.

        None: no grade above 2. Severe: one of grade 5, or two of grade 4.
        """
        lumbar = self.grades[-_LUMBAR:]
        if max(lumbar) <= 2:
            return "none"
        return "severe" if max(lumbar) == _WORST or lumbar.count(_WORST - 1) >= 2 else "mild"

    @property
    def strata(self) -> dict[str, str]:
        """What results are told apart by."""
        return {"degeneration": self.degeneration, "oedema": self.oedema}


def draw_health(rng: np.random.Generator) -> Health:
    """Draw findings; all of them are likelier in the old but oedema, which is drawn for itself."""
    age = float(rng.uniform(*HEALTH.age))
    years = age - HEALTH.age[0]
    worn = HEALTH.grade_at_20 + HEALTH.grade_per_year * years + np.array(HEALTH.worn)
    grades = np.clip(np.round(worn + rng.normal(0, HEALTH.grade_sd, len(LEVELS))), 1, _WORST)
    oedema = _KINDS[int(rng.choice(len(_KINDS), p=HEALTH.oedema))]
    at = -1
    if oedema == "endplate":
        at = int(rng.integers(len(LEVELS) - 4, len(LEVELS)))
        grades[at] = max(grades[at], int(rng.integers(4, 6)))
    elif oedema == "fracture":
        at = int(rng.integers(4, len(LEVELS)))
    low = np.arange(len(LEVELS)) >= len(LEVELS) - _LUMBAR
    protrudes = (rng.uniform(size=len(LEVELS)) < HEALTH.protrudes) & (grades >= 3) & low
    fissured = (rng.uniform(size=len(LEVELS)) < HEALTH.fissured) & (grades >= 3) & low
    fatty = (rng.uniform(size=len(LEVELS)) < HEALTH.fatty_endplate) & (grades >= 4)
    if oedema == "endplate":
        fatty[at] = False
    muscle, yearly = HEALTH.muscle_fat
    return Health(
        age=age,
        grades=tuple(int(grade) for grade in grades),
        protruding_mm=tuple(float(p * rng.uniform(*DISC.protrusion)) for p in protrudes),
        fissured=tuple(bool(one) for one in fissured),
        fat=_marrow(rng, years),
        oedema=oedema,
        at=at,
        fatty=tuple(bool(one) for one in fatty),
        zones=tuple(_zone(rng) for _ in LEVELS),
        haemangioma=_one_in(rng, HEALTH.haemangioma),
        muscle_fat=float(min((muscle + yearly * years) * np.exp(rng.normal(0, 0.3)), 0.55)),
    )


def _marrow(rng: np.random.Generator, years: float) -> tuple[float, ...]:
    """Share of added fat of each vertebra, and of the sacrum last."""
    down = HEALTH.marrow_fat_down * np.arange(len(LEVELS) + 1)
    mean = HEALTH.marrow_fat_at_20 + HEALTH.marrow_fat_per_year * years
    own = rng.normal(0, HEALTH.marrow_fat_sd) + rng.normal(0, HEALTH.marrow_fat_sd / 4, len(down))
    return tuple(float(share) for share in np.clip(mean + down + own, 0, 0.75))


def _zone(rng: np.random.Generator) -> tuple[float, float, float]:
    below, above = rng.uniform(*HEALTH.zone, 2)
    return float(below), float(above), float(rng.uniform(*HEALTH.zone_share))


def _one_in(rng: np.random.Generator, share: float) -> int:
    """Index of a vertebra with this likelihood, else -1."""
    chosen = int(rng.integers(2, len(LEVELS)))
    return chosen if rng.uniform() < share else -1
