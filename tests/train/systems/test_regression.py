import pytest
import torch

from tests.train.systems.tiny import gan, pairs, regression
from train.losses import gradient_difference, ssim
from train.systems.regression import PRESETS


def test_the_baseline_is_the_plain_difference():
    paper = PRESETS["paper"]
    assert (paper.voxel, paper.structure, paper.gradient, paper.air, paper.dense) == (1, 0, 0, 1, 1)
    system, batch = regression("calf_gan"), pairs("calf_gan")
    made = system.generator.train()(batch.source)
    expected = (made - batch.target).abs().mean().item()
    assert system.update(batch, 0) == {"voxel": pytest.approx(expected, rel=1e-3)}


def test_it_starts_from_the_very_generator_that_the_gan_starts_from():
    """Same preset, sizes and seed: what differs afterwards is what was learned."""
    rival, alone = gan("mdaunet3d", "robust"), regression("mdaunet3d", "robust")
    mine = alone.generator.state_dict()
    for key, value in rival.generator.state_dict().items():
        assert torch.equal(value, mine[key])


def test_a_network_of_several_resolutions_learns_them_all():
    system, batch = regression("mdaunet3d"), pairs("mdaunet3d")
    losses = system.update(batch, 0)
    assert all(head.weight.grad.abs().sum() > 0 for head in system.generator.heads)
    rival = gan("mdaunet3d").update(batch, 0)
    assert losses["voxel"] == pytest.approx(rival["voxel"], rel=1e-5)


@pytest.mark.parametrize(("network", "span"), [("hlsnc_gan", 2.0), ("resunet", 1.0)])
def test_structure_and_steps_are_of_the_networks_range(network, span):
    system, batch = regression(network, structure=1.0, gradient=1.0), pairs(network)
    made = system.generator(batch.source)
    losses = system.update(batch, 0)
    alike = ssim(made, batch.target, span=span)
    assert losses["structure"] == pytest.approx(1 - alike.item(), rel=1e-3)
    steps = gradient_difference(made, batch.target)
    assert losses["gradient"] == pytest.approx(steps.item(), rel=1e-3)


def test_air_may_count_less():
    batch = pairs("resunet")
    batch.target[0] = 0.0
    plain = regression("resunet").update(batch, 0)["voxel"]
    system = regression("resunet", air=0.0)
    made = system.generator(batch.source)
    expected = (made[1] - batch.target[1]).abs().mean().item()
    assert system.update(batch, 0)["voxel"] == pytest.approx(expected, rel=1e-4)
    assert plain != pytest.approx(expected, rel=1e-4)
