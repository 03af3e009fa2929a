from dataclasses import replace

import numpy as np
import pytest

from train.phantom.spine.figures import LEVELS
from train.phantom.spine.health import draw_health
from train.phantom.tissues import Tissue

DRAWN = [draw_health(np.random.default_rng(seed)) for seed in range(400)]


def test_every_stratum_is_common_enough_to_be_measured():
    for name, least in (("none", 0.08), ("mild", 0.2), ("severe", 0.15)):
        assert np.mean([one.degeneration == name for one in DRAWN]) > least, name
    for name in ("none", "endplate", "fracture"):
        assert np.mean([one.oedema == name for one in DRAWN]) > 0.15, name


def test_the_old_have_worse_discs_and_more_fat():
    old = [one for one in DRAWN if one.age > 65]
    young = [one for one in DRAWN if one.age < 40]
    for of in (lambda one: np.mean(one.grades), lambda one: np.mean(one.fat)):
        assert np.mean([of(one) for one in old]) > np.mean([of(one) for one in young])


def test_oedema_at_endplates_belongs_to_a_worn_disc():
    for one in DRAWN:
        assert (one.at >= 0) == (one.oedema != "none")
        if one.oedema == "endplate":
            assert one.grades[one.at] >= 4


@pytest.mark.parametrize(
    ("lumbar", "stratum"),
    [
        ((2, 2, 1, 2, 2), "none"),
        ((2, 2, 1, 3, 2), "mild"),
        ((2, 2, 1, 3, 4), "mild"),
        ((1, 1, 1, 1, 5), "severe"),
        ((1, 1, 1, 4, 4), "severe"),
    ],
)
def test_degeneration_is_told_by_the_lumbar_discs(lumbar, stratum):
    grades = (5,) * (len(LEVELS) - 5) + lumbar
    assert replace(DRAWN[0], grades=grades).degeneration == stratum


def test_a_fresh_fracture_is_bright_on_stir_and_dark_on_t1(broken):
    bones, at = broken.column.movable, broken.health.at
    beside = at - 1 if at + 1 >= len(bones) else at + 1
    ill, well = (bones[index].frame for index in (at, beside))
    assert broken.share(ill, Tissue.OEDEMA, radius_mm=6) > 0.3
    assert broken.share(well, Tissue.OEDEMA, radius_mm=6) == 0
    stir, t1 = (
        {frame: np.median(broken.around(broken.images[label], frame, 6.0)) for frame in (ill, well)}
        for label in ("STIR", "T1")
    )
    assert stir[ill] > 1.3 * stir[well]
    assert t1[ill] < t1[well]


def test_oedema_lies_on_both_sides_of_its_disc_alone(inflamed):
    at, swollen = inflamed.health.at, inflamed.body.fractions[Tissue.OEDEMA]
    z = inflamed.body.axes[0]
    share = swollen.sum(axis=(1, 2))
    above, below = inflamed.column.bones[at], inflamed.column.bones[at + 1]
    near = (z < above.frame.up + 25) & (z > below.frame.up - 25)
    assert share[near].sum() > 0.99 * share.sum() > 0
    middle = inflamed.column.discs[at].frame.up
    assert min(share[z > middle].sum(), share[z < middle].sum()) > 0.15 * share.sum()


def test_without_oedema_there_is_none(sound):
    assert sound.body.fractions[Tissue.OEDEMA].max() == 0
    assert sound.strata["oedema"] == "none"


def test_strata_are_those_of_the_findings(sound, broken, inflamed):
    for made in (sound, broken, inflamed):
        assert made.strata == made.health.strata


def test_fat_is_dark_on_stir_and_bright_on_t1(sound):
    fat, muscle = (sound.body.fractions[tissue] > 0.99 for tissue in (Tissue.FAT, Tissue.MUSCLE))
    stir, t1 = sound.images["STIR"], sound.images["T1"]
    assert stir[fat].mean() < 0.15 * stir[muscle].mean()
    assert t1[fat].mean() > 1.3 * t1[muscle].mean()


def test_a_broken_vertebra_is_lower_than_its_neighbours(broken):
    bones, at = broken.column.movable, broken.health.at
    assert bones[at].level.height < LEVELS[at].height * 0.99
