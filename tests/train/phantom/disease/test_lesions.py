import numpy as np
import pytest

from train.phantom import Condition, Tissue, build_head, draw_condition
from train.phantom.disease import DISEASES, LESIONS

MARKS = {
    "plaques": {Tissue.PLAQUE},
    "tumour": {Tissue.TUMOUR, Tissue.SWELLING},
    "infarct": {Tissue.INFARCT, Tissue.PLAQUE},
    "haemorrhage": {Tissue.BLEED, Tissue.SWELLING},
}
SICK = {*range(Tissue.PLAQUE, Tissue.BLEED + 1), Tissue.SWELLING}


def ill(lesion: str) -> Condition:
    return Condition(lesion=lesion, disease="none", severity=0.0, lean=0.0, ageing=0.0)


@pytest.fixture(scope="module")
def heads(template):
    return {
        kind: build_head(template, ill(kind), np.random.default_rng(4)) for kind in ("none", *MARKS)
    }


@pytest.mark.parametrize("kind", MARKS)
def test_a_lesion_is_painted_where_it_says_and_with_its_tissues(heads, kind):
    body, lesions = heads[kind]
    there = {tissue for tissue in SICK if body.fractions[tissue].max() > 0.05}
    assert MARKS[kind] <= there
    assert {one.kind for one in lesions} == {kind}
    sick = body.fractions[sorted(SICK)].sum(axis=0)
    for one in lesions:
        at = tuple(
            int(np.argmin(np.abs(axis - mm))) for axis, mm in zip(body.axes, one.at_mm, strict=True)
        )
        near = tuple(slice(max(0, i - 3), i + 4) for i in at)
        assert sick[near].max() > 0.05, one


@pytest.mark.parametrize("kind", MARKS)
def test_a_lesion_takes_the_place_of_brain_alone(heads, kind):
    body, _ = heads[kind]
    well, _ = heads["none"]
    np.testing.assert_allclose(body.fractions.sum(axis=0), 1, atol=1e-5)
    sick = body.fractions[sorted(SICK)].sum(axis=0)
    brain = well.fractions[Tissue.GREY] + well.fractions[Tissue.WHITE]
    assert (sick <= brain + 1e-5).all()
    assert sick.sum() > 5


def test_a_healthy_head_has_no_lesion(heads):
    body, lesions = heads["none"]
    assert lesions == ()
    assert body.fractions[sorted(SICK)].max() == 0


def test_number_and_place_differ_by_subject(template):
    drawn = [build_head(template, ill("plaques"), np.random.default_rng(s))[1] for s in range(2)]
    assert len({len(lesions) for lesions in drawn}) == 2
    assert drawn[0][0].at_mm != drawn[1][0].at_mm


def test_every_condition_comes_up():
    drawn = [draw_condition(np.random.default_rng(seed)) for seed in range(200)]
    assert {one.lesion for one in drawn} == set(LESIONS)
    assert {one.disease for one in drawn} == set(DISEASES)
    assert all((one.severity > 0) == (one.disease != "none") for one in drawn)
