"""Where to run, and how many slices or windows at once."""

import os
from dataclasses import dataclass
from typing import Literal

import torch

from engine.errors import DeviceMissing, SpecError
from engine.xp import has_cupy

__all__ = ["Choice", "Device", "choose"]

_NAMES = ("auto", "cpu", "cuda")
Choice = Literal["auto", "cpu", "cuda"]


@dataclass(frozen=True, slots=True)
class Device:
    """One place to compute.

    Parameters
    ----------
    name : str
        torch's name: ``cpu`` or ``cuda``.
    batch : int
        Slices that lie on it at once. It changes speed and memory, never a result.
    threads : int
        Slices that a CPU computes side by side; it changes no result either.
    arrays_on_gpu : bool
        Whether preprocessing runs on CuPy, so that voxels never come back to the host in between.
    together : int or None
        Slices or windows that a GPU computes at once, where it has no room for as many as it should
        (see :mod:`engine.generate.stepdown`); None: as many as it should.
    """

    name: str
    batch: int
    threads: int
    arrays_on_gpu: bool
    together: int | None = None

    def __post_init__(self) -> None:
        if self.batch < 1 or self.threads < 1:
            raise SpecError(f"at least one slice and one thread are wanted, got {self}")

    @property
    def torch(self) -> torch.device:
        """The device as torch wants it."""
        return torch.device(self.name)


def choose(
    wanted: Choice = "auto", *, batch: int | None = None, threads: int | None = None
) -> Device:
    """Return the device to run on.

    Parameters
    ----------
    wanted : {"auto", "cpu", "cuda"}
        ``auto`` takes CUDA where there is one.
    batch : int, optional
        Slices at once; 8 on a CPU and 32 on a GPU unless said.
    threads : int, optional
        CPU threads; as many as this process may use unless said.

    Raises
    ------
    DeviceMissing
        When CUDA is asked for by name and is not there.
    SpecError
        When the name is none of the three, or a number is below 1.
    """
    if wanted not in _NAMES:
        raise SpecError(f"device '{wanted}': choose one of {', '.join(_NAMES)}")
    cuda = torch.cuda.is_available()
    if wanted == "cuda" and not cuda:
        raise DeviceMissing("CUDA was asked for and no CUDA device answers; set device = 'auto'")
    workers = len(os.sched_getaffinity(0)) if threads is None else threads
    if cuda and wanted != "cpu":
        return Device("cuda", 32 if batch is None else batch, workers, arrays_on_gpu=has_cupy())
    return Device("cpu", 8 if batch is None else batch, workers, arrays_on_gpu=False)
