"""The sequences of each contrast, with the ranges that their times and angles are drawn from.

Sources are drawn over the whole range, as scanners differ. What is to be made is taken at the
middle of the range of the first sequence of its contrast: a site has one protocol for it, and
times that nothing in the source tells would be learned by nobody.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from train.phantom.contrasts import Gradient, Inversion, InversionEcho, Sequence, SpinEcho, null_ms
from train.phantom.tissues import Tissue

__all__ = ["TIMINGS", "Range", "Timing", "draw_sequence", "usual_sequence"]

Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Timing:
    """One kind of sequence.

    Parameters
    ----------
    name : str
        ``flash2d``, ``se2d``, ``mprage`` and so on; what ends in ``2d`` has thick slices.
    share : float
        How often a contrast is acquired by it.
    tr_ms, te_ms : (low, high)
        Repetition and echo time.
    flip_deg : (low, high), optional
        Of a spoiled gradient echo.
    ti_ms : (low, high), optional
        Inversion time.
    nulled : Tissue, optional
        What the inversion time is to silence; ``ti_ms`` is then over the time that silences it.
    train : bool
        Spin echoes are read in a train.
    """

    name: str
    share: float
    tr_ms: Range
    te_ms: Range
    flip_deg: Range | None = None
    ti_ms: Range | None = None
    nulled: Tissue | None = None
    train: bool = False

    def sequence(self, field_t: float, pick: Callable[[Range], float]) -> Sequence:
        """Return the sequence whose figures ``pick`` takes from the ranges."""
        tr_ms, te_ms = pick(self.tr_ms), pick(self.te_ms)
        if self.flip_deg is not None:
            return Gradient(tr_ms, te_ms, pick(self.flip_deg))
        if self.ti_ms is None:
            return SpinEcho(tr_ms, te_ms, train=self.train)
        ti_ms = pick(self.ti_ms)
        if self.nulled is None:
            return Inversion(tr_ms, te_ms, ti_ms)
        return InversionEcho(tr_ms, te_ms, ti_ms * null_ms(self.nulled, field_t, tr_ms))


TIMINGS: Mapping[str, tuple[Timing, ...]] = {
    "T1": (
        Timing("mprage", 0.35, (1500, 2500), (2, 4.5), ti_ms=(700, 1100)),
        Timing("flash2d", 0.25, (150, 350), (2.4, 6), flip_deg=(60, 90)),
        Timing("se2d", 0.25, (400, 750), (8, 18)),
        Timing("spgr3d", 0.15, (6, 28), (2, 6), flip_deg=(12, 32)),
    ),
    "T2": (
        Timing("tse2d", 0.8, (3000, 6000), (80, 115), train=True),
        Timing("tse3d", 0.2, (2500, 3500), (90, 130), train=True),
    ),
    "PD": (Timing("pd2d", 1.0, (2400, 4500), (10, 28), train=True),),
    "FLAIR": (
        Timing("flair2d", 0.6, (8000, 10000), (85, 125), None, (0.97, 1.03), Tissue.CSF),
        Timing("flair3d", 0.4, (5000, 7000), (100, 140), None, (0.97, 1.03), Tissue.CSF),
    ),
    "STIR": (Timing("stir2d", 1.0, (3000, 6000), (30, 65), None, (0.96, 1.04), Tissue.FAT),),
}
"""By contrast. Milliseconds and degrees, as in common use at 1.5 and 3 T; all of them lie within
what the labels of :mod:`dicom_node.series.physics` are certain of.

References
----------
Haacke et al. 1999, Magnetic Resonance Imaging, Sections 8.3 and 15.4 (weighting by times).
"""


def draw_sequence(label: str, field_t: float, rng: np.random.Generator) -> tuple[str, Sequence]:
    """Draw one of the usual sequences of a contrast; return its name and itself."""
    kinds = TIMINGS[label]
    kind = kinds[int(rng.choice(len(kinds), p=[one.share for one in kinds]))]
    return kind.name, kind.sequence(field_t, lambda span: float(rng.uniform(*span)))


def usual_sequence(label: str, field_t: float) -> tuple[str, Sequence]:
    """Return the sequence by which a site acquires a contrast: its name, and itself."""
    kind = TIMINGS[label][0]
    return kind.name, kind.sequence(field_t, lambda span: (span[0] + span[1]) / 2)
