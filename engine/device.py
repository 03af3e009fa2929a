"""Where to run, and how many slices or windows at once."""

import os
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

import torch

from engine.errors import DeviceMissing, SpecError
from engine.xp import cupy_version, has_cupy

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

    @property
    def kind(self) -> str:
        """The class of device, as bytes see it: another kind may differ in the last bits."""
        if self.name == "cuda":
            return torch.cuda.get_device_name()
        return f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}"

    @property
    def software(self) -> dict[str, str]:
        """What computes on it besides torch itself, with versions; nothing on a CPU."""
        if self.name != "cuda":
            return {}
        cudnn = torch.backends.cudnn.version()  # type: ignore[no-untyped-call]
        found = {"cuda": str(torch.version.cuda), "cudnn": str(cudnn)}
        return {**found, "cupy": cupy_version()} if self.arrays_on_gpu else found

    def record(self) -> dict[str, Any]:
        """Return everything about it that :meth:`of_record` wants, and its kind."""
        return {**asdict(self), "kind": self.kind}

    @classmethod
    def of_record(cls, values: Mapping[str, Any]) -> Self:
        """Return the device that a record names, of whatever kind it is here.

        Raises
        ------
        DeviceMissing
            When there is no such device here.
        KeyError, TypeError, SpecError
            When it is no record of a device.
        """
        names = ("name", "batch", "threads", "arrays_on_gpu", "together")
        device = cls(*(values[name] for name in names))
        if device.name not in _NAMES[1:]:
            raise SpecError(f"device '{device.name}': one of {', '.join(_NAMES[1:])} is wanted")
        there = torch.cuda.is_available() if device.name == "cuda" else True
        if not there or (device.arrays_on_gpu and not has_cupy()):
            more = ", with CuPy" if device.arrays_on_gpu else ""
            text = f"it was made on {device.name} ({values.get('kind')}){more}, which is not here"
            raise DeviceMissing(f"{text}; run it on a machine that has one")
        return device


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
