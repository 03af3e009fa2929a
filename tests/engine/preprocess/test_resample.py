import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import SpecError
from engine.preprocess import Resample, resample_onto
from engine.preprocess.resample import axis_weights, thinned
from engine.volume import Grid, Volume
from engine.xp import to_numpy
from tests.engine.backends import BACKENDS
from tests.engine.grids import noise, oblique, oblique_grids, places, ramp
from tests.engine.itk import linear, well_inside

SLOPE = np.array([1.0, -2.0, 3.0])  # of the ramp, per mm along L, P and S
FINER = st.tuples(*[st.floats(0.25, 1)] * 3)
COARSER = st.tuples(*[st.floats(1, 4)] * 3)
ANY = st.tuples(*[st.floats(0.25, 4)] * 3)


def scaled(grid: Grid, factors) -> Resample:
    z, y, x = np.array(grid.spacing_mm) * factors
    return Resample((float(z), float(y), float(x)))


def between_centres(grid: Grid, of: Grid, margins=(0, 0, 0)):
    """Where voxel centres of ``grid`` lie between the outer centres of ``of``, by a margin."""
    at = places_in(of, grid)
    far = np.array(of.shape) - 1 - np.array(margins)
    return ((at >= np.array(margins) - 1e-6) & (at <= far + 1e-6)).all(axis=-1)


def places_in(of: Grid, grid: Grid):
    back = np.linalg.inv(of.affine)
    return places(grid) @ back[:3, :3].T + back[:3, 3]


@given(grid=oblique_grids(), factors=ANY)
def test_the_new_grid_has_the_wanted_spacing_directions_and_centre(grid, factors):
    step = scaled(grid, factors)
    made = step.apply(noise(grid)).grid
    np.testing.assert_allclose(made.spacing_mm, step.spacing_mm, rtol=1e-9)
    directions = [one.affine[:3, :3] / np.array(one.spacing_mm) for one in (made, grid)]
    np.testing.assert_allclose(*directions, atol=1e-9)
    middles = [one.centres((np.array([one.shape]) - 1) / 2) for one in (made, grid)]
    np.testing.assert_allclose(*middles, atol=1e-6)
    for new, old, wanted in zip(made.extent_mm, grid.extent_mm, step.spacing_mm, strict=True):
        assert new == pytest.approx(max(old, wanted), abs=wanted / 2 + 1e-6)


@pytest.mark.parametrize("xp", BACKENDS)
@settings(max_examples=50)
@given(grid=oblique_grids(), factors=FINER)
def test_a_ramp_made_finer_is_the_ramp_and_undone_it_is_again(xp, grid, factors):
    source, step = ramp(grid, xp), scaled(grid, factors)
    made = step.apply(source)
    expected, voxels = ramp(made.grid).voxels, to_numpy(made.voxels)
    inner = between_centres(made.grid, grid)
    scale = np.abs(expected).max() + 1
    np.testing.assert_allclose(voxels[inner], expected[inner], atol=2e-6 * scale)
    back = step.undo(made, source, outside=0)
    seen = between_centres(grid, grid, (1, 1, 1))
    away = np.abs(to_numpy(back.voxels) - to_numpy(source.voxels))[seen]
    assert away.max(initial=0) <= 0.1 * per_voxel(made.grid) + 4e-6 * scale
    assert back.grid is source.grid


def per_voxel(grid: Grid) -> float:
    """How far the ramp rises from one voxel to its neighbours along all axes."""
    return float(np.abs(SLOPE @ grid.affine[:3, :3]).sum())


@given(grid=oblique_grids(most=12), factors=COARSER)
def test_a_ramp_made_coarser_moves_by_less_than_a_tenth_of_a_voxel(grid, factors):
    made = scaled(grid, factors).apply(ramp(grid))
    inner = between_centres(made.grid, grid, factors)
    away = np.abs(made.voxels - ramp(made.grid).voxels)[inner]
    assert away.max(initial=0) <= 0.1 * per_voxel(grid) + 1e-3


@pytest.mark.parametrize("factor", [2, 3])
def test_a_ramp_made_coarser_by_a_whole_number_and_undone_is_the_ramp(factor):
    grid = oblique((0.3, -0.2, 0.5), shape=(18, 24, 30))
    source, step = ramp(grid), scaled(grid, (factor,) * 3)
    made = step.apply(source)
    assert made.shape == tuple(n // factor for n in grid.shape)
    back = step.undo(made, source, outside=0)
    inner = between_centres(grid, grid, (2 * factor,) * 3)
    np.testing.assert_allclose(back.voxels[inner], source.voxels[inner], atol=2e-3)
    assert inner.sum() > 100
    assert back.grid is source.grid


@settings(max_examples=40)
@given(grid=oblique_grids(least=3), factors=FINER)
def test_finer_voxels_are_those_of_simpleitk(grid, factors):
    source = noise(grid)
    made = scaled(grid, factors).apply(source)
    expected = linear(source, made.grid, outside=-1)
    inner = well_inside(made.grid, grid, by=1e-3)
    np.testing.assert_allclose(made.voxels[inner], expected[inner], atol=0.02)


@pytest.mark.parametrize("factor", [2, 2.5, 3, 4])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_detail_too_fine_for_the_new_grid_is_averaged_and_not_aliased(factor, axis):
    grid = oblique((0, 0, 0), spacing=(1, 1, 1), shape=(24, 24, 24))
    stripes = np.where(np.indices(grid.shape)[axis] % 2, 1000.0, 0).astype(np.float32)
    factors = [1.0, 1.0, 1.0]
    factors[axis] = factor
    made = scaled(grid, factors).apply(Volume(stripes, grid)).voxels
    assert np.abs(made - 500).max() < 150  # taking the nearest voxel would leave 500


def test_a_checkerboard_of_period_two_averages_out():
    grid = oblique((0, 0, 0), spacing=(1, 1, 1), shape=(12, 24, 24))
    board = np.where(np.indices(grid.shape).sum(axis=0) % 2, 1000.0, 0).astype(np.float32)
    made = scaled(grid, (2, 2, 2)).apply(Volume(board, grid)).voxels
    np.testing.assert_allclose(made, 500, atol=5)


@pytest.mark.parametrize("xp", BACKENDS)
@settings(max_examples=25)
@given(grid=oblique_grids(), factors=ANY)
def test_every_library_gives_the_same_voxels(xp, grid, factors):
    step, source = scaled(grid, factors), noise(grid)
    expected = step.apply(source)
    made = step.apply(noise(grid, xp))
    assert type(made.voxels) is type(xp.asarray(0.0))
    np.testing.assert_allclose(to_numpy(made.voxels), expected.voxels, rtol=1e-6, atol=1e-4)
    back = step.undo(made, noise(grid, xp), outside=0)
    again = step.undo(expected, source, outside=0)
    np.testing.assert_allclose(to_numpy(back.voxels), again.voxels, rtol=1e-6, atol=1e-4)


def test_the_same_spacing_changes_nothing():
    source = noise(oblique((1, 2, 3)))
    made = Resample(source.grid.spacing_mm).apply(source)
    np.testing.assert_allclose(made.voxels, source.voxels, rtol=1e-5)
    assert made.grid.same_as(source.grid, tolerance_mm=1e-9)


@given(grid=oblique_grids(), factors=ANY)
def test_values_never_leave_the_range_of_the_source(grid, factors):
    source, step = noise(grid), scaled(grid, factors)
    low, high = source.voxels.min() - 1e-2, source.voxels.max() + 1e-2
    made = step.apply(source)
    for voxels in (made.voxels, step.undo(made, source, outside=0).voxels):
        assert low <= voxels.min() <= voxels.max() <= high


@given(
    count_in=st.integers(1, 20), count_out=st.integers(1, 20),
    ratio=st.floats(0.1, 8), start=st.floats(-5, 25),
)  # fmt: skip
def test_each_new_voxel_is_an_average_of_old_ones(count_in, count_out, ratio, start):
    weights = axis_weights(count_in, count_out, ratio, start)
    assert weights.shape == (count_out, count_in)
    assert (weights >= 0).all()
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-6)


def test_one_voxel_along_an_axis_is_repeated():
    grid = oblique((0, 0, 0), spacing=(4, 1, 1), shape=(1, 5, 5))
    made = Resample((1, 1, 1)).apply(noise(grid))
    assert made.shape == (4, 5, 5)
    for plane in made.voxels:
        np.testing.assert_allclose(plane, noise(grid).voxels[0], rtol=1e-6)


@pytest.mark.parametrize("spacing", [(-1, 1, 1), (1, -0.5, 1), (1, 1, np.nan), (np.inf, 1, 1)])
def test_an_impossible_spacing_is_refused(spacing):
    with pytest.raises(SpecError, match="three spacings of 0 mm or more"):
        Resample(spacing)


def plane(volume: Volume, z: int) -> Volume:
    """Return one slice, as a volume."""
    affine = volume.affine.copy()
    affine[:3, 3] += z * affine[:3, 0]
    return Volume(volume.voxels[z : z + 1], Grid((1, *volume.shape[1:]), affine))


@pytest.mark.parametrize("nested", [False, True])
def test_an_axis_of_no_spacing_stays_as_it_was_acquired(nested):
    source = noise(oblique((1, 2, 3), spacing=(5, 1, 1)))
    made = Resample((0, 0.5, 0.5), nested).apply(source)
    assert made.grid.spacing_mm == pytest.approx((5, 0.5, 0.5))
    alone = [
        Resample((5, 0.5, 0.5), nested).apply(plane(source, z)) for z in range(len(made.voxels))
    ]
    np.testing.assert_allclose(made.voxels, [one.voxels[0] for one in alone], rtol=1e-6)
    assert Resample((0, 0, 0), nested).apply(source).grid.same_as(source.grid, tolerance_mm=1e-9)


def nested(grid: Grid, factors) -> Resample:
    return Resample(scaled(grid, factors).spacing_mm, nested=True)


@pytest.mark.parametrize("xp", BACKENDS)
@settings(max_examples=50)
@given(grid=oblique_grids(), factors=st.tuples(*[st.floats(0.2, 1.49)] * 3))
def test_nested_the_old_centres_are_among_the_new_and_the_way_back_is_exact(xp, grid, factors):
    plain, step = noise(grid, xp), nested(grid, factors)
    gaps = np.where(np.indices(grid.shape).sum(axis=0) % 2, to_numpy(plain.voxels), 0.0)
    source = plain.with_voxels(xp.asarray(gaps.astype(np.float32)))  # a 0 beside each value stays 0
    made = step.apply(source)
    at = places_in(made.grid, grid)  # in new voxels
    np.testing.assert_allclose(at, np.round(at), atol=1e-6)
    i, j, k = np.moveaxis(np.round(at).astype(int), -1, 0)
    np.testing.assert_array_equal(to_numpy(made.voxels)[i, j, k], to_numpy(source.voxels))
    back = step.undo(made, source, outside=0)
    np.testing.assert_array_equal(to_numpy(back.voxels), to_numpy(source.voxels))


@given(grid=oblique_grids(), factors=ANY)
def test_nested_the_source_s_spacing_is_divided_or_multiplied_by_the_nearest_number(grid, factors):
    step = nested(grid, factors)
    made = step.apply(noise(grid)).grid
    for new, old, wanted in zip(made.spacing_mm, grid.spacing_mm, step.spacing_mm, strict=True):
        parts, times = round(old / wanted), round(wanted / old)
        expected = old / parts if parts > 1 else old * max(1, times)
        if abs(wanted / old - 1.5) > 1e-9:  # halfway between 1 and 2
            assert new == pytest.approx(expected)


def test_nested_one_voxel_along_an_axis_stays_one():
    source = noise(oblique((0, 0, 0), spacing=(5, 1, 1), shape=(1, 4, 5)))
    step = Resample((1, 1, 1), nested=True)
    made = step.apply(source)
    assert made.shape == source.shape
    np.testing.assert_array_equal(step.undo(made, source, outside=0).voxels, source.voxels)


def test_what_a_network_makes_between_the_old_centres_is_not_mixed_in():
    """Plant a fault there: averaged back, it would be seen."""
    grid = oblique((0, 0, 0), spacing=(4, 1, 1), shape=(5, 6, 7))
    source, step = noise(grid), Resample((1, 1, 1), nested=True)
    made = step.apply(source)
    voxels = made.voxels.copy()
    voxels[[index for index in range(len(voxels)) if index % 4]] = 1e6
    back = step.undo(made.with_voxels(voxels), source, outside=0)
    np.testing.assert_array_equal(back.voxels, source.voxels)
    averaged = Resample((1, 1, 1)).undo(made.with_voxels(voxels), source, outside=0)
    assert averaged.voxels.max() > 1e5


def test_the_numbers_are_written_down_and_unit_and_frame_stay():
    made = Resample((2, 1, 1)).apply(noise(oblique((0, 0, 0))))
    numbers = {"step": "resample", "spacing_mm": [2, 1, 1]}
    assert Resample((2, 1, 1)).record() == numbers
    assert Resample((2, 1, 1), nested=True).record() == {**numbers, "nested": True}
    assert (made.unit, made.frame_of_reference_uid, made.sources) == ("1", "1.2.3", ())


@settings(max_examples=60)
@given(grid=oblique_grids(), onto=oblique_grids(most=9))
def test_onto_any_oblique_grid_voxels_are_those_of_simpleitk(grid, onto):
    onto = Grid(onto.shape, np.array(onto.affine) + shift_to(grid, onto))
    source = noise(grid)
    made, inside = resample_onto(source, onto, seen=grid, outside=-1)
    expected = linear(source, onto, outside=-1)
    clear = well_inside(onto, grid, by=1e-4) | ~well_inside(onto, grid, by=-1e-4)
    np.testing.assert_array_equal(inside[clear], well_inside(onto, grid, by=0)[clear])
    scale = 1000  # of the values: within 1e-3 of it
    np.testing.assert_allclose(made.voxels[clear], expected[clear], atol=1e-3 * scale)
    assert (made.voxels[~inside] == -1).all()
    assert made.grid is onto


def shift_to(grid: Grid, other: Grid):
    """What brings the middle of ``other`` to that of ``grid``."""
    shift = np.zeros((4, 4))
    middles = [one.centres((np.array([one.shape]) - 1) / 2)[0] for one in (grid, other)]
    shift[:3, 3] = middles[0] - middles[1]
    return shift


@pytest.mark.parametrize("xp", BACKENDS)
@settings(max_examples=25)
@given(grid=oblique_grids())
def test_onto_its_own_grid_a_volume_stays(xp, grid):
    source = noise(grid, xp)
    made, inside = resample_onto(source, grid, seen=grid, outside=-1)
    np.testing.assert_allclose(to_numpy(made.voxels), to_numpy(source.voxels), atol=0.01)
    assert to_numpy(inside).all()


@pytest.mark.parametrize("xp", BACKENDS)
@settings(max_examples=25)
@given(grid=oblique_grids(), onto=oblique_grids(most=9))
def test_onto_a_grid_every_library_gives_the_same(xp, grid, onto):
    onto = Grid(onto.shape, np.array(onto.affine) + shift_to(grid, onto))
    expected, where = resample_onto(noise(grid), onto, seen=grid, outside=-1)
    made, inside = resample_onto(noise(grid, xp), onto, seen=grid, outside=-1)
    np.testing.assert_array_equal(to_numpy(inside), where)
    np.testing.assert_allclose(to_numpy(made.voxels), expected.voxels, rtol=1e-6, atol=1e-4)


def test_what_counts_as_seen_is_the_sources_field_of_view_not_the_volumes():
    narrow = oblique((0, 0, 0), spacing=(1, 1, 1), shape=(4, 4, 4))
    wide = oblique((0, 0, 0), spacing=(1, 1, 1), shape=(8, 8, 8))
    made, inside = resample_onto(noise(wide), wide, seen=narrow, outside=-1)
    assert inside.sum() == 4**3
    assert (made.voxels[2:6, 2:6, 2:6] == noise(wide).voxels[2:6, 2:6, 2:6]).all()
    assert (made.voxels[~inside] == -1).all()


def test_many_slices_are_made_slab_by_slab_without_a_seam():
    grid = oblique((0, 0, 0), spacing=(1, 2, 2), shape=(30, 5, 5))
    fine = oblique((0.2, 0.1, 0), spacing=(0.5, 1, 1), shape=(37, 4, 4))
    made, inside = resample_onto(ramp(grid), fine, seen=grid, outside=0)
    assert inside.all()
    clear = between_centres(fine, grid)
    np.testing.assert_allclose(made.voxels[clear], ramp(fine).voxels[clear], atol=1e-3)
    assert clear.sum() > 200


@pytest.mark.parametrize("turned", [(0, 0, 0), (0, np.pi / 2, 0), (0.2, -0.1, 0.3)])
def test_what_is_brought_onto_a_coarser_grid_is_averaged_first(turned):
    """Stripes finer than the grid's step would otherwise come back as broad ones."""
    fine = oblique((0, 0, 0), spacing=(1.0, 1.0, 1.0), shape=(48, 48, 48))
    stripes = np.where(np.indices(fine.shape).sum(axis=0) % 2 == 0, 1.0, -1.0)
    source = Volume(stripes.astype(np.float32), fine)
    grid = oblique(turned, spacing=(4.0, 4.0, 4.0), shape=(8, 8, 8))
    thin = thinned(source, grid)
    assert min(thin.grid.spacing_mm) > 2.5
    made, _ = resample_onto(thin, grid, seen=fine, outside=0)
    assert np.abs(made.voxels).max() < 0.05


def test_what_is_coarser_than_the_grid_stays_as_it_is():
    source = noise(oblique((0.1, 0, 0), spacing=(3.0, 2.0, 2.0), shape=(8, 8, 8)))
    grid = oblique((0, 0, 0), spacing=(1.0, 1.0, 1.0), shape=(8, 8, 8))
    assert thinned(source, grid) is source


def test_thick_slices_are_averaged_along_the_planes_alone():
    source = noise(oblique((0, 0, 0), spacing=(5.0, 1.0, 1.0), shape=(8, 40, 40)))
    grid = oblique((0, 0, 0), spacing=(2.0, 2.0, 2.0), shape=(20, 20, 20))
    assert thinned(source, grid).grid.spacing_mm == pytest.approx((5, 2, 2))
