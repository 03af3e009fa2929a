"""Parameters and operations of a network, counted without a single number in memory."""

from collections.abc import Callable

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def gmacs(call: Callable[..., object], *shapes: tuple[int, ...]) -> float:
    """Multiply-accumulates of the convolutions when ``call`` sees tensors of these shapes, in 1e9.

    The network is built and called on the meta device.
    """
    with FlopCounterMode(display=False) as counter:
        call(*(torch.zeros(shape, device="meta") for shape in shapes))
    counts = counter.get_flop_counts()["Global"]
    return counts[torch.ops.aten.convolution] / 2 / 1e9
