"""Look at what came back: valid, marked as what it is, and in its place."""

import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from pydicom import dcmread

from engine.pipeline import read
from engine.volume import Volume

__all__ = ["check", "read_one"]

_OURS = ("99SYNTHNODE", "CodingSchemeUID")
_NEAR_MM = 0.01


def read_one(files: Sequence[Path]) -> Volume:
    """Return the one volume in the files of a series."""
    reading = read(files)
    if len(reading.volumes) != 1 or reading.reasons:
        raise RuntimeError(f"not one sound volume: {[str(reason) for reason in reading.reasons]}")
    return reading.volumes[0]


def check(source: Sequence[Path], result: Sequence[Path]) -> Iterator[str]:
    """Yield a line per thing that was found right.

    Raises
    ------
    RuntimeError
        At the first thing that is not.
    """
    _demand(len(result) == len(source), f"{len(result)} slices for {len(source)}")
    yield f"{len(result)} slices came back for {len(source)} that were sent"
    first, slices = dcmread(source[0]), [dcmread(path) for path in result]
    for word in ("PatientID", "PatientName", "StudyInstanceUID", "FrameOfReferenceUID"):
        _demand(all(ds.get(word) == first.get(word) for ds in slices), f"{word} differs")
    yield "patient, study and frame of reference are those of the source"
    _demand(all(ds.get("SyntheticData") == "YES" for ds in slices), "Synthetic Data is not YES")
    _demand(all("SYNTHETIC" in ds.SeriesDescription for ds in slices), "not marked SYNTHETIC")
    yield f"every slice says so: {slices[0].SeriesDescription}"
    away = np.abs(_corners(read_one(source)) - _corners(read_one(result))).max()
    _demand(away < _NEAR_MM, f"voxels lie {away:.3f} mm from their source")
    yield f"every voxel lies where its source lies (within {_NEAR_MM} mm)"
    program = Path(sys.executable).parent / "dciodvfy"
    if not program.is_file() and shutil.which("dciodvfy") is None:
        yield "dciodvfy is not installed; the node's own gate has checked every attribute"
        return
    errors = [line for path in result for line in _validated(program, path)]
    _demand(not errors, f"dciodvfy: {errors[:3]}")
    yield f"dciodvfy finds 0 errors in {len(result)} objects"


def _demand(right: bool, otherwise: str) -> None:  # noqa: FBT001
    if not right:
        raise RuntimeError(otherwise)


def _corners(volume: Volume) -> np.ndarray:
    ends = np.array(np.meshgrid(*[(0, n - 1) for n in volume.shape])).reshape(3, -1).T
    points = volume.grid.centres(ends.astype(float))
    return points[np.lexsort(np.round(points, 1).T)]


def _validated(program: Path, path: Path) -> list[str]:
    said = subprocess.run(
        [str(program), "-new", str(path)], capture_output=True, text=True, check=False
    )
    return [line for line in (said.stdout + said.stderr).splitlines() if line.startswith("Error")]
