"""One process alone; several are started by torchrun in test_torchrun.py."""

import pytest
import torch
from torch import nn

from engine.device import choose
from train import processes
from train.losses import adversary_loss, voxel


def test_alone_it_is_the_first_of_one_and_takes_the_whole_batch():
    assert (processes.rank(), processes.world()) == (0, 1)
    assert processes.share(6) == slice(0, 6)
    assert not processes.launched()


def test_alone_nothing_is_joined_and_nothing_averaged():
    with processes.joined(choose("cpu")) as place:
        assert place == torch.device("cpu")
        assert not torch.distributed.is_initialized()
    layer = nn.Linear(2, 1)
    layer(torch.ones(1, 2)).sum().backward()
    before = layer.weight.grad.clone()
    processes.average_gradients(layer.parameters())
    assert torch.equal(layer.weight.grad, before)
    assert processes.average_losses({"voxel": 2.0}, torch.device("cpu")) == {"voxel": 2.0}
    assert processes.said(0.5, torch.device("cpu")) == 0.5


def mean_of_shares(loss, batch):
    """What two processes pay for one batch."""
    return torch.stack([loss(one) for one in batch.chunk(2)]).mean().item()


def test_what_the_module_says_of_shares_is_so():
    """A plain mean is that of its shares; a weighted one and a relative one are not."""
    assert processes.__doc__ is not None
    assert all(word in processes.__doc__ for word in ("relativistic", "air", "dense", "norm"))
    drawn = torch.Generator().manual_seed(0)
    images = torch.rand(4, 1, 8, 8, generator=drawn) * torch.arange(4.0).reshape(4, 1, 1, 1)

    def plain(one):
        return voxel(one / 2, one, onto=(0.0, 3.0))

    def weighted(one):
        return voxel(one / 2, one, air=0.1, onto=(0.0, 3.0))

    def relative(one):
        return adversary_loss((one,), (one.flip(-1) / 2,), "relativistic")

    assert mean_of_shares(plain, images) == pytest.approx(plain(images).item(), rel=1e-5)
    for loss in (weighted, relative):
        assert mean_of_shares(loss, images) != pytest.approx(loss(images).item(), rel=1e-2)
