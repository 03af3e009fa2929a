import pytest
import torch
from torch import nn

from engine.models.blocks import SwitchNorm2d
from tests.train.systems.tiny import gan, pairs, regression
from train.errors import NotFinite
from train.systems.base import average_of, drawn_from, finite, fixed, follow, unseen, weighted


def norm() -> nn.BatchNorm2d:
    made = nn.BatchNorm2d(1)
    made(torch.rand(2, 1, 4, 4))
    return made


def test_the_average_keeps_its_share_of_weights_and_statistics_and_counts_along():
    network = norm()
    average = average_of(network)
    with torch.no_grad():
        network.weight += 1
        network.running_mean += 1
        network.num_batches_tracked += 5
    mean = average.running_mean.clone()
    follow(average, network, keep=0.75)
    assert average.weight.item() == pytest.approx(1.25)
    assert average.running_mean.item() == pytest.approx(mean.item() + 0.25)
    assert average.num_batches_tracked == network.num_batches_tracked
    assert not average.training
    assert not any(p.requires_grad for p in average.parameters())


def test_what_is_drawn_leaves_the_worlds_chance_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    with drawn_from(1):
        one = torch.rand(2)
    assert torch.equal(torch.rand(3), expected)
    with drawn_from(1):
        assert torch.equal(torch.rand(2), one)


def test_gradients_pass_a_fixed_network_and_stay_out_of_it():
    network, x = nn.Linear(2, 1), torch.ones(1, 2, requires_grad=True)
    with fixed(network):
        network(x).sum().backward()
    assert x.grad is not None
    assert network.weight.grad is None
    assert network.weight.requires_grad


def test_what_a_norm_does_not_see_leaves_its_averages():
    for made in (norm(), SwitchNorm2d(1)):
        before = made.running_mean.clone()
        momentum = made.momentum
        with unseen(made):
            made(100 + torch.rand(2, 1, 4, 4))
        assert torch.equal(made.running_mean, before)
        assert made.momentum == momentum > 0
        made(100 + torch.rand(2, 1, 4, 4))
        assert not torch.equal(made.running_mean, before)


def test_terms_are_weighted_by_the_setting_of_their_name():
    settings = gan("agi_net", voxel=100.0, adversarial=2.0).settings
    terms = {"voxel": torch.tensor(0.5), "adversarial": torch.tensor(3.0)}
    assert weighted(terms, settings) == pytest.approx(56.0)


def test_a_loss_that_is_no_number_stops_learning_and_is_named():
    with pytest.raises(NotFinite, match="loss 'cycle' is nan at step 7"):
        finite({"voxel": 1.0, "cycle": float("nan")}, 7)
    broken = regression("resunet")
    with torch.no_grad():
        broken.generator.head.weight.fill_(float("nan"))
    with pytest.raises(NotFinite, match="loss 'voxel' is nan at step 2"):
        broken.update(pairs("resunet"), 2)


def test_gradients_are_no_longer_than_the_clip():
    made = regression("resunet", voxel=1e6, clip=1.0)
    made.update(pairs("resunet"), 0)
    total = torch.stack([p.grad.square().sum() for p in made.generator.parameters()]).sum().sqrt()
    assert total == pytest.approx(1.0, abs=1e-3)


def test_gradients_are_averaged_over_processes_before_they_are_clipped(monkeypatch):
    """As if another process had a gradient a thousand times longer: the mean is clipped."""
    heard = []

    def average(parameters) -> None:
        for parameter in parameters:
            heard.append(parameter.grad.norm())
            parameter.grad *= 1000

    monkeypatch.setattr("train.systems.base.average_gradients", average)
    made = regression("resunet", clip=1.0)
    made.update(pairs("resunet"), 0)
    parameters = list(made.generator.parameters())
    assert len(heard) == len(parameters)
    assert torch.stack([p.grad.square().sum() for p in parameters]).sum() == pytest.approx(
        1.0, abs=1e-3
    )


def test_rates_follow_the_schedule_and_what_is_served_is_the_average():
    made = regression("resunet", "robust", steps=4)
    for step, share in [(0, 1.0), (2, 0.5)]:
        made.update(pairs("resunet"), step)
        group = made.optimisers["generator"].param_groups[0]
        assert group["lr"] == pytest.approx(made.settings.learning_rate * share)
    assert made.served == "average"
    away = made.networks["average"].head.weight - made.generator.head.weight
    assert 0 < away.abs().max() < 1e-2
    assert regression("resunet").served == "generator"
