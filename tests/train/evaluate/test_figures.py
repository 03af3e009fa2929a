from dataclasses import replace

import numpy as np
import pytest

from tests.train.evaluate.conftest import task
from tests.train.toys import toy_pair
from train.data import truth_of
from train.evaluate.figures import BIAS, TISSUE, figures_of, foreground_of, regions_of, shown_unit
from train.phantom import Tissue


def judged(base, pair, off: float, sources=("T1",)):
    """Figures of a result that is ``off`` too high everywhere."""
    makes = pair.about["makes"]
    preparation = task(base, sources, makes).preparation
    truth = truth_of(pair, preparation)
    return figures_of(truth.voxels + np.float32(off), truth, pair, preparation)


@pytest.mark.parametrize(
    ("makes", "unit"), [("CT", "HU"), ("FLAIR", "of the range"), ("PT", "SUVR")]
)
def test_an_even_shift_is_the_error_in_the_unit(base, makes, unit):
    off = {"CT": 30.0, "FLAIR": 0.1, "PT": 0.2}[makes]
    found = judged(base, toy_pair(0, makes=makes), off)
    assert found["mae"] == pytest.approx(off, rel=1e-3)
    assert found["me"] == pytest.approx(off, rel=1e-3)
    assert found[TISSUE + "csf"] == pytest.approx(off, rel=1e-3)
    assert found[BIAS + "csf"] == pytest.approx(off, rel=1e-3)
    assert shown_unit(makes) == unit


def test_error_of_mr_is_not_clipped_but_its_likeness_is(base):
    """A truth brighter than the window is an error, as no model can make it."""
    pair = toy_pair(0, makes="FLAIR")
    bright = pair.target.voxels.copy()
    bright[5, 12, 10] = 1e5
    found = judged(base, replace(pair, target=pair.target.with_voxels(bright)), 0.0)
    assert found["mae"] == 0
    assert found["psnr_3d"] == pytest.approx(120)


def test_pet_is_compared_in_the_brain_where_it_is_known():
    pair = toy_pair(0, makes="PT")  # fluid in the middle, fat around it
    assert (foreground_of(pair) == (pair.tissue == Tissue.CSF)).all()
    unknown = replace(pair, tissue=np.zeros_like(pair.tissue))
    assert (foreground_of(unknown) == pair.body).all()
    assert (foreground_of(toy_pair(0)) == toy_pair(0).body).all()


def test_regions_are_those_of_pet_phantoms_alone():
    assert regions_of(toy_pair(0)) == {}
    assert regions_of(toy_pair(0, makes="PT")) == {}  # a toy has no places


def test_a_tissue_of_a_few_voxels_says_nothing(base):
    pair = toy_pair(0)
    tissue = pair.tissue.copy()
    tissue[5, 12, 8:12] = Tissue.TUMOUR
    found = judged(base, replace(pair, tissue=tissue), 1.0)
    assert TISSUE + "tumour" not in found
    assert TISSUE + "csf" in found
