"""The figures of a phantom spine: what is as large as it is, and why.

Figures are those of the literature, rounded, where it has one; what is assumed says so. They are
drawn around per subject; no figure was fitted to a patient. Lengths are in millimetres. A place in
a vertebra is given along (up, back, left) in heights of its body, in depths of the canal behind
its posterior wall, and in half widths of the canal.

References
----------
Panjabi et al. 1991, Spine 16:888, and 1992, Spine 17:299 (vertebrae T1 to L5: heights, endplates,
canal). Nissan and Gilad 1986, J Biomech 19:753 (heights in living men, a tenth above Panjabi's).
Morphometric study of lumbar intervertebral spaces by MRI, 106 scans in Nepal (discs: 7.9 mm at L1/2
to 12.0 at L4/5, 11.1 at L5/S1). Hegazy and Hegazy 2014, Anat Res Int 2014:370852 (lordosis, 30 to
80 degrees; made by discs and the lower bodies). Oman Med J, PMC5799488, Table 2 (sacra, 98 mm).
Griffith et al. 2016, Quant Imaging Med Surg 6:671 (the canal is narrowest at L3). Saifuddin et al.
1998, Spine 23:1452 (the conus: lower third of L1, from T12 to L3). Frostell et al. 2016, Front
Neurol 7:238 (cord: 8.3 by 6.3 mm at T8, 9.4 mm wide at L3, both of the cord's segments). Nakashima
et al. 2021, Spine 46:E1327 (sac). Park et al. 1996, J Korean Radiol Soc 34:565 (the sac ends at
S2). Khasawneh et al. 2023, Folia Morphol 82:72 (ligamentum flavum, 3.2 mm). Baum et al. 2018, Front
Endocrinol 9:141 (fat of marrow: 27 to 35 % in the young, rising by age and downwards). Pfirrmann et
al. 2001, Spine 26:1873 (grades of discs). Zhang et al. 2016, SpringerPlus 5:1973 (discs degenerate
from L4/5 and L5/S1 upwards). Modic et al. 1988, Radiology 166:193.
"""

from dataclasses import dataclass

__all__ = [
    "ARCH",
    "CANAL",
    "DISC",
    "EXTENT_MM",
    "HEALTH",
    "LEVELS",
    "SACRUM",
    "SHAPE",
    "SPREAD",
    "TRUNK",
    "ArchPart",
    "Level",
]

EXTENT_MM = ((-215.0, 185.0), (-160.0, 135.0), (-51.0, 51.0))
"""What a spine fills, along (S, P, L) from the middle of L3; to the sides the body goes on."""


@dataclass(frozen=True, slots=True)
class Level:
    """One vertebra and what lies below it.

    Parameters
    ----------
    name : str
        As radiologists count.
    height, depth, width : float
        Of the body: in its middle, along P, along L.
    wedge_deg : float
        By how much the body opens forwards.
    disc, disc_deg : float
        Height of the disc below in its middle, and by how much it opens forwards.
    canal : (depth, width)
        Of the bony canal.
    spinous : (length, drop)
        Of the spinous process: along P, and how many heights its tip lies below its root.
    """

    name: str
    height: float
    depth: float
    width: float
    wedge_deg: float
    disc: float
    disc_deg: float
    canal: tuple[float, float]
    spinous: tuple[float, float]


LEVELS: tuple[Level, ...] = (
    Level("T8", 20.5, 27.5, 30.0, -2.5, 4.0, -2.0, (15.5, 17.0), (24.0, 1.1)),
    Level("T9", 21.0, 28.5, 32.0, -2.0, 4.2, -2.0, (15.5, 17.5), (24.0, 1.0)),
    Level("T10", 22.0, 29.5, 34.0, -2.0, 4.8, -1.5, (15.5, 18.0), (24.0, 0.8)),
    Level("T11", 23.0, 30.5, 37.0, -1.5, 5.4, -1.0, (16.5, 19.5), (23.0, 0.5)),
    Level("T12", 24.5, 31.5, 40.0, -1.0, 6.2, 1.0, (18.0, 22.0), (24.0, 0.3)),
    Level("L1", 26.0, 32.5, 42.0, -1.0, 7.8, 3.0, (18.5, 23.5), (27.0, 0.2)),
    Level("L2", 26.5, 33.5, 44.0, 0.0, 9.0, 5.0, (18.0, 24.0), (29.0, 0.2)),
    Level("L3", 27.0, 34.0, 46.0, 1.0, 10.2, 7.0, (17.5, 24.5), (30.0, 0.2)),
    Level("L4", 26.5, 34.5, 48.0, 2.0, 11.2, 11.0, (18.0, 25.5), (28.0, 0.2)),
    Level("L5", 25.5, 34.0, 49.0, 7.0, 10.4, 14.0, (19.0, 27.0), (22.0, 0.2)),
)
"""From top to bottom; the thoracic ones carry their ribs' weight only by being there."""

SACRUM: tuple[Level, ...] = (
    Level("S1", 29.0, 31.0, 48.0, 2.0, 3.0, -5.0, (13.0, 30.0), (8.0, 0.1)),
    Level("S2", 24.0, 22.0, 36.0, -4.0, 1.6, -8.0, (10.0, 24.0), (6.0, 0.1)),
    Level("S3", 20.0, 16.0, 30.0, -8.0, 1.2, -12.0, (7.0, 18.0), (5.0, 0.1)),
    Level("S4", 17.0, 13.0, 26.0, -8.0, 1.0, -14.0, (5.0, 12.0), (4.0, 0.1)),
    Level("S5", 14.0, 10.0, 20.0, -6.0, 2.5, -14.0, (3.0, 8.0), (2.0, 0.0)),
    Level("Co1", 11.0, 8.0, 14.0, 0.0, 1.5, -8.0, (1.0, 4.0), (0.0, 0.0)),
)
"""Fused below S1/2, whose disc stays: some 100 mm together, the shape assumed."""


@dataclass(frozen=True, slots=True)
class ArchPart:
    """A rod of the arch behind a body, in the units of the module.

    Parameters
    ----------
    start, end : (up, back, left)
        Its axis.
    radius : float
        In mm, along the thinnest direction.
    squash : (up, back, left)
        How many times thicker it is along each.
    """

    name: str
    start: tuple[float, float, float]
    end: tuple[float, float, float]
    radius: float
    squash: tuple[float, float, float]


ARCH: tuple[ArchPart, ...] = (
    ArchPart("transverse process", (0.15, 0.6, 1.5), (0.15, 1.1, 3.3), 4.0, (1.2, 1.0, 1.0)),
    ArchPart("lower joint process", (0.0, 1.05, 0.95), (-0.85, 1.1, 1.05), 4.6, (1.2, 1.0, 1.2)),
    ArchPart("upper joint process", (0.15, 0.8, 1.45), (0.68, 0.78, 1.5), 4.4, (1.2, 1.0, 1.1)),
    ArchPart("lamina", (0.0, 0.95, 1.0), (-0.18, 1.32, 0.08), 3.2, (2.5, 1.0, 1.0)),
    ArchPart("pedicle", (0.22, -0.25, 1.3), (0.2, 0.75, 1.36), 4.4, (1.6, 1.0, 1.0)),
)
"""All paired; the spinous process stands with its level."""


@dataclass(frozen=True, slots=True)
class _Shape:
    """Of a vertebra: assumed."""

    shell: float = 0.9
    endplate: float = 1.2
    arch_shell: float = 0.9
    roundness: float = 2.3
    corner: float = 1.8
    waist: float = 1.8
    hollow: float = 1.9
    """By how much an endplate is deeper in its middle."""
    back_wall: float = 0.45
    """How many depths behind the middle the posterior wall lies."""
    notch: tuple[float, float] = (1.4, 9.0)
    vein: tuple[float, float] = (3.0, 0.7)
    """The basivertebral vein behind the middle: half height, and depth in half depths."""
    spinous_root: tuple[float, float] = (-0.12, 1.42)
    spinous_half: tuple[float, float] = (3.2, 3.0)
    """Half thickness, and how many times that it is tall."""
    spinous_thoracic: float = 1.6
    """How tall those above L1 are, in the same unit."""
    sacral_wall: tuple[float, float] = (4.5, 1.9)
    """Behind the sacral canal: half thickness, and how many times that it is wide."""
    ala: tuple[float, float, float, float] = (34.0, 17.0, 14.0, 22.0)
    """Of S1: how far to the side, and half extents along (up, back, left)."""


SHAPE = _Shape()


@dataclass(frozen=True, slots=True)
class _Disc:
    """Of a disc by its Pfirrmann grade, from 1 to 5; shares and lengths assumed.

    Parameters
    ----------
    water : per grade
        Share of the nucleus that is still watery.
    height : per grade
        Share of its height that is left: lost in grade 4 and 5 only, as the grades are defined.
    bulge : per grade
        How far it stands out behind, at most.
    """

    water: tuple[float, ...] = (1.0, 0.85, 0.42, 0.12, 0.0)
    height: tuple[float, ...] = (1.0, 1.0, 0.95, 0.76, 0.48)
    bulge: tuple[float, ...] = (0.2, 0.6, 1.4, 2.6, 3.2)
    lip: tuple[float, ...] = (0.0, 0.0, 0.4, 1.8, 3.2)
    """How far the bones beside it stand out: osteophytes."""
    ring: float = 2.6
    """Of the outer ring, which is as dark as a ligament."""
    ring_share: float = 0.6
    nucleus: tuple[float, float, float] = (0.36, 0.36, 0.08)
    """Half extents in depths and widths, and how many depths behind the middle."""
    cleft: tuple[float, float] = (0.9, 0.55)
    """The dark band across an adult's nucleus: half height, and what it takes."""
    overlap: float = 1.2
    protrusion: tuple[float, float] = (2.5, 5.5)
    protrusion_half: tuple[float, float] = (4.0, 7.0)
    fissure: tuple[float, float] = (1.5, 3.5)
    """A bright spot in the ring behind: half height and half width."""


DISC = _Disc()


@dataclass(frozen=True, slots=True)
class _Canal:
    """What the canal holds."""

    flavum: float = 3.2
    flavum_share: float = 0.65
    dura: float = 0.7
    cone: float = 0.42
    """By how much the canal is shallower per mm to the side, behind: its roof is a gable."""
    roof: tuple[float, float] = (3.6, 6.5)
    """Fat between the arches: how much deeper the canal is there, and over what length."""
    sac: tuple[float, float] = (0.76, 0.74)
    """Its depth and width over the canal's."""
    sac_sway: float = 0.07
    behind_l5: tuple[float, ...] = (0.4, 0.4, 0.6, 2.4, 4.2, 4.0, 3.0)
    """Fat before the sac from L2 to S3."""
    sac_end: float = 26.0
    """Over what length it tapers."""
    cord: tuple[float, float] = (4.2, 3.1)
    """Half width and half depth above the enlargement."""
    enlargement: tuple[float, float, float] = (0.13, 38.0, 22.0)
    """By what share it is larger, how far above the tip, and over what length."""
    cone_mm: float = 34.0
    cord_place: tuple[float, float] = (0.0, 0.12)
    """Where it lies in the sac: at the top and at its tip, in half depths behind the middle."""
    roots: tuple[float, float] = (0.85, 0.3)
    """Share of the back of the sac that roots fill: below the cord, and at S1."""
    root_mm: tuple[float, float] = (1.9, 50.0)
    """Over what length roots differ, across and along."""
    foramen: tuple[float, float, float] = (10.0, 5.0, 8.0)
    nerve: float = 2.6
    conus_sd: float = 13.0
    """Of the height of the cord's tip: half a level."""
    longitudinal: tuple[float, float] = (1.5, 1.1)
    """Anterior and posterior longitudinal ligament."""
    round_mm: float = 44.0
    """Across how round a body is in front: twice the radius."""


CANAL = _Canal()


@dataclass(frozen=True, slots=True)
class _Health:
    """How often what is found: a sample in which nothing is rare, not a population.

    Parameters
    ----------
    age : (low, high)
        In years, drawn evenly.
    worn : per disc from T8/9 down
        What is added to a disc's grade at its level.
    """

    age: tuple[float, float] = (20.0, 85.0)
    grade_at_20: float = 1.15
    grade_per_year: float = 0.031
    grade_sd: float = 0.65
    worn: tuple[float, ...] = (-0.6, -0.6, -0.6, -0.5, -0.5, -0.3, -0.1, 0.1, 0.45, 0.4)
    protrudes: float = 0.3
    """Of discs of grade 3 to 5 below L1."""
    fissured: float = 0.25
    oedema: tuple[float, float, float] = (0.4, 0.35, 0.25)
    """None, at the endplates of a disc, of a whole vertebra."""
    fatty_endplate: float = 0.35
    """Of discs of grade 4 or 5 without oedema: Modic 2."""
    haemangioma: float = 0.15
    zone: tuple[float, float] = (5.0, 13.0)
    zone_share: tuple[float, float] = (0.55, 0.95)
    zone_edge: float = 2.2
    fracture_loss: tuple[float, float] = (0.08, 0.4)
    fracture_deg: tuple[float, float] = (2.0, 12.0)
    fracture_share: tuple[float, float] = (0.5, 0.95)
    fracture_line: float = 1.1
    marrow_fat_at_20: float = 0.0
    marrow_fat_per_year: float = 0.0065
    marrow_fat_sd: float = 0.08
    marrow_fat_down: float = 0.012
    """Added per level downwards; over the 0.3 that spongy tissue as tabled has."""
    marrow_spots: float = 0.12
    muscle_fat: tuple[float, float] = (0.04, 0.0075)
    """Share of the back's muscles at 20, and per year."""


HEALTH = _Health()


@dataclass(frozen=True, slots=True)
class _Trunk:
    """Soft tissue, coarse; places and sizes assumed from textbook anatomy."""

    front: tuple[float, float] = (92.0, 138.0)
    skin: float = 2.0
    back_fat: tuple[float, float] = (6.0, 30.0)
    front_fat: tuple[float, float] = (8.0, 36.0)
    low_back: float = 0.6
    """How many times more fat there is over the sacrum."""
    wall: float = 9.0
    fascia: float = 1.3
    midline: float = 3.6
    """Half width of what lies between the spinous processes."""
    interspinous: float = 0.5
    supraspinous: float = 2.2
    tips_mm: float = 9.0
    """Over what length the line of their tips is smooth."""
    streak_mm: tuple[float, float] = (4.0, 30.0)
    streak_share: float = 0.7
    psoas: tuple[float, float] = (9.0, 23.0)
    between_mm: tuple[float, float] = (19.0, 7.0)
    """Fat before the bodies that holds the great vessels, and by how much that varies."""
    aorta: tuple[float, float, float] = (8.5, 3.5, 8.0)
    """Radius, gap to the bodies, and how far to the left."""
    cava: tuple[float, float, float] = (9.5, 1.5, -15.0)
    iliac: tuple[float, float] = (5.5, 30.0)
    wall_mm: float = 1.3
    bowel_mm: float = 19.0
    bowel: tuple[float, float, float] = (-0.2, 0.55, 1.9)
    """Where noise is above: wall, content, gas."""
    liver: tuple[float, float, float] = (190.0, -95.0, 88.0)
    """Its middle, up and back, and its radius."""
    lung: tuple[float, float] = (118.0, 24.0)
    """Above and beside which there is lung."""
    bladder: tuple[float, float, float] = (-152.0, -62.0, 26.0)
    rectum: tuple[float, float] = (11.0, 9.0)


TRUNK = _Trunk()


@dataclass(frozen=True, slots=True)
class _Spread:
    """By how much subjects differ."""

    size: tuple[float, float] = (1.0, 0.05)
    lordosis: tuple[float, float] = (1.03, 0.17)
    tilt_deg: tuple[float, float] = (-3.0, 3.0)
    height: float = 0.03
    disc: float = 0.08
    canal: float = 0.08
    scoliosis_mm: float = 5.0
    scoliosis_length_mm: float = 260.0
    shape_mm: tuple[tuple[float, float], ...] = ((1.8, 90.0), (0.7, 40.0))
    turn_deg: float = 2.5
    shift_mm: float = 8.0


SPREAD = _Spread()
