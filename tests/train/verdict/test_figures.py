"""What a verdict measures of one result: a planted fault shows in the figure that is for it."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from engine.volume import Grid, Volume
from tests.train.toys import toy_pair
from train.pair import Pair
from train.phantom import Tissue
from train.verdict import figures_beside, plant
from train.verdict.planted import RADIUS_MM, responses

SHAPE, STEP_MM = (40, 48, 44), 3.0


@pytest.fixture(scope="module")
def pair():
    toy = toy_pair(2, shape=SHAPE)
    affine = np.eye(4)
    affine[:3, :3] = np.eye(3)[::-1] * STEP_MM
    grid = Grid(SHAPE, affine)

    def at(volume):
        return Volume(volume.voxels, grid, unit=volume.unit)

    return Pair(tuple(map(at, toy.sources)), at(toy.target), toy.body, toy.tissue, toy.about)


def figures(pair, made):
    return figures_beside(np.asarray(made, np.float32), pair.target, pair, 1.0)


def test_the_truth_itself_is_without_fault(pair):
    found = figures(pair, pair.target.voxels)
    assert found["sharp"] == pytest.approx(1)
    assert {name: value for name, value in found.items() if name != "sharp"} == pytest.approx(
        dict.fromkeys(("mae", "me", "me_dark", "me_middle", "me_bright", "shift_mm"), 0.0)
    )


def test_what_is_too_high_in_one_band_is_told_of_that_band(pair):
    real = np.asarray(pair.target.voxels)
    _, high = np.percentile(real[pair.body], (15, 85))
    found = figures(pair, np.where(real >= high, real + 100, real))
    assert found["me_bright"] == pytest.approx(100)
    assert (found["me_dark"], found["me_middle"]) == pytest.approx((0, 0))
    assert figures_beside(np.asarray(real + 50, np.float32), pair.target, pair, 100.0)[
        "me"
    ] == pytest.approx(0.5)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_what_lies_half_a_voxel_away_is_measured_in_mm(pair, axis):
    step = [0.0, 0.0, 0.0]
    step[axis] = 0.5
    smooth = pair.target.with_voxels(ndimage.gaussian_filter(pair.target.voxels, 1.5))
    like = replace(pair, target=smooth)
    made = ndimage.shift(np.asarray(smooth.voxels, np.float64), step, order=3, mode="nearest")
    found = figures_beside(np.asarray(made, np.float32), smooth, like, 1.0)
    assert found["shift_mm"] == pytest.approx(0.5 * STEP_MM, rel=0.1)


def test_what_is_smoothed_loses_its_detail(pair):
    assert figures(pair, ndimage.gaussian_filter(pair.target.voxels, 1.0))["sharp"] < 0.7


def test_the_contrast_of_lesions_is_told_where_there_are_some(pair):
    tissue, real = pair.tissue.copy(), np.asarray(pair.target.voxels).copy()
    middle = tuple(slice(size // 2 - 3, size // 2 + 3) for size in SHAPE)
    tissue[middle], real[middle] = int(Tissue.TUMOUR), 400.0
    ill = replace(pair, target=pair.target.with_voxels(real), tissue=tissue)
    assert "lesions" not in figures(pair, real)
    assert figures(ill, real)["lesions"] == pytest.approx(1)
    assert figures(ill, pair.target.voxels)["lesions"] == pytest.approx(0, abs=0.1)


def test_lesions_are_planted_deep_in_the_body_apart_and_alike_for_one_seed(pair):
    one, again, other = plant(pair.sources, 5), plant(pair.sources, 5), plant(pair.sources, 6)
    assert len(one.cores) >= 2
    changed = np.asarray(one.sources[0].voxels) != np.asarray(pair.source.voxels)
    assert changed.any()
    assert (changed <= pair.body).all()
    for core in one.cores:
        assert changed[core].all()
    places = [np.argwhere(core).mean(axis=0) * STEP_MM for core in one.cores]
    apart = [np.linalg.norm(a - b) for i, a in enumerate(places) for b in places[:i]]
    assert min(apart) > 2 * RADIUS_MM
    assert np.array_equal(one.sources[0].voxels, again.sources[0].voxels)
    assert not np.array_equal(one.sources[0].voxels, other.sources[0].voxels)


def test_brighter_and_darker_come_in_turn_and_hounsfield_units_are_added(pair):
    planted = plant(pair.sources, 5)
    before, after = (np.asarray(one.voxels) for one in (pair.source, planted.sources[0]))
    shares = [float((after[core] / before[core]).mean()) for core in planted.cores]
    assert shares == pytest.approx([1.5 if n % 2 == 0 else 0.5 for n in range(len(shares))])
    as_ct = plant((pair.target,), 5)
    change = np.asarray(as_ct.sources[0].voxels) - np.asarray(pair.target.voxels)
    assert set(np.unique(change)) <= {-100.0, 0.0, 100.0}


def test_a_body_that_is_too_thin_gets_none(pair):
    thin = replace(pair.source.grid, shape=(2, *SHAPE[1:]))
    volume = Volume(np.asarray(pair.source.voxels)[:2], thin)
    assert plant((volume,), 1).cores == ()


def test_a_response_is_the_change_within_the_core(pair):
    planted = plant(pair.sources, 5)
    plain = np.asarray(pair.target.voxels)
    changed = plain + 7 * planted.cores[0]
    found = responses(plain, changed.astype(np.float32), planted.cores)
    assert found == pytest.approx((7.0, *([0.0] * (len(planted.cores) - 1))))
