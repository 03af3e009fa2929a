"""The limits of a bundle's gate, set on subjects that nothing was learned from."""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import save

from engine.device import choose
from engine.errors import InputRefused
from engine.pipeline import Generator
from engine.quality import Likeness
from engine.task import FEWEST, RESULT, SOURCE, Bundle, read_bundle
from train.calibrate.limits import RULE, limits_of, written
from train.calibrate.spread import calibration, fit_spread
from train.calibrate.subject import Subject, look
from train.config import Cohort, Recipe
from train.data import Entry, deal, entries_of, is_strange, read_index
from train.errors import DataInvalid
from train.export import put
from train.pair import read_pair

__all__ = ["LIKENESS", "QUALITY", "calibrate"]

QUALITY, LIKENESS = "quality.json", "models/likeness.safetensors"
FIGURES = "figures.json"
"""Beside the pairs: what was seen of each."""
_FOLDS = 5
_RANK = 12
"""Axes of the space of pictures; less than half of the subjects in any case."""
_MOST = 20_000
"""Voxels of a subject that bands are set on."""
_BANDS = (15, 85)
"""Percentiles of the truth within the body that part the bands of values."""

Report = Callable[[], None]


def calibrate(
    recipe: Recipe, bundle: Path, data: Path, workers: int = 1, report: Report = lambda: None
) -> Bundle:
    """Set the limits of the bundle's gate on the pairs in ``data``, and write them into it.

    Parameters
    ----------
    recipe : Recipe
        By which the bundle was made: its own subjects set no limits.
    bundle : Path
        The folder of the bundle; the one that is there is changed for one with limits as a whole.
    data : Path
        Prepared pairs of the recipe's labels, of other subjects; of a cohort all pairs: limits are
        set on those whom learning only looks at.
    workers : int
        Processes.
    report : callable
        Called for each pair.

    Returns
    -------
    bundle : Bundle
        Read back from disk by the engine; its digest is another.

    Raises
    ------
    DataInvalid
        When there are too few subjects, or some of the recipe's own.
    """
    read, entries = read_bundle(bundle), _others(recipe, data)
    subjects, bands = [], _bands([entry.path for entry in entries])
    for one in _looked(bundle, [entry.path for entry in entries], bands, workers):
        report()
        if one is not None:
            subjects.append(one)
    if len({one.number for one in subjects}) < FEWEST:
        text = f"{data} holds {len(subjects)} subjects that the model's steps take"
        raise DataInvalid(f"{text}; at least {FEWEST} are wanted")
    subjects.sort(key=lambda one: (one.number, one.scan))
    about = {
        "subjects": len(subjects),
        "refused": len(entries) - len(subjects),
        "seeds": [subjects[0].number, subjects[-1].number],
        "phantoms": sorted({str(entry.about.get("recipe", "unknown")) for entry in entries}),
        "planes": _planes(subjects),
        "weights": read.weights_sha256,
        "rule": asdict(RULE),
    }
    _keep(data / FIGURES, subjects)
    return _write(bundle, *_limits(subjects, bands, about))


def _others(recipe: Recipe, data: Path) -> tuple[Entry, ...]:
    """Return the pairs of those whom nothing was learned from, or measured on."""
    entries, made = read_index(data), recipe.pairs
    if isinstance(made, Cohort):
        if len(made.sources) > 1:
            text = f"{data} has all sources on the grid of the first, which no node is sent"
            raise DataInvalid(f"{text}: limits of a model of several are not set on it yet")
        return entries_of(entries, deal(entries, made, data).validation, data)
    if persons := [entry for entry in entries if "person" in entry.about]:
        text = f"{persons[0].path} is of a person of a cohort, whom a model may have learned from"
        raise DataInvalid(f"{text}; a recipe with [cohort] sets limits on those whom it watches")
    if leaked := sorted({entry.subject for entry in entries} & set(made.seeds)):
        text = f"{data} holds subject {leaked[0]}, which {recipe.name} learned from or measured on"
        advice = f"limits are set on others: make some from seed {made.seeds.stop} up"
        raise DataInvalid(f"{text}; {advice}")
    return entries


def _planes(subjects: Sequence[Subject]) -> list[list[str]]:
    """Return the planes that the slices of each source lay in."""
    sources = range(len(subjects[0].planes))
    return [sorted({one.planes[number] for one in subjects}) for number in sources]


def _bands(paths: Sequence[Path]) -> tuple[float, float]:
    """Return the values that part the truth's lowest, middle and highest band within bodies."""
    inside = []
    for number, path in enumerate(paths):
        pair = read_pair(path)
        values = np.asarray(pair.target.voxels, dtype=np.float32)[np.asarray(pair.body)]
        inside.append(np.random.default_rng(number).choice(values, min(_MOST, values.size)))
    low, high = (float(f"{one:.3g}") for one in np.percentile(np.concatenate(inside), _BANDS))
    return low, high


def _looked(
    bundle: Path, paths: Sequence[Path], bands: tuple[float, float], workers: int
) -> Iterator[Subject | None]:
    """Yield what is seen of each pair, in no order; None of what the model's own steps refuse."""
    context = get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_begin) as pool:
        for job in as_completed([pool.submit(_look, bundle, path, bands) for path in paths]):
            yield job.result()


def _begin() -> None:
    torch.set_num_threads(1)


def _look(bundle: Path, path: Path, bands: tuple[float, float]) -> Subject | None:
    try:
        generator = Generator.of(read_bundle(bundle))
        return look(read_pair(path), generator, choose("cpu", threads=1), bands)
    except InputRefused as exc:
        if not is_strange(exc):
            raise
        return None


def _keep(path: Path, subjects: Sequence[Subject]) -> None:
    """Write down what was seen of each subject, for whoever wonders at a limit."""
    seen = [
        {"subject": one.number, "scan": one.scan, "sources": one.sources, "result": one.result}
        for one in subjects
    ]
    path.write_text(json.dumps(seen, indent=1) + "\n", encoding="utf-8")


def _limits(
    subjects: Sequence[Subject], bands: tuple[float, float], about: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return what stands in the file of limits, and the arrays of what sources were like."""
    people = sorted({one.number for one in subjects})  # scans of one person lie in one fold
    folds = [people.index(one.number) % _FOLDS for one in subjects]
    sources: list[dict[str, Any]] = []
    arrays: dict[str, np.ndarray] = {}
    for number in range(len(subjects[0].sources)):
        pictures = np.stack([one.pictures[number] for one in subjects])
        grains = np.stack([one.grains[number] for one in subjects])
        rank = min(_RANK, len(subjects) // 2)
        unlike = _unlike(pictures, grains, rank, folds)
        figures = [
            {**one.sources[number], **away} for one, away in zip(subjects, unlike, strict=True)
        ]
        sources.append(written(limits_of(figures, SOURCE)))
        fitted = Likeness.fit(pictures, grains, rank).arrays()
        arrays |= {f"{number}.{name}": one for name, one in fitted.items()}
    errors = [one.errors for one in subjects]
    spread = fit_spread(errors)
    limits = {
        "calibrated_on": about,
        "bands": list(bands),
        "sources": sources,
        "result": written(limits_of([one.result for one in subjects], RESULT)),
        "uncertainty": {**asdict(spread), **calibration(errors, folds)},
    }
    return limits, arrays


def _unlike(
    pictures: np.ndarray, grains: np.ndarray, rank: int, folds: Sequence[int]
) -> list[dict[str, float]]:
    """Return how far each picture is from the others': a space that it spans itself is too near."""
    found: list[dict[str, float]] = [{} for _ in pictures]
    for fold in range(_FOLDS):
        held = np.array(folds) == fold
        space = Likeness.fit(pictures[~held], grains[~held], rank)
        for index in np.flatnonzero(held):
            found[index] = space.figures(pictures[index], grains[index])
    return found


def _write(bundle: Path, limits: dict[str, Any], arrays: dict[str, np.ndarray]) -> Bundle:
    """Write the bundle again with limits and likeness in it, and its contract naming both."""
    files = {
        str(path.relative_to(bundle)): path.read_bytes()
        for path in sorted(bundle.rglob("*"))
        if path.is_file()
    }
    files[QUALITY] = _json(limits)
    files[LIKENESS] = save({name: np.ascontiguousarray(one) for name, one in arrays.items()})
    contract = json.loads(files["contract.json"])
    for key, file in (("quality", QUALITY), ("likeness", LIKENESS)):
        contract[key] = {"file": file, "sha256": hashlib.sha256(files[file]).hexdigest()}
    files["contract.json"] = _json(contract)
    put(bundle, files)
    return read_bundle(bundle)


def _json(values: dict[str, Any]) -> bytes:
    return (json.dumps(values, indent=2, ensure_ascii=False) + "\n").encode()
