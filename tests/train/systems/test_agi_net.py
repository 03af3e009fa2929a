import pytest
import torch

from tests.train.systems.tiny import gan, pairs
from train.systems.agi_net import PRESETS


def test_the_papers_preset_is_pix2pix_at_the_papers_rate():
    paper = PRESETS["paper"]
    assert (paper.adversarial, paper.voxel, paper.form) == (1, 100, "entropy")
    assert (paper.learning_rate, paper.betas, paper.schedule) == (1e-4, (0.5, 0.999), "constant")
    assert (paper.adversary_rate, paper.adversary_width) == (0, 64)
    assert (paper.average, paper.clip, paper.r1) == (0, 0, 0)


@pytest.mark.parametrize("network", ["agi_net", "resunet"])
def test_network_and_backbone_learn_in_the_same_game(network):
    system, batch = gan("agi_net", network=network), pairs(network)
    assert system.adversary.channels_in == 3
    assert type(system.generator).__name__ == {"agi_net": "AgiNet", "resunet": "ResUnet"}[network]
    with torch.no_grad():
        made = system.generator(batch.source)
    losses = system.update(batch, 0)
    assert losses["voxel"] == pytest.approx((made - batch.target).abs().mean().item(), rel=1e-4)


def test_the_adversary_sees_all_contrasts_of_three():
    system = gan("agi_net", sizes={"channels_in": 3})
    assert system.adversary.channels_in == 4


def test_the_slope_is_paid_in_every_sixteenth_update_that_many_times_over():
    batch = pairs("agi_net")

    def gradient(step: int, r1: float, every: int = 16) -> torch.Tensor:
        system = gan("agi_net", r1=r1, r1_every=every)
        system.update(batch, step)
        return system.adversary.layers[0].weight.grad.clone()

    assert torch.equal(gradient(1, 0.0), gradient(1, 10.0))
    assert not torch.equal(gradient(16, 0.0), gradient(16, 10.0))
    assert torch.equal(gradient(16, 1.0), gradient(16, 16.0, every=1))
