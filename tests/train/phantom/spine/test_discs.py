from dataclasses import replace

import numpy as np
import pytest

from tests.train.phantom.spine.conftest import SEQUENCES
from train.phantom import of_mr
from train.phantom.body import Canvas
from train.phantom.contrasts import mixed
from train.phantom.fields import smooth_noise
from train.phantom.spine.build import spine_axes
from train.phantom.spine.column import draw_column
from train.phantom.spine.discs import paint_discs
from train.phantom.spine.figures import LEVELS
from train.phantom.spine.health import draw_health
from train.phantom.tissues import Tissue

L4 = 8


def painted(grade, *, sticks=0.0):
    """Discs alone, all of one grade, of one spine."""
    health = draw_health(np.random.default_rng(0))
    count = len(LEVELS)
    health = replace(
        health,
        grades=(grade,) * count,
        protruding_mm=(sticks,) * count,
        fissured=(False,) * count,
        oedema="none",
    )
    column = draw_column(np.random.default_rng(1), health)
    axes = spine_axes(2.0)
    canvas = Canvas(axes, Tissue.CSF)
    noise = smooth_noise(np.random.default_rng(2), axes, 5.0)
    paint_discs(canvas, column, health, noise, np.random.default_rng(3))
    return column, canvas


def nucleus(column, canvas, label):
    """Mean signal in the middle of the disc below L4."""
    image = mixed(canvas.fractions, of_mr(SEQUENCES[label], 1.5))
    z, y, x = canvas.axes
    frame = column.discs[L4].frame
    away = (z - frame.up)[:, None, None] ** 2 + (y - frame.back)[None, :, None] ** 2
    return float(image[away + x[None, None, :] ** 2 < 16].mean())


@pytest.mark.parametrize("label", ["T2", "STIR"])
def test_a_disc_darkens_grade_by_grade(label):
    seen = [nucleus(*painted(grade), label) for grade in (1, 3, 5)]
    assert seen[0] > 1.15 * seen[1] > 1.15 * 1.15 * seen[2]


def test_a_worn_disc_is_lower_and_bodies_do_not_meet():
    sound, worn = (painted(grade)[0] for grade in (1, 5))
    for one, other in zip(sound.discs[:10], worn.discs[:10], strict=True):
        assert other.height < 0.7 * one.height
        behind = other.height - other.depth * np.tan(np.radians(abs(other.wedge_deg) / 2))
        assert behind > 0.5


def test_a_protrusion_reaches_into_the_canal():
    (column, flat), (_, out) = painted(3), painted(3, sticks=5.0)
    disc = column.discs[L4]
    up, back, left = disc.frame.local(flat.points)
    behind = (np.abs(up) < 2) & (back > 0.45 * disc.depth + 2.5) & (back < 25) & (np.abs(left) < 20)
    volumes = [(1 - canvas.fractions[Tissue.CSF])[behind].sum() * 0.008 for canvas in (flat, out)]
    assert volumes[0] < 0.02
    assert volumes[1] > 0.08


def test_the_ring_is_darker_than_the_nucleus():
    column, canvas = painted(1)
    image = mixed(canvas.fractions, of_mr(SEQUENCES["T2"], 1.5))
    disc = column.discs[L4]
    z, y, x = canvas.axes
    front = disc.frame.world((0.0, -0.5 * disc.depth + 1.8, 0.0))
    place = (np.argmin(np.abs(z - front[0])), np.argmin(np.abs(y - front[1])), np.argmin(np.abs(x)))
    assert image[place] < 0.7 * nucleus(column, canvas, "T2")
