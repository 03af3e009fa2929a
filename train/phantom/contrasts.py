"""What a scanner makes of tissue: signal equations for MR, Hounsfield units for CT.

A voxel's value is the sum of what each tissue in it gives, by its share: partial volume as it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from train.errors import RecipeInvalid
from train.phantom.fields import Floats
from train.phantom.tissues import FIELDS_T, HU, RELAXATION, Relaxation, Tissue

__all__ = ["Gradient", "Inversion", "Sequence", "SpinEcho", "Values", "mixed", "of_ct", "of_mr"]

Values = Mapping[Tissue, float]
"""What each tissue alone would give."""


class Sequence(Protocol):
    """A pulse sequence with its timings."""

    def signal(self, tissue: Relaxation, t1_ms: float, t2_ms: float) -> float:
        """Magnitude of what the tissue gives, for proton density 1 at most 1."""


@dataclass(frozen=True, slots=True)
class SpinEcho:
    """Spin echo: T1-weighted with short, T2-weighted with long times.

    ``S = PD (1 - exp(-TR / T1)) exp(-TE / T2)``

    Parameters
    ----------
    tr_ms, te_ms : float
        Repetition and echo time.

    References
    ----------
    Haacke et al. 1999, Magnetic Resonance Imaging, Section 8.1.
    """

    tr_ms: float
    te_ms: float

    def signal(self, tissue: Relaxation, t1_ms: float, t2_ms: float) -> float:
        """See :class:`Sequence`."""
        grown = 1 - np.exp(-self.tr_ms / t1_ms)
        return float(tissue.density * grown * np.exp(-self.te_ms / t2_ms))


@dataclass(frozen=True, slots=True)
class Gradient:
    """Spoiled gradient echo in its steady state (FLASH, SPGR, T1-FFE).

    ``S = PD sin(a) (1 - E) / (1 - E cos(a)) exp(-TE / T2*)`` with ``E = exp(-TR / T1)``

    Parameters
    ----------
    tr_ms, te_ms, flip_deg : float
        Repetition time, echo time, flip angle ``a``.

    References
    ----------
    Haacke et al. 1999, Magnetic Resonance Imaging, Section 18.1 (Ernst's signal).
    """

    tr_ms: float
    te_ms: float
    flip_deg: float

    def signal(self, tissue: Relaxation, t1_ms: float, t2_ms: float) -> float:  # noqa: ARG002
        """See :class:`Sequence`; T2* stands in the table, T2 is not needed."""
        left = np.exp(-self.tr_ms / t1_ms)
        angle = np.radians(self.flip_deg)
        steady = np.sin(angle) * (1 - left) / (1 - left * np.cos(angle))
        return float(tissue.density * steady * np.exp(-self.te_ms / tissue.t2_star_ms))


@dataclass(frozen=True, slots=True)
class Inversion:
    """Inversion recovery read out by gradient echoes, as in MPRAGE, its read-out not simulated.

    ``S = PD |1 - 2 exp(-TI / T1) + exp(-TR / T1)| exp(-TE / T2*)``

    Parameters
    ----------
    tr_ms, te_ms, ti_ms : float
        Time from one inversion to the next, echo time, inversion time.

    References
    ----------
    Haacke et al. 1999, Magnetic Resonance Imaging, Section 8.3. Mugler and Brookeman 1990, Magn
    Reson Med 15:152 (MPRAGE).
    """

    tr_ms: float
    te_ms: float
    ti_ms: float

    def signal(self, tissue: Relaxation, t1_ms: float, t2_ms: float) -> float:  # noqa: ARG002
        """See :class:`Sequence`; T2* stands in the table, T2 is not needed."""
        grown = 1 - 2 * np.exp(-self.ti_ms / t1_ms) + np.exp(-self.tr_ms / t1_ms)
        return float(tissue.density * abs(grown) * np.exp(-self.te_ms / tissue.t2_star_ms))


def of_mr(sequence: Sequence, field_t: float, sway: Mapping[Tissue, float] | None = None) -> Values:
    """Return the signal of each tissue.

    Parameters
    ----------
    sequence : Sequence
        With its timings.
    field_t : float
        One of :data:`train.phantom.tissues.FIELDS_T`.
    sway : mapping, optional
        By what a subject's T1 and T2 of a tissue are multiplied.

    Raises
    ------
    RecipeInvalid
        When the table has no such field strength.
    """
    if field_t not in FIELDS_T:
        known = ", ".join(f"{field:g}" for field in FIELDS_T)
        raise RecipeInvalid(f"no relaxation times at {field_t:g} T; known: {known} T")
    column, values = FIELDS_T.index(field_t), {}
    for tissue, times in RELAXATION.items():
        factor = (sway or {}).get(tissue, 1.0)
        t1_ms, t2_ms = times.t1_ms[column] * factor, times.t2_ms[column] * factor
        values[tissue] = sequence.signal(times, t1_ms, t2_ms) if times.density else 0.0
    return values


def of_ct(sway: Mapping[Tissue, float] | None = None) -> Values:
    """Return the Hounsfield units of each tissue; ``sway`` is added to a subject's."""
    return {tissue: value + (sway or {}).get(tissue, 0.0) for tissue, value in HU.items()}


def mixed(fractions: Floats, values: Values) -> Floats:
    """Return what a scanner sees of ``fractions`` (tissues, Z, Y, X).

    Shapes
    ------
    return : (Z, Y, X) float32
    """
    each = np.array([values[tissue] for tissue in Tissue], dtype=np.float32)
    return np.asarray(np.tensordot(each, fractions, axes=1), dtype=np.float32)
