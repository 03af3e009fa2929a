import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from pydicom.valuerep import format_number_as_ds

from engine.postprocess import quantise, quantise_hu, quantise_mr, quantise_pet
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


INTENSITY = arrays(np.float32, SHAPES, elements=st.floats(-1, 3, width=32))


@pytest.mark.parametrize("xp", BACKENDS)
@given(values=INTENSITY)
def test_mr_comes_back_within_half_a_level_by_the_models_own_scale(xp, values):
    stored = quantise("T2", xp.asarray(values), xp.asarray(np.ones(values.shape, bool)), high=1.5)
    assert stored.pixels.dtype == np.uint16
    assert (stored.slope, stored.intercept, stored.padding) == (1.5 / 4095, 0.0, None)
    assert stored.pixels.max() <= 4095
    back = stored.pixels * stored.slope
    assert np.abs(back - np.clip(values, 0, 1.5)).max() <= 0.501 * stored.slope


@given(seen_in=seen())
def test_no_voxel_of_mr_has_the_padding_value(seen_in):
    values, inside = seen_in[0] / 9000, seen_in[1]
    stored = quantise_mr(values, inside, high=1.0)
    assert stored.pixels.max() <= 4095
    if not inside.all():
        assert stored.padding == 0
        np.testing.assert_array_equal(stored.pixels == 0, ~inside)


@pytest.mark.parametrize("xp", BACKENDS)
@given(values=INTENSITY, most=st.floats(1e-3, 90))
def test_pet_comes_back_within_half_a_level_by_a_slope_that_a_decimal_string_holds(
    xp, values, most
):
    uptake = np.abs(values) * np.float32(most)
    uptake[0, 0, 0] = most
    stored = quantise("PT", xp.asarray(uptake), xp.asarray(np.ones(values.shape, bool)), high=99)
    assert stored.pixels.dtype == np.int16
    assert (stored.intercept, stored.padding) == (0.0, None)
    assert stored.pixels.max() == 32767
    assert stored.pixels.min() >= 0
    written = str(format_number_as_ds(stored.slope))
    assert float(written) == stored.slope
    assert len(written) <= 16
    assert np.abs(stored.pixels * stored.slope - uptake).max() <= 0.501 * stored.slope


def test_pet_that_the_source_did_not_see_has_no_uptake():
    stored = quantise_pet(np.array([[[-0.2, 0.0, 1.0, 2.0]]], np.float32))
    assert stored.pixels.tolist() == [[[0, 0, 16384, 32767]]]
