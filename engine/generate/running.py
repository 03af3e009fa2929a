"""Pieces of volumes through a network, so that the same piece gives the same bytes in any company.

On a CPU each piece is computed alone by one thread, several side by side. On a GPU pieces go
through in groups of one fixed size: libraries choose kernels by shape, and kernels differ in the
last bit, so with one shape the result does not depend on how many there are.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn

from engine.device import Device
from engine.errors import ShapeError

__all__ = ["run", "running"]


@contextmanager
def running(device: Device) -> Iterator[None]:
    """Keep no gradients; on a CPU let torch use one thread a piece, on a GPU full precision.

    Torch has its own settings back afterwards.
    """
    threads = torch.get_num_threads()
    exact = torch.backends.cudnn.flags(
        enabled=torch.backends.cudnn.enabled, benchmark=False, deterministic=True, allow_tf32=False
    )
    try:
        if device.name == "cpu":
            torch.set_num_threads(1)
        with torch.inference_mode(), exact:
            yield
    finally:
        torch.set_num_threads(threads)


def run(network: nn.Module, pieces: Tensor, device: Device, *, together: int) -> Tensor:
    """Return the network's answer to each of ``pieces``; call it inside :func:`running`.

    Parameters
    ----------
    network : nn.Module
        Set to evaluate, on the device.
    together : int
        Pieces that a GPU always sees at once.

    Shapes
    ------
    pieces : (B, K, ...), float32 on the device
    return : (B, 1, ...)

    Raises
    ------
    ShapeError
        When the answer has another shape.
    """
    work = _on_gpu if device.name == "cuda" else _on_cpu
    made = work(network, pieces, device.threads, device.together or together)
    wanted = (pieces.shape[0], 1, *pieces.shape[2:])
    if tuple(made.shape) != wanted:
        raise ShapeError(f"the network answered {tuple(made.shape)}, {wanted} is wanted")
    return made


def _on_gpu(network: nn.Module, pieces: Tensor, threads: int, together: int) -> Tensor:  # noqa: ARG001
    made = []
    for group in torch.split(pieces, together):
        padding = group[-1:].expand(together - group.shape[0], *group.shape[1:])
        made.append(network(torch.cat([group, padding]))[: group.shape[0]])
    return torch.cat(made)


def _on_cpu(network: nn.Module, pieces: Tensor, threads: int, together: int) -> Tensor:  # noqa: ARG001
    with ThreadPoolExecutor(threads, initializer=partial(torch.set_num_threads, 1)) as pool:
        return torch.cat(list(pool.map(partial(_alone, network), torch.split(pieces, 1))))


def _alone(network: nn.Module, piece: Tensor) -> Tensor:
    with torch.inference_mode():  # the mode belongs to the thread
        made: Tensor = network(piece)
    return made
