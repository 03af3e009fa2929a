"""One case: its files through the gates, in the order and by the code of the node."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from pydicom.dataset import Dataset

from benchmarks.battery.headers import OWN_CREATOR, OWN_DEVICE, OWN_SERIES
from dicom_node.series import Findings, OwnIdentity, examine, fits
from engine.errors import InputRefused, PixelsUnreadable, ResultRefused
from engine.pipeline import choose, read_voxels, synthesise
from engine.quality import Check, Verdict, read_gate, worst
from engine.reason import Reason
from engine.task import Task

__all__ = ["Outcome", "judge", "judge_files", "of_checks", "refused_by"]

Gate = Literal["header", "pixels", "result", "none"]
_OWN = OwnIdentity(
    creator_uids=frozenset({OWN_CREATOR}),
    device_uids=frozenset({OWN_DEVICE}),
    series_uids=frozenset({OWN_SERIES}),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a case.

    Parameters
    ----------
    gate : {"header", "pixels", "result", "none"}
        Which one caught it; "none" let it pass.
    verdict : Verdict
    codes : tuple of str
        Each once.
    checks : tuple of str
        The figures that were out of their limits, by name; none of the header's gate.
    """

    gate: Gate
    verdict: Verdict
    codes: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()


def judge(series: Mapping[str, Sequence[Dataset]], task: Task, *, network: bool = True) -> Outcome:
    """Return what the gates make of series in memory; see :func:`judge_files`."""
    with TemporaryDirectory(prefix="battery-") as folder:
        files = {label: _written(slices, Path(folder) / label) for label, slices in series.items()}
        return judge_files(files, task, network=network)


def judge_files(
    files: Mapping[str, Sequence[Path]], task: Task, *, network: bool = True
) -> Outcome:
    """Return what the gates make of the series of a study, by label in the order of the task.

    Parameters
    ----------
    network : bool
        Whether the network runs on what headers and pixels let pass; else that is all.

    Raises
    ------
    ValueError
        When the task's model has no limits.
    """
    found = [examine(paths, _OWN) for paths in files.values()]
    reasons = [reason for one in found for reason in fits(one, task.bundle.contract, task.grid)]
    if reasons:
        return refused_by("header", reasons)
    return _pixels(found, task, network=network)


def _written(slices: Sequence[Dataset], folder: Path) -> list[Path]:
    folder.mkdir()
    paths = []
    for index, ds in enumerate(slices):
        ds.file_meta.MediaStorageSOPInstanceUID = ds.get("SOPInstanceUID", "1.2.3")
        paths.append(folder / f"{index:04d}.dcm")
        ds.save_as(paths[-1])
    return paths


def _pixels(found: Sequence[Findings], task: Task, *, network: bool) -> Outcome:
    gate = read_gate(task.bundle)
    if gate is None:
        raise ValueError(f"{task.bundle.name} has no limits; run dicom-train calibrate first")
    try:
        volumes = [read_voxels(one.chosen) for one in found if one.chosen is not None]
    except PixelsUnreadable as exc:
        return refused_by("header", exc.reasons)
    checks = gate.of_sources(volumes)
    if worst(checks) is not Verdict.PASS or not network:
        return of_checks("pixels", checks)
    try:
        return of_checks("result", synthesise(volumes, task, choose("cpu", threads=1)).checks)
    except InputRefused as exc:  # the model's own steps: no brain found, not one grid
        return refused_by("pixels", exc.reasons)
    except ResultRefused as exc:
        return refused_by("result", exc.reasons)


def refused_by(gate: Gate, reasons: Sequence[Reason]) -> Outcome:
    """Return what follows from reasons that a gate refused with."""
    return Outcome(gate, Verdict.REFUSE, tuple(dict.fromkeys(str(one.code) for one in reasons)))


def of_checks(gate: Gate, checks: Sequence[Check]) -> Outcome:
    """Return what follows from the figures that a gate judged."""
    out = [one for one in checks if one.verdict is not Verdict.PASS]
    if not out:
        return Outcome("none", Verdict.PASS)
    codes = tuple(dict.fromkeys(str(one.code) for one in out))
    return Outcome(gate, worst(checks), codes, tuple(one.name for one in out))
