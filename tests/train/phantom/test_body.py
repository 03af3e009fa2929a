import numpy as np
import pytest

from train.phantom import Canvas, Tissue

AXES = tuple(np.arange(-10.0, 11.0, 2.0) for _ in range(3))


@pytest.fixture
def canvas() -> Canvas:
    return Canvas(AXES)


def whole(canvas: Canvas) -> None:
    np.testing.assert_allclose(canvas.fractions.sum(axis=0), 1, atol=1e-6)


def test_an_empty_canvas_is_of_one_tissue(canvas):
    assert (canvas.body().tissue() == Tissue.MUSCLE).all()


def test_what_is_painted_covers_by_its_share_of_the_voxel(canvas):
    up, _, _ = canvas.points
    canvas.paint(Tissue.FAT, np.broadcast_to(up, canvas.fractions.shape[1:]))  # below 0
    column = canvas.fractions[Tissue.FAT][:, 5, 5]
    np.testing.assert_allclose(column, [1, 1, 1, 1, 1, 0.5, 0, 0, 0, 0, 0])
    whole(canvas)


def test_only_what_is_free_is_painted(canvas):
    free = np.zeros(canvas.fractions.shape[1:], np.float32)
    free[0] = 0.5
    canvas.paint(Tissue.FAT, np.full_like(free, -9), free=free)
    assert canvas.fractions[Tissue.FAT][0].min() == 0.5
    assert canvas.fractions[Tissue.FAT][1:].max() == 0
    whole(canvas)


def test_turning_a_tissue_leaves_the_others(canvas):
    box = canvas.box((-2.0, -2.0, -2.0), (2.0, 2.0, 2.0))
    shape = canvas.fractions[0][box].shape
    canvas.cover(Tissue.FAT, np.full(shape, 0.25, np.float32), box=box)
    canvas.turn(Tissue.FAT, Tissue.CORTICAL, np.full(shape, 0.4, np.float32), box=box)
    assert canvas.fractions[Tissue.CORTICAL][box].min() == pytest.approx(0.1)
    assert canvas.fractions[Tissue.MUSCLE][box].max() == pytest.approx(0.75)
    assert canvas.fractions[Tissue.CORTICAL][0].max() == 0
    whole(canvas)


def test_a_box_has_the_points_between_its_corners_and_a_margin(canvas):
    up, back, left = canvas.within(canvas.box((-2.0, 0.0, 4.0), (2.0, 0.0, 4.0)))
    assert (up.min(), up.max()) == (-6, 4)
    assert (back.min(), back.max()) == (-4, 2)
    assert left.min() == 0
