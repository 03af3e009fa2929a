"""The tissues of a phantom head, and what an MR and a CT scanner see of each.

The figures are those of the literature where it has one; what is assumed says so in its row.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

__all__ = ["FIELDS_T", "HU", "RELAXATION", "Relaxation", "Tissue"]

FIELDS_T = (1.5, 3.0)
"""Field strengths, in tesla, that the table knows."""


class Tissue(IntEnum):
    """What a voxel may hold; the number is its place along the first axis of the fractions."""

    OUTSIDE = 0
    """Air around the head."""
    CAVITY = 1
    """Air inside the head: sinuses, nose, throat, ear."""
    CSF = 2
    GREY = 3
    WHITE = 4
    FAT = 5
    MUSCLE = 6
    SKIN = 7
    CORTICAL = 8
    SPONGY = 9
    """Diploe and marrow between the tables."""
    TOOTH = 10
    VITREOUS = 11
    MUCOSA = 12
    CARTILAGE = 13
    """Discs between vertebrae, the nasal septum, the windpipe's rings."""
    BLOOD = 14
    """In the large vessels: what MR shows of it depends on its flow."""


@dataclass(frozen=True, slots=True)
class Relaxation:
    """What an MR scanner sees of one tissue.

    Parameters
    ----------
    t1_ms, t2_ms : (float, float)
        At 1.5 T and 3 T.
    t2_star_ms : float
        Taken as one for both fields.
    density : float
        Of protons, water as 1.
    """

    t1_ms: tuple[float, float]
    t2_ms: tuple[float, float]
    t2_star_ms: float
    density: float


_NONE = Relaxation((1.0, 1.0), (1.0, 1.0), 1.0, 0.0)

RELAXATION: Mapping[Tissue, Relaxation] = {
    Tissue.OUTSIDE: _NONE,
    Tissue.CAVITY: _NONE,
    Tissue.CSF: Relaxation((4300, 4300), (2000, 2000), 58, 1.00),  # T1: Rooney; T2: Spijkerman
    Tissue.GREY: Relaxation((1124, 1820), (95, 99), 69, 0.86),  # Stanisz
    Tissue.WHITE: Relaxation((884, 1084), (72, 69), 61, 0.77),  # Stanisz
    Tissue.FAT: Relaxation((343, 382), (58, 68), 58, 1.00),  # de Bazelaire, subcutaneous
    Tissue.MUSCLE: Relaxation((1008, 1412), (44, 50), 30, 1.00),  # Stanisz
    Tissue.SKIN: Relaxation((1008, 1412), (44, 50), 30, 0.90),  # as muscle; density assumed
    Tissue.CORTICAL: Relaxation((200, 200), (0.5, 0.5), 0.5, 0.20),  # water bound: assumed
    Tissue.SPONGY: Relaxation((549, 586), (49, 73), 15, 0.70),  # de Bazelaire; T2*, PD assumed
    Tissue.TOOTH: _NONE,
    Tissue.VITREOUS: Relaxation((4300, 4300), (2000, 2000), 58, 1.00),  # as CSF
    Tissue.MUCOSA: Relaxation((1008, 1412), (80, 85), 30, 1.00),  # as muscle, wetter: assumed
    Tissue.CARTILAGE: Relaxation((1024, 1168), (30, 27), 20, 0.80),  # Stanisz; density assumed
    Tissue.BLOOD: Relaxation((1441, 1932), (290, 275), 60, 1.00),  # Stanisz, at rest; T2* assumed
}
"""Relaxation times and densities.

References
----------
Stanisz et al. 2005, Magn Reson Med 54:507, Table 1 (T1, T2 at 1.5 T and 3 T). de Bazelaire et al.
2004, Radiology 230:652, Tables 1 and 2 (fat, marrow). Rooney et al. 2007, Magn Reson Med 57:308
(CSF, T1 near 4.3 s at every field). Spijkerman et al. 2018, MAGMA 31:415 (CSF, T2 near 2 s). Kwan
et al. 1999, IEEE Trans Med Imaging 18:1085, the table of BrainWeb (density, T2*).
"""

HU: Mapping[Tissue, float] = {
    Tissue.OUTSIDE: -1000,
    Tissue.CAVITY: -1000,
    Tissue.CSF: 8,
    Tissue.GREY: 40,
    Tissue.WHITE: 28,
    Tissue.FAT: -90,
    Tissue.MUSCLE: 50,
    Tissue.SKIN: 60,
    Tissue.CORTICAL: 1500,
    Tissue.SPONGY: 500,
    Tissue.TOOTH: 2000,
    Tissue.VITREOUS: 8,
    Tissue.MUCOSA: 40,
    Tissue.CARTILAGE: 100,
    Tissue.BLOOD: 50,
}
"""Hounsfield units near 120 kV.

Air, fat, white and grey matter and blood lie inside the ranges of the literature, bone inside its
700 to 3000; the others are round figures between water and muscle, and those of spongy bone,
cartilage and teeth are assumed.

References
----------
Buzug 2008, Computed Tomography, Springer, p. 475 (air -1000, fat -100 to -50, water 0, white
matter 20 to 30, grey matter 37 to 45, blood 45 to 65, bone 700 to 3000).
"""
