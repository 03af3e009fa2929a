"""What a scanner makes of tissue: signal equations for MR, Hounsfield units for CT, uptake for PET.

A voxel's value is the sum of what each tissue in it gives, by its share: partial volume as it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from train.errors import RecipeInvalid
from train.phantom.fields import Floats
from train.phantom.tissues import FIELDS_T, HU, RELAXATION, Relaxation, Tissue

__all__ = [
    "Gradient",
    "Inversion",
    "InversionEcho",
    "Sequence",
    "SpinEcho",
    "Values",
    "mixed",
    "null_ms",
    "of_ct",
    "of_mr",
]

Values = Mapping[Tissue, float]
"""What each tissue alone would give."""


class Sequence(Protocol):
    """A pulse sequence with its timings."""

    def signal(self, tissue: Relaxation, t1_ms: float, t2_ms: float) -> float:
        """Magnitude of what the tissue gives, for proton density 1 at most 1."""


@dataclass(frozen=True, slots=True)
class SpinEcho:
    """Spin echo: weighted by T1 with short times, by T2 with long ones, by density in between.

    ``S = PD (1 - exp(-TR / T1)) exp(-TE / T2)``

    Parameters
    ----------
    tr_ms, te_ms : float
        Repetition and echo time.
    train : bool
        A train of echoes is read, TE being that of the middle of its space of frequencies.

    References
    ----------
    Haacke et al. 1999, Magnetic Resonance Imaging, Section 8.1.
    """

    tr_ms: float
    te_ms: float
    train: bool = False

    def signal(self, tissue: Relaxation, t1_ms: float, t2_ms: float) -> float:
        """See :class:`Sequence`."""
        grown = 1 - np.exp(-self.tr_ms / t1_ms)
        seen_ms = t2_ms * (tissue.in_train if self.train else 1.0)
        return float(tissue.density * grown * np.exp(-self.te_ms / seen_ms))


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


@dataclass(frozen=True, slots=True)
class InversionEcho:
    """Inversion recovery read out by a train of spin echoes: FLAIR and STIR.

    ``S = PD |1 - 2 exp(-TI / T1) + exp(-TR / T1)| exp(-TE / T2)``

    Parameters
    ----------
    tr_ms, te_ms, ti_ms : float
        Repetition, echo and inversion time; TE and the train's length are left out of TR.

    References
    ----------
    Haacke et al. 1999, Magnetic Resonance Imaging, Section 8.3. Hajnal et al. 1992, Journal of
    Computer Assisted Tomography 16:841 (FLAIR). Bydder and Young 1985, the same 9:659 (STIR).
    """

    tr_ms: float
    te_ms: float
    ti_ms: float

    def signal(self, tissue: Relaxation, t1_ms: float, t2_ms: float) -> float:
        """See :class:`Sequence`."""
        grown = 1 - 2 * np.exp(-self.ti_ms / t1_ms) + np.exp(-self.tr_ms / t1_ms)
        decayed = np.exp(-self.te_ms / (t2_ms * tissue.in_train))
        return float(tissue.density * abs(grown) * decayed)


def null_ms(tissue: Tissue, field_t: float, tr_ms: float) -> float:
    """Return the inversion time at which ``tissue`` gives nothing.

    ``TI = T1 ln(2 / (1 + exp(-TR / T1)))``

    Raises
    ------
    RecipeInvalid
        When the table has no such field strength.
    """
    t1_ms = RELAXATION[tissue].t1_ms[_column(field_t)]
    return float(t1_ms * np.log(2 / (1 + np.exp(-tr_ms / t1_ms))))


def _column(field_t: float) -> int:
    if field_t not in FIELDS_T:
        known = ", ".join(f"{field:g}" for field in FIELDS_T)
        raise RecipeInvalid(f"no relaxation times at {field_t:g} T; known: {known} T")
    return FIELDS_T.index(field_t)


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
    column, values = _column(field_t), {}
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
    seen = np.zeros(fractions.shape[1:], dtype=np.float32)
    for tissue in Tissue:
        if values[tissue]:
            seen += np.float32(values[tissue]) * fractions[tissue]
    return seen
