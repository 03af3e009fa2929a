"""Sampling a body's images at the voxels of an acquisition, over each slice's thickness."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from engine.volume import Grid
from train.phantom.fields import Axes, Floats, Placement, between

__all__ = ["most_common", "scan"]

_CHUNK = 12  # slices sampled at once
_COARSE = 6  # voxels between the points whose way to the template is computed exactly


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
    image = torch.from_numpy(voxels)[None]  # (1, C, z, y, x)
    parts = []
    for points, slices, depths in _points(axes, placement, grid, thickness_mm):
        seen = torch.nn.functional.grid_sample(
            image, points, padding_mode="border", align_corners=True
        )[0]
        parts.append(seen.reshape(len(voxels), slices, depths, *grid.shape[1:]).mean(dim=2))
    return np.asarray(torch.cat(parts, dim=1).numpy(), dtype=np.float32)


def most_common(
    labels: NDArray[np.uint8], axes: Axes, placement: Placement, grid: Grid, thickness_mm: float
) -> NDArray[np.uint8]:
    """Return which label fills most of each voxel; of equals the one met first.

    Parameters
    ----------
    labels : (z, y, x) uint8
        On ``axes``; for the others see :func:`scan`.

    Shapes
    ------
    return : (Z, Y, X) uint8
    """
    image = torch.from_numpy(labels.astype(np.float32))[None, None]
    parts = []
    for points, slices, depths in _points(axes, placement, grid, thickness_mm):
        seen = torch.nn.functional.grid_sample(
            image, points, mode="nearest", padding_mode="border", align_corners=True
        )[0, 0].reshape(slices, depths, *grid.shape[1:])
        best, most = seen[:, 0], _votes(seen, 0)
        for one in range(1, depths):
            votes = _votes(seen, one)
            best = torch.where(votes > most, seen[:, one], best)
            most = torch.maximum(votes, most)
        parts.append(best.to(torch.uint8))
    return np.asarray(torch.cat(parts).numpy(), dtype=np.uint8)


def _votes(seen: torch.Tensor, one: int) -> torch.Tensor:
    """Return how many of the depths (Z, depths, Y, X) hold what depth ``one`` holds."""
    return (seen == seen[:, one : one + 1]).sum(dim=1, dtype=torch.uint8)


def _points(
    axes: Axes, placement: Placement, grid: Grid, thickness_mm: float
) -> Iterator[tuple[torch.Tensor, int, int]]:
    """Yield the points of some slices as torch samples them, how many slices, and of what depth."""
    coarse, nodes = _way(placement, grid)
    depths = max(1, round(thickness_mm / 1.25))
    within = ((np.arange(depths) + 0.5) / depths - 0.5) * thickness_mm / grid.spacing_mm[0]
    plane = [_on(np.arange(n), k) for n, k in zip(grid.shape[1:], nodes[1:], strict=True)]
    for first in range(0, grid.shape[0], _CHUNK):
        slices = np.arange(first, min(first + _CHUNK, grid.shape[0]))
        heights = (slices[:, None] + within[None, :]).ravel()
        points = between(coarse, (_on(heights, nodes[0]), plane[0], plane[1]))
        yield _normalised(points, axes), len(slices), depths


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
