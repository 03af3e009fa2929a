from dataclasses import dataclass

import numpy as np
import pytest

from train.phantom import Body, of_mr
from train.phantom.contrasts import InversionEcho, SpinEcho, mixed, null_ms
from train.phantom.spine import build_spine
from train.phantom.spine.column import Column, Frame, draw_column
from train.phantom.spine.health import Health, draw_health
from train.phantom.tissues import Tissue

SPACING_MM = 2.5
STIR_TR = 4500.0
SEQUENCES = {
    "T1": SpinEcho(550.0, 11.0, train=True),
    "T2": SpinEcho(4200.0, 100.0, train=True),
    "STIR": InversionEcho(STIR_TR, 50.0, null_ms(Tissue.FAT, 1.5, STIR_TR)),
}


@dataclass(frozen=True, eq=False)
class Made:
    """A spine, what was drawn for it, and what each contrast shows of it."""

    body: Body
    strata: dict[str, str]
    health: Health
    column: Column
    images: dict[str, np.ndarray]

    def around(self, image: np.ndarray, frame: Frame, radius_mm: float) -> np.ndarray:
        """Values of an image near a place of the midline."""
        z, y, x = self.body.axes
        away = (z - frame.up)[:, None, None] ** 2 + (y - frame.back)[None, :, None] ** 2
        return image[away + x[None, None, :] ** 2 <= radius_mm**2]

    def share(self, frame: Frame, *tissues: Tissue, radius_mm: float = 3.0) -> float:
        """Mean share of some tissues near a place."""
        total = sum(self.body.fractions[tissue] for tissue in tissues)
        return float(self.around(np.asarray(total), frame, radius_mm).mean())


def make(seed: int) -> Made:
    """Return a spine, and its findings drawn once more from the same seed."""
    body, strata = build_spine(np.random.default_rng([seed, 2]), SPACING_MM)
    rng = np.random.default_rng([seed, 2])
    health = draw_health(rng)
    column = draw_column(rng, health)
    seen = {
        label: mixed(body.fractions, of_mr(sequence, 1.5)) for label, sequence in SEQUENCES.items()
    }
    return Made(body, strata, health, column, seen)


def _seeds(oedema: str) -> int:
    """First seed whose spine has such oedema."""
    return next(
        seed
        for seed in range(200)
        if draw_health(np.random.default_rng([seed, 2])).oedema == oedema
    )


@pytest.fixture(scope="session")
def broken() -> Made:
    """A spine with a fresh fracture."""
    return make(_seeds("fracture"))


@pytest.fixture(scope="session")
def inflamed() -> Made:
    """A spine with oedema beside a worn disc."""
    return make(_seeds("endplate"))


@pytest.fixture(scope="session")
def sound() -> Made:
    """A spine without oedema."""
    return make(_seeds("none"))
