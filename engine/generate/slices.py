"""2D networks over a volume, slice by slice along Z."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn

from engine.device import Device
from engine.volume import Array, Volume
from engine.xp import from_torch, namespace, to_torch

__all__ = ["generate_slices"]

_TOGETHER = 8
"""Slices that a GPU always sees at once. Libraries choose kernels by shape, and kernels differ in
the last bit: with one fixed shape the result does not depend on the batch."""


def generate_slices(network: nn.Module, volume: Volume, device: Device) -> Array:
    """Run ``network`` on every slice of ``volume``.

    Same input and same weights give the same bytes, whatever ``device.batch``: on a CPU each slice
    is computed alone by one thread, several slices side by side; on a GPU slices go through in
    groups of one fixed size.

    Parameters
    ----------
    network : nn.Module
        (B, 1, H, W) to (B, 1, H, W), set to evaluate.
    volume : Volume
        In the network's range; rows and columns as it wants them.
    device : Device
        Where to run; ``batch`` slices lie there at once.

    Shapes
    ------
    return : (Z, Y, X), of the array library of ``volume``
    """
    xp = namespace(volume.voxels)
    network = network.to(device.torch)
    parts = []
    with torch.inference_mode(), _one_thread_each(device):
        for first in range(0, volume.shape[0], device.batch):
            last = min(first + device.batch, volume.shape[0])
            chunk = to_torch(volume.voxels[first:last, ...])
            slices = chunk.to(device.torch, torch.float32).unsqueeze(1)  # (b, 1, H, W)
            run = _on_gpu if device.name == "cuda" else _on_cpu
            made = run(network, slices, device)
            parts.append(from_torch(made.squeeze(1).contiguous(), like=volume.voxels))
    return xp.concat(parts)


def _on_gpu(network: nn.Module, slices: Tensor, device: Device) -> Tensor:  # noqa: ARG001
    made = []
    for group in torch.split(slices, _TOGETHER):
        padding = group[-1:].expand(_TOGETHER - group.shape[0], -1, -1, -1)
        made.append(network(torch.cat([group, padding]))[: group.shape[0]])
    return torch.cat(made)


def _on_cpu(network: nn.Module, slices: Tensor, device: Device) -> Tensor:
    with ThreadPoolExecutor(device.threads, initializer=partial(torch.set_num_threads, 1)) as pool:
        return torch.cat(list(pool.map(partial(_alone, network), torch.split(slices, 1))))


def _alone(network: nn.Module, piece: Tensor) -> Tensor:
    with torch.inference_mode():  # the mode belongs to the thread
        made: Tensor = network(piece)
    return made


@contextmanager
def _one_thread_each(device: Device) -> Iterator[None]:
    """On a CPU, let torch use one thread per slice, and give it its threads back afterwards."""
    threads = torch.get_num_threads()
    try:
        if device.name == "cpu":
            torch.set_num_threads(1)
        yield
    finally:
        torch.set_num_threads(threads)
