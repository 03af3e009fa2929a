"""Every system as small as it goes, and two pairs for it to learn."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.nn.functional import avg_pool2d, avg_pool3d

from train.data import Batch
from train.systems import RANGES, Choice, System, build_system


@dataclass(frozen=True)
class Tiny:
    """A network's smallest sizes, its adversary's, and what it takes."""

    shape: tuple[int, ...]
    sizes: Mapping[str, Any]
    settings: Mapping[str, Any] = field(default_factory=dict)
    contrasts: int = 1


TINY = {
    "agi_net": Tiny((32, 32), {"width": 8, "groups": 4}, {"adversary_width": 4}, 2),
    "calf_gan": Tiny((64, 64), {"width": 8, "blocks": 1}, {"adversary_width": 4}),
    "hlsnc_gan": Tiny((32, 32), {"width": 4, "blocks": 1}, {"adversary_width": 4}),
    "mdaunet3d": Tiny((8, 8, 8), {"width": 4}, {"adversary_width": 2}),
    "pcsa_gan": Tiny((16, 16, 16), {"width": 6}, {"adversary_width": 2, "side": 16, "window": 3}),
    "resunet": Tiny((32, 32), {"width": 8}, {"adversary_width": 4}, 2),
}


def pairs(network: str, seed: int = 0, shape: tuple[int, ...] = ()) -> Batch:
    """Two smooth images in the network's range; the target is the first contrast, bent."""
    shape = shape or TINY[network].shape
    drawn = torch.Generator().manual_seed(seed)
    source = torch.rand(2, TINY[network].contrasts, *shape, generator=drawn)
    source = (avg_pool2d if len(shape) == 2 else avg_pool3d)(source, 5, 1, 2)
    low, high = RANGES[network]
    return Batch(low + (high - low) * source, low + (high - low) * source[:, :1] ** 2)


def gan(name: str, preset: str = "paper", *, steps: int = 50, seed: int = 0, **changes: Any):
    """The system called ``name``; all but sizes, network, precision and hu_window are settings."""
    network = changes.pop("network", name)
    tiny = TINY[network]
    sizes = {**tiny.sizes, **changes.pop("sizes", {})}
    precision, window = changes.pop("precision", "fp32"), changes.pop("hu_window", None)
    settings = {**tiny.settings, **changes}
    choice = Choice(name, preset, steps, seed, sizes, settings, network, precision, window)
    return build_system(choice)


def regression(network: str, preset: str = "paper", *, steps: int = 50, **changes: Any):
    """The regression on ``network``."""
    sizes, window = TINY[network].sizes, changes.pop("hu_window", None)
    choice = Choice("regression", preset, steps, 0, sizes, changes, network, window=window)
    return build_system(choice)


def weights_of(system: System) -> dict[str, torch.Tensor]:
    """A copy of every tensor of every network."""
    return {
        f"{name}/{key}": value.clone()
        for name, network in system.networks.items()
        for key, value in network.state_dict().items()
    }
