"""Where a device has no room for the work: less of it at once, then the CPU, then a reason."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

import torch

from engine.device import Device, choose
from engine.errors import NoMemory

__all__ = ["Done", "less_and_less", "with_less"]

Result = TypeVar("Result")
_FEW = 8


@dataclass(frozen=True, eq=False, slots=True)
class Done(Generic[Result]):
    """What was made, where, and after what.

    Parameters
    ----------
    device : Device
        Where it was made in the end.
    lacked : tuple of str
        What found no room before, a sentence each; empty where the first try was the last.
    """

    result: Result
    device: Device
    lacked: tuple[str, ...] = ()


def less_and_less(device: Device) -> Iterator[Device]:
    """Yield ``device``, then what needs less room, and at last a CPU with one piece at a time.

    On a CPU the result has the same bytes wherever it is made. A GPU that sees fewer pieces at once
    takes other kernels, and a CPU is another device: these differ in the last bits of single
    precision, far below what is stored.
    """
    seen = []
    for one in (device, *_lesser(device)):
        if one not in seen:
            seen.append(one)
            yield one


def _lesser(device: Device) -> Iterator[Device]:
    if device.name == "cuda":
        yield replace(device, batch=min(device.batch, _FEW))
        yield replace(device, batch=1, together=1)
        device = replace(choose("cpu", threads=device.threads), arrays_on_gpu=device.arrays_on_gpu)
        yield device
    yield replace(device, batch=1, threads=1)


def with_less(make: Callable[[Device], Result], device: Device) -> Done[Result]:
    """Return what ``make`` makes on ``device``, or on the first that needs less and has room.

    Raises
    ------
    NoMemory
        When there is no room for one piece at a time on the CPU either; it says what was tried.
    """
    lacked: list[str] = []
    for one in less_and_less(device):
        try:
            return Done(make(one), one, tuple(lacked))
        except NoMemory as exc:
            lacked.append(str(exc))
        _give_back()
    raise NoMemory("; then ".join(lacked))


def _give_back() -> None:
    """Return what the last try left with torch's allocator: others compute on the card too."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
