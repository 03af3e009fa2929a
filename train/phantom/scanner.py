"""Scanning a phantom: a lattice through the head, slices of some thickness, coil and noise."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from engine.volume import Grid
from train.phantom.contrasts import Gradient, Inversion, Sequence, SpinEcho
from train.phantom.fields import Axes, Floats, Placement, between, rotation, smooth_noise

__all__ = ["PLANES", "Coil", "Plane", "Protocol", "draw_protocol", "grid_of", "receive", "scan"]

Plane = Literal["axial", "sagittal", "coronal"]
PLANES: tuple[Plane, ...] = ("axial", "sagittal", "coronal")
_CHUNK = 12  # slices sampled at once
_COARSE = 6  # voxels between the points whose way to the template is computed exactly


@dataclass(frozen=True, slots=True)
class Coil:
    """What the receiver adds.

    Parameters
    ----------
    bias : float
        Standard deviation of the logarithm of a smooth gain.
    bias_mm : float
        Over what length that gain changes.
    near : float
        By what share it is stronger 100 mm from the middle, as near the elements of a coil.
    noise : float
        Standard deviation of the noise in each of the two channels, over the mean signal of the
        head.
    """

    bias: float
    bias_mm: float
    near: float
    noise: float


@dataclass(frozen=True, slots=True)
class Protocol:
    """One acquisition, as a scanner's console has it.

    Parameters
    ----------
    name : str
        ``flash2d``, ``se2d``, ``mprage`` or ``spgr3d``.
    sequence : Sequence
        With its timings.
    field_t : float
        Field strength.
    plane : Plane
        Of the slices.
    spacing_mm, step_mm, thickness_mm : float
        In the plane, from slice to slice, and of a slice.
    extent_mm : (slices, rows, columns)
        Field of view along each axis of the stack.
    tilt_deg : (S, P, L)
        By how much the stack is turned about each axis.
    above_mm : float
        Air above the vertex in the field of view.
    coil : Coil
        What the receiver adds.
    """

    name: str
    sequence: Sequence
    field_t: float
    plane: Plane
    spacing_mm: float
    step_mm: float
    thickness_mm: float
    extent_mm: tuple[float, float, float]
    tilt_deg: tuple[float, float, float]
    above_mm: float
    coil: Coil


def draw_protocol(rng: np.random.Generator) -> Protocol:
    """Draw one of the usual T1-weighted protocols of the head, its figures spread widely."""
    name = str(rng.choice(["flash2d", "se2d", "mprage", "spgr3d"], p=[0.25, 0.25, 0.35, 0.15]))
    plane = PLANES[int(rng.choice(3, p=[0.4, 0.4, 0.2]))]
    if name.endswith("2d"):
        spacing, step = rng.uniform(0.8, 1.2), rng.uniform(3.0, 5.5)
        thickness = step * rng.uniform(0.75, 1.0)
    else:
        spacing, step = rng.uniform(1.0, 1.8), rng.uniform(1.0, 2.0)
        thickness = step
    lean = 12.0 if plane == "axial" else 4.0
    return Protocol(
        name=name,
        sequence=_draw_sequence(name, rng),
        field_t=float(rng.choice([1.5, 3.0])),
        plane=plane,
        spacing_mm=float(spacing),
        step_mm=float(step),
        thickness_mm=float(thickness),
        extent_mm=_draw_extent(plane, rng),
        tilt_deg=(
            float(rng.normal(0, 3)),
            float(rng.normal(0, 3)),
            float(rng.uniform(-lean, lean)),
        ),
        above_mm=float(rng.uniform(2, 22)),
        coil=Coil(
            bias=float(rng.uniform(0.05, 0.25)),
            bias_mm=float(rng.uniform(70, 140)),
            near=float(rng.uniform(0, 1.6) ** 1.5),
            noise=float(rng.uniform(0.008, 0.06)),
        ),
    )


def _draw_sequence(name: str, rng: np.random.Generator) -> Sequence:
    if name == "se2d":
        return SpinEcho(tr_ms=rng.uniform(400, 750), te_ms=rng.uniform(8, 18))
    if name == "flash2d":
        return Gradient(
            tr_ms=rng.uniform(150, 350), te_ms=rng.uniform(2.4, 6), flip_deg=rng.uniform(60, 90)
        )
    if name == "spgr3d":
        return Gradient(
            tr_ms=rng.uniform(6, 28), te_ms=rng.uniform(2, 6), flip_deg=rng.uniform(12, 32)
        )
    return Inversion(
        tr_ms=rng.uniform(1500, 2500), te_ms=rng.uniform(2, 4.5), ti_ms=rng.uniform(700, 1100)
    )


def _draw_extent(plane: Plane, rng: np.random.Generator) -> tuple[float, float, float]:
    if plane == "axial":
        side = rng.uniform(220, 256)
        return float(rng.uniform(130, 210)), float(side), float(side * rng.uniform(0.8, 1.0))
    rows = rng.uniform(225, 260)
    if plane == "sagittal":
        return float(rng.uniform(150, 192)), float(rows), float(rng.uniform(230, 260))
    return float(rng.uniform(185, 235)), float(rows), float(rng.uniform(180, 230))


_AXES = {  # slices, down a column, along a row: unit steps along (S, P, L)
    "axial": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "sagittal": ((0, 0, -1), (-1, 0, 0), (0, 1, 0)),
    "coronal": ((0, 1, 0), (-1, 0, 0), (0, 0, 1)),
}
"""How scanners lay their stacks: each is right-handed, slices along row × column."""


def grid_of(protocol: Protocol, placement: Placement) -> Grid:
    """Return the lattice of an acquisition in LPS millimetres, hung from the vertex."""
    steps = (protocol.step_mm, protocol.spacing_mm, protocol.spacing_mm)
    counts = [max(1, round(e / s)) for e, s in zip(protocol.extent_mm, steps, strict=True)]
    turned = rotation(np.radians(protocol.tilt_deg))
    axes = turned @ np.array(_AXES[protocol.plane], dtype=np.float64).T * np.array(steps)
    tall = protocol.extent_mm[0 if protocol.plane == "axial" else 1]
    middle = np.array([placement.vertex_mm() + protocol.above_mm - tall / 2, 12.0, 0.0])
    middle = middle + placement.shift_mm * np.array([0.0, 1.0, 1.0])
    first = middle - axes @ (np.array(counts) - 1) / 2
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = axes[::-1], first[::-1]  # (S, P, L) to (L, P, S)
    return Grid((counts[0], counts[1], counts[2]), affine)


def scan(
    voxels: Floats, axes: Axes, placement: Placement, grid: Grid, thickness_mm: float
) -> Floats:
    """Return several images of the template's space, averaged over each slice's thickness.

    Parameters
    ----------
    voxels : (C, z, y, x)
        Images on ``axes``; beyond their ends the last plane goes on.
    placement : Placement
        From the patient to the template.
    grid : Grid
        Where to sample.
    thickness_mm : float
        Of a slice, along the first axis of ``grid``.

    Shapes
    ------
    return : (C, Z, Y, X) float32
    """
    coarse, nodes = _way(placement, grid)
    depths = max(1, round(thickness_mm / 1.25))
    within = ((np.arange(depths) + 0.5) / depths - 0.5) * thickness_mm / grid.spacing_mm[0]
    image = torch.from_numpy(voxels)[None]  # (1, C, z, y, x)
    parts = []
    for first in range(0, grid.shape[0], _CHUNK):
        slices = np.arange(first, min(first + _CHUNK, grid.shape[0]))
        heights = (slices[:, None] + within[None, :]).ravel()
        places = [_on(heights, nodes[0]), *(_on(np.arange(n), k) for n, k in
                  zip(grid.shape[1:], nodes[1:], strict=True))]  # fmt: skip
        points = between(coarse, (places[0], places[1], places[2]))
        seen = torch.nn.functional.grid_sample(
            image, _normalised(points, axes), padding_mode="border", align_corners=True
        )[0]
        parts.append(seen.reshape(len(voxels), len(slices), depths, *grid.shape[1:]).mean(dim=2))
    return np.asarray(torch.cat(parts, dim=1).numpy(), dtype=np.float32)


def _on(places: NDArray[Any], nodes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Fractional index of ``places`` among evenly spaced ``nodes``."""
    return np.asarray((places - nodes[0]) / (nodes[1] - nodes[0]), dtype=np.float64)


def _way(placement: Placement, grid: Grid) -> tuple[Floats, list[NDArray[np.float64]]]:
    """Template points (3, ...) of a coarse lattice that holds ``grid``, and its nodes."""
    nodes = []
    for count in grid.shape:
        pieces = max(1, -(-(count + 1) // _COARSE))
        nodes.append(np.linspace(-1.0, count, pieces + 1))
    indices = np.stack(np.meshgrid(*nodes, indexing="ij")).reshape(3, -1).T
    patient = grid.centres(indices)[:, ::-1].T.reshape(3, *(len(n) for n in nodes))
    return placement.to_template(patient.astype(np.float32)), nodes


def _normalised(points: Floats, axes: Axes) -> torch.Tensor:
    """Points (3, ...) along (S, P, L) as torch samples them: (1, ..., 3), x first, -1 to 1."""
    scaled = [
        2 * (points[place] - axis[0]) / (axis[-1] - axis[0]) - 1 for place, axis in enumerate(axes)
    ]
    return torch.from_numpy(np.stack(scaled[::-1], axis=-1).astype(np.float32))[None]


def receive(signal: Floats, grid: Grid, coil: Coil, rng: np.random.Generator) -> Floats:
    """Return what the coil makes of ``signal``: its gain, then Rician noise.

    Parameters
    ----------
    signal : (Z, Y, X)
        Of the tissue, 0 in air.

    References
    ----------
    Gudbjartsson and Patz 1995, Magn Reson Med 34:910 (noise of magnitude images).
    """
    axes = [
        np.arange(n, dtype=np.float64) * step
        for n, step in zip(grid.shape, grid.spacing_mm, strict=True)
    ]
    place: Axes = (axes[0], axes[1], axes[2])
    z, y, x = [((axis - axis.mean()) / 100.0) ** 2 for axis in axes]
    near = 1 + coil.near * (z[:, None, None] + y[None, :, None] + x[None, None, :])
    gain = np.exp(coil.bias * smooth_noise(rng, place, coil.bias_mm)) * near
    seen = signal * gain.astype(np.float32)
    head = seen[signal > 0.1 * float(signal.max())]
    level = coil.noise * float(head.mean())
    real = seen + level * rng.standard_normal(seen.shape, dtype=np.float32)
    imaginary = level * rng.standard_normal(seen.shape, dtype=np.float32)
    return np.asarray(np.hypot(real, imaginary), dtype=np.float32)
