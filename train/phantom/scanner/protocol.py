"""One acquisition as a scanner's console has it, and the lattice that it measures."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from engine.volume import Grid
from train.phantom.contrasts import Sequence
from train.phantom.fields import Placement, rotation
from train.phantom.scanner.coil import Coil
from train.phantom.scanner.timing import TIMINGS, draw_sequence

__all__ = ["FIGURES", "PLANES", "Plane", "Protocol", "draw_protocol", "grid_of"]

Plane = Literal["axial", "sagittal", "coronal"]
PLANES: tuple[Plane, ...] = ("axial", "sagittal", "coronal")
_FIELDS_T = (1.5, 3.0)
_PLANE_SHARES = {"T1": (0.4, 0.4, 0.2), "STIR": (0.4, 0.2, 0.4)}
_OTHER_SHARES = (0.6, 0.15, 0.25)
_THICK = ((0.8, 1.2), (3.0, 5.5), (0.75, 1.0))
_THIN = ((1.0, 1.8), (1.0, 2.0), (1.0, 1.0))
_XRAYS = ((0.9, 1.3), (1.5, 3.0), (1.0, 1.0))
"""Millimetres in the plane and from slice to slice, and thickness over the latter."""
_LEAN_DEG, _TILT_DEG = {"axial": 12.0}, 3.0
_COIL = ((0.05, 0.25), (70.0, 140.0), (0.0, 1.6), (0.008, 0.06))
_ABOVE_MM = (2.0, 22.0)
FIGURES = (
    _FIELDS_T, _PLANE_SHARES, _OTHER_SHARES, _THICK, _THIN, _XRAYS, _LEAN_DEG, _TILT_DEG, _COIL,
    _ABOVE_MM,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Protocol:
    """One acquisition.

    Parameters
    ----------
    name : str
        Of the sequence, see :class:`train.phantom.scanner.timing.Timing`; ``ct``, ``cbct``, ``pt``.
    sequence : Sequence or None
        With its timings; None where nothing resonates.
    field_t : float
        Field strength; of the MR scans that go with it where it is none itself.
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
    sequence: Sequence | None
    field_t: float
    plane: Plane
    spacing_mm: float
    step_mm: float
    thickness_mm: float
    extent_mm: tuple[float, float, float]
    tilt_deg: tuple[float, float, float]
    above_mm: float
    coil: Coil


def draw_protocol(label: str, rng: np.random.Generator) -> Protocol:
    """Draw one of the usual protocols of the head for a contrast, its figures spread widely."""
    field_t = float(rng.choice(_FIELDS_T))
    if label not in TIMINGS:
        return _of_gantry(label, field_t, rng)
    name, sequence = draw_sequence(label, field_t, rng)
    plane = PLANES[int(rng.choice(3, p=_PLANE_SHARES.get(label, _OTHER_SHARES)))]
    spacing, step, thickness = _lengths(_THICK if name.endswith("2d") else _THIN, rng)
    lean = _LEAN_DEG.get(plane, 4.0)
    tilts = (rng.normal(0, _TILT_DEG), rng.normal(0, _TILT_DEG), rng.uniform(-lean, lean))
    return Protocol(
        name=name,
        sequence=sequence,
        field_t=field_t,
        plane=plane,
        spacing_mm=spacing,
        step_mm=step,
        thickness_mm=thickness,
        extent_mm=_draw_extent(plane, rng),
        tilt_deg=(float(tilts[0]), float(tilts[1]), float(tilts[2])),
        above_mm=float(rng.uniform(*_ABOVE_MM)),
        coil=_draw_coil(rng),
    )


def _of_gantry(label: str, field_t: float, rng: np.random.Generator) -> Protocol:
    """Draw a scan of CT, CBCT or PET: axial, square to the table."""
    spacing, step, thickness = _lengths(_XRAYS, rng)
    side = float(rng.uniform(235, 260))
    return Protocol(
        name=label.lower(),
        sequence=None,
        field_t=field_t,
        plane="axial",
        spacing_mm=spacing,
        step_mm=step,
        thickness_mm=thickness,
        extent_mm=(float(rng.uniform(160, 220)), side, side),
        tilt_deg=(0.0, 0.0, 0.0),
        above_mm=float(rng.uniform(*_ABOVE_MM)),
        coil=_draw_coil(rng),
    )


def _lengths(
    ranges: tuple[tuple[float, float], ...], rng: np.random.Generator
) -> tuple[float, float, float]:
    spacing, step, share = (float(rng.uniform(*span)) for span in ranges)
    return spacing, step, step * share


def _draw_coil(rng: np.random.Generator) -> Coil:
    bias, over, near, noise = (float(rng.uniform(*span)) for span in _COIL)
    return Coil(bias=bias, bias_mm=over, near=near**1.5, noise=noise)


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
