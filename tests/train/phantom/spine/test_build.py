import numpy as np
import pytest

from train.phantom.spine import build_spine, draw_placement, spine_axes
from train.phantom.tissues import Tissue

NAMES = ["T8", "T9", "T10", "T11", "T12", "L1", "L2", "L3", "L4", "L5"]
MARROW = (Tissue.SPONGY, Tissue.FAT, Tissue.OEDEMA, Tissue.MUCOSA)
OF_DISC = (Tissue.DISC, Tissue.DISC_DRY, Tissue.LIGAMENT)


@pytest.fixture(params=["sound", "broken", "inflamed"])
def made(request):
    return request.getfixturevalue(request.param)


def test_fractions_of_every_voxel_sum_to_one(made):
    fractions = made.body.fractions
    np.testing.assert_allclose(fractions.sum(axis=0), 1, atol=1e-5)
    assert fractions.min() >= -1e-6


def test_same_seed_same_bytes():
    one, two = (build_spine(np.random.default_rng(4), 6.0) for _ in range(2))
    assert one[0].fractions.tobytes() == two[0].fractions.tobytes()
    assert one[1] == two[1]


def test_another_seed_is_another_spine(sound, broken):
    assert np.abs(sound.body.fractions - broken.body.fractions).mean() > 1e-3


def test_vertebrae_stand_in_order_with_marrow_in_each(made):
    bones = made.column.movable
    assert [bone.level.name for bone in bones] == NAMES
    heights = [bone.frame.up for bone in bones]
    assert heights == sorted(heights, reverse=True)
    for bone in bones:
        if abs(bone.frame.up) < 170:
            assert made.share(bone.frame, *MARROW) > 0.75, bone.level.name


def test_a_disc_lies_between_each_two_vertebrae(made):
    bones, discs = made.column.bones, made.column.discs
    assert len(discs) == len(bones) - 1
    for upper, disc, lower in zip(bones, discs, bones[1:], strict=False):
        assert upper.frame.up > disc.frame.up > lower.frame.up
    for disc in discs[2:10]:
        assert made.share(disc.frame, *OF_DISC, radius_mm=2.6) > 0.6, disc.index


def test_the_endplates_of_a_vertebra_are_dark_on_every_contrast(sound):
    compact = sound.body.fractions[Tissue.CORTICAL]
    for bone in sound.column.movable[3:]:
        for side in (1, -1):
            assert sound.around(compact, bone.plate(side), 5.0).max() > 0.25, bone.level.name


def test_another_tissue_than_the_heads_is_somewhere(made):
    most = made.body.fractions.reshape(len(Tissue), -1).max(axis=1)
    of_spine = (Tissue.CORD, Tissue.CSF, Tissue.DISC_DRY, Tissue.LIGAMENT, Tissue.SPONGY)
    around = (Tissue.MUSCLE, Tissue.FAT, Tissue.SKIN, Tissue.BLOOD, Tissue.OUTSIDE, Tissue.CORTICAL)
    assert {tissue for tissue in (*of_spine, *around) if most[tissue] < 0.4} == set()


def test_skin_covers_the_back_and_the_belly(made):
    fractions = made.body.fractions
    edge = (fractions[Tissue.OUTSIDE] > 0.2) & (fractions[Tissue.OUTSIDE] < 0.8)
    assert (fractions[Tissue.SKIN][edge] > 0.03).mean() > 0.97
    assert fractions[Tissue.OUTSIDE][:, -1].min() > 0.5


def test_a_placement_bends_the_spine_little_and_can_be_undone():
    axes = spine_axes(6.0)
    line = np.stack([np.arange(-150.0, 150, 10), np.zeros(30), np.zeros(30)]).astype(np.float32)
    for seed in range(3):
        placement = draw_placement(np.random.default_rng(seed), axes)
        there = placement.to_template(line)
        assert np.all(np.diff(there[0]) > 5)  # nothing folds
        assert np.abs(there[2]).max() < 60
        assert 0.85 < placement.scale.mean() < 1.15
