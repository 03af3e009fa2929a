"""What is measured is given to the network as a node reads it."""

from dataclasses import replace

import numpy as np
import pytest

from train.pair import read_pair
from train.phantom import Order, make_phantoms
from train.phantom.series import as_sent


@pytest.fixture(scope="module", params=["T1", "CBCT"])
def pair(request, tmp_path_factory):
    order = Order(sources=(request.param,), target="CT", anatomy="head", spacing_mm=4.0)
    return read_pair(next(make_phantoms(tmp_path_factory.mktemp("pairs"), [5], order)))


def test_sources_come_back_on_their_grid_as_the_integers_of_a_file(pair):
    (before,), (sent,) = pair.sources, as_sent(pair)
    assert np.allclose(sent.affine, before.affine, atol=1e-6)
    assert np.array_equal(sent.voxels, np.round(sent.voxels))
    scale = float(sent.voxels.max() / before.voxels.max())
    assert np.abs(sent.voxels - before.voxels * scale).max() <= 0.5 + scale
    assert sent.unit == before.unit


def test_pairs_that_are_no_phantoms_stay_as_they_are(pair):
    about = {key: value for key, value in pair.about.items() if key != "timings"}
    real = replace(pair, about=about)
    assert as_sent(real) is real.sources
