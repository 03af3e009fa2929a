"""The engine's front door: files into volumes, volumes into a synthetic volume."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from engine.device import Device, choose
from engine.errors import InputRefused, NoMemory
from engine.generate import generate_slices
from engine.io import read_frames, read_voxels, split, stack
from engine.models import build
from engine.postprocess import Stored, check, quantise_hu, restore
from engine.preprocess import Chain, Window
from engine.provenance import PIPELINE_VERSION, Provenance
from engine.reason import Code, Reason
from engine.task import Bundle, Task
from engine.volume import Volume
from engine.weights import load_into
from engine.weights import read as read_weights
from engine.xp import put, to_numpy

__all__ = ["Reading", "Synthesis", "choose", "load_network", "read", "read_voxels", "synthesise"]


@dataclass(frozen=True, eq=False, slots=True)
class Reading:
    """The files of a series, read.

    Parameters
    ----------
    volumes : tuple of Volume
        Sound volumes only, largest first.
    reasons : tuple of Reason
        What was found wrong; empty for a series that is one sound volume.
    """

    volumes: tuple[Volume, ...]
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Synthesis:
    """What was made, and how.

    Parameters
    ----------
    volume : Volume
        NumPy voxels in the unit of what was made: on the source's grid, with its sources, or on
        the ``rt-axial`` grid.
    inside : (Z, Y, X) bool
        Which voxels lie in the source's field of view.
    stored : Stored
        The same as integers for DICOM.
    provenance : Provenance
        What ran, with which numbers.
    quality : mapping
        Figures by name, in the volume's unit.
    """

    volume: Volume
    inside: NDArray[Any]
    stored: Stored
    provenance: Provenance
    quality: Mapping[str, float]


def read(files: Sequence[Path]) -> Reading:
    """Return the volumes in the files of one series, with what was found wrong.

    Raises
    ------
    InputRefused
        When a file is not DICOM, or there is no image among them.
    PixelsUnreadable
        When the pixels of a sound stack cannot be decoded.
    """
    objects = read_frames([Path(file) for file in files])
    frames = [frame for frame in objects if frame.is_image]
    if not frames:
        raise InputRefused([Reason(Code.NOT_AN_IMAGE, "no image among the files")])
    candidates, reasons = split(frames)
    if others := len(objects) - len(frames):  # one of them may be a slice that was cut off
        text = f"{others} of {len(objects)} frames or objects are no image; images are wanted"
        reasons.insert(0, Reason(Code.NOT_AN_IMAGE, text))
    stacks = [stack(candidate.frames) for candidate in candidates]
    found = [*reasons, *(reason for one in stacks for reason in one.reasons)]
    sound = tuple(read_voxels(one) for one in stacks if one.grid is not None)
    return Reading(sound, tuple(dict.fromkeys(found)))


def synthesise(volumes: Sequence[Volume], task: Task, device: Device | None = None) -> Synthesis:
    """Make what ``task`` makes from ``volumes``.

    Parameters
    ----------
    volumes : sequence of Volume
        One per label that the task needs, in its order; NumPy voxels.
    task : Task
        What to make, with which model, on which grid.
    device : Device, optional
        Where to run; the best that is here unless said.

    Raises
    ------
    InputRefused
        When the number of volumes is wrong, or a volume is empty or not finite.
    ModelMissing, ModelTampered
        When the weights are not there, or not those that the bundle names.
    NoMemory
        When the device has no room for the network's work.
    ResultRefused
        When the result is not an image.
    """
    if len(volumes) != len(task.needs):
        wanted = f"{len(task.needs)} volumes ({', '.join(task.needs)})"
        text = f"task {task.name} needs {wanted}, got {len(volumes)}"
        raise InputRefused([Reason(Code.SEQUENCE_WRONG, text)])
    if not all(np.isfinite(volume.voxels).all() for volume in volumes):
        text = "the source holds values that are no numbers"
        raise InputRefused([Reason(Code.PIXELS_UNREADABLE, text)])
    device = device or choose()
    bundle, source = task.bundle, volumes[0]
    network = load_network(bundle)
    window, outside = _output(bundle)
    on_device = source.with_voxels(put(source.voxels, on_gpu=device.arrays_on_gpu))
    normalised, trace = Chain.of(bundle.steps).apply(on_device)
    made = _run(network, normalised, device)
    made_hu = normalised.with_voxels(window.undo(made), unit=str(bundle.output["unit"]))
    restored, inside = restore(made_hu, trace, task.grid, outside=outside)
    quality = check(restored.voxels, low=min(window.low, outside), high=window.high)
    stored = quantise_hu(restored.voxels, inside)
    return Synthesis(
        volume=restored.with_voxels(to_numpy(restored.voxels)),
        inside=to_numpy(inside),
        stored=stored,
        provenance=_provenance(task, trace.record(), device),
        quality=quality,
    )


def load_network(bundle: Bundle) -> torch.nn.Module:
    """Return the bundle's network with its weights, set to evaluate."""
    spec = bundle.network
    network = build(spec["name"], spec.get("preset", "paper"), spec.get("sizes", {}))
    return load_into(network, read_weights(bundle.weights_path, bundle.weights_sha256))


def _run(network: torch.nn.Module, volume: Volume, device: Device) -> Any:
    try:
        return generate_slices(network, volume, device)
    except (RuntimeError, MemoryError) as exc:
        if not _is_memory(exc):
            raise
        text = f"no memory on {device.name} for {device.batch} slices at once: {exc}"
        raise NoMemory(text) from exc


def _is_memory(exc: Exception) -> bool:
    """Whether memory ran out; torch's allocator of host memory has no error of its own."""
    if isinstance(exc, torch.OutOfMemoryError | MemoryError):
        return True
    return "can't allocate memory" in str(exc)


def _output(bundle: Bundle) -> tuple[Window, float]:
    low, high = (float(value) for value in bundle.output["window"])
    return Window(low, high), float(bundle.output["outside"])


def _provenance(task: Task, steps: tuple[Mapping[str, Any], ...], device: Device) -> Provenance:
    return Provenance(
        task=task.name,
        system=str(task.bundle.network["name"]),
        model=task.bundle.identity,
        steps=steps,
        device=device.name,
        batch=device.batch,
        software={"torch": torch.__version__, "numpy": version("numpy")},
        pipeline_version=PIPELINE_VERSION,
    )
