import numpy as np
import pytest

from train.phantom import Condition, Tissue, build_head
from train.phantom.disease import hold, uptake
from train.phantom.regions import Region, region_of


def condition(severity: float, lean: float = 0.0) -> Condition:
    disease = "alzheimer" if severity else "none"
    return Condition(lesion="none", disease=disease, severity=severity, lean=lean, ageing=0.2)


@pytest.fixture(scope="module")
def heads(template):
    """The same person without and with the disease."""
    return {
        severity: build_head(template, condition(severity), np.random.default_rng(5))[0]
        for severity in (0.0, 0.9)
    }


@pytest.fixture(scope="module")
def where(template):
    z, y, x = template.axes
    return region_of((z[:, None, None], y[None, :, None], x[None, None, :]))


def of_region(image, body, where, region):
    inside = (where == region) & (body.fractions[Tissue.GREY] > 0.4)
    return float(image[inside].mean())


def test_the_disease_holds_the_posterior_cingulate_most_and_spares_the_cerebellum(template, where):
    held = hold(template.axes, condition(0.9))
    assert held[where == Region.POSTERIOR_CINGULATE].mean() > 0.5
    assert held[where == Region.CEREBELLUM].mean() < 0.02
    assert held[where == Region.PONS].mean() < 0.04
    assert hold(template.axes, condition(0.0)).max() == 0


def test_a_leaning_disease_holds_the_left_more(template):
    held = hold(template.axes, condition(0.9, lean=0.3))
    left = template.axes[2] > 0
    assert held[:, :, left].sum() > 1.5 * held[:, :, ~left].sum()


def test_grey_matter_is_lost_where_the_disease_holds_so_that_mr_shows_it(heads, where):
    lost = {}
    for region in (Region.POSTERIOR_CINGULATE, Region.FRONTAL, Region.CEREBELLUM):
        well, sick = (body.fractions[Tissue.GREY][where == region].sum() for body in heads.values())
        lost[region] = 1 - sick / well
    assert lost[Region.POSTERIOR_CINGULATE] > 0.10
    assert lost[Region.POSTERIOR_CINGULATE] > 2 * lost[Region.FRONTAL]
    assert abs(lost[Region.CEREBELLUM]) < 0.02


def test_uptake_falls_where_the_disease_holds_and_nowhere_else(heads, where):
    well, sick = (uptake(body, condition(severity), 1.0) for severity, body in heads.items())
    body = heads[0.9]
    fall = {
        region: 1 - of_region(sick, body, where, region) / of_region(well, body, where, region)
        for region in (Region.POSTERIOR_CINGULATE, Region.OCCIPITAL, Region.CEREBELLUM)
    }
    assert fall[Region.POSTERIOR_CINGULATE] > 0.2
    assert abs(fall[Region.OCCIPITAL]) < 0.08
    assert abs(fall[Region.CEREBELLUM]) < 0.03


def test_uptake_is_over_the_reference_and_a_healthy_cortex_lies_above_it(heads, where):
    body = heads[0.0]
    seen = uptake(body, condition(0.0), 1.0)
    brain = body.fractions[Tissue.GREY] + body.fractions[Tissue.WHITE] > 0.5
    reference = np.isin(where, (Region.CEREBELLUM, Region.PONS)) & brain
    assert seen[reference].mean() == pytest.approx(1, abs=1e-3)
    assert 1.1 < of_region(seen, body, where, Region.POSTERIOR_CINGULATE) < 1.8
    assert seen[body.fractions[Tissue.WHITE] > 0.95].mean() < 0.8
    assert seen[body.fractions[Tissue.OUTSIDE] > 0.99].mean() < 0.02
