"""Several processes that learn one model, started by torchrun; one process needs none of this.

Every process draws the whole batch and takes its share, gradients are averaged before each step of
an optimiser, and the first process alone writes. Two processes then do what one does with the same
batch, but for rounding, wherever what is learned from a batch is the mean of what is learned from
its members. It is not, and several processes learn something close but not the same,

- where a norm takes statistics over the batch: each process knows those of its share;
- of the loss ``relativistic``, which holds every image against the mean logit of the others: each
  process takes the mean over its share;
- of a voxel term with ``air`` or ``dense`` other than 1, which divides by the weights that it has
  seen: each process divides by those of its share, and shares with more air count as much;
- where a network draws, as dropout does: each process has a chance of its own.

References
----------
torchrun: https://docs.pytorch.org/docs/stable/elastic/run.html
"""

import importlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, distributed, nn

from engine.device import Device

__all__ = [
    "average_gradients",
    "average_losses",
    "joined",
    "launched",
    "rank",
    "said",
    "share",
    "world",
]


def launched() -> bool:
    """Whether torchrun started this process."""
    return distributed.is_torchelastic_launched()


def rank() -> int:
    """Return the number of this process: 0 writes and speaks."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def world() -> int:
    """Return how many processes learn together."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


@contextmanager
def joined(device: Device) -> Iterator[torch.device]:
    """Meet the other processes, where torchrun started some; part from them at the end.

    Parameters
    ----------
    device : Device
        CUDA devices talk by NCCL, one to a process; CPUs by gloo.

    Yields
    ------
    place : torch.device
        Where this process computes.
    """
    if not launched() or distributed.is_initialized():
        yield device.torch
        return
    # Its functions have the group of all processes as a default, as it is when they are defined.
    # Loaded by an optimiser while the group stands, they keep it after the end; its threads then
    # outlive the interpreter, and now and then abort the process (exit code -6).
    importlib.import_module("torch.distributed.nn.functional")
    place = device.torch
    if place.type == "cuda":
        place = torch.device("cuda", distributed.get_node_local_rank())
        torch.cuda.set_device(place)
    distributed.init_process_group("nccl" if place.type == "cuda" else "gloo")
    try:
        yield place
    finally:
        distributed.destroy_process_group()


def share(size: int) -> slice:
    """Return which of the ``size`` members of a batch are this process's."""
    each = size // world()
    return slice(rank() * each, (rank() + 1) * each)


@torch.no_grad()
def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Replace every gradient by its mean over the processes, in one message.

    To be called between ``backward`` and the optimiser's step, by all processes for the same
    parameters in the same order. Parameters without a gradient stay without. One process: nothing.
    """
    if world() == 1:
        return
    gradients = [one.grad for one in parameters if one.grad is not None]
    if not gradients:
        return
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    distributed.all_reduce(flat)
    flat /= world()
    parts = torch.split(flat, [gradient.numel() for gradient in gradients])
    for gradient, part in zip(gradients, parts, strict=True):
        gradient.copy_(part.view_as(gradient))


def average_losses(losses: Mapping[str, float], place: torch.device) -> dict[str, float]:
    """Return the mean of every loss over the processes."""
    if world() == 1:
        return dict(losses)
    values = _tensor(list(losses.values()), place)
    distributed.all_reduce(values)
    return dict(zip(losses, (values / world()).tolist(), strict=True))


def said(value: float, place: torch.device) -> float:
    """Return the value of the first process: what it measured decides for all."""
    if world() == 1:
        return value
    heard = _tensor([value], place)
    distributed.broadcast(heard, src=0)
    return float(heard.item())


def _tensor(values: list[float], place: torch.device) -> Tensor:
    return torch.tensor(values, dtype=torch.float64, device=place)
