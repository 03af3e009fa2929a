"""One process alone; several are started by torchrun in test_torchrun.py."""

import os
import subprocess
import sys
from pathlib import Path

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


ALONE = """
import os
import torch
from engine.device import choose
from train import processes

weight = torch.nn.Parameter(torch.ones(2))
with processes.joined(choose("cpu")):
    weight.sum().backward()
    processes.average_gradients([weight])
    torch.optim.Adam([weight]).step()  # its first import of torch._dynamo is within the group
    assert torch.distributed.is_initialized()
names = [open(f"/proc/self/task/{one}/comm").read() for one in os.listdir("/proc/self/task")]
print([name.strip() for name in names if "gloo" in name])
"""


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="threads are listed by Linux")
def test_no_thread_of_a_group_outlives_it():
    """Else the interpreter, closing down under them, is aborted once in many runs."""
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "0", "RANK": "0", "WORLD_SIZE": "1"}
    launched = {"TORCHELASTIC_RUN_ID": "alone", "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", ALONE],
        env=os.environ | place | launched,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr


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
