"""Real results, cut down to a few small slices: the gate reads every one of thousands of files."""

from dataclasses import replace

import numpy as np
import pytest

from dicom_node.results import Making
from engine.volume import Grid, Volume
from tests.dicom_node.results.conftest import storing
from tests.support.mr import MrSeries

SIZE, SOURCES = 12, 6
"""Rows and columns; slices of the source that a resampled result has."""


def cut(making: Making, slices: int) -> Making:
    """Return the result with that many slices, all of other pixels, drawn by a seed."""
    stored, source = making.synthesis.stored, making.sources[0]
    first = [(count - size) // 2 for count, size in zip(
        stored.pixels.shape, (slices, SIZE, SIZE), strict=True)]  # fmt: skip
    part = tuple(slice(at, at + size) for at, size in zip(first, (slices, SIZE, SIZE), strict=True))
    grid = Grid((slices, SIZE, SIZE), making.synthesis.volume.grid.affine)
    inside = making.synthesis.inside[part]
    drawn = np.random.default_rng(3).integers(1, 4095, grid.shape)
    pixels = np.where(inside, drawn, 0).astype(stored.pixels.dtype)
    kept = slices if making.grid == "native" else SOURCES
    less = replace(
        making,
        sources=[replace(source, frames=source.frames[:kept], planes=source.planes[:kept])],
        synthesis=replace(
            making.synthesis,
            volume=Volume(np.zeros(grid.shape), grid, making.synthesis.volume.unit),
            inside=inside,
        ),
    )
    padding = None if inside.all() else 0
    return storing(less, replace(stored, pixels=pixels, padding=padding))


@pytest.fixture(scope="session")
def small(make):
    """Return a maker of small results."""
    ball = MrSeries(slices=18, size=32, spacing_mm=6.0, step_mm=10.0)

    def maker(change=None, grid="native", slices=4):
        return cut(make(ball, change, grid), slices)

    return maker
