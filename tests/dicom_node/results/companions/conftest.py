"""A result of a model that has limits, so that there is an uncertainty and a verdict to tell."""

from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from dicom_node.results import Making, encode, make_series
from dicom_node.results.companions.build import MAKERS
from engine.task import read_bundle
from tests.dicom_node.results.conftest import as_kind, making_of
from tests.support.bundle import write_bundle
from tests.support.gated import hold, limits, put_gate
from tests.support.mr import MrSeries

SMALL = MrSeries(slices=16, size=32, spacing_mm=6.0, step_mm=10.0)
UNITS = {"CT": "HU", "PT": "SUVR"}


@pytest.fixture(scope="session")
def gated(tmp_path_factory) -> Making:
    """Return a result that a real gate has judged."""
    folder = write_bundle(tmp_path_factory.mktemp("models") / "gated")
    bundle = read_bundle(put_gate(folder, limits({"unlike_within": hold(None, 1e6)})))
    return making_of(SMALL.write(tmp_path_factory.mktemp("series")), bundle)


@pytest.fixture(scope="session")
def judged(make, gated) -> Callable[..., Making]:
    """Return a maker of results of any source, with what the gate said of the plain one."""
    kept = {(None, "native"): gated}

    def maker(change=None, grid="native", label="CT") -> Making:
        if (change, grid) not in kept:
            making = make(SMALL, change, grid)
            volume = making.synthesis.volume
            ramp = np.linspace(0, 90, volume.voxels.size, dtype=np.float32)
            told = replace(
                making.synthesis,
                checks=gated.synthesis.checks,
                spread=volume.with_voxels(ramp.reshape(volume.shape)),
            )
            kept[change, grid] = replace(making, synthesis=told)
        return as_unit(kept[change, grid], label)

    return maker


def as_unit(making: Making, label: str) -> Making:
    """Return the result as if ``label`` had been made, its uncertainty in the unit of that."""
    if label == "CT":
        return making
    other, unit = as_kind(making, label), UNITS.get(label, "1")
    spread = replace(other.synthesis.spread, unit=unit)
    return replace(other, synthesis=replace(other.synthesis, spread=spread))


def written(making: Making, name: str) -> bytes:
    """Return a companion as it is kept and sent."""
    return encode(MAKERS[name](making, make_series(making)))


def read_back(making: Making, name: str) -> Dataset:
    """Return a companion as a reader gets it."""
    return dcmread(BytesIO(written(making, name)))


def put(content: bytes, folder: Path, name: str) -> Path:
    path = folder / f"{name}.dcm"
    path.write_bytes(content)
    return path
