import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from engine.preprocess import foreground
from engine.preprocess.mask import box_of, quantile
from engine.xp import to_numpy
from tests.engine.backends import BACKENDS

SHAPES = array_shapes(min_dims=3, max_dims=3, max_side=6)
VALUES = arrays(np.float32, SHAPES, elements=st.floats(0, 4000, width=32))


@pytest.mark.parametrize("xp", BACKENDS)
@given(values=VALUES, share=st.floats(0, 1))
def test_a_quantile_is_the_value_at_its_rank(xp, values, share):
    ordered = sorted(values.ravel().tolist())
    assert quantile(xp.asarray(values), share) == ordered[round(share * (len(ordered) - 1))]


@pytest.mark.parametrize(
    ("share", "value"), [(0, 0), (0.5, 50), (0.99, 99), (0.994, 99), (0.996, 100), (1, 100)]
)
def test_quantiles_by_hand(share, value):
    assert quantile(np.random.default_rng(0).permutation(np.arange(101.0)), share) == value


@pytest.mark.parametrize("xp", BACKENDS)
def test_the_body_is_what_is_brighter_than_a_tenth_of_the_bright_end(xp):
    values = np.full((10, 10, 10), 50, np.float32)
    values[2:8, 2:8, 2:8] = 1000
    values[5, 5, 5] = 101
    values[6, 6, 6] = 99
    expected = values > 100
    np.testing.assert_array_equal(to_numpy(foreground(xp.asarray(values))), expected)
    assert expected[5, 5, 5]
    assert not expected[6, 6, 6]


def test_a_few_very_bright_voxels_do_not_hide_the_body():
    values = np.zeros((20, 20, 20), np.float32)
    values[5:15, 5:15, 5:15] = 500
    values[0, 0, :20] = 1e6  # 0.25 % of the voxels: a vessel, or a spike
    assert foreground(values)[5:15, 5:15, 5:15].all()


@given(values=VALUES, gain=st.sampled_from([0.25, 2.0, 16.0]))
def test_the_body_does_not_depend_on_the_receivers_gain(values, gain):
    np.testing.assert_array_equal(foreground(values), foreground(values * np.float32(gain)))


def test_nothing_is_no_body():
    assert not foreground(np.zeros((3, 4, 5), np.float32)).any()


@pytest.mark.parametrize("xp", BACKENDS)
@given(mask=arrays(bool, SHAPES))
def test_a_box_holds_all_that_is_set_and_no_empty_plane_at_its_ends(xp, mask):
    box = box_of(xp.asarray(mask))  # planes this small count with a single voxel
    for axis, (first, last) in enumerate(box):
        planes = mask.any(axis=tuple(other for other in range(3) if other != axis))
        if not mask.any():
            assert (first, last) == (0, mask.shape[axis])
            continue
        assert planes[first]
        assert planes[last - 1]
        assert not planes[:first].any()
        assert not planes[last:].any()


def test_single_bright_voxels_in_air_do_not_stretch_the_box():
    mask = np.zeros((20, 20, 20), bool)
    mask[5:15, 6:16, 7:17] = True
    mask[0, 0, 0] = mask[19, 19, 19] = True
    assert box_of(mask) == ((5, 15), (6, 16), (7, 17))
    assert box_of(mask, least=0.0) == ((0, 20), (0, 20), (0, 20))
