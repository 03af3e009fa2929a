"""2D networks over a volume, slice by slice along Z."""

from collections.abc import Sequence

import torch
from torch import nn

from engine.device import Device
from engine.generate.running import run, running
from engine.volume import Array, Volume
from engine.xp import from_torch, namespace, to_torch

__all__ = ["generate_slices"]

_TOGETHER = 8
"""Slices that a GPU always sees at once."""


def generate_slices(network: nn.Module, volumes: Sequence[Volume], device: Device) -> Array:
    """Run ``network`` on every slice.

    Same input and same weights give the same bytes, whatever ``device.batch`` and
    ``device.threads``: see :mod:`engine.generate.running`.

    Parameters
    ----------
    network : nn.Module
        (B, K, H, W) to (B, 1, H, W), set to evaluate.
    volumes : sequence of Volume
        K channels on one grid, in the network's range; rows and columns as it wants them.
    device : Device
        Where to run; ``batch`` slices lie there at once.

    Shapes
    ------
    return : (Z, Y, X), of the array library of the volumes
    """
    first = volumes[0].voxels
    network = network.to(device.torch)
    parts = []
    with running(device):
        for start in range(0, first.shape[0], device.batch):
            stop = min(start + device.batch, first.shape[0])
            chunks = [to_torch(volume.voxels[start:stop, ...]) for volume in volumes]
            channels = [chunk.to(device.torch, torch.float32) for chunk in chunks]
            slices = torch.stack(channels, dim=1)  # (b, K, H, W)
            made = run(network, slices, device, together=_TOGETHER)
            parts.append(from_torch(made.squeeze(1).contiguous(), like=first))
    return namespace(first).concat(parts)
