import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from engine.errors import InputRefused, SpecError
from engine.preprocess import MinMax, Normalise, Window
from engine.reason import Code
from engine.volume import Volume
from engine.xp import to_numpy
from tests.engine.backends import BACKENDS
from tests.engine.grids import noise, oblique

GRID = oblique((0, 0, 0), shape=(10, 10, 10))
HU = arrays(np.float32, (3, 4), elements=st.floats(-2000, 4000, width=32))


def head(xp=np, *, bright=1000.0, air=0.0) -> Volume:
    """A body of values up to ``bright`` in half of the volume."""
    voxels = np.full(GRID.shape, air, np.float32)
    voxels[:5] = np.linspace(0.2, 1, 500).reshape(5, 10, 10) * bright
    return Volume(xp.asarray(voxels), GRID)


@pytest.mark.parametrize("xp", BACKENDS)
@given(values=HU)
def test_a_window_undoes_itself_inside_its_ends(xp, values):
    window = Window(low=-1000, high=2000)
    back = to_numpy(window.undo(window.apply(xp.asarray(values))))
    np.testing.assert_allclose(back, np.clip(values, -1000, 2000), atol=1e-3)
    assert back.dtype == np.float32


@pytest.mark.parametrize("xp", BACKENDS)
@given(values=HU)
def test_a_window_maps_onto_minus_one_to_one_in_order(xp, values):
    made = to_numpy(Window(-1000, 2000).apply(xp.asarray(values)))
    assert made.min() >= -1
    assert made.max() <= 1
    order = np.argsort(values, axis=None)
    assert (np.diff(made.ravel()[order]) >= 0).all()


def test_the_ends_of_a_window_are_minus_one_and_one():
    made = Window(-1024, 3000).apply(np.array([-1024.0, 988.0, 3000.0, -9999.0, 9999.0]))
    np.testing.assert_array_equal(made, [-1, 0, 1, -1, 1])


def test_hounsfield_units_come_back_as_the_paper_writes_them():
    values = np.linspace(-1, 1, 9)
    np.testing.assert_allclose(Window(-1024, 3000).undo(values), 2012 * (values + 1) - 1024)


@pytest.mark.parametrize(
    "ends", [(0, 0), (1, 0), (float("nan"), 1), (0, float("nan")), (-float("inf"), 0),
             (0, float("inf"))]
)  # fmt: skip
def test_a_window_without_room_is_refused(ends):
    with pytest.raises(SpecError, match="empty or endless"):
        Window(*ends)


@pytest.mark.parametrize("xp", BACKENDS)
def test_the_body_is_brought_onto_the_range(xp):
    source = head(xp)
    step = Normalise(0.995).fit(source)
    made = step.apply(source)
    assert step.window.low == 0
    assert step.window.high == pytest.approx(997, abs=2)
    voxels = to_numpy(made.voxels)
    assert voxels.min() == -1
    assert voxels.max() == 1
    assert (made.unit, made.grid) == (source.unit, source.grid)


@pytest.mark.parametrize("xp", BACKENDS)
def test_with_headroom_what_is_brighter_is_told_apart(xp):
    source = head(xp)
    plain, roomy = (Normalise(0.9, headroom=room).fit(source) for room in (1.0, 2.0))
    assert roomy.window.high == 2 * plain.window.high
    assert roomy.record() == {**plain.record(), **roomy.record(), "headroom": 2.0}
    low, high = (to_numpy(step.apply(source).voxels) for step in (roomy, plain))
    below = high < 1
    np.testing.assert_allclose((low[below] + 1) * 2, high[below] + 1, atol=1e-5)
    assert np.unique(low[~below]).size > 1
    assert np.unique(high[~below]).size == 1


@pytest.mark.parametrize("headroom", [0.9, 0, -1, np.nan, np.inf])
def test_a_headroom_below_what_it_is_over_is_refused(headroom):
    with pytest.raises(SpecError, match="a headroom of 1 or more"):
        Normalise(0.9, headroom=headroom)


@pytest.mark.parametrize("xp", BACKENDS)
def test_every_library_fits_the_same_window(xp):
    expected = Normalise(0.9).fit(noise(GRID))
    found = Normalise(0.9).fit(noise(GRID, xp))
    assert found == expected
    np.testing.assert_allclose(
        to_numpy(found.apply(noise(GRID, xp)).voxels),
        expected.apply(noise(GRID)).voxels,
        rtol=1e-6,
        atol=1e-6,
    )


@given(gain=st.floats(0.01, 100))
def test_the_receivers_gain_changes_nothing(gain):
    plain, louder = head(), head(bright=1000 * gain)
    made = [Normalise(0.995).fit(one).apply(one).voxels for one in (plain, louder)]
    np.testing.assert_allclose(*made, atol=1e-5)


def test_more_air_in_the_field_of_view_changes_nothing():
    small = head()
    grid = oblique((0, 0, 0), shape=(30, 10, 10))
    voxels = np.zeros(grid.shape, np.float32)
    voxels[:10] = small.voxels
    large = Volume(voxels, grid)
    assert Normalise(0.99).fit(large) == Normalise(0.99).fit(small)


@pytest.mark.parametrize("xp", BACKENDS)
@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_one_value_that_is_no_number_is_refused(xp, odd):
    voxels = to_numpy(head().voxels).copy()
    voxels[3, 4, 5] = odd
    with pytest.raises(InputRefused, match="values that are no numbers") as refused:
        Normalise(0.995).fit(Volume(xp.asarray(voxels), GRID))
    assert [reason.code for reason in refused.value.reasons] == [Code.PIXELS_UNREADABLE]


@pytest.mark.parametrize("xp", BACKENDS)
@pytest.mark.parametrize("value", [0.0, -5.0])
def test_an_empty_source_is_refused(xp, value):
    voxels = xp.full(GRID.shape, value, dtype=xp.float32)
    with pytest.raises(InputRefused, match="the source is empty: no voxel above 0") as refused:
        Normalise(0.995).fit(Volume(voxels, GRID))
    assert [reason.code for reason in refused.value.reasons] == [Code.PIXELS_UNREADABLE]


@pytest.mark.parametrize("high", [0.5, 0, -1, 1.01, float("nan")])
def test_an_impossible_share_is_refused(high):
    with pytest.raises(SpecError, match=r"a share between 0\.5 and 1 is wanted"):
        Normalise(high)


def test_a_step_that_was_not_fitted_does_nothing_silently():
    for use in (lambda: Normalise(0.9).apply(head()), Normalise(0.9).record):
        with pytest.raises(SpecError, match="was not fitted"):
            use()


def test_a_result_keeps_its_own_unit_when_the_step_is_undone():
    made = head().with_voxels(head().voxels, unit="HU")
    assert Normalise(0.9).undo(made, head(), outside=-1000) is made


def test_the_numbers_are_written_down():
    step = Normalise(0.995, Window(0, 1234.5))
    expected = {"step": "normalise", "high": 0.995, "window": [0, 1234.5], "onto": [-1, 1]}
    assert step.record() == expected


def test_the_input_is_untouched():
    source = head()
    before = source.voxels.copy()
    Normalise(0.995).fit(source).apply(source)
    np.testing.assert_array_equal(source.voxels, before)


@pytest.mark.parametrize("xp", BACKENDS)
@given(values=HU)
def test_a_window_maps_onto_the_range_that_is_asked_for(xp, values):
    window = Window(-1024, 3000, onto=(0.0, 1.0))
    made = to_numpy(window.apply(xp.asarray(values)))
    expected = (np.clip(values, -1024, 3000) + 1024) / 4024
    np.testing.assert_allclose(made, expected, atol=1e-6)
    back = to_numpy(window.undo(xp.asarray(made)))
    np.testing.assert_allclose(back, np.clip(values, -1024, 3000), atol=2e-3)


@pytest.mark.parametrize("onto", [(1.0, 0.0), (0.0, 0.0), (0.0, float("inf"))])
def test_a_range_without_room_is_refused(onto):
    for make in (lambda: Window(0, 1, onto), lambda: Normalise(0.9, onto=onto)):
        with pytest.raises(SpecError, match="empty or endless"):
            make()


@pytest.mark.parametrize("xp", BACKENDS)
def test_the_body_is_brought_onto_the_range_that_is_asked_for(xp):
    made = to_numpy(Normalise(0.995, onto=(0.0, 1.0)).fit(head(xp)).apply(head(xp)).voxels)
    usual = to_numpy(Normalise(0.995).fit(head(xp)).apply(head(xp)).voxels)
    np.testing.assert_allclose(made, (usual + 1) / 2, atol=1e-6)


@pytest.mark.parametrize("xp", BACKENDS)
def test_the_least_and_the_greatest_become_zero_and_one(xp):
    source = noise(GRID, xp)
    step = MinMax().fit(source)
    made = to_numpy(step.apply(source).voxels)
    assert (made.min(), made.max()) == (0, 1)
    low, high = to_numpy(source.voxels).min(), to_numpy(source.voxels).max()
    assert step.record() == {"step": "min_max", "window": [low, high]}
    np.testing.assert_allclose(made, (noise(GRID).voxels - low) / (high - low), atol=1e-6)
    assert step.follow(source, outside=0) is source
    assert step.undo(source, source, outside=0) is source


@pytest.mark.parametrize(
    "values", [np.full(GRID.shape, 3.0), np.where(np.arange(10) < 1, np.nan, 1)]
)
def test_a_constant_volume_or_one_with_no_number_has_no_ends(values):
    source = Volume(np.broadcast_to(values, GRID.shape).astype(np.float32), GRID)
    with pytest.raises(InputRefused, match="an image with contrast is wanted") as refused:
        MinMax().fit(source)
    assert [reason.code for reason in refused.value.reasons] == [Code.PIXELS_UNREADABLE]
    with pytest.raises(SpecError, match="was not fitted"):
        MinMax().apply(source)
