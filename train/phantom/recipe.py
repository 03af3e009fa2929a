"""What stands around the brain, and where: the stated recipe of a phantom head.

Every figure is in millimetres of the template (its brain is about a tenth longer than most), along
up, back and left from the anterior commissure. The places are those of textbook anatomy read off
the template's own landmarks; no figure was fitted to a patient. ``sway`` is by how much a subject's
part may be larger or smaller, as the standard deviation of its logarithm.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from train.phantom.shapes import Arch, Capsule, Ellipsoid, Shape
from train.phantom.tissues import Tissue

__all__ = ["FACE", "PARTS", "SKULL", "Part", "Skull", "canal_at"]

_AIR, _BONE, _SPONGY = Tissue.CAVITY, Tissue.CORTICAL, Tissue.SPONGY
_LINING = Tissue.MUCOSA


@dataclass(frozen=True, slots=True)
class Skull:
    """Layers around the hull of the brain, from inside out.

    Parameters
    ----------
    gap_mm : (low, high)
        Fluid between the hull and the inner table; drawn per subject.
    vault_mm, temple_mm, base_mm : float
        Thickness of the bone above, at the temples, and under the brain.
    sway_mm : float
        How much it varies over a head.
    table_mm : float
        Of the inner and of the outer table, compact bone; between them lies diploe.
    scalp_mm, skin_mm : float
        All soft tissue on the vault, and the skin of it.
    fat_mm : (low, high)
        Under the skin; drawn per subject. In the face and neck it is ``fat_below`` times that.
    temporalis_mm : float
        What the muscle adds at the temples.
    """

    gap_mm: tuple[float, float] = (0.3, 2.3)
    vault_mm: float = 6.8
    temple_mm: float = 3.2
    base_mm: float = 3.2
    sway_mm: float = 0.9
    table_mm: float = 1.7
    scalp_mm: float = 6.0
    skin_mm: float = 1.8
    fat_mm: tuple[float, float] = (1.8, 4.5)
    fat_below: float = 1.6
    temporalis_mm: float = 9.0


SKULL = Skull()

FACE: tuple[tuple[Shape, float], ...] = (
    (Ellipsoid((-52, -20, 0), (50, 66, 70)), 14),
    (Ellipsoid((-48, 22, 0), (38, 62, 83)), 14),
    (Ellipsoid((-92, -6, 0), (44, 40, 66)), 14),
    (Ellipsoid((-103, -34, 0), (43, 55, 57)), 14),
    (Capsule((-60, 34, 0), (-140, 34, 0), (57, 55)), 16),
    (Capsule((-140, 34, 0), (-215, 36, 0), (55, 80)), 20),
    (Capsule((-30, -78, 0), (-61, -89, 0), (7, 10)), 8),
    (Ellipsoid((-65, -91, 0), (9, 11, 15)), 6),
    (Ellipsoid((-89, -82, 0), (11, 9, 24)), 8),
    (Ellipsoid((-122, -74, 0), (16, 15, 26)), 10),
    (Ellipsoid((-40, 26, 85), (30, 15, 5)), 6),
    (Ellipsoid((-40, 26, -85), (30, 15, 5)), 6),
)
"""Bodies whose union with the vault is the skin, each with the width of its rounding."""


@dataclass(frozen=True, slots=True)
class Part:
    """One thing in the head.

    Parameters
    ----------
    shape : Shape
        Its place; on the left where there are two.
    layers : tuple of (mm, Tissue)
        Painted in this order where the distance to the shape is below the figure.
    paired : bool
        Whether the right side has one too.
    sway : float
        See the module.
    in_skull : bool
        Whether it may enter the skull, where there is no brain.
    cells : float
        Share of the last layer that is left, a tenth more or less by subject: the rest stays what
        it was, as between the cells of the mastoid; 1 for all of it.
    """

    shape: Shape
    layers: tuple[tuple[float, Tissue], ...]
    paired: bool = False
    sway: float = 0.06
    in_skull: bool = False
    cells: float = 1.0


def _bone(wall_mm: float) -> tuple[tuple[float, Tissue], ...]:
    return ((0, _BONE), (-wall_mm, _SPONGY))


def _sinus(wall_mm: float = 1.2, lining_mm: float = 0.8) -> tuple[tuple[float, Tissue], ...]:
    return ((wall_mm, _BONE), (0, _LINING), (-lining_mm, _AIR))


_SOFT = (
    Part(Ellipsoid((-74, -42, 46), (18, 16, 9)), ((0, Tissue.FAT),), paired=True, sway=0.15),
    Part(
        Ellipsoid((-84, 4, 58), (24, 14, 6)), ((0, Tissue.FAT),),
        paired=True, sway=0.2, cells=0.5,
    ),
    Part(Ellipsoid((-116, -30, 0), (7, 26, 24)), ((0, Tissue.FAT),), sway=0.2, cells=0.4),
)  # fmt: skip

_VESSELS = (
    Part(Capsule((-215, 18, 22), (-104, 12, 25), (3.4, 3.2)), ((0, Tissue.BLOOD),), paired=True),
    Part(Capsule((-104, 12, 25), (-56, 16, 26), (2.8, 2.4)), ((0, Tissue.BLOOD),), paired=True),
    Part(
        Capsule((-215, 22, 32), (-62, 27, 34), (5.5, 4.0)), ((0, Tissue.BLOOD),),
        paired=True, sway=0.2,
    ),
)  # fmt: skip

_FACIAL_BONES = (
    Part(Ellipsoid((-38, -12, 0), (12, 17, 19)), _bone(1.5), in_skull=True),
    Part(Capsule((-36, 8, 0), (-58, 22, 0), (7, 5)), _bone(2), in_skull=True),
    Part(Capsule((-44, 16, 18), (-44, 30, 56), (7, 12)), _bone(3), paired=True, in_skull=True),
    Part(Ellipsoid((-57, 38, 58), (18, 13, 11)), _bone(2.5), paired=True),
    Part(Capsule((-22, -66, 48), (-48, -60, 47), (4, 4)), _bone(1.8), paired=True),
    Part(Capsule((-54, -68, 18), (-52, -62, 46), (4, 5)), _bone(1.5), paired=True),
    Part(Capsule((-22, -76, 12), (-20, -68, 46), (4, 4)), _bone(1.8), paired=True),
    Part(Capsule((-50, -60, 48), (-55, -38, 64), (6, 4)), _bone(1.8), paired=True),
    Part(Capsule((-54, -38, 65), (-50, 12, 69), (3, 3)), _bone(2.5), paired=True),
    Part(Ellipsoid((-70, -56, 19), (18, 18, 18)), _bone(1.4), paired=True),
    Part(Capsule((-30, -80, 2), (-46, -85, 4), (2, 2)), ((0, _BONE),), paired=True),
    Part(Ellipsoid((-79, -46, 0), (2.5, 28, 20)), ((0, _BONE),)),
    Part(Arch((-85, -42, 0), (30, 26), (7, 5), 12), _bone(1.5)),
    Part(Arch((-113, -38, 0), (33, 34), (10, 5.5), 14), _bone(2)),
    Part(Capsule((-106, -18, 40), (-64, -2, 50), (13, 9), flat=2.6), _bone(1.6), paired=True),
    Part(Ellipsoid((-55, 6, 52), (6, 5, 8)), _bone(1.5), paired=True),
    Part(Arch((-92, -42, 0), (31, 27), (6, 3.6), 8), ((0, Tissue.TOOTH),), cells=0.8),
    Part(Arch((-102, -42, 0), (31, 27), (6, 3.4), 8), ((0, Tissue.TOOTH),), cells=0.8),
)

_EYES = (
    Part(
        Capsule((-38, -84, 33), (-36, -20, 12), (19, 4)), ((1.3, _BONE), (0, Tissue.FAT)),
        paired=True,
    ),
    Part(Capsule((-38, -54, 30), (-34, -18, 12), (2.4, 2.2)), ((0, Tissue.WHITE),), paired=True),
    Part(Capsule((-28, -62, 32), (-33, -24, 14), (2.2, 1.8)), ((0, Tissue.MUSCLE),), paired=True),
    Part(Capsule((-48, -62, 32), (-39, -24, 14), (2.2, 1.8)), ((0, Tissue.MUSCLE),), paired=True),
    Part(Capsule((-38, -60, 21), (-36, -24, 9), (2.2, 1.8)), ((0, Tissue.MUSCLE),), paired=True),
    Part(Capsule((-38, -58, 44), (-36, -24, 17), (2.4, 1.8)), ((0, Tissue.MUSCLE),), paired=True),
    Part(
        Ellipsoid((-38, -67, 32), (12.5, 12.5, 12.5)),
        ((0, Tissue.MUSCLE), (-1.2, Tissue.VITREOUS)), paired=True,
    ),
    Part(Ellipsoid((-38, -76, 32), (4.5, 2.2, 4.5)), ((0, Tissue.MUSCLE),), paired=True),
)  # fmt: skip

_AIRWAYS = (
    Part(Ellipsoid((-14, -78, 9), (11, 4.5, 8)), _sinus(1.5), paired=True, sway=0.35),
    Part(Ellipsoid((-33, -44, 7.5), (7, 20, 6.5)), _sinus(1.0, 0.4), paired=True, cells=0.75),
    Part(Ellipsoid((-40, -13, 7), (9, 12, 8)), _sinus(), paired=True, sway=0.25),
    Part(Ellipsoid((-66, -44, 28), (15, 16, 12)), _sinus(), paired=True, sway=0.18),
    Part(Ellipsoid((-56, -46, 8), (20, 34, 7)), _sinus(0.8, 1.0), paired=True, cells=0.6),
    Part(Capsule((-64, -68, 6), (-72, -92, 7), (5, 4)), ((0, _AIR),), paired=True),
    Part(Ellipsoid((-53, -52, 0), (20, 30, 1.3)), ((0, Tissue.CARTILAGE),)),
    Part(Capsule((-58, -12, 0), (-78, 4, 0), (9, 8)), ((2, _LINING), (0, _AIR)), sway=0.15),
    Part(Capsule((-78, 6, 0), (-125, 8, 0), (6, 8)), ((2, _LINING), (0, _AIR)), sway=0.15),
    Part(Capsule((-125, 8, 0), (-215, 6, 0), (8, 9)), ((2, Tissue.CARTILAGE), (0, _AIR))),
    Part(Ellipsoid((-84, -42, 0), (1.8, 22, 15)), ((0, _AIR),), sway=0.3, cells=0.6),
    Part(
        Ellipsoid((-57, 38, 58), (17, 12, 10)), ((-0.5, _BONE), (-1.0, _AIR)),
        paired=True, sway=0.15, cells=0.55,
    ),
    Part(Ellipsoid((-46, 22, 47), (6, 4.5, 4)), _sinus(1.0, 0.3), paired=True),
    Part(
        Capsule((-46, 22, 86), (-46, 22, 50), (3.6, 3.2)), ((1.5, Tissue.SKIN), (0, _AIR)),
        paired=True,
    ),
)  # fmt: skip


def canal_at(up_mm: float) -> float:
    """How far back the axis of the spinal canal lies at height ``up_mm``."""
    below = max(0.0, -62 - up_mm)
    return 44 - 9 * (below / 70) * max(0.0, 2 - below / 70) * 0.8


def _spine() -> Iterator[Part]:
    """Yield the atlas, six vertebrae below it, their discs, the canal and the cord."""
    for level in range(7):
        up = -74.0 - 17 * level
        axis = canal_at(up)
        if level:
            yield Part(Ellipsoid((up, axis - 20, 0), (8, 10, 12.5)), _bone(1.3))
            disc = Ellipsoid((up - 8.5, axis - 20, 0), (2.6, 8.5, 11))
            yield Part(disc, ((0, Tissue.CARTILAGE),))
        else:
            ring = Capsule((up, axis - 24, 0), (up, axis - 10, 20), (4, 5))
            yield Part(ring, _bone(1.6), paired=True)
        yield Part(Ellipsoid((up, axis - 6, 19), (7.5, 8, 7)), _bone(1.4), paired=True)
        lamina = Capsule((up, axis - 2, 16), (up - 2, axis + 14, 2), (4, 4))
        yield Part(lamina, _bone(1.6), paired=True)
        spine = Capsule((up - 3, axis + 14, 0), (up - 8, axis + 28, 0), (3.6, 3.6))
        yield Part(spine, _bone(1.6))
    yield Part(Capsule((-91, canal_at(-91) - 19, 0), (-68, 26, 0), (6, 4.5)), _bone(1.4))


def _canal() -> Iterator[Part]:
    yield Part(Capsule((-58, 42, 0), (-74, canal_at(-74), 0), (15, 10)), ((0, Tissue.CSF),))
    heights = [-66.0, *range(-80, -220, -20)]
    for tissue, radius in ((Tissue.CSF, 8.5), (Tissue.WHITE, 5.5), (Tissue.GREY, 2.0)):
        for high, low in pairwise(heights):
            rod = Capsule((high, canal_at(high), 0), (low, canal_at(low), 0), (radius, radius))
            yield Part(rod, ((0, tissue),), sway=0.0)


PARTS: tuple[Part, ...] = (
    *_SOFT,
    *_VESSELS,
    *_FACIAL_BONES,
    *_EYES,
    *_AIRWAYS,
    *_spine(),
    *_canal(),
)
"""In the order in which they are painted: later ones cover earlier ones."""
