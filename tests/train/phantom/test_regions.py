import numpy as np
import pytest

from tests.train.conftest import protocol
from train.errors import DataInvalid
from train.pair import read_pair, write_pair
from train.phantom import Order, Tissue, region_masks, scan_pair
from train.phantom.regions import Region, region_of

PLACES = {  # of the template, along (S, P, L)
    Region.FRONTAL: (40, -40, 20),
    Region.TEMPORAL: (-20, 10, 55),
    Region.PARIETAL: (50, 50, 40),
    Region.OCCIPITAL: (5, 92, 15),
    Region.POSTERIOR_CINGULATE: (34, 50, 5),
    Region.MEDIAL_TEMPORAL: (-16, 20, 25),
    Region.DEEP: (8, 16, 12),
    Region.CEREBELLUM: (-40, 65, 25),
    Region.PONS: (-32, 26, 0),
}


@pytest.mark.parametrize("region", PLACES)
def test_a_well_known_place_lies_in_its_region_on_either_side(region):
    up, back, left = (np.array([float(value)]) for value in PLACES[region])
    assert region_of((up, back, left))[0] == region
    assert region_of((up, back, -left))[0] == region


@pytest.fixture(scope="module")
def pair(subject):
    return scan_pair(subject, 0, Order(target="PT"), protocol(noise=0.0))


def test_masks_are_grey_matter_of_one_region_each_and_of_about_equal_sides(pair):
    masks = region_masks(pair)
    reference = masks.pop("reference")
    assert np.sum(list(masks.values()), axis=0).max() == 1
    for name, mask in masks.items():
        assert (pair.tissue[mask] == Tissue.GREY).all()
        other = masks[name.replace("left", "right") if "left" in name else name]
        assert 0.4 < (mask.sum() + 5) / (other.sum() + 5) < 2.5, name
    assert reference.sum() > 100


def test_uptake_over_the_reference_is_about_one(pair):
    assert pair.target.voxels[region_masks(pair)["reference"]].mean() == pytest.approx(1, abs=0.1)


def test_masks_come_from_a_file_as_from_the_pair(pair, tmp_path):
    back = read_pair(write_pair(tmp_path, pair))
    for name, mask in region_masks(back).items():
        np.testing.assert_array_equal(mask, region_masks(pair)[name])


def test_a_pair_without_places_says_what_is_missing(subject):
    with pytest.raises(DataInvalid, match="no places in the template"):
        region_masks(scan_pair(subject, 0, Order(), protocol()))
