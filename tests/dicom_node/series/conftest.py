"""A head of ellipsoids in any orientation, series of it in every style, the real data's folder."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread

from dicom_node.series import Findings, OwnIdentity, examine
from engine.task import Contract
from engine.volume import Grid, Volume
from train.phantom.series import Patient, write_series
from train.phantom.vendors import Style, style

ROOT = Path(__file__).parents[3]

CONTRACT = Contract(
    labels=("T1",),
    makes="CT",
    anatomy=("HEAD", "BRAIN", "SKULL"),
    body_part="HEAD",
    min_slices=16,
    pixel_spacing_mm=(0.4, 2.2),
    slice_step_mm=(0.5, 6.0),
    extent_mm=(120.0, 400.0),
    contrast_agent=False,
)
SHAPE, SPACING = (22, 60, 60), (5.5, 2.2, 2.2)
AXES = {  # directions of the slices, the columns and the rows
    "axial": ((0, 0, 1), (0, 1, 0), (1, 0, 0)),
    "sagittal": ((1, 0, 0), (0, 0, -1), (0, 1, 0)),
    "coronal": ((0, 1, 0), (0, 0, -1), (1, 0, 0)),
}


def turned(degrees: float, axis: int) -> np.ndarray:
    angle, matrix = np.radians(degrees), np.eye(3)
    first, second = [other for other in range(3) if other != axis]
    matrix[first, first] = matrix[second, second] = np.cos(angle)
    matrix[first, second], matrix[second, first] = -np.sin(angle), np.sin(angle)
    return matrix


def head_volume(orientation: str) -> Volume:
    """Scalp and brain as two ellipsoids."""
    turn = turned(11, 2) @ turned(-8, 0) if orientation == "oblique" else np.eye(3)
    axes = AXES["axial" if orientation == "oblique" else orientation]
    affine = np.eye(4)
    for column, (direction, spacing) in enumerate(zip(axes, SPACING, strict=True)):
        affine[:3, column] = turn @ np.array(direction, float) * spacing
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(SHAPE) - 1) / 2) + (3, -12, 7)
    grid = Grid(SHAPE, affine)
    indices = np.indices(SHAPE).reshape(3, -1).T.astype(float)
    radius = ((grid.centres(indices) / (56, 62, 60)) ** 2).sum(axis=1).reshape(SHAPE)
    voxels = np.where(radius < 0.75, 700.0, np.where(radius < 1, 1100.0, 0.0))
    return Volume(voxels.astype(np.float32), grid)


@pytest.fixture(scope="session")
def contract() -> Contract:
    return CONTRACT


@pytest.fixture(scope="session")
def head() -> Callable[[str], Volume]:
    made: dict[str, Volume] = {}
    return lambda orientation: made.setdefault(orientation, head_volume(orientation))


@pytest.fixture(scope="session")
def written(tmp_path_factory, head) -> Callable[..., list[Path]]:
    """Files of a phantom series, made once for each style and orientation."""
    made: dict[tuple[str, str], list[Path]] = {}

    def write(one: Style, orientation: str = "axial") -> list[Path]:
        key = (one.name, orientation)
        if key not in made:
            volume = head(orientation)
            if one.modality == "CT":
                volume = volume.with_voxels(volume.voxels - 1000, unit="HU")
            out = tmp_path_factory.mktemp(f"{one.name}-{orientation}")
            made[key] = write_series(volume, one, Patient(), out, shuffled=True)
        return made[key]

    return write


@pytest.fixture
def planted(tmp_path, written) -> Callable[..., Findings]:
    """Findings for a clean T1 series after ``spoil`` has changed its data sets in place."""

    def plant(spoil, own=OwnIdentity(), clean="siemens-ve-mprage") -> Findings:  # noqa: B008
        slices = [dcmread(path) for path in written(style(clean))]
        slices = spoil(slices) or slices
        paths = []
        for index, ds in enumerate(slices):
            ds.file_meta.MediaStorageSOPInstanceUID = ds.get("SOPInstanceUID", "1.2.3")
            path = tmp_path / f"{index:03d}.dcm"
            ds.save_as(path)
            paths.append(path)
        return examine(paths, own)

    return plant


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real series; see its MANIFEST.md."""
    folder = Path(os.environ.get("DICOM_NODE_DATA", ROOT / "../shared/data")).resolve()
    if not (folder / "manifest.json").is_file():
        pytest.skip(f"no real data in {folder}; set DICOM_NODE_DATA to their folder")
    return folder
