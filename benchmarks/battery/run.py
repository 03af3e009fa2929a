"""Many cases at once, and what became of them, by fault."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch

from benchmarks.battery.cases import CLEAN, Study, pixels_of, planted, studies, task_of
from benchmarks.battery.judge import Outcome, judge
from benchmarks.battery.planted import judge_results
from engine.task import Task

__all__ = ["Case", "Share", "run", "summary"]


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
    of_results : bool
        Whether the faults are those of results, planted in what the network made.
    """

    conf: Path
    model: str
    seeds: tuple[int, ...]
    scans: int
    faults: tuple[str, ...]
    network: bool = True
    of_results: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """One fault in one study, and what became of it."""

    model: str
    seed: int
    scan: int
    fault: str
    of_results: bool
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
    foreign = {} if share.of_results or share.faults == (CLEAN,) else _foreign(recipes)
    found = []
    for study in studies(recipes / f"{share.model}.toml", share.seeds, share.scans):
        judged = (
            judge_results(study, task, share.faults)
            if share.of_results
            else _of_inputs(study, share, task, foreign)
        )
        where = share.model, study.seed, int(study.pair.about["scan"])
        found += [Case(*where, fault, share.of_results, outcome) for fault, outcome in judged]
    return found


def _of_inputs(
    study: Study, share: Share, task: Task, foreign: Mapping[str, Study]
) -> Iterator[tuple[str, Outcome]]:
    others = _others(study, foreign)
    for fault in share.faults:
        yield fault, judge(planted(study, fault, others), task, network=share.network)


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
    """Return what became of each fault: how often, by which gate, with which codes and checks."""
    found: dict[str, Any] = {}
    for case in cases:
        one = found.setdefault(
            case.fault,
            {"cases": 0, "gates": Counter(), "verdicts": Counter(), "codes": Counter(),
             "checks": Counter(), "passed": []},
        )  # fmt: skip
        one["cases"] += 1
        one["gates"][case.outcome.gate] += 1
        one["verdicts"][str(case.outcome.verdict)] += 1
        one["codes"].update(case.outcome.codes)
        one["checks"].update(case.outcome.checks)
        if case.outcome.gate == "none":
            one["passed"].append(
                {key: value for key, value in asdict(case).items() if key in _WHERE}
            )
    return found


_WHERE = ("model", "seed", "scan")
