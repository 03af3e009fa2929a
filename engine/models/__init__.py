"""The networks, by name: what runs at inference.

What enters: a name, a preset and sizes. What leaves: an ``nn.Module``, tensor in, tensor out at
full resolution. One file per paper; what two or more share is in :mod:`engine.models.blocks`.
"""

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn

from engine.errors import SpecError
from engine.models.agi_net import build_agi_net
from engine.models.calf_gan import build_calf_gan
from engine.models.hlsnc_gan import build_hlsnc_generator
from engine.models.mdaunet3d import bake_mdaunet3d, build_mdaunet3d
from engine.models.pcsa_gan import build_pcsa_generator
from engine.models.resunet import build_resunet

__all__ = ["NAMES", "bake", "build"]

_BUILDERS: Mapping[str, Callable[[str, Mapping[str, Any]], nn.Module]] = {
    "agi_net": build_agi_net,
    "calf_gan": build_calf_gan,
    "hlsnc_gan": build_hlsnc_generator,
    "mdaunet3d": build_mdaunet3d,
    "pcsa_gan": build_pcsa_generator,
    "resunet": build_resunet,
}
NAMES = tuple(sorted(_BUILDERS))


def build(name: str, preset: str = "paper", sizes: Mapping[str, Any] | None = None) -> nn.Module:
    """Return the network called ``name``, its weights random.

    Parameters
    ----------
    name : str
        One of :data:`NAMES`.
    preset : str
        ``paper``: as published, with the repairs that the docstring of the network lists.
    sizes : mapping, optional
        What is to differ from the preset: width, number of blocks. See the network.

    Raises
    ------
    SpecError
        When name, preset or a size is unknown.
    """
    if name not in _BUILDERS:
        raise SpecError(f"no network '{name}'; known: {', '.join(NAMES)}")
    return _BUILDERS[name](preset, dict(sizes or {}))


def bake(
    name: str, preset: str, sizes: Mapping[str, Any], weights: Mapping[str, Tensor]
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return the sizes and the weights of what serves, from those that were learned.

    What only learning needs is left out: norms of kernels are divided into them, images at coarser
    resolutions go. ``build(name, preset, sizes)`` with what is returned, the weights loaded into
    it, gives in evaluation what the network gave before. Most networks are served as learned;
    baking twice changes nothing.

    Parameters
    ----------
    name, preset, sizes
        As for :func:`build`.
    weights : mapping
        The network's tensors, every one and no other.

    Raises
    ------
    SpecError
        When name, preset or a size is unknown.
    """
    if name not in _BUILDERS:
        raise SpecError(f"no network '{name}'; known: {', '.join(NAMES)}")
    if name == "mdaunet3d":
        return bake_mdaunet3d(preset, sizes, weights)
    return dict(sizes), dict(weights)
