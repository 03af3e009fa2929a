"""Networks over volumes: normalised volumes and a network in, the network's volume out."""

from collections.abc import Sequence

from torch import nn

from engine.device import Device
from engine.generate.slices import generate_slices
from engine.generate.stepdown import with_less
from engine.generate.windows import generate_whole, generate_windows
from engine.task import Generation
from engine.volume import Array, Volume

__all__ = ["generate", "generate_slices", "generate_whole", "generate_windows", "with_less"]


def generate(
    network: nn.Module, volumes: Sequence[Volume], generation: Generation, device: Device
) -> Array:
    """Run ``network`` over ``volumes`` as ``generation`` says.

    Shapes
    ------
    return : (Z, Y, X), of the array library of the volumes
    """
    if generation.how == "slices":
        return generate_slices(network, volumes, device)
    if generation.how == "whole":
        return generate_whole(network, volumes, device)
    size, overlap = generation.size, generation.overlap
    return generate_windows(network, volumes, device, size=size, overlap=overlap)
