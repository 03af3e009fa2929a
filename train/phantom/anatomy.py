"""One subject: tissue fractions of a head, drawn from a seed.

The head is painted in the template's space: skull and scalp around the hull of the brain, the brain
with folds of the subject's own, lesions, then every part of the recipe.
"""

import numpy as np

from train.phantom.body import Body, Canvas
from train.phantom.disease import Condition, Lesion, atrophy, paint_lesions
from train.phantom.fields import Floats, smooth_noise
from train.phantom.recipe import FACE, PARTS, SKULL, Part
from train.phantom.shapes import Point, Shape, blend
from train.phantom.template import Template
from train.phantom.tissues import Tissue

__all__ = ["build_head"]

_SHARP, _FOLD_MM = 2.2, 7.0
"""How far the template's shares are sharpened, and over what length folds differ by subject."""
_OFFSET_MM = 1.2
"""Standard deviation of where a part lies."""


def build_head(
    template: Template, condition: Condition, rng: np.random.Generator
) -> tuple[Body, tuple[Lesion, ...]]:
    """Return the head that ``rng`` draws, in its condition, and the lesions painted into it."""
    canvas = Canvas(template.axes)
    skin_mm, inner_mm = _skull_and_scalp(canvas, template, rng)
    _brain(canvas, template, inner_mm, condition, rng)
    lesions = paint_lesions(canvas, condition.lesion, rng)
    painter = _Painter(canvas, rng, template.brain, inner_mm)
    for part in PARTS:
        painter.add(part)
    canvas.paint(Tissue.SKIN, np.maximum(skin_mm, -skin_mm - SKULL.skin_mm))
    canvas.paint(Tissue.OUTSIDE, -skin_mm)
    return canvas.body(), lesions


class _Painter:
    """Parts of the head being painted onto a canvas.

    From here on nothing is painted over the brain, and but few parts over what surrounds it; a part
    that reaches the skull leaves a millimetre of its inner table.
    """

    def __init__(
        self, canvas: Canvas, rng: np.random.Generator, brain: Floats, inner_mm: Floats
    ) -> None:
        self.canvas, self.rng = canvas, rng
        self.cells = smooth_noise(rng, canvas.axes, 4.0)
        self.free_in_skull = 1 - brain
        self.free = np.clip(0.5 + (inner_mm - 1) / canvas.step_mm, 0, 1)

    def add(self, part: Part) -> None:
        """Paint a part, and its like on the right, where the subject has them."""
        by = self.rng.normal(0, _OFFSET_MM, 3)
        grown = float(np.exp(self.rng.normal(0, part.sway)))
        if not part.paired:
            self._draw(part, part.shape.moved((by[0], by[1], 0.0), grown=grown))
            return
        left = part.shape.moved((by[0], by[1], by[2]), grown=grown)
        self._draw(part, left)
        self._draw(part, left.mirrored().moved((0.0, 0.0, 0.0), grown=self._uneven(part)))

    def _uneven(self, part: Part) -> float:
        return float(np.exp(self.rng.normal(0, part.sway / 3)))

    def _draw(self, part: Part, shape: Shape) -> None:
        box = self.canvas.box(*shape.bounds())
        free = (self.free_in_skull if part.in_skull else self.free)[box]
        distance = shape.distance(self.canvas.within(box))
        for order, (below, tissue) in enumerate(part.layers):
            where = distance - below
            if order == len(part.layers) - 1 and part.cells < 1:
                level = _level(np.clip(part.cells + self.rng.normal(0, 0.1), 0.1, 0.95))
                where = np.maximum(where, 1.2 * (self.cells[box] - level))
            self.canvas.paint(tissue, where, box=box, free=free)


def _level(share: float) -> float:
    """Return what ``share`` of a normal variable lies below (Tukey's lambda, 0.14)."""
    return float((share**0.135 - (1 - share) ** 0.135) / 0.1975)


def _skull_and_scalp(
    canvas: Canvas, template: Template, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Paint fat and skull; return distances to the skin and to the inner table."""
    axes = canvas.axes
    up, back, _ = canvas.points
    below = 1 / (1 + np.exp((up + 32 + 0.22 * np.clip(back, -60, 60)) / 4))  # 0 on the vault
    temple = _bump(canvas.points, (-8, 0, 64), (22, 30, 16))
    inner = template.hull_mm - rng.uniform(*SKULL.gap_mm)
    sway = SKULL.sway_mm * smooth_noise(rng, axes, 36.0)
    vault = SKULL.vault_mm + rng.normal(0, 0.8) + sway
    vault = vault - (SKULL.vault_mm - SKULL.temple_mm) * temple
    thick = np.clip(vault * (1 - below) + (SKULL.base_mm + sway / 3) * below, 2.2, 12)
    scalp = SKULL.scalp_mm + 0.6 * smooth_noise(rng, axes, 45.0) + SKULL.temporalis_mm * temple
    skin = inner - thick - np.clip(scalp, 3.5, None)
    for shape, width in _jittered_face(rng):
        skin = blend(skin, shape.distance(canvas.points), width)
    _soft_tissue(canvas, skin, below.astype(np.float32), rng)
    canvas.paint(Tissue.CORTICAL, np.maximum(-inner, inner - thick))
    diploe = np.maximum(SKULL.table_mm - inner, inner - thick + SKULL.table_mm)
    canvas.paint(Tissue.SPONGY, diploe)
    return skin, inner


def _soft_tissue(canvas: Canvas, skin: Floats, below: Floats, rng: np.random.Generator) -> None:
    """Paint fat: a layer under the skin, and streaks among the muscles of face and neck."""
    sheets = np.abs(smooth_noise(rng, canvas.axes, 13.0))  # between muscles, where it crosses 0
    canvas.paint(Tissue.FAT, np.maximum(10 * (sheets - 0.11), 30 * (0.5 - below)))
    depth = rng.uniform(*SKULL.fat_mm) * (1 + (SKULL.fat_below - 1) * below)
    depth = depth * np.clip(1 + 0.25 * smooth_noise(rng, canvas.axes, 35.0), 0.4, None)
    canvas.paint(Tissue.FAT, -skin - depth - SKULL.skin_mm)


def _jittered_face(rng: np.random.Generator) -> list[tuple[Shape, float]]:
    """Return the bodies of the face, each a little elsewhere; ears stay a pair."""
    made: list[tuple[Shape, float]] = []
    for shape, width in FACE:
        by = rng.normal(0, 1.5, 2)
        made.append((shape.moved((by[0], by[1], 0.0), grown=float(rng.normal(1, 0.04))), width))
    return made


def _bump(points: tuple[Floats, Floats, Floats], centre: Point, widths: Point) -> Floats:
    """Return a smooth bump of height 1 on either side of the head."""
    up, back, left = points
    away = ((up - centre[0]) / widths[0]) ** 2 + ((back - centre[1]) / widths[1]) ** 2
    away = away + ((np.abs(left) - centre[2]) / widths[2]) ** 2
    return np.asarray(np.exp(-away / 2), dtype=np.float32)


def _brain(
    canvas: Canvas,
    template: Template,
    inner_mm: Floats,
    condition: Condition,
    rng: np.random.Generator,
) -> None:
    """Fill the skull: fluid, then grey and white matter with folds of the subject's own.

    Where the brain has shrunk, fluid wins over grey matter where the two meet.
    """
    axes = canvas.axes
    canvas.paint(Tissue.CSF, inner_mm)
    fluid = np.clip(template.brain - template.grey - template.white, 0, 1)
    depth = np.clip((template.hull_mm + 22) / 10, 0, 1)  # folds are on the surface
    shrunk = atrophy(axes, condition)
    shares = []
    for share, sway, favour in (
        (template.grey, 0.5, -shrunk),
        (template.white, 0.5, -shrunk / 2),
        (fluid, 1.0, shrunk),
    ):
        noise = smooth_noise(rng, axes, _FOLD_MM) * sway * (0.3 + depth)
        shares.append(np.clip(share, 1e-4, 1) ** _SHARP * np.exp(noise + favour))
    total = shares[0] + shares[1] + shares[2] + 1e-6
    inside = np.clip(template.brain * 2 - 0.5, 0, 1) / total
    grey, white = inside * shares[0], inside * shares[1]
    canvas.turn(Tissue.CSF, Tissue.GREY, grey)
    canvas.turn(Tissue.CSF, Tissue.WHITE, white / np.maximum(1 - grey, 1e-6))
    up, back, left = canvas.points
    sinus = np.maximum(np.abs(left) - 3.5, np.abs(inner_mm + 3) - 3)  # sagittal, from front to back
    canvas.paint(Tissue.BLOOD, np.maximum(sinus, -60 - back - up))
