import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from engine.postprocess import quantise_hu
from tests.engine.backends import BACKENDS

SHAPES = array_shapes(min_dims=3, max_dims=3, max_side=5)
ANY_HU = arrays(np.float32, SHAPES, elements=st.floats(-5000, 9000, width=32))


@st.composite
def seen(draw):
    hu = draw(ANY_HU)
    return hu, draw(arrays(bool, hu.shape))


@pytest.mark.parametrize("xp", BACKENDS)
@given(hu=ANY_HU)
def test_hounsfield_units_come_back_within_half_a_unit_inside_the_clip(xp, hu):
    stored = quantise_hu(xp.asarray(hu), xp.asarray(np.ones(hu.shape, bool)))
    back = stored.pixels * stored.slope + stored.intercept
    assert np.abs(back - np.clip(hu, -1024, 3071)).max() <= 0.5
    assert stored.padding is None
    assert (stored.slope, stored.intercept) == (1, -1024)


@pytest.mark.parametrize("xp", BACKENDS)
@given(hu_in=seen())
def test_no_voxel_of_the_image_has_the_padding_value(xp, hu_in):
    hu, inside = hu_in
    stored = quantise_hu(xp.asarray(hu), xp.asarray(inside))
    if inside.all():
        assert stored.padding is None
        return
    assert stored.padding == 0
    np.testing.assert_array_equal(stored.pixels == stored.padding, ~inside)
    back = (stored.pixels * stored.slope + stored.intercept)[inside]
    assert np.abs(back - np.clip(hu, -1023, 3071)[inside]).max(initial=0) <= 0.5


@given(hu_in=seen())
def test_twelve_bits_hold_every_value(hu_in):
    pixels = quantise_hu(*hu_in).pixels
    assert pixels.dtype == np.uint16
    assert pixels.max() <= 4095


def test_the_ends_by_hand():
    hu = np.array([[[-3000, -1024, -1023.4, 0, 0.6, 3071, 3071.4, 9000]]])
    every = np.ones(hu.shape, bool)
    assert quantise_hu(hu, every).pixels.tolist() == [[[0, 0, 1, 1024, 1025, 4095, 4095, 4095]]]
    every[0, 0, 3] = False
    assert quantise_hu(hu, every).pixels.tolist() == [[[1, 1, 1, 0, 1025, 4095, 4095, 4095]]]


def test_the_result_is_in_host_memory():
    import array_api_strict as xp

    stored = quantise_hu(xp.zeros((2, 3, 4)), xp.ones((2, 3, 4), dtype=xp.bool))
    assert type(stored.pixels) is np.ndarray
