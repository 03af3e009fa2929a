import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import SpecError
from engine.preprocess import CropPad
from engine.volume import Volume
from engine.xp import to_numpy
from tests.engine.backends import BACKENDS
from tests.engine.grids import oblique, places


def body(shape, box, xp=np, spacing=(3.0, 2.0, 1.0)) -> Volume:
    """A bright box in air, its voxels all different."""
    grid = oblique((0.2, -0.1, 0.4), spacing=spacing, shape=shape)
    voxels = np.zeros(shape, np.float32)
    inside = tuple(slice(low, high) for low, high in box)
    size = voxels[inside].shape
    voxels[inside] = 500 + np.arange(np.prod(size)).reshape(size) % 97
    return Volume(xp.asarray(voxels), grid, "1", "1.2.3")


@st.composite
def bodies(draw):
    shape = tuple(draw(st.integers(4, 12)) for _ in range(3))
    box = []
    for count in shape:
        low = draw(st.integers(0, count - 2))
        box.append((low, draw(st.integers(low + 1, count))))
    return shape, tuple(box)


STEPS = st.builds(
    CropPad,
    st.sampled_from([1, 4, 8]),
    st.tuples(st.integers(1, 20), st.integers(1, 20)),
    st.floats(0, 5),
)


@pytest.mark.parametrize("xp", BACKENDS)
@settings(max_examples=60)
@given(body_in=bodies(), step=STEPS)
def test_what_was_kept_comes_back_and_what_was_cut_comes_back_as_outside(xp, body_in, step):
    source = body(*body_in, xp)
    step = step.fit(source)
    cut = step.apply(source)
    back = step.undo(cut, source, outside=-1000)
    kept = np.zeros(source.shape, bool)
    kept[tuple(slice(max(0, first), max(0, last)) for first, last in step.box)] = True
    voxels, before = to_numpy(back.voxels), to_numpy(source.voxels)
    np.testing.assert_array_equal(voxels[kept], before[kept])
    assert (voxels[~kept] == -1000).all()
    assert (before[~kept] == 0).all()  # what is cut away is air
    assert back.grid is source.grid


@pytest.mark.parametrize("xp", BACKENDS)
@settings(max_examples=60)
@given(body_in=bodies(), step=STEPS)
def test_sizes_are_what_the_network_divides_and_hold_the_body(xp, body_in, step):
    source = body(*body_in, xp)
    cut = step.fit(source).apply(source)
    rows, columns = cut.shape[1:]
    assert rows % step.multiple == 0
    assert columns % step.multiple == 0
    assert rows >= step.minimum[0]
    assert columns >= step.minimum[1]
    assert cut.shape[0] <= source.shape[0]
    assert float(to_numpy(cut.voxels).sum()) == float(to_numpy(source.voxels).sum())


@given(body_in=bodies(), step=STEPS)
def test_every_voxel_keeps_its_place(body_in, step):
    source = body(*body_in)
    cut = step.fit(source).apply(source)
    there = {tuple(np.round(place, 6)) for place in places(source.grid)[source.voxels > 0]}
    here = {tuple(np.round(place, 6)) for place in places(cut.grid)[cut.voxels > 0]}
    assert here == there


@given(body_in=bodies(), step=STEPS)
def test_every_library_cuts_the_same_box(body_in, step):
    boxes = {step.fit(body(*body_in, param.values[0])).box for param in BACKENDS}
    assert len(boxes) == 1


def test_the_margin_is_in_millimetres_and_ends_at_the_field_of_view():
    source = body((12, 20, 20), ((4, 8), (1, 18), (10, 12)), spacing=(3, 2, 1))
    step = CropPad(1, (1, 1), 4.0).fit(source)
    assert step.box == ((3, 9), (0, 20), (6, 16))


def test_padding_is_even_on_both_sides():
    source = body((4, 10, 10), ((0, 4), (4, 6), (4, 6)))
    step = CropPad(8, (16, 8), 0).fit(source)
    assert step.box == ((0, 4), (-3, 13), (1, 9))


def test_beyond_the_volume_stands_air_or_what_is_asked_for():
    source = body((4, 4, 4), ((0, 4), (0, 4), (0, 4)))
    step = CropPad(4, (8, 8), 0).fit(source)
    assert step.apply(source).voxels[0, 0, 0] == 0
    in_hu = source.with_voxels(source.voxels, unit="HU")
    assert step.apply(in_hu).voxels[0, 0, 0] == -1000
    assert step.follow(source, outside=-5).voxels[0, 0, 0] == -5


def test_an_empty_volume_is_kept_whole():
    grid = oblique((0, 0, 0), shape=(4, 8, 8))
    step = CropPad(4, (4, 4), 0).fit(Volume(np.zeros(grid.shape, np.float32), grid))
    assert step.box == ((0, 4), (0, 8), (0, 8))


@pytest.mark.parametrize(
    "values", [(0, (1, 1), 1.0), (4, (0, 1), 1.0), (4, (1, -1), 1.0), (4, (1, 1), -0.1),
               (4, (1, 1), float("nan")), (4, (1, 1), float("inf"))]
)  # fmt: skip
def test_impossible_sizes_are_refused(values):
    with pytest.raises(SpecError, match="sizes below 1 or a margin below 0"):
        CropPad(*values)


def test_a_step_that_was_not_fitted_does_nothing_silently():
    source = body((4, 4, 4), ((0, 4), (0, 4), (0, 4)))
    step = CropPad(4, (4, 4), 0)
    for use in (
        lambda: step.apply(source),
        lambda: step.undo(source, source, outside=0),
        step.record,
    ):
        with pytest.raises(SpecError, match="was not fitted"):
            use()


def test_the_box_is_written_down():
    source = body((4, 8, 8), ((1, 3), (2, 6), (2, 6)))
    step = CropPad(4, (4, 4), 0).fit(source)
    assert step.record() == {"step": "crop_pad", "box": [[1, 3], [2, 6], [2, 6]]}
