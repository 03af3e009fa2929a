"""The engine's front door: files into volumes, volumes into a synthetic volume."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from engine.device import Device, choose
from engine.errors import InputRefused, NoMemory, ResultRefused, SpecError
from engine.generate import generate, with_less
from engine.io import read_frames, read_voxels, split, stack
from engine.models import build
from engine.postprocess import Stored, check, quantise, restore
from engine.preprocess import Atlas, Chain, Trace, Window
from engine.provenance import PIPELINE_VERSION, Provenance
from engine.quality import Check, Mirror, Verdict, read_gate, unjudged
from engine.reason import Code, Reason
from engine.task import Bundle, Generation, Output, Task
from engine.volume import Array, Volume
from engine.weights import load_into
from engine.weights import read as read_weights
from engine.xp import namespace, put, to_numpy

__all__ = [
    "Device",
    "Generated",
    "Generator",
    "Reading",
    "Synthesis",
    "choose",
    "load_network",
    "read",
    "read_atlas",
    "read_voxels",
    "synthesise",
]

Grid = Literal["native", "rt-axial"]


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
class Generated:
    """What a network made, before it is judged and stored.

    Parameters
    ----------
    volume : Volume
        In the unit of what was made, on the grid that was asked for; its voxels lie where
        preprocessing ran.
    inside : (Z, Y, X) bool
        Which voxels lie in the source's field of view.
    trace : Trace
        What was done to the sources.
    device : Device
        Where it was made in the end.
    lacked : tuple of str
        What found no room in memory before, a sentence each.
    """

    volume: Volume
    inside: Array
    trace: Trace
    device: Device
    lacked: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False, slots=True)
class Generator:
    """A network with everything around it: the one way from volumes to a synthetic volume.

    The node serves it and learning measures it, so what was measured is what is served.

    Parameters
    ----------
    network : nn.Module
        With its weights, set to evaluate.
    chain : Chain
        What is done to the sources.
    generation : Generation
        How the network goes over them.
    output : Output
        What its answer means.
    """

    network: nn.Module
    chain: Chain
    generation: Generation
    output: Output

    @classmethod
    def of(cls, bundle: Bundle) -> Self:
        """Return what ``bundle`` holds.

        Raises
        ------
        ModelMissing, ModelTampered
            When weights or atlas are not there, or not those that the bundle names.
        SpecError
            When a network or a step is unknown, or a step asks an atlas that the bundle lacks.
        """
        file = bundle.atlas
        atlas = None if file is None else read_atlas(bundle.path / file.file, file.sha256)
        chain = Chain.of(bundle.steps, atlas)
        if chain.wants_atlas and atlas is None:
            raise SpecError(
                f"{bundle.name}: configs/inference.json has a step that asks an atlas (template, "
                "grey_matter), and contract.json has none; name it there under the key atlas"
            )
        return cls(load_network(bundle), chain, bundle.generation, bundle.output)

    def __call__(
        self, volumes: Sequence[Volume], device: Device, grid: Grid = "native"
    ) -> Generated:
        """Make a volume from ``volumes``, one per channel of the network; NumPy voxels.

        Raises
        ------
        InputRefused
            When a volume is not finite or constant, or a step cannot be fitted to it.
        NoMemory
            When neither the device nor the CPU has room for the network's work, however little at
            once: see :mod:`engine.generate.stepdown`.
        ResultRefused
            When the network answers with values that are no numbers.
        """
        for volume in volumes:
            _refuse_empty(volume)
        placed = [one.with_voxels(put(one.voxels, on_gpu=device.arrays_on_gpu)) for one in volumes]
        normalised, trace = self.chain.apply(placed)
        done = with_less(partial(_run, self.network, normalised, self.generation), device)
        answer = done.result
        xp, output = namespace(answer), self.output
        if not bool(xp.all(xp.isfinite(answer))):
            raise ResultRefused("the network answered values that are no numbers")
        made = xp.clip(answer, *output.onto)
        in_unit = Window(*output.window, output.onto).undo(made)
        whole = normalised[0].with_voxels(in_unit, unit=output.unit)
        volume, inside = restore(whole, trace, grid, outside=output.outside)
        return Generated(volume, inside, trace, done.device, done.lacked)


def _refuse_empty(volume: Volume) -> None:
    low, high = float(np.min(volume.voxels)), float(np.max(volume.voxels))  # NaN if there is one
    if not (np.isfinite(low) and np.isfinite(high)):
        text = "the source holds values that are no numbers"
        raise InputRefused([Reason(Code.PIXELS_UNREADABLE, text)])
    if low == high:
        text = f"the source is constant: every voxel is {low:.4g}; an image is wanted"
        raise InputRefused([Reason(Code.PIXELS_UNREADABLE, text)])


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
    checks : tuple of Check
        What the model's gate found, of which nothing is refused; empty for a model that has none.
    unjudged : tuple of Reason
        Why nobody knows what such a result looks like: the model has no limits for it.
    spread : Volume or None
        By how much each voxel may be off, one standard deviation in the volume's unit, on its grid
        (:class:`engine.quality.Spread`); None for a model without limits.
    """

    volume: Volume
    inside: NDArray[Any]
    stored: Stored
    provenance: Provenance
    quality: Mapping[str, float]
    checks: tuple[Check, ...] = ()
    unjudged: tuple[Reason, ...] = ()
    spread: Volume | None = None

    @property
    def held(self) -> tuple[Reason, ...]:
        """Why a person has to look at it before it leaves; empty where nobody has to."""
        held = (check.reason for check in self.checks if check.verdict is Verdict.HOLD)
        return (*self.unjudged, *held)


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
        One per label that the task needs, in its order; NumPy voxels. The result lies where the
        first does.
    task : Task
        What to make, with which model, on which grid.
    device : Device, optional
        Where to run; the best that is here unless said.

    Raises
    ------
    InputRefused
        When the number of volumes is wrong, or a volume is constant or not finite, or volumes
        cannot be brought onto one grid; or when the model's gate refuses one. No network has run.
    ModelMissing, ModelTampered
        When weights or atlas are not there, or not those that the bundle names.
    NoMemory
        When the device has no room for the network's work.
    ResultRefused
        When the result is not an image, or the model's gate refuses it.
    """
    if len(volumes) != len(task.needs):
        wanted = f"{len(task.needs)} volumes ({', '.join(task.needs)})"
        text = f"task {task.name} needs {wanted}, got {len(volumes)}"
        raise InputRefused([Reason(Code.SEQUENCE_WRONG, text)])
    for volume in volumes:
        _refuse_empty(volume)
    device = device or choose()
    gate = read_gate(task.bundle)
    checks = () if gate is None else gate.of_sources(volumes)
    if refused := _refused(checks):
        raise InputRefused(refused)
    generator = Generator.of(task.bundle)
    made = generator(volumes, device, task.grid)
    voxels, output = made.volume.voxels, task.bundle.output
    low, high = output.window
    quality = check(voxels, low=min(low, output.outside), high=high)
    whole = made.volume.with_voxels(to_numpy(voxels))
    spread = None
    if gate is not None:
        again = _again(volumes, generator, device, task.grid)
        checks += gate.of_result(volumes[0], whole, again)
        if refused := _refused(checks):
            raise ResultRefused("; ".join(one.text for one in refused))
        spread = gate.spread.over(whole, again)
    return Synthesis(
        volume=whole,
        inside=to_numpy(made.inside),
        stored=quantise(task.makes, voxels, made.inside, high=high),
        provenance=_provenance(task, made),
        quality={**quality, **{one.name: one.figure for one in checks}},
        checks=checks,
        unjudged=unjudged(task.bundle, gate, volumes),
        spread=spread,
    )


def _again(sources: Sequence[Volume], generator: Generator, device: Device, grid: Grid) -> Volume:
    """Return what is made of the mirrored sources, brought back to this side."""
    mirror = Mirror.through(sources[0])
    other = generator([mirror.of(one) for one in sources], device, grid).volume
    return mirror.of(other.with_voxels(to_numpy(other.voxels)))


def _refused(checks: Sequence[Check]) -> tuple[Reason, ...]:
    return tuple(one.reason for one in checks if one.verdict is Verdict.REFUSE)


def load_network(bundle: Bundle) -> nn.Module:
    """Return the bundle's network with its weights, set to evaluate.

    Raises
    ------
    ModelMissing, ModelTampered
        When the weights are not there, or not those that the bundle names.
    NoMemory
        When a network of such sizes finds no room.
    SpecError
        When the network, its preset or a size is unknown.
    """
    return load_into(_built(bundle), read_weights(bundle.weights_path, bundle.weights_sha256))


def _built(bundle: Bundle) -> nn.Module:
    spec = bundle.network
    try:
        return build(spec["name"], spec.get("preset", "paper"), spec.get("sizes", {}))
    except (RuntimeError, MemoryError) as exc:
        if not (_is_memory(exc) or "overflow" in str(exc)):  # more bytes than torch can count
            raise
        sizes = ", ".join(f"{name} = {size!r}" for name, size in spec.get("sizes", {}).items())
        text = f"{bundle.name}: no memory for {spec['name']} with {sizes or 'its usual sizes'}"
        raise NoMemory(f"{text}; put the bundle back from its source") from exc


def read_atlas(path: Path, sha256: str) -> Atlas:
    """Return the atlas in a safetensors file.

    Raises
    ------
    ModelMissing, ModelTampered
        When the file is not there, or its SHA-256 differs from ``sha256`` (hex).
    SpecError
        When it holds no atlas.
    """
    tensors = read_weights(path, sha256, what="atlas")
    return Atlas.of({name: tensor.numpy() for name, tensor in tensors.items()})


def _run(
    network: nn.Module, volumes: Sequence[Volume], generation: Generation, device: Device
) -> Array:
    try:
        return generate(network, volumes, generation, device)
    except (RuntimeError, MemoryError) as exc:
        if not _is_memory(exc):
            raise
        text = f"no memory on {device.name} for {device.batch} {_PIECES[generation.how]}"
        raise NoMemory(f"{text}: {' '.join(str(exc).split())}") from exc


_PIECES = {"slices": "slices at once", "windows": "windows at once", "whole": "whole volume"}


def _is_memory(exc: Exception) -> bool:
    """Whether memory ran out; torch's allocator of host memory has no error of its own."""
    if isinstance(exc, torch.OutOfMemoryError | MemoryError):
        return True
    return "can't allocate memory" in str(exc)


def _provenance(task: Task, made: Generated) -> Provenance:
    steps = made.trace.record()
    return Provenance(
        task=task.name,
        system=str(task.bundle.network["name"]),
        model=task.bundle.identity,
        steps=steps,
        generation=task.bundle.generation.record(),
        device=made.device.name,
        batch=made.device.batch,
        software={**_software(steps), **made.device.software},
        pipeline_version=PIPELINE_VERSION,
        lacked=made.lacked,
        where=made.device.record(),
    )


def _software(steps: tuple[Mapping[str, Any], ...]) -> dict[str, str]:
    """Return the versions of what computed; SimpleITK's where it searched for a pose."""
    software = {"torch": torch.__version__, "numpy": version("numpy")}
    if any(step["step"] in ("register", "template") for step in steps):
        software["SimpleITK"] = version("simpleitk")
    return software
