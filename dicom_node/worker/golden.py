"""Golden cases: what a model made of a study here, kept, and made again before it is signed."""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.errors import InvalidDicomError

from dicom_node import signature
from dicom_node.errors import NotKnown, NotPossible
from dicom_node.series import Findings, examine, fits
from dicom_node.worker.run import Bench
from engine.errors import EngineError, InputRefused, ModelTampered
from engine.pipeline import choose, read_voxels, synthesise
from engine.reason import Code, Reason
from engine.task import Bundle, Task

__all__ = ["Case", "Outcome", "cases_of", "record", "run_case"]

_CASE, _EXPECTED, _SOURCE = "case.json", "expected.npy", "source"
_MOST_TOLERANCE = 10.0
"""In whatever unit the result has: it is there for last digits."""


@dataclass(frozen=True, slots=True)
class Case:
    """A study, the task that is done with it, and what came of it.

    Parameters
    ----------
    folder : Path
        With ``case.json``, ``source/`` and ``expected.npy``.
    tolerance : float
        How far any voxel may be from what was kept, in the result's unit; 0: not at all.
    """

    folder: Path
    task: str
    tolerance: float

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.name


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a golden case ended.

    Parameters
    ----------
    passed : bool
        Whether it came out as it was kept.
    text : str
        How far it did.
    held : list of str
        Why a person would have to release it, came it from a job; empty where nobody would.
    """

    case: str
    passed: bool
    text: str
    held: list[str] = field(default_factory=list)


def cases_of(bench: Bench, bundle: Bundle) -> list[Case]:
    """Return the golden cases of one version of a model, by name.

    Raises
    ------
    NotPossible
        When one cannot be read.
    """
    return [_read(path) for path in sorted(_place(bench, bundle).glob(f"*/{_CASE}"))]


def record(
    bench: Bench, bundle: Bundle, source: Path, wanted: Case, by: tuple[str, datetime]
) -> tuple[Case, list[str]]:
    """Do a task with the DICOM files of a folder, and keep both as a golden case.

    Parameters
    ----------
    source : Path
        The folder that is read.
    wanted : Case
        What it is to be called, and what is to be done; its folder is not known yet.
    by : (str, datetime)
        Who says that what came of it is right, and when.

    Returns
    -------
    (Case, list of str)
        The case, and why the gates would hold its result.

    Raises
    ------
    NotPossible
        When there is such a case, or the model will not take the study.
    """
    if wrong := _intolerable(wanted):
        raise NotPossible(wrong)
    place = _place(bench, bundle)
    if (place / wanted.name).exists():
        text = f"{place} has a golden case '{wanted.name}' already; name another, or delete it"
        raise NotPossible(text)
    files = sorted(path for path in source.rglob("*") if path.is_file())
    try:
        made, held = _make(bench, bundle, wanted.task, files)
    except EngineError as exc:
        raise NotPossible(f"{bundle.name} does not take {source}: {exc}") from exc
    part = _begun(place)
    try:
        (part / _SOURCE).mkdir()
        for number, path in enumerate(files, start=1):
            shutil.copyfile(path, part / _SOURCE / f"{number:05d}.dcm")
        np.save(part / _EXPECTED, made, allow_pickle=False)
        said = {"task": wanted.task, "tolerance": wanted.tolerance, "by": by[0]}
        text = json.dumps({**said, "at": by[1].isoformat(), "model": bundle.identity.digest})
        (part / _CASE).write_text(text, encoding="utf-8")
        part.rename(place / wanted.name)
    except OSError as exc:
        shutil.rmtree(part, ignore_errors=True)
        raise NotPossible(f"{place}: cannot be written: {exc.strerror}") from exc
    return replace(wanted, folder=place / wanted.name), held


def _begun(place: Path) -> Path:
    """Return a new folder beside the cases, in which one is written."""
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)  # patients are in it
        return Path(mkdtemp(prefix=".new-", dir=place))
    except OSError as exc:
        raise NotPossible(f"{place}: cannot be written: {exc.strerror}") from exc


def run_case(bench: Bench, bundle: Bundle, case: Case) -> Outcome:
    """Do a golden case again, as a job would, and hold it against what was kept."""
    try:
        expected = np.load(case.folder / _EXPECTED, allow_pickle=False)
        made, held = _make(bench, bundle, case.task, sorted((case.folder / _SOURCE).iterdir()))
    except (EngineError, NotKnown, NotPossible) as exc:
        return Outcome(case.name, passed=False, text=str(exc))
    except (OSError, ValueError) as exc:
        return Outcome(case.name, passed=False, text=f"it cannot be read: {exc}; record it again")
    return replace(_compared(case, made, expected), held=held)


def _compared(case: Case, made: NDArray[Any], expected: NDArray[Any]) -> Outcome:
    if made.shape != expected.shape:
        text = f"{made.shape} voxels were made, {expected.shape} were kept"
        return Outcome(case.name, passed=False, text=text)
    if np.array_equal(made, expected):
        return Outcome(case.name, passed=True, text="the same, voxel by voxel")
    away = float(np.abs(made.astype(np.float64) - expected).max())
    text = f"a voxel is {away:g} away from what was kept, {case.tolerance:g} is allowed"
    return Outcome(case.name, passed=away <= case.tolerance, text=text)


def _make(
    bench: Bench, bundle: Bundle, task_name: str, files: Sequence[Path]
) -> tuple[NDArray[Any], list[str]]:
    """Return the voxels that a task with a model makes of files, and why its gates hold them."""
    if task_name not in bench.catalogue.tasks:
        known = ", ".join(sorted(bench.catalogue.tasks)) or "none"
        raise NotKnown(f"there is no task '{task_name}'; there are: {known}")
    task = replace(bench.catalogue.tasks[task_name], bundle=bundle)
    settings = bench.settings
    found = signature.standing(bundle.path, settings.model_keys)
    if found.state == "tampered":
        raise ModelTampered(found.text)
    looked = _looked(bench, task, files)
    volumes = [read_voxels(one.chosen) for one in looked if one.chosen is not None]
    options = settings.file.engine
    device = choose(options.device, batch=options.batch or None, threads=options.threads or None)
    made = synthesise(volumes, task, device)
    held = [str(reason) for reason in made.held]
    return np.asarray(made.volume.voxels, dtype=np.float32), held


def _looked(bench: Bench, task: Task, files: Sequence[Path]) -> list[Findings]:
    """Return a series for each label that a task needs, judged as any other."""
    found = [examine(paths, bench.own) for paths in _series(files).values()]
    return [_fitting(label, found, task) for label in task.needs]


def _fitting(label: str, found: Sequence[Findings], task: Task) -> Findings:
    labelled = [one for one in found if one.label == label]
    against = [(one, fits(one, task.bundle.contract, task.grid)) for one in labelled]
    for one, reasons in against:
        if not reasons:
            return one
    if against:
        raise InputRefused([reason for _, reasons in against for reason in reasons])
    seen = ", ".join(sorted({str(one.label) for one in found})) or "no series"
    raise InputRefused([Reason(Code.SOURCE_MISSING, f"no series is {label}; there is {seen}")])


def _series(files: Sequence[Path]) -> Mapping[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for path in files:
        try:
            uid = dcmread(path, specific_tags=["SeriesInstanceUID"]).get("SeriesInstanceUID", "")
        except InvalidDicomError as exc:
            raise NotPossible(f"{path}: is no DICOM file; take it out of the folder") from exc
        found.setdefault(str(uid), []).append(path)
    return found


def _place(bench: Bench, bundle: Bundle) -> Path:
    return bench.settings.data / "golden" / f"{bundle.name}@{bundle.version}"


def _intolerable(case: Case) -> str:
    """Return what is wrong with a tolerance: with a large one a case passes whatever is made."""
    if 0 <= case.tolerance <= _MOST_TOLERANCE:  # no number is neither
        return ""
    return f"a tolerance of {case.tolerance:g}; 0 to {_MOST_TOLERANCE:g} is wanted"


def _read(path: Path) -> Case:
    try:
        said = json.loads(path.read_bytes())
        case = Case(path.parent, str(said["task"]), float(said["tolerance"]))
        if wrong := _intolerable(case):
            raise ValueError(wrong)
        return case
    except (KeyError, OSError, RecursionError, TypeError, ValueError) as exc:
        raise NotPossible(f"{path}: is no golden case ({exc}); record it again") from exc
