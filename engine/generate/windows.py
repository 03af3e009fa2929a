"""3D networks over a volume: all of it at once, or in overlapping windows that are blended."""

from collections.abc import Sequence
from itertools import product

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.device import Device
from engine.generate.running import run, running
from engine.volume import Array, Volume
from engine.xp import from_torch, to_torch

__all__ = ["generate_whole", "generate_windows"]

_TOGETHER = 4
"""Windows that a GPU always sees at once."""
_SIGMA = 0.125
"""Standard deviation of a window's weights, as a share of its side."""
_LEAST_WEIGHT = 1e-3
"""Of a window's corners: enough that single precision divides by it well."""

Span = tuple[slice, ...]


def generate_whole(network: nn.Module, volumes: Sequence[Volume], device: Device) -> Array:
    """Run ``network`` once on all of the volume.

    Parameters
    ----------
    network : nn.Module
        (1, K, D, H, W) to (1, 1, D, H, W), set to evaluate.
    volumes : sequence of Volume
        K channels on one grid, in the network's range, of a size that it takes.

    Shapes
    ------
    return : (Z, Y, X), of the array library of the volumes
    """
    network = network.to(device.torch)
    with running(device):
        made = run(network, _channels(volumes, device)[None], device, together=1)
        return from_torch(made[0, 0].contiguous(), like=volumes[0].voxels)


def generate_windows(
    network: nn.Module,
    volumes: Sequence[Volume],
    device: Device,
    *,
    size: Sequence[int],
    overlap: float,
) -> Array:
    """Run ``network`` on windows of one size and blend what they say.

    Windows stand on a fixed lattice, the last along each axis pulled back to the volume's end.
    Each voxel is the mean of the windows over it, weighted by a Gaussian around each window's
    middle, summed in single precision in the order of the lattice: same bytes whatever
    ``device.batch`` and ``device.threads``. A volume smaller than a window is continued by its
    outermost voxels.

    Parameters
    ----------
    network : nn.Module
        (B, K, *size) to (B, 1, *size), set to evaluate.
    volumes : sequence of Volume
        K channels on one grid, in the network's range.
    device : Device
        Where to run; ``batch`` windows lie there at once.
    size : (Z, Y, X)
        Of a window, in voxels.
    overlap : float
        Share of a window that the next covers again, 0 to below 1.

    Shapes
    ------
    return : (Z, Y, X), of the array library of the volumes
    """
    network = network.to(device.torch)
    with running(device):
        whole, inner = _padded(_channels(volumes, device), size)
        shape = whole.shape[1:]
        starts = [_starts(*axis, overlap) for axis in zip(shape, size, strict=True)]
        spans = [
            tuple(slice(first, first + n) for first, n in zip(corner, size, strict=True))
            for corner in product(*starts)
        ]
        total = _blended(network, whole, spans, device)
        return from_torch(total[inner].contiguous(), like=volumes[0].voxels)


def _channels(volumes: Sequence[Volume], device: Device) -> Tensor:
    """Return (K, Z, Y, X) in single precision on the device."""
    parts = (to_torch(volume.voxels).to(device.torch, torch.float32) for volume in volumes)
    return torch.stack(list(parts))


def _padded(whole: Tensor, size: Sequence[int]) -> tuple[Tensor, Span]:
    """Continue axes shorter than a window on both sides; return where the volume is then."""
    missing = [max(0, n - have) for n, have in zip(size, whole.shape[1:], strict=True)]
    inner = tuple(
        slice(lack // 2, lack // 2 + have)
        for lack, have in zip(missing, whole.shape[1:], strict=True)
    )
    if not any(missing):
        return whole, inner
    pads = [side for lack in reversed(missing) for side in (lack // 2, lack - lack // 2)]
    return functional.pad(whole[None], pads, mode="replicate")[0], inner


def _starts(count: int, size: int, overlap: float) -> list[int]:
    """First voxel of each window along an axis of ``count`` voxels."""
    step = max(1, int(size * (1 - overlap)))
    windows = -(-(count - size) // step) + 1
    return [min(index * step, count - size) for index in range(windows)]


def _blended(network: nn.Module, whole: Tensor, spans: Sequence[Span], device: Device) -> Tensor:
    """Return the weighted mean of the windows at ``spans``."""
    weight = _weight([span.stop - span.start for span in spans[0]], device)
    total = torch.zeros(whole.shape[1:], device=whole.device)
    weights = torch.zeros_like(total)
    for start in range(0, len(spans), device.batch):
        group = spans[start : start + device.batch]
        windows = torch.stack([whole[(slice(None), *span)] for span in group])  # (b, K, *size)
        answers = run(network, windows, device, together=_TOGETHER)
        for span, made in zip(group, answers, strict=True):
            total[span] += weight * made[0]
            weights[span] += weight
    return total / weights


def _weight(size: Sequence[int], device: Device) -> Tensor:
    """Return a Gaussian over a window, 1 at its middle."""
    weight = torch.ones((), device=device.torch)
    for count in size:
        away = torch.arange(count, device=device.torch) - (count - 1) / 2
        weight = weight[..., None] * torch.exp(-((away / (_SIGMA * count)) ** 2) / 2)
    return torch.clamp(weight, min=max(_LEAST_WEIGHT, float(weight.min())))
