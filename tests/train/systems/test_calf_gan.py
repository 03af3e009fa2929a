import pytest
import torch

from tests.train.systems.tiny import gan, pairs
from train.systems.calf_gan import PRESETS, Way


def has_gradient(module) -> bool:
    return any(p.grad is not None and p.grad.abs().sum() > 0 for p in module.parameters())


def test_the_papers_preset_is_the_papers():
    paper = PRESETS["paper"]
    weights = (paper.adversarial, paper.voxel, paper.cycle, paper.feature, paper.orthogonal)
    assert weights == (1, 10, 1, 100, 100)
    assert (paper.learning_rate, paper.betas, paper.schedule, paper.hold) == (
        2e-4,
        (0.5, 0.999),
        "linear",
        0.5,
    )
    assert (paper.form, paper.angle, paper.gradient, paper.air) == ("entropy", "dot", 0, 1)
    assert (paper.average, paper.clip, paper.r1) == (0, 0, 0)


def test_forth_goes_by_the_targets_latent():
    """The voxel term teaches the converter's branch of the target, and no other."""
    system = gan("calf_gan")
    batch = pairs("calf_gan")
    way = system.translate(batch.source)
    system.generator_terms(batch, way)["voxel"].backward()
    branches = system.network.converter.towards
    assert has_gradient(branches[system.network.target])
    assert not has_gradient(branches[system.network.source])
    torch.testing.assert_close(
        way.made, system.network.generator(batch.source, way.latent.f_hat), rtol=1e-3, atol=1e-3
    )


def test_back_goes_by_the_sources_latent():
    """With the image made cut off, the cycle teaches the encoder; the converter never spoke."""
    system = gan("calf_gan")
    batch = pairs("calf_gan")
    way = system.translate(batch.source)
    cut = Way(way.made.detach(), way.f, way.latent)
    system.generator_terms(batch, cut)["cycle"].backward()
    assert has_gradient(system.network.encoder.heads[system.network.source])
    assert not has_gradient(system.network.encoder.heads[system.network.target])
    assert not has_gradient(system.network.converter)


def test_the_feature_term_compares_the_latent_asked_for_with_the_one_seen_by_the_targets_head():
    system = gan("calf_gan")
    batch = pairs("calf_gan")
    way = system.translate(batch.source)
    terms = system.generator_terms(batch, way)
    seen = system.network.encoder(way.made, system.network.target)
    expected = (way.latent.f_hat - seen).abs().mean()
    assert terms["feature"].item() == pytest.approx(expected.item(), rel=1e-3)
    terms["feature"].backward()
    assert has_gradient(system.network.encoder.heads[system.network.target])
    assert has_gradient(system.network.generator)


def test_the_orthogonal_term_is_of_the_converters_parts():
    system = gan("calf_gan")
    batch = pairs("calf_gan")
    way = system.translate(batch.source)
    shared, source, target = way.latent.f_wo, way.latent.f_wm, way.latent.f_tm
    expected = ((shared * source).sum(1) ** 2 + (shared * target).sum(1) ** 2).mean()
    terms = system.generator_terms(batch, way)
    assert terms["orthogonal"].item() == pytest.approx(expected.item(), rel=1e-5)


def test_running_averages_are_of_sources_alone():
    """What comes back, and what is encoded again, is of the other contrast."""
    made, alone = gan("calf_gan"), gan("calf_gan")
    batch = pairs("calf_gan")
    made.generator_terms(batch, made.translate(batch.source))
    alone.translate(batch.source)
    other = alone.generator.state_dict()
    for key, value in made.generator.state_dict().items():
        if "running" in key:
            torch.testing.assert_close(value, other[key])


def test_served_by_its_averages_it_makes_nearly_what_it_made_while_learning():
    system = gan("calf_gan")
    batch = pairs("calf_gan")
    for norm in system.generator.modules():
        if isinstance(norm, torch.nn.BatchNorm2d):
            norm.momentum = 1.0  # as after many updates: the averages have met
    with torch.no_grad():
        learning = system.generator(batch.source)
        served = system.generator.eval()(batch.source)
    assert (served - learning).abs().mean() < 0.02


@pytest.mark.parametrize("mcf", [True, False])
def test_without_guidance_pix2pix_is_left(mcf):
    system = gan("calf_gan", sizes={"guidance": False, "mcf": mcf})
    losses = system.update(pairs("calf_gan"), 0)
    assert set(losses) == {"adversary", "adversarial", "voxel"}


def test_without_an_adversary_nobody_asks_it():
    system = gan("calf_gan", adversarial=0)
    before = [p.clone() for p in system.adversary.parameters()]
    losses = system.update(pairs("calf_gan"), 0)
    assert not {"adversary", "adversarial"} & set(losses)
    assert all(
        torch.equal(p, q) for p, q in zip(before, system.adversary.parameters(), strict=True)
    )
