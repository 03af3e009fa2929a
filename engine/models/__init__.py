"""The networks, by name: what runs at inference.

What enters: a name, a preset and sizes. What leaves: an ``nn.Module``, tensor in, tensor out at
full resolution. One file per paper; what two or more share is in :mod:`engine.models.blocks`.
"""

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from engine.errors import SpecError
from engine.models.hlsnc_gan import build_hlsnc_generator

__all__ = ["NAMES", "build"]

_BUILDERS: Mapping[str, Callable[[str, Mapping[str, Any]], nn.Module]] = {
    "hlsnc_gan": build_hlsnc_generator,
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
