"""Many cases at once, and what became of them, by fault."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal

import torch
from pydicom.dataset import Dataset

from benchmarks.battery.cases import CLEAN, Study, pixels_of, planted, studies, task_of
from benchmarks.battery.headers import FOR_RADIOTHERAPY
from benchmarks.battery.judge import Outcome, judge
from benchmarks.battery.pixels import PIXEL_FAULTS
from benchmarks.battery.planted import judge_results
from benchmarks.battery.real import judge_real
from engine.task import Task

__all__ = ["Case", "Part", "Share", "run", "shown", "summary"]

Part = Literal["inputs", "clean", "real", "results"]


@dataclass(frozen=True, slots=True)
class Share:
    """What one process does: faults in the studies of a few subjects, for one model.

    Parameters
    ----------
    conf : Path
        The folder of the configuration.
    model : str
        A recipe and a bundle of that name.
    seeds : tuple of int
        Subjects.
    scans : int
        Studies of each subject.
    faults : tuple of str
        What is planted in each study.
    network : bool
        Whether the network runs on what headers and pixels let pass.
    part : {"inputs", "clean", "real", "results"}
        Whether the faults are planted in phantoms, nowhere, in real series, or in what the network
        made.
    data : Path, optional
        The folder of real series, for the part ``real``.
    """

    conf: Path
    model: str
    seeds: tuple[int, ...]
    scans: int
    faults: tuple[str, ...]
    network: bool = True
    part: Part = "inputs"
    data: Path | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """One fault in one study, and what became of it.

    Parameters
    ----------
    model, fault : str
    subject : str
        The phantom's seed, or what the real series is called.
    scan : int
        Which of a phantom's.
    part : {"inputs", "clean", "real", "results"}
    outcome : Outcome
    """

    model: str
    subject: str
    scan: int
    fault: str
    part: Part
    outcome: Outcome


def run(shares: Sequence[Share], workers: int) -> Iterator[Case]:
    """Yield the cases of all shares as they are judged."""
    context = get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_begin) as pool:
        for job in as_completed([pool.submit(_judged, share) for share in shares]):
            yield from job.result()


def _begin() -> None:
    torch.set_num_threads(1)


def _judged(share: Share) -> list[Case]:
    task = task_of(share.conf / "models", share.model)
    recipes = share.conf / "train"
    foreign = {} if share.part in ("clean", "results") else _foreign(recipes)
    found = []
    for study in studies(recipes / f"{share.model}.toml", share.seeds, share.scans):
        for subject, fault, outcome in _of_study(study, share, task, foreign):
            scan = int(study.pair.about["scan"])
            found.append(Case(share.model, subject, scan, fault, share.part, outcome))
    return found


def _of_study(
    study: Study, share: Share, task: Task, foreign: Mapping[str, Study]
) -> Iterator[tuple[str, str, Outcome]]:
    """Yield whose case it is, what was done to it, and what the gates make of it."""
    others, subject = _others(study, foreign), str(study.seed)
    if share.data is not None:
        yield from judge_real(share.data, study, task, others)
    elif share.part == "results":
        for fault, outcome in judge_results(study, task, share.faults):
            yield subject, fault, outcome
    else:
        for fault in share.faults:
            series = planted(study.series, study.seed, fault, others)
            asked = replace(task, grid="rt-axial") if fault == FOR_RADIOTHERAPY else task
            yield subject, fault, judge(series, asked, network=share.network)


def shown(conf: Path, model: str, seed: int) -> Iterator[tuple[str, list[Dataset], Outcome]]:
    """Yield one subject without a fault and with each of its pixels, its slices and what became."""
    task, recipes = task_of(conf / "models", model), conf / "train"
    study = next(studies(recipes / f"{model}.toml", [seed]))
    others = _others(study, _foreign(recipes))
    for fault in (CLEAN, *PIXEL_FAULTS):
        series = planted(study.series, seed, fault, others)
        yield fault, next(iter(series.values())), judge(series, task, network=False)


_HEAD, _SPINE = "agi-head-flair", "calf-spine-stir"
"""Recipes whose studies have a head in two weightings, and a spine."""
_STRANGER = 69_999


def _foreign(recipes: Path) -> Mapping[str, Study]:
    """Return a stranger's studies, of a head and of a spine."""
    return {name: next(studies(recipes / f"{name}.toml", [_STRANGER])) for name in (_HEAD, _SPINE)}


def _others(study: Study, foreign: Mapping[str, Study]) -> dict[str, Any]:
    """Return what else may lie under the header of a study's first series."""
    if not foreign:
        return {}
    of_spine = study.pair.about["anatomy"] == "spine"
    same, other = (_SPINE, _HEAD) if of_spine else (_HEAD, _SPINE)
    return {
        "person": pixels_of(foreign[same], "T1"),
        "weighting": pixels_of(foreign[same], "STIR" if of_spine else "T2"),
        "anatomy": pixels_of(foreign[other], "T1"),
    }


def summary(cases: Sequence[Case]) -> dict[str, Any]:
    """Return what became of each fault: how often, by which gate, with which codes and checks.

    Odd is a fault that passed, and what was held or refused without one.
    """
    found: dict[str, Any] = {}
    for case in cases:
        one = found.setdefault(
            case.fault,
            {"cases": 0, "gates": Counter(), "verdicts": Counter(), "codes": Counter(),
             "checks": Counter(), "odd": []},
        )  # fmt: skip
        one["cases"] += 1
        one["gates"][case.outcome.gate] += 1
        one["verdicts"][str(case.outcome.verdict)] += 1
        one["codes"].update(case.outcome.codes)
        one["checks"].update(case.outcome.checks)
        if (case.outcome.gate == "none") != (case.fault == CLEAN):
            one["odd"].append({key: value for key, value in asdict(case).items() if key in _WHERE})
    return found


_WHERE = ("model", "subject", "scan")
