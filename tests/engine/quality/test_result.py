"""What is wrong with a result moves the figure that is there for it."""

import numpy as np
import pytest

from engine.quality import Mirror, measure_result
from engine.task import RESULT
from engine.volume import Volume
from tests.engine.grids import places
from tests.engine.heads import T1, head, head_grid, pose, tissues

GRID = head_grid(shape=(60, 90, 80), spacing=(3.0, 3.0, 3.0))
HU = {"fluid": 10.0, "grey": 40.0, "white": 30.0, "skull": 900.0, "scalp": -20.0}
BANDS = (-300.0, 200.0)


def ct(grid=GRID, at=None) -> Volume:
    """The head of :func:`head` as CT."""
    back = np.linalg.inv(np.eye(4) if at is None else at)
    part = tissues(places(grid) @ back[:3, :3].T + back[:3, 3])
    share = sum(part.values())
    voxels = sum(part[name] * HU[name] for name in HU) - 1000 * (1 - np.clip(share, 0, 1))
    voxels += np.random.default_rng(3).normal(0, 5, grid.shape)
    return Volume(voxels.astype(np.float32), grid, "HU", "1.2.3")


@pytest.fixture(scope="module")
def source():
    return head(GRID, T1)


@pytest.fixture(scope="module")
def made():
    return ct()


@pytest.fixture(scope="module")
def sound(source, made):
    """The figures of a result that nothing is wrong with."""
    return figures(source, made)


def figures(source, made, again=None):
    return measure_result(source, made, made if again is None else again, BANDS)


def changed(volume, change):
    return volume.with_voxels(np.asarray(change(np.array(volume.voxels)), dtype=np.float32))


def slab(voxels):
    voxels[28:32] += np.random.default_rng(4).normal(0, 300, voxels[28:32].shape)
    return voxels


def missing(voxels):
    voxels[30] = -1000
    return voxels


def lesion(voxels):
    voxels[28:33, 50:55, 48:53] = 500
    return voxels


def seam(voxels):
    voxels[:, :, 40:] += 80
    return voxels


def repeated(voxels):
    voxels[30] = voxels[29]
    return voxels


def closed_up(voxels):
    voxels[30:-5] = voxels[35:].copy()
    return voxels


FAULTS = {
    "10 mm": (lambda v: np.roll(v, 3, axis=1), "shift_mm", 7),
    "10 mm, by what is inside": (lambda v: np.roll(v, 3, axis=1), "offset_mm", 7),
    "+200 HU": (lambda v: v + 200, "p50", 150),
    "a slab of noise": (slab, "rough_s", 2),
    "upside down": (lambda v: v[::-1], "told_turned", 0.2),
    "front to back": (lambda v: v[:, ::-1], "told_turned", 0.1),
    "a missing slice": (missing, "seam_s", 3),
    "an own slice missing": (missing, "result_slice_order", 1),
    "slices lost and closed up": (closed_up, "result_slice_gap", 0.1),
    "an own slice twice": (repeated, "result_slice_repeat", -0.4),
    "noise in own slices": (slab, "result_slice_rough", 2),
    "a seam": (seam, "seam_l", 0.5),
    "a slice twice": (repeated, "repeat_s", -0.2),
    "no bone": (lambda v: np.minimum(v, 100), "share_2", -0.05),
    "a smaller head": (lambda v: np.where(v > -1001, np.roll(v, 6, axis=0), v), "body_dice", -0.05),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_moves_its_figure(source, made, sound, fault):
    change, name, least = FAULTS[fault]
    before, after = sound[name], figures(source, changed(made, change))[name]
    assert (after - before) / least >= 1, (before, after)


@pytest.mark.parametrize(("planes", "known"), [(16, True), (12, True), (8, False)])
def test_along_an_axis_of_few_planes_a_shift_is_seen_or_nothing_is_known(planes, known):
    """Sagittal slices of a spine are no more than a few centimetres of it."""
    grid = head_grid(shape=(60, 90, planes), spacing=(3.0, 3.0, 3.0))
    source, moved = head(grid, T1), np.eye(4)
    moved[0, 3] = 6.0
    sound, spoilt = (figures(source, ct(grid, at))["offset_mm"] for at in (None, moved))
    assert (sound < 2) == known
    assert spoilt > 4


def test_figures_are_those_of_the_table_and_finite(sound):
    assert set(sound) == set(RESULT)
    assert np.isfinite(list(sound.values())).all()


def test_contours_of_the_same_head_agree(sound):
    assert sound["body_dice"] > 0.97
    assert sound["body_hd95_mm"] <= 4.3
    assert sound["shift_mm"] < 1


def test_a_result_of_air_is_as_far_as_can_be(source, made):
    found = figures(source, changed(made, lambda v: np.full_like(v, -1000)))
    assert found["body_dice"] == 0
    assert found["body_hd95_mm"] == found["shift_mm"] == 200


def test_a_result_on_a_grid_of_its_own_is_held_against_its_source(source):
    turned = head_grid((0.1, 0, 0), shape=(66, 96, 84), spacing=(3.0, 3.0, 3.0))
    found = figures(source, ct(turned))
    assert found["body_dice"] > 0.96
    assert found["shift_mm"] < 1.5


def test_disagreement_is_that_with_the_mirrored_source_brought_back(source, made):
    found = figures(source, made, changed(made, lambda v: v + 30))
    assert found["disagreement"] == pytest.approx(30, abs=1)


def test_a_lesion_that_one_of_two_has_is_the_greatest_difference(source, made):
    found = figures(source, changed(made, lesion), made)
    assert found["disagreement"] == 0
    assert found["disagreement_most"] == pytest.approx(470, abs=20)


def test_a_mirror_moves_the_grid_and_no_voxel_and_twice_is_nothing(source):
    mirror = Mirror.through(source)
    other = mirror.of(source)
    assert other.voxels is source.voxels
    assert mirror.of(other).grid.same_as(source.grid)
    corner = source.affine @ [0, 0, 0, 1]
    opposite = other.affine @ [0, 0, 0, 1]
    middle = (source.affine @ [*((np.array(source.shape) - 1) / 2), 1])[0]
    assert corner[0] + opposite[0] == pytest.approx(2 * middle)
    assert corner[1:] == pytest.approx(opposite[1:])


def test_a_mirrored_head_is_that_head_with_left_for_right():
    turned = pose(turned=(0, 0, 0.2), moved=(4.0, 0, 0))
    volume = head(GRID, at=turned)
    flipped = Mirror.through(volume).of(volume)
    found = figures(volume, ct(at=turned))
    assert flipped.grid.affine[0, 2] == pytest.approx(-volume.grid.affine[0, 2])
    assert found["told_mirrored"] < 1


def test_sides_that_are_exchanged_are_told_by_what_differs_between_them():
    turned = pose(turned=(0, 0, 0.2))
    volume, right = head(GRID, at=turned), ct(at=turned)
    assert figures(volume, right)["sided"] > 0.25
    assert figures(volume, changed(right, lambda v: v[:, :, ::-1]))["sided"] < -0.1
