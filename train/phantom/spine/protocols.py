"""The usual sagittal protocols of the lumbar spine."""

from collections.abc import Mapping

import numpy as np

from train.errors import RecipeInvalid
from train.phantom.scanner.coil import Coil
from train.phantom.scanner.protocol import Protocol
from train.phantom.scanner.timing import Timing
from train.phantom.tissues import FIELDS_T, Tissue

__all__ = ["FIGURES", "TIMINGS", "draw_protocol"]

TIMINGS: Mapping[str, tuple[Timing, ...]] = {
    "T1": (
        Timing("se2d", 0.4, (420, 700), (8, 15)),
        Timing("tse2d", 0.6, (450, 750), (7, 13), train=True),
    ),
    "T2": (Timing("tse2d", 1.0, (3500, 6000), (85, 120), train=True),),
    "STIR": (Timing("stir2d", 1.0, (3000, 6000), (35, 65), None, (0.96, 1.04), Tissue.FAT),),
}
"""By contrast, in milliseconds, as in common use at 1.5 and 3 T: T1 and T2 by echo trains or single
echoes, STIR with the inversion time that silences fat as the table has it.

References
----------
Bone marrow imaging using STIR at 0.5 and 1.5 T, 1992, Magn Reson Imaging 10:169.
"""
_SPACING_MM, _STEP_MM, _THICKNESS = (0.8, 1.2), (3.3, 4.8), (0.85, 0.95)
_SLICES, _SIDE_MM, _DEEP = (12, 18), (280.0, 340.0), (0.9, 1.0)
_TILT_DEG, _OFF_MM, _TOP_MM = (1.5, 1.5, 1.0), (-24.0, -2.0), 96.0
_COIL = ((0.05, 0.22), (80.0, 150.0), (0.0, 0.5), (0.008, 0.05))
FIGURES = (
    TIMINGS, _SPACING_MM, _STEP_MM, _THICKNESS, _SLICES, _SIDE_MM, _DEEP, _TILT_DEG, _OFF_MM,
    _TOP_MM, _COIL,
)  # fmt: skip


def draw_protocol(label: str, rng: np.random.Generator, field_t: float | None = None) -> Protocol:
    """Draw a sagittal protocol for a contrast.

    A lattice is hung from where a head's vertex would be, some 96 mm above the origin; by how much
    it reaches above that is chosen so that its middle lies at L3 or L4.

    Parameters
    ----------
    label : str
        T1, T2 or STIR.
    field_t : float, optional
        Field strength; drawn where it is not given.

    Raises
    ------
    RecipeInvalid
        When the spine has no protocol for the contrast.
    """
    if label not in TIMINGS:
        text = f"no protocol of the spine shows {label}; there are {', '.join(TIMINGS)}"
        raise RecipeInvalid(f"{text}; order one of these as the first source")
    field_t = float(rng.choice(FIELDS_T)) if field_t is None else field_t
    kinds = TIMINGS[label]
    kind = kinds[int(rng.choice(len(kinds), p=[one.share for one in kinds]))]
    step, tall = float(rng.uniform(*_STEP_MM)), float(rng.uniform(*_SIDE_MM))
    slices = int(rng.integers(_SLICES[0], _SLICES[1] + 1))
    tilts = [float(np.clip(rng.normal(0, sd), -2 * sd, 2 * sd)) for sd in _TILT_DEG]
    bias, over, near, noise = (float(rng.uniform(*span)) for span in _COIL)
    return Protocol(
        name=kind.name,
        sequence=kind.sequence(field_t, lambda span: float(rng.uniform(*span))),
        field_t=field_t,
        plane="sagittal",
        spacing_mm=float(rng.uniform(*_SPACING_MM)),
        step_mm=step,
        thickness_mm=step * float(rng.uniform(*_THICKNESS)),
        extent_mm=(slices * step, tall, tall * float(rng.uniform(*_DEEP))),
        tilt_deg=(tilts[0], tilts[1], tilts[2]),
        above_mm=tall / 2 - _TOP_MM + float(rng.uniform(*_OFF_MM)),
        coil=Coil(bias=bias, bias_mm=over, near=near, noise=noise),
    )
