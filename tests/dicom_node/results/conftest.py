"""Results made from small series, as the worker makes them."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from dicom_node.results import Making, Plane, Site, SourceSeries
from engine.device import choose
from engine.io import read_frames, split, stack
from engine.pipeline import read_voxels, synthesise
from engine.postprocess import Stored
from engine.task import Task, read_bundle
from tests.support.bundle import write_bundle
from tests.support.mr import MrSeries, part10

NODE_UID = "2.25.101"
AT = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=timezone(timedelta(hours=1)))


@pytest.fixture(scope="session")
def bundle(tmp_path_factory):
    return read_bundle(write_bundle(tmp_path_factory.mktemp("models") / "tiny"))


def making_of(paths: list[Path], bundle, grid: str = "native", job_key: str = "2.25.7") -> Making:
    """Return what the worker would hand to ``make_series`` for these files."""
    (candidate,), reasons = split(read_frames(paths))
    assert not reasons
    placed = stack(candidate.frames)
    assert placed.grid is not None, placed.reasons
    task = Task("ct_from_mr", ("T1",), "CT", bundle, grid)
    device = choose("cpu", batch=8, threads=1)
    source = SourceSeries(
        label="T1",
        header=dcmread(placed.frames[0].path, stop_before_pixels=True),
        frames=[frame.ref for frame in placed.frames],
        planes=[Plane(f.position_mm, f.orientation, f.spacing_mm) for f in placed.frames],
    )
    return Making(
        job_key=job_key,
        created_at=AT,
        task=task,
        grid=grid,
        site=Site(NODE_UID, institution="Test Hospital"),
        sources=[source],
        synthesis=synthesise([read_voxels(placed)], task, device),
    )


@pytest.fixture(scope="session")
def make(bundle, tmp_path_factory) -> Callable[..., Making]:
    """Return a maker: a series, changed as the test wants, becomes a ``Making``."""

    def maker(
        series: MrSeries | None = None,
        change: Callable[[Dataset], None] | None = None,
        grid: str = "native",
    ) -> Making:
        folder = tmp_path_factory.mktemp("series")
        paths = []
        for ds in (series or MrSeries()).datasets():
            if change is not None:
                change(ds)
            paths.append(folder / f"{ds.InstanceNumber}.dcm")
            paths[-1].write_bytes(part10(ds))
        return making_of(paths, bundle, grid)

    return maker


@pytest.fixture(scope="session")
def making(make) -> Making:
    return make(MrSeries(slices=16, size=32, spacing_mm=6.0, step_mm=10.0))


def storing(making: Making, stored: Stored) -> Making:
    """Return the result as if its volume were what is ``stored``."""
    voxels = (stored.pixels * stored.slope + stored.intercept).astype(np.float32)
    volume = making.synthesis.volume.with_voxels(voxels)
    return replace(making, synthesis=replace(making.synthesis, stored=stored, volume=volume))


def as_kind(making: Making, label: str) -> Making:
    """Return the same result as if ``label`` had been made: its pixels, in the kind's own range."""
    bundle = replace(making.task.bundle, contract=replace(making.task.bundle.contract, makes=label))
    stored = making.synthesis.stored
    if label == "PT":
        pixels = (stored.pixels.astype(np.int32) * 8).clip(0, 32767).astype(np.int16)
        stored = Stored(pixels, 6.103515625e-05, 0.0)
    elif label != "CT":
        stored = Stored(stored.pixels, 2 / 4095, 0.0, stored.padding)  # no MR image says the slope
    return replace(storing(making, stored), task=replace(making.task, makes=label, bundle=bundle))
