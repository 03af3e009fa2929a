"""Real series through the gates: as they came, with a fault in each, and voxels without headers.

None of them may pass: what is real is nothing that a model of phantoms has seen.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset

from benchmarks.battery.cases import FAULTS, Study, planted, study_of
from benchmarks.battery.headers import HEADER_FAULTS
from benchmarks.battery.judge import Outcome, judge, judge_files
from engine.preprocess import resample_onto
from engine.task import Task
from engine.volume import Grid, Volume
from train.evaluate.real import read_nifti
from train.pair import Pair

__all__ = ["AS_IT_CAME", "IN_HEADER", "IN_PIXELS", "UNDER_SOUND_HEADER", "judge_real"]

AS_IT_CAME = "a real series, as it came"
UNDER_SOUND_HEADER = "real voxels under a sound header"
IN_HEADER, IN_PIXELS = "a fault in a real head's header", "a fault in a real head's pixels"
_SEED = 0
_OF_HEADERS = {name for name, _, _ in HEADER_FAULTS}


def judge_real(
    data: Path, study: Study, task: Task, others: Mapping[str, NDArray[np.float64]]
) -> Iterator[tuple[str, str, Outcome]]:
    """Yield what a case is called, what was done to it, and what the gates make of it.

    A task of several sources has none: no two real series here belong together.

    Parameters
    ----------
    data : Path
        The folder of real data, with its ``manifest.json``.
    study : Study
        A phantom's, whose headers real voxels are put under.
    task : Task
    others : mapping
        See :func:`benchmarks.battery.cases.planted`.
    """
    if len(task.needs) > 1:
        return
    (label,) = task.needs
    items = json.loads((data / "manifest.json").read_text(encoding="utf-8"))["items"]
    for item in items:
        path = data / item["path"]
        if item["kind"] == "volume" and ".nii" in path.name:
            under = study_of(_under(study.pair, read_nifti(path)))
            yield item["id"], UNDER_SOUND_HEADER, judge(under.series, task)
        elif item["kind"] == "series":
            files = sorted(one for one in path.rglob("*") if one.is_file())
            came = judge_files({label: files}, task)
            yield item["id"], AS_IT_CAME, came
            if came.gate != "header" and len(files) > 1:  # of single frames: faults are by the file
                yield from _spoilt(item["id"], label, files, task, others)


def _spoilt(
    what: str,
    label: str,
    files: list[Path],
    task: Task,
    others: Mapping[str, NDArray[np.float64]],
) -> Iterator[tuple[str, str, Outcome]]:
    """Plant every fault in a series that no header refuses."""
    series: dict[str, list[Dataset]] = {label: [dcmread(path) for path in files]}
    for fault in FAULTS:
        outcome = judge(planted(series, _SEED, fault, others), task)
        where = IN_HEADER if fault in _OF_HEADERS else IN_PIXELS
        yield f"{what}: {fault}", where, outcome


def _under(pair: Pair, volume: Volume) -> Pair:
    """Return ``pair`` with other voxels in its source: middle on middle, as bright."""
    own = pair.sources[0]
    away = _middle(own) - _middle(volume)
    affine = volume.affine.copy()
    affine[:3, 3] += away
    moved = replace(volume, grid=Grid(volume.shape, affine))
    placed, _ = resample_onto(moved, own.grid, seen=moved.grid, outside=0.0)
    gain = np.percentile(own.voxels, 99.5) / max(float(np.percentile(placed.voxels, 99.5)), 1e-6)
    return replace(pair, sources=(own.with_voxels(np.asarray(placed.voxels * np.float32(gain))),))


def _middle(volume: Volume) -> NDArray[np.float64]:
    """Return where the middle of a volume lies, in mm."""
    centre = np.array([*((np.array(volume.shape) - 1) / 2), 1.0])
    return np.asarray((volume.affine @ centre)[:3])
