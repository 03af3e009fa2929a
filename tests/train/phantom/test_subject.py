import numpy as np
import pytest

from train.phantom import draw_subject
from train.phantom.order import ANATOMIES


def test_same_seed_same_person(template, subject):
    again = draw_subject(7, template)
    np.testing.assert_array_equal(again.body.fractions, subject.body.fractions)
    np.testing.assert_array_equal(again.texture, subject.texture)
    assert again.hu == subject.hu
    assert again.relaxation == subject.relaxation
    assert again.facts == subject.facts


def test_a_persons_figures_lie_near_the_tables(subject):
    assert all(0.8 < factor < 1.25 for factor in subject.relaxation.values())
    assert subject.texture.mean() == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize("anatomy", ANATOMIES)
def test_strata_are_words(anatomy, subject, spine):
    who = subject if anatomy == "head" else spine
    assert who.anatomy == anatomy
    assert who.facts["strata"]
    assert all(isinstance(value, str) for value in who.facts["strata"].values())
