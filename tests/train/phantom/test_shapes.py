import numpy as np
import pytest

from train.phantom.shapes import Arch, Capsule, Ellipsoid, blend

SHAPES = [
    Ellipsoid((1, 2, 3), (4, 5, 6)),
    Ellipsoid((1, 2, 3), (4, 8, 6), lean_deg=30),
    Capsule((0, 0, 0), (10, 5, 2), (3, 2)),
    Capsule((0, 0, 5), (10, 5, 8), (4, 4), flat=2),
    Arch((0, 0, 0), (20, 15), (5, 3), 8),
]
AXIS = np.arange(-45.0, 45.0, 1.0, dtype=np.float32)
GRID = (AXIS[:, None, None], AXIS[None, :, None], AXIS[None, None, :])


@pytest.mark.parametrize("shape", SHAPES)
def test_bounds_hold_the_whole_body(shape):
    inside = np.argwhere(shape.distance(GRID) < 0) - 45.0
    low, high = shape.bounds()
    assert len(inside) > 20
    assert (inside >= np.array(low) - 1e-4).all()
    assert (inside <= np.array(high) + 1e-4).all()


@pytest.mark.parametrize("shape", SHAPES)
def test_the_other_side_is_a_mirror_image(shape):
    flipped = GRID[0], GRID[1], -GRID[2]
    np.testing.assert_allclose(
        shape.mirrored().distance(GRID), shape.distance(flipped), atol=1e-3, rtol=1e-3
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_moved_and_grown_it_lies_elsewhere_and_is_larger(shape):
    moved = shape.moved((5.0, 0.0, -5.0), grown=1.3)
    before, after = shape.distance(GRID) < 0, moved.distance(GRID) < 0
    assert after.sum() > before.sum()
    shift = np.argwhere(after).mean(axis=0) - np.argwhere(before).mean(axis=0)
    np.testing.assert_allclose(shift, [5, 0, -5], atol=0.7)


def test_an_ellipsoid_is_exact_on_its_surface():
    shape = Ellipsoid((0, 0, 0), (4, 5, 6))
    for point in ((4.0, 0.0, 0.0), (0.0, 5.0, 0.0), (0.0, 0.0, -6.0)):
        assert shape.distance(tuple(np.array([value]) for value in point))[0] == pytest.approx(0)


def test_the_middle_of_an_ellipsoid_is_as_deep_as_it_is_thin():
    shape = Ellipsoid((1, 2, 3), (4, 5, 6))
    middle = tuple(np.array([value], np.float32) for value in (1, 2, 3))
    assert shape.distance(middle)[0] == pytest.approx(-4, rel=1e-3)


def test_a_union_holds_both_and_is_rounded_where_they_meet():
    one, other = np.array([-3.0, 5.0, 0.0]), np.array([5.0, -2.0, 0.0])
    np.testing.assert_allclose(blend(one, other, 4.0), [-3.0, -2.0, -1.0])
