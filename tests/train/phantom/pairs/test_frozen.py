from dataclasses import replace

import pytest

from train.phantom import RECIPE_SHA256, RELAXATION, Tissue
from train.phantom.pairs.frozen import digest, plain

FROZEN = "32a215c676df80724e6970472dacc0b2271b859afff24ce077fb407f57bad132"


def test_one_figure_changes_the_hash():
    before = dict(RELAXATION)
    after = {**before, Tissue.FAT: replace(before[Tissue.FAT], density=0.99)}
    assert digest(before) != digest(after)
    assert digest(before) == digest(dict(RELAXATION))


def test_values_count_and_their_order_among_named_ones_does_not():
    assert digest({"a": 1, "b": (2.5,)}) == digest({"b": [2.5], "a": 1})
    assert digest((1, 2)) != digest((2, 1))
    assert plain(Tissue.CORD) == "CORD"


def test_what_is_no_figure_is_refused():
    with pytest.raises(TypeError):
        digest({"function": len})


def test_the_recipe_is_frozen():
    """A change of any figure is a new recipe: models and measurements name the old one."""
    assert RECIPE_SHA256 == FROZEN
