import numpy as np
import pytest
from scipy.ndimage import label

from train.errors import TemplateMissing
from train.phantom import HU, Condition, Tissue, build_head, draw_subject, mixed
from train.phantom.template import read_template

HEALTHY = Condition(lesion="none", disease="none", severity=0.0, lean=0.0, ageing=0.0)


def test_fractions_of_every_voxel_sum_to_one(subject):
    fractions = subject.body.fractions
    np.testing.assert_allclose(fractions.sum(axis=0), 1, atol=1e-5)
    assert fractions.min() >= 0


def test_every_tissue_of_a_healthy_head_is_somewhere_and_no_other(template):
    body, lesions = build_head(template, HEALTHY, np.random.default_rng(0))
    most = body.fractions.reshape(len(Tissue), -1).max(axis=1)
    assert {tissue for tissue in Tissue if most[tissue] > 0.3} == set(list(Tissue)[:15])
    assert lesions == ()


def test_the_brain_lies_inside_the_skull(subject):
    """From grey or white matter to the outside, no way leads past the vault."""
    fractions, (up, _, _) = subject.body.fractions, subject.body.axes
    wall = fractions[Tissue.CORTICAL] + fractions[Tissue.SPONGY] > 0.15
    vault = up > 6
    rooms, _ = label(~wall[vault])
    brain = (fractions[Tissue.GREY] + fractions[Tissue.WHITE])[vault] > 0.9
    outside = fractions[Tissue.OUTSIDE][vault] > 0.9
    assert not set(np.unique(rooms[brain])) & set(np.unique(rooms[outside]))


def test_skin_covers_the_head(subject):
    """What touches the air outside is skin, but where a nostril or an ear opens."""
    fractions = subject.body.fractions
    edge = (fractions[Tissue.OUTSIDE] > 0.2) & (fractions[Tissue.OUTSIDE] < 0.8)
    skin = fractions[Tissue.SKIN][edge]
    assert (skin > 0.05).mean() > 0.95


def test_air_surrounds_the_head_on_all_sides_but_the_neck(subject):
    outside = subject.body.fractions[Tissue.OUTSIDE]
    for side in (outside[-1], outside[:, 0], outside[:, -1]):
        assert side.min() > 0.99
    assert outside[0].min() < 0.01


def test_the_two_sides_have_the_same_parts(subject):
    fractions, (_, _, left) = subject.body.fractions, subject.body.axes
    for tissue in (Tissue.VITREOUS, Tissue.CAVITY, Tissue.CORTICAL):
        share = fractions[tissue]
        one, other = share[:, :, left > 0].sum(), share[:, :, left < 0].sum()
        assert 0.6 < one / other < 1.6, tissue


def test_another_seed_is_another_head(subject, template):
    other = draw_subject(8, template)
    assert np.abs(other.body.fractions - subject.body.fractions).mean() > 1e-3


def test_a_brain_is_as_large_as_brains_are(subject):
    fractions = subject.body.fractions
    litres = (fractions[Tissue.GREY] + fractions[Tissue.WHITE]).sum() * 4.0**3 / 1e6
    assert 1.0 < litres * float(np.prod(subject.placement.scale)) < 1.7


def test_truth_lies_between_air_and_teeth(subject):
    truth = mixed(subject.body.fractions, subject.hu)
    assert truth.min() >= -1001
    assert 800 < truth.max() <= HU[Tissue.TOOTH] + 1


def test_without_the_maps_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr("train.phantom.template.find_spec", lambda _: None)
    with pytest.raises(TemplateMissing, match="install the train extra"):
        read_template(4.0)
