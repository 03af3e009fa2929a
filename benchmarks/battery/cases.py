"""Which phantoms with which faults: studies of files in memory, one fault each."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset

from benchmarks.battery.headers import HEADER_FAULTS, by_place
from benchmarks.battery.pixels import PIXEL_FAULTS, Scan
from engine.task import Bundle, Task, read_bundle
from train.config import read_recipe
from train.pair import Pair
from train.phantom import Order, draw_subjects, scan_pair
from train.phantom.series import Patient, write_session

__all__ = [
    "CLEAN",
    "FAULTS",
    "FIRST_SEED",
    "Study",
    "pixels_of",
    "planted",
    "studies",
    "study_of",
    "task_of",
]

CLEAN = "clean"
FIRST_SEED = 70_000
"""Of the battery's subjects: nothing was learned from them, and no limit was set on them."""
_KINDS = {name: "header" for name, _, _ in HEADER_FAULTS} | dict.fromkeys(PIXEL_FAULTS, "pixels")
_HEADERS = {name: spoil for name, _, spoil in HEADER_FAULTS}
FAULTS: tuple[str, ...] = tuple(_KINDS)
"""All of them by name."""
_WHO = Patient(seed="battery", name="PHANTOM^BATTERY", patient_id="PHANTOM-BATTERY")


@dataclass(frozen=True, eq=False, slots=True)
class Study:
    """A phantom's study without a fault.

    Parameters
    ----------
    seed : int
        Of the subject.
    pair : Pair
    series : mapping
        Data sets by label, in the order of the task.
    """

    seed: int
    pair: Pair
    series: Mapping[str, Sequence[Dataset]]


def task_of(models: Path, name: str) -> Task:
    """Return the task that the model ``name`` was made for; radiotherapy's grid for none."""
    bundle: Bundle = read_bundle(models / name)
    return Task(f"battery-{name}", bundle.contract.labels, bundle.contract.makes, bundle)


def studies(recipe: Path, seeds: Sequence[int], scans: int = 1) -> Iterator[Study]:
    """Yield studies of subjects, as the scanners of the recipe's phantoms send them."""
    order = Order.of(read_recipe(recipe).phantoms)
    for subject in draw_subjects(seeds, order):
        for scan in range(scans):
            yield study_of(scan_pair(subject, scan, order))


def study_of(pair: Pair) -> Study:
    """Return the files of a pair as its scanner sends them."""
    with TemporaryDirectory(prefix="battery-") as folder:
        files = write_session(pair, _WHO, Path(folder))
        series = {
            label: tuple(dcmread(path) for path in files[label]) for label in pair.about["labels"]
        }
        return Study(int(pair.about["subject"]), pair, series)


def planted(
    series: Mapping[str, Sequence[Dataset]],
    seed: int,
    fault: str,
    others: Mapping[str, NDArray[np.float64]],
) -> dict[str, list[Dataset]]:
    """Return the series of a study with a fault in the first of them.

    Parameters
    ----------
    series : mapping
        Data sets by label.
    seed : int
        Of what is drawn.
    fault : str
        Of :data:`FAULTS`, or :data:`CLEAN`.
    others : mapping
        Voxels of other series by what they differ in, of any shape: see :class:`Scan`.
    """
    first, *rest = series
    slices = copy.deepcopy(list(series[first]))
    if fault in _HEADERS:
        slices = _HEADERS[fault](slices) or slices
    elif fault in PIXEL_FAULTS:
        slices = by_place(slices)
        _repaint(slices, fault, seed, others)
    elif fault != CLEAN:
        raise ValueError(f"no fault {fault!r}; choose of {', '.join(FAULTS)}")
    return {first: slices, **{label: list(series[label]) for label in rest}}


def _repaint(
    slices: list[Dataset], fault: str, seed: int, others: Mapping[str, NDArray[np.float64]]
) -> None:
    """Write other pixels into slices that lie in their order."""
    stored = np.stack([ds.pixel_array for ds in slices]).astype(np.float64)
    scan = Scan(
        voxels=stored,
        ways=_ways(slices),
        spacing_mm=_spacing(slices),
        others={what: _fitted(voxels, stored) for what, voxels in others.items()},
        rng=np.random.default_rng([seed, FAULTS.index(fault)]),
    )
    wrong = np.clip(np.round(PIXEL_FAULTS[fault](scan)), 0, 4095).astype("<u2")
    for ds, plane in zip(slices, wrong, strict=True):
        ds.PixelData = np.ascontiguousarray(plane).tobytes()


def _ways(slices: Sequence[Dataset]) -> tuple[int, int, int]:
    """Return the array axis that runs most nearly along each of the patient's axes S, P, L."""
    rows = np.array([float(one) for one in slices[0].ImageOrientationPatient])
    along = np.abs(np.stack([np.cross(rows[:3], rows[3:]), rows[3:], rows[:3]]))  # (array, L P S)
    ways: list[int] = []
    for axis in (2, 1, 0):
        taken = np.where(np.isin(range(3), ways), -1, along[:, axis])
        ways.append(int(np.argmax(taken)))
    return ways[0], ways[1], ways[2]


def _spacing(slices: Sequence[Dataset]) -> tuple[float, float, float]:
    first, second = (np.array(ds.ImagePositionPatient, dtype=float) for ds in slices[:2])
    rows, columns = (float(one) for one in slices[0].PixelSpacing)
    return float(np.linalg.norm(second - first)), rows, columns


def pixels_of(study: Study, label: str) -> NDArray[np.float64]:
    """Return the voxels of a series of a study, for :func:`planted` of another."""
    number = list(study.series).index(label) if label in study.series else -1
    volume = study.pair.sources[number] if number >= 0 else study.pair.target
    return np.asarray(volume.voxels, dtype=np.float64)


def _fitted(other: NDArray[np.float64], like: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return another's voxels, middle on middle, cut or set in air to the shape wanted."""
    fitted = np.zeros_like(like)
    ours, theirs = [], []
    for have, want in zip(other.shape, like.shape, strict=True):
        size = min(have, want)
        ours.append(slice((want - size) // 2, (want - size) // 2 + size))
        theirs.append(slice((have - size) // 2, (have - size) // 2 + size))
    fitted[tuple(ours)] = other[tuple(theirs)]
    return fitted * (np.percentile(like, 99.5) / max(float(np.percentile(other, 99.5)), 1e-6))
