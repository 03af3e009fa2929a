"""A learned model on subjects that it did not learn from, beside what costs less."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.device import Choice, Device, choose
from engine.errors import InputRefused
from engine.task.parts import is_number
from engine.xp import to_numpy
from train import checkpoint
from train.card import METHODS
from train.config import Preparation, Recipe
from train.data import SPLIT, Entry, Split, entries_of, is_strange, read_index, read_split, truth_of
from train.errors import DataInvalid
from train.evaluate.figures import figures_of, foreground_of, regions_of
from train.evaluate.lookup import Histogram, LookUp, copies, registered, there_and_back
from train.evaluate.pictures import Look, case_of
from train.evaluate.report import Evidence, write_report
from train.evaluate.scores import Scored
from train.evaluate.summary import summary
from train.evaluate.whole import write_json
from train.metrics import uptake_by_region
from train.pair import Pair, read_pair
from train.phantom.series import as_sent
from train.served import Served, served
from train.systems import usual_settings

__all__ = ["DOWNSTREAM", "EVALUATION", "FIGURE", "REPORT", "measure"]

EVALUATION, FIGURE, REPORT = "evaluation.json", "evaluation.png", "report.html"
DOWNSTREAM = "downstream.json"
"""What :mod:`train.downstream` leaves beside them; the report shows it where it is there."""
_SCHEDULE = ("learning_rate", "schedule", "hold")
_SPAN = ("mean", "low", "high")
Voxels = NDArray[np.float32]


def measure(
    recipe: Recipe,
    data: Path,
    run: Path,
    baseline_run: Path | None = None,
    device: Choice = "cpu",
) -> dict[str, Any]:
    """Measure the checkpoint in ``run`` on its held-out subjects.

    Writes ``evaluation.png``, ``report.html`` and last ``evaluation.json`` into ``run``: where the
    last is of these weights, so are the others.

    Parameters
    ----------
    data : Path
        The pairs that the run was learned from; who is held out stands in its ``split.json``.
    baseline_run : Path, optional
        Where the regression of the same recipe was learned; ``run/regression``, where there is one,
        unless said.
    device : {"cpu", "cuda", "auto"}
        Where the networks run.

    Returns
    -------
    evaluation : dict
        What the JSON file holds.

    Raises
    ------
    CheckpointInvalid, DataInvalid
        When checkpoint, split or the pairs of a subject are not there, or the regression learned
        from others; when the model's own steps refuse all that is held out; when what a second
        program left beside them cannot be read.
    """
    downstream = _found_downstream(run / DOWNSTREAM)
    split, entries = read_split(run / SPLIT), read_index(data)
    place = choose(device, threads=recipe.learning.threads)
    learned = _learned(recipe, data, run, baseline_run, split)
    if not split.test:
        raise DataInvalid(f"{run / SPLIT} holds nobody out; delete the run and fit again")
    held = entries_of(entries, split.test, data)
    table, copied = _counted(recipe, entries_of(entries, split.train, data))
    methods = _Methods(recipe.preparation, place, learned, table, copied)
    window = recipe.preparation.window
    evidence = Evidence(Look.of(recipe.pairs.target, window), window, downstream=downstream)
    scans, refused = _scans(held, methods, evidence)
    about = {
        "refused": refused,
        "subjects": {"learned_from": len(split.train), "measured": len({s.subject for s in scans})},
        **_origin(recipe, held),
        "weights": {name: one.sha256 for name, one in learned.items()},
        "effort": _efforts(recipe, learned),
        "copied": None if copied is None else recipe.pairs.sources[copied],
    }
    evaluation = summary(recipe, scans, about)
    write_report(run / REPORT, run / FIGURE, evaluation, scans, evidence)
    write_json(run / EVALUATION, evaluation)
    return evaluation


def _origin(recipe: Recipe, held: Sequence[Entry]) -> dict[str, Any]:
    """Return what was measured on: the recipe of the phantoms, or the digest of the pairs."""
    if recipe.section == "phantoms":
        recipes = sorted({str(entry.about.get("recipe", "unknown")) for entry in held})
        return {"phantoms": recipes, "pairs": ""}
    keys = sorted(str(entry.about.get("key", entry.path.name)) for entry in held)
    return {"phantoms": [], "pairs": hashlib.sha256("\n".join(keys).encode()).hexdigest()}


def _found_downstream(path: Path) -> dict[str, Any]:
    """Return what a second program found, if it was asked before."""
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = None
    if not _is_told(found):
        text = f"{path} is not what 'dicom-train downstream' writes"
        raise DataInvalid(f"{text}; run that again, or remove the file")
    told: dict[str, Any] = found
    return told


def _is_told(found: Any) -> bool:
    """Return whether ``found`` has all that the report shows of it."""
    if not isinstance(found, dict) or not isinstance(found.get("rows"), list):
        return False
    columns = found.get("columns")
    return (
        all(isinstance(found.get(key), str) for key in ("weights", "question", "of", "how"))
        and isinstance(columns, list)
        and all(isinstance(name, str) for name in columns)
        and all(_is_row(row, len(columns)) for row in found["rows"])
    )


def _is_row(row: Any, columns: int) -> bool:
    values = row.get("values") if isinstance(row, dict) else None
    return (
        isinstance(values, list)
        and isinstance(row.get("name"), str)
        and len(values) == columns
        and all(
            isinstance(one, dict) and all(map(is_number, map(one.get, _SPAN))) for one in values
        )
    )


@dataclass(frozen=True, eq=False, slots=True)
class _Methods:
    """All that makes the target of a scan, and what its steps alone do to the truth."""

    preparation: Preparation
    device: Device
    learned: Mapping[str, Served]
    table: LookUp
    copied: int | None

    def __call__(self, pair: Pair, inside: NDArray[np.bool_]) -> dict[str, Voxels]:
        """Return results by method, the model's first: (Z, Y, X) in the truth's unit."""
        sent = as_sent(pair)
        made = {
            name: np.asarray(to_numpy(one.generator(sent, self.device).volume.voxels))
            for name, one in self.learned.items()
        }
        still = registered(pair, self.preparation)
        made["look_up_table"] = self.table(still.sources)
        if self.copied is not None:
            copy = copies(still, self.preparation)[self.copied]
            made["copy"] = np.asarray(copy.voxels)
        outside = np.float32(self.preparation.outside)
        made["constant"] = np.where(inside, np.float32(self.table.constant), outside)
        chain = self.learned["model"].generator.chain
        made["passage"] = there_and_back(still, self.preparation, chain)
        return made


def _learned(
    recipe: Recipe, data: Path, run: Path, baseline_run: Path | None, split: Split
) -> dict[str, Served]:
    """Return the model and, where it was learned, the regression on the same network."""
    found = {"model": served(recipe, run, data)}
    beside = baseline_run or run / "regression"
    if recipe.baseline is None or not (beside / checkpoint.FILE).is_file():
        if baseline_run is not None:
            text = f"no regression of {recipe.name} in {baseline_run}"
            raise DataInvalid(f"{text}; learn it with 'dicom-train fit --baseline'")
        return found
    if read_split(beside / SPLIT) != split:
        text = f"the regression in {beside} learned from other subjects than the model"
        raise DataInvalid(f"{text}; delete it and fit again")
    return {**found, "regression": served(recipe.regression(), beside, data)}


def _efforts(recipe: Recipe, learned: Mapping[str, Served]) -> dict[str, dict[str, Any]]:
    """Return what was spent on each: the regression may be given more, or less, than the model."""
    found = {}
    for name, one in learned.items():
        learning = (recipe if name == "model" else recipe.regression()).learning
        usual = usual_settings(learning.system, learning.preset)
        kept = {key: learning.settings.get(key, getattr(usual, key)) for key in _SCHEDULE}
        given = {"updates": one.step, "of": learning.steps, "finished": one.finished,
                 "batch": learning.batch, "seed": learning.seed}  # fmt: skip
        found[name] = {**given, **kept}
    return found


def _counted(recipe: Recipe, entries: Sequence[Entry]) -> tuple[LookUp, int | None]:
    """Return the look-up table of those learned from, and the source that is the best copy."""
    counted = Histogram(recipe.preparation, len(recipe.pairs.sources))
    errors: list[list[float]] = []
    for entry in entries:
        pair = registered(read_pair(entry.path), recipe.preparation)
        truth, inside = truth_of(pair, recipe.preparation), foreground_of(pair)
        counted.add(pair.sources, truth, inside)
        away = [copy.voxels - truth.voxels for copy in copies(pair, recipe.preparation)]
        errors.append([float(np.abs(one[inside]).mean()) for one in away])
    means = np.array(errors).mean(axis=0)
    return LookUp.fit(counted), int(means.argmin()) if means.size else None


def _scans(
    held: Sequence[Entry], methods: _Methods, evidence: Evidence
) -> tuple[list[Scored], list[dict[str, Any]]]:
    """Measure every scan; return those, and which the model's own steps refused, and why."""
    scans: list[Scored] = []
    refused: list[dict[str, Any]] = []
    for entry in held:
        try:
            scans.append(_scan(read_pair(entry.path), methods, evidence))
        except InputRefused as exc:
            if not is_strange(exc):
                raise
            scan = int(entry.about["scan"])
            refused.append({"subject": entry.subject, "scan": scan, "why": str(exc)})
    if not scans:
        why = refused[0]["why"]
        raise DataInvalid(f"the model's own steps refuse every scan held out; the first: {why}")
    return scans, refused


def _scan(pair: Pair, methods: _Methods, evidence: Evidence) -> Scored:
    """Measure one scan, and keep of it what the report shows."""
    prepared, inside = methods.preparation, foreground_of(pair)
    truth, made = truth_of(pair, prepared), methods(pair, inside)
    judged = partial(figures_of, truth=truth, pair=pair, preparation=prepared)
    with ThreadPoolExecutor(methods.device.threads) as pool:
        figures = dict(zip(made, pool.map(judged, made.values()), strict=True))
    subject, scan = int(pair.about["subject"]), int(pair.about["scan"])
    strata = {str(k): str(v) for k, v in pair.about.get("strata", {}).items()}
    real = np.asarray(truth.voxels)
    pictured = ("model", "regression", "look_up_table")
    shown = {METHODS[name]: made[name] for name in pictured if name in made}
    evidence.cases[subject, scan] = case_of(
        f"Subject {subject}, scan {scan}", pair, shown, real, evidence.look
    )
    evidence.count(made["model"][inside], real[inside])
    regions = regions_of(pair)
    evidence.regions.append(
        (uptake_by_region(real, regions), uptake_by_region(made["model"], regions))
    )
    return Scored(subject, scan, strata, figures)
