"""The tissues of a phantom, and what MR, CT and PET scanners see of each.

The figures are those of the literature where it has one; what is assumed says so in its row.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

__all__ = ["FIELDS_T", "HU", "RELAXATION", "UPTAKE", "Relaxation", "Tissue"]

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
    DISC = 15
    """The watery nucleus of a young disc."""
    DISC_DRY = 16
    """A degenerate disc, or the fibrous ring of any."""
    CORD = 17
    OEDEMA = 18
    """Of bone marrow."""
    PLAQUE = 19
    """White matter that has lost its myelin, or is scarred."""
    TUMOUR = 20
    """Its solid part."""
    INFARCT = 21
    """What an old infarct, or the dead core of a tumour, leaves: nearly fluid."""
    BLEED = 22
    """Clotted blood, some hours to three days old."""
    LIGAMENT = 23
    SWELLING = 24
    """Oedema of white matter."""


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
    in_train : float
        By how much T2 seems longer in a train of refocusing pulses: fat's spins, which couple, keep
        their phase in it.
    """

    t1_ms: tuple[float, float]
    t2_ms: tuple[float, float]
    t2_star_ms: float
    density: float
    in_train: float = 1.0


_NONE = Relaxation((1.0, 1.0), (1.0, 1.0), 1.0, 0.0)

RELAXATION: Mapping[Tissue, Relaxation] = {
    Tissue.OUTSIDE: _NONE,
    Tissue.CAVITY: _NONE,
    Tissue.CSF: Relaxation((4300, 4300), (2000, 2000), 58, 1.00),  # T1: Rooney; T2: Spijkerman
    Tissue.GREY: Relaxation((1124, 1820), (95, 99), 69, 0.86),  # Stanisz
    Tissue.WHITE: Relaxation((884, 1084), (72, 69), 61, 0.77),  # Stanisz
    Tissue.FAT: Relaxation((343, 382), (58, 68), 58, 1.00, 1.4),  # de Bazelaire; train
    Tissue.MUSCLE: Relaxation((1008, 1412), (44, 50), 30, 1.00),  # Stanisz
    Tissue.SKIN: Relaxation((1008, 1412), (44, 50), 30, 0.90),  # as muscle; density assumed
    Tissue.CORTICAL: Relaxation((200, 200), (0.5, 0.5), 0.5, 0.20),  # water bound: assumed
    Tissue.SPONGY: Relaxation((549, 586), (49, 73), 15, 0.70, 1.2),  # de Bazelaire; T2* on
    Tissue.TOOTH: _NONE,
    Tissue.VITREOUS: Relaxation((4300, 4300), (2000, 2000), 58, 1.00),  # as CSF
    Tissue.MUCOSA: Relaxation((1008, 1412), (80, 85), 30, 1.00),  # as muscle, wetter: assumed
    Tissue.CARTILAGE: Relaxation((1024, 1168), (30, 27), 20, 0.80),  # Stanisz; density assumed
    Tissue.BLOOD: Relaxation((1441, 1932), (290, 275), 60, 1.00),  # Stanisz, at rest; T2* assumed
    Tissue.DISC: Relaxation((1200, 1400), (130, 115), 60, 0.95),  # assumed, near water and gel
    Tissue.DISC_DRY: Relaxation((900, 1050), (60, 55), 30, 0.75),  # assumed, towards cartilage
    Tissue.CORD: Relaxation((745, 993), (74, 78), 60, 0.80),  # Stanisz; density assumed
    Tissue.OEDEMA: Relaxation((1300, 1500), (90, 95), 25, 0.85),  # assumed: marrow full of water
    Tissue.PLAQUE: Relaxation((1330, 1630), (170, 160), 120, 0.85),  # white, as Kwan raises it
    Tissue.TUMOUR: Relaxation((1350, 1650), (130, 120), 80, 0.90),  # assumed, above grey matter
    Tissue.INFARCT: Relaxation((2800, 3200), (500, 480), 60, 0.97),  # assumed, towards fluid
    Tissue.BLEED: Relaxation((1150, 1500), (45, 36), 12, 0.88),  # assumed: deoxyhaemoglobin
    Tissue.LIGAMENT: Relaxation((500, 600), (4, 4), 2, 0.50),  # bound water: assumed
    Tissue.SWELLING: Relaxation((1350, 1600), (140, 130), 90, 0.90),  # assumed: white with water
}
"""Relaxation times and densities.

What is assumed keeps the order that radiologists see: a plaque, a tumour and oedema are darker than
white matter in T1 and brighter in T2 and FLAIR; an old infarct is as fluid; fresh clotted blood is
dark in T2; a disc darkens in T2 as it dries, marrow with oedema brightens in STIR.

References
----------
Stanisz et al. 2005, Magn Reson Med 54:507, Table 1 (T1, T2 at 1.5 T and 3 T). de Bazelaire et al.
2004, Radiology 230:652, Tables 1 and 2 (fat, marrow). Rooney et al. 2007, Magn Reson Med 57:308
(CSF, T1 near 4.3 s at every field). Spijkerman et al. 2018, MAGMA 31:415 (CSF, T2 near 2 s). Kwan
et al. 1999, IEEE Trans Med Imaging 18:1085, the table of BrainWeb (density, T2*; its plaque has
1.5 times the T1 and 3.4 times the T2 of its white matter). Henkelman et al. 1994, J Magn Reson
Imaging 4:533 (fat is bright in trains of echoes; the factor is assumed).
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
    Tissue.DISC: 90,
    Tissue.DISC_DRY: 110,
    Tissue.CORD: 35,
    Tissue.OEDEMA: 430,
    Tissue.PLAQUE: 24,
    Tissue.TUMOUR: 36,
    Tissue.INFARCT: 12,
    Tissue.BLEED: 68,
    Tissue.LIGAMENT: 80,
    Tissue.SWELLING: 18,
}
"""Hounsfield units near 120 kV.

Air, fat, white and grey matter and blood lie inside the ranges of the literature, bone inside its
700 to 3000; the others are round figures between water and muscle, and those of spongy bone,
cartilage, discs and teeth are assumed. Clotted blood is denser than flowing blood, since it packs;
oedema lowers white matter towards water.

References
----------
Buzug 2008, Computed Tomography, Springer, p. 475 (air -1000, fat -100 to -50, water 0, white
matter 20 to 30, grey matter 37 to 45, blood 45 to 65, bone 700 to 3000).
"""

UPTAKE: Mapping[Tissue, float] = {
    Tissue.OUTSIDE: 0.0,
    Tissue.CAVITY: 0.0,
    Tissue.CSF: 0.05,
    Tissue.GREY: 1.50,
    Tissue.WHITE: 0.65,
    Tissue.FAT: 0.05,
    Tissue.MUSCLE: 0.12,
    Tissue.SKIN: 0.10,
    Tissue.CORTICAL: 0.06,
    Tissue.SPONGY: 0.16,
    Tissue.TOOTH: 0.03,
    Tissue.VITREOUS: 0.03,
    Tissue.MUCOSA: 0.30,
    Tissue.CARTILAGE: 0.08,
    Tissue.BLOOD: 0.25,
    Tissue.DISC: 0.06,
    Tissue.DISC_DRY: 0.06,
    Tissue.CORD: 0.35,
    Tissue.OEDEMA: 0.25,
    Tissue.PLAQUE: 0.50,
    Tissue.TUMOUR: 1.70,
    Tissue.INFARCT: 0.05,
    Tissue.BLEED: 0.05,
    Tissue.LIGAMENT: 0.05,
    Tissue.SWELLING: 0.40,
}
"""Uptake of FDG an hour after injection, over that of pons and cerebellum together, before regions
differ (:mod:`train.phantom.regions`).

Grey matter takes up a little over twice what white matter does, and a healthy cortex blurred by the
scanner comes out near 1.3 of that reference. Outside the brain the figures are assumed: all are
small, and a glioma of high grade is as hot as cortex or hotter.

References
----------
Huang et al. 1980, Am J Physiol 238:E69 (7.3 mg/min/100 g in grey, 3.4 in white matter). Landau et
al. 2011, Neurobiol Aging 32:1207 (regions of FDG over pons and cerebellar vermis).
"""
