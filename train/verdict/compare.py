"""Two models on whom neither learned from: looked at, held to a gate file, written down."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch

from engine.task import Bundle, read_bundle
from train.config import Phantoms, Preparation, Recipe
from train.data import SPLIT, Entry, entries_of, read_index, read_split
from train.errors import BundleInvalid, DataInvalid
from train.evaluate import commit
from train.metrics import bootstrap
from train.pair import read_pair
from train.served import output_of, served
from train.verdict.answer import Seen, look_at
from train.verdict.gatefile import PARTS, GateFile
from train.verdict.judge import HELD_OUT, PHANTOMS, WATCHED, judge, paired

__all__ = ["KEEP", "PROMOTE", "Compared", "changed_parts", "compare"]

_WORST = 3
_FILES = ("contract.json", "configs/inference.json", "configs/metadata.json")
PROMOTE, KEEP = "PROMOTE", "KEEP"


@dataclass(frozen=True, eq=False, slots=True)
class Compared:
    """A verdict, and all that it rests on.

    Parameters
    ----------
    report : mapping
        As JSON holds it: the same models, pairs and gate file give the same.
    worst : tuple of Entry
        Scans of the persons held out who lose most, the first loses most.
    """

    report: Mapping[str, Any]
    worst: tuple[Entry, ...]


def compare(
    recipe: Recipe,
    bundles: tuple[Path, Path],
    gate: GateFile,
    data: tuple[Path, Path, Path | None],
    workers: int = 1,
    told: Callable[[int, int], object] = lambda _done, _of: None,
) -> Compared:
    """Hold a candidate to a gate file, beside the model that is active.

    Parameters
    ----------
    recipe : Recipe
        By which the candidate was learned: who is held out, and what the truth is.
    bundles : (Path, Path)
        Of the active model and of the candidate.
    data : (Path, Path, Path or None)
        The pairs; the run that the candidate was learned in, which says who was held out; and
        phantoms that neither model has learned from.
    workers : int
        Processes.
    told : callable
        Called for each scan with how many are done, and of how many.

    Raises
    ------
    BundleInvalid
        When the two do not make the same of the same, or are no models of the gate file; when the
        candidate is not what was learned in the run.
    CheckpointInvalid
        When there is no run of the recipe.
    DataInvalid
        When the pairs of somebody held out are not there, or the phantoms are some of those that
        the recipe learns from, or of another task.
    """
    active, candidate = (read_bundle(path) for path in bundles)
    changed = changed_parts(active, candidate)
    _comparable(active, candidate, gate)
    _of_recipe(recipe, candidate, active)
    scans = _scans(recipe, candidate, *data)
    torch.set_num_threads(1)
    jobs = [(bundles, entry.path, recipe.preparation, group) for group, entry in scans]
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        seen = []
        for one in pool.map(_look, jobs):
            seen.append(one)
            told(len(seen), len(jobs))
    first, second = [one[0] for one in seen], [one[1] for one in seen]
    criteria = judge(first, second, gate, changed)
    held = [(a, c) for a, c in zip(first, second, strict=True) if a.group == HELD_OUT]
    report = {
        "verdict": PROMOTE if all(one.passed for one in criteria) else KEEP,
        "criteria": [asdict(one) for one in criteria],
        "active": _named(active), "candidate": _named(candidate), "changed": list(changed),
        "makes": candidate.contract.makes, "sources": list(candidate.contract.labels),
        "who": "person" if recipe.section == "cohort" else "phantom",
        "unit": recipe.preparation.unit if recipe.preparation.unit != "1" else "of the range",
        "gate": {**asdict(gate)}, "recipe": recipe.digest,
        "groups": {group: len({e.subject for g, e in scans if g == group})
                   for group in (HELD_OUT, WATCHED, PHANTOMS)},
        "pairs": _digest([entry for _, entry in scans]),
        "gain": _gain(held), "strata": _strata(held),
        "per_subject": _by_subject(first, second),
        "commit": commit(),
    }  # fmt: skip
    return Compared(report, _worst(held, [entry for group, entry in scans if group == HELD_OUT]))


def _look(job: tuple[tuple[Path, Path], Path, Preparation, str]) -> list[Seen]:
    bundles, path, preparation, group = job
    torch.set_num_threads(1)
    return look_at(bundles, read_pair(path), preparation, group)


def _scans(
    recipe: Recipe, candidate: Bundle, data: Path, run: Path, phantoms: Path | None
) -> list[tuple[str, Entry]]:
    """Return every scan that is looked at, with its group: as the candidate's own run has it."""
    learned = served(recipe, run, data)
    if learned.sha256 != candidate.weights_sha256:
        text = f"{candidate.path} does not hold what was learned in {run}"
        raise BundleInvalid(f"{text}; export it again, or name the run with --run")
    entries, split = read_index(data), read_split(run / SPLIT)
    found = [(group, entry) for group, who in ((HELD_OUT, split.test), (WATCHED, split.validation))
             for entry in entries_of(entries, who, data)]  # fmt: skip
    drawn = read_index(phantoms) if phantoms else ()
    for entry in drawn:
        if entry.subject in split.everyone or (
            isinstance(recipe.pairs, Phantoms) and entry.subject in recipe.pairs.seeds
        ):
            text = f"{entry.path} is of subject {entry.subject}, which the recipe learns from"
            raise DataInvalid(f"{text}, or measures on; make phantoms of other seeds")
    found += [(PHANTOMS, one) for one in drawn]
    for _, entry in found:
        seen = (tuple(entry.about["labels"]), entry.about["makes"])
        if seen != (recipe.pairs.sources, recipe.pairs.target):
            text = f"{entry.path} holds {', '.join(seen[0])} and {seen[1]}"
            raise DataInvalid(f"{text}; the model makes {recipe.pairs.target} of others: remove it")
    return found


def _of_recipe(recipe: Recipe, candidate: Bundle, active: Bundle) -> None:
    """Refuse results that are scaled otherwise than the truth: a scale alone would win or lose."""
    wanted = output_of(recipe.preparation)
    scales = ("unit", "window", "relative", "headroom") if wanted.unit == "1" else ("unit",)
    for bundle in (candidate, active):
        for key in scales:
            if getattr(bundle.output, key) != getattr(wanted, key):
                text = f"{bundle.path}: {key} of its results is {getattr(bundle.output, key)}"
                raise BundleInvalid(f"{text}, the recipe's {getattr(wanted, key)}: not compared")
    if candidate.contract.labels != recipe.pairs.sources:
        text = f"{candidate.path} takes {', '.join(candidate.contract.labels)}"
        raise BundleInvalid(f"{text}, the recipe {', '.join(recipe.pairs.sources)}: not compared")


def _comparable(active: Bundle, candidate: Bundle, gate: GateFile) -> None:
    """Refuse two models that do not make the same of the same, or that are not the gate's."""
    for what, seen, wanted in (
        ("makes", candidate.contract.makes, active.contract.makes),
        ("takes", candidate.contract.labels, active.contract.labels),
        ("counts in", candidate.output.unit, active.output.unit),
        ("is called", candidate.name, gate.changes.model),
        ("stands beside a model that is called", active.name, gate.changes.model),
    ):
        if seen != wanted:
            text = f"{candidate.path} {what} {seen}, where {wanted} is wanted"
            raise BundleInvalid(f"{text}: nothing is compared; name another --against or gate file")


def changed_parts(active: Bundle, candidate: Bundle) -> tuple[str, ...]:
    """Return which of :data:`train.verdict.gatefile.PARTS` a candidate has otherwise."""
    both = (_parts(active), _parts(candidate))
    return tuple(name for name in PARTS if both[0][name] != both[1][name])


def _parts(one: Bundle) -> dict[str, Any]:
    """Return what a bundle says, each key in one part: what nobody thought of is a word."""
    texts = {name: json.loads((one.path / name).read_text("utf-8")) for name in _FILES}
    said, steps, about = (texts[name] for name in _FILES)
    version = {key: about[key] for key in about if not key.endswith("version")}
    return {
        "weights": said.pop("weights"),
        "limits": [said.pop(key, None) for key in ("quality", "likeness")],
        "network": steps.pop("network"),
        "steps": (steps, said.pop("atlas", None)),
        "scope": [said.pop(key, None) for key in ("makes", "accepts", "intended_use", "limits")],
        "words": (said, {key: version[key] for key in version if key != "intended_use"}),
    }


def _named(bundle: Bundle) -> dict[str, str]:
    named = bundle.identity
    return {"name": named.name, "version": named.version, "digest": named.digest,
            "weights": named.weights, "learned_from": named.learned_from}  # fmt: skip


def _digest(entries: Sequence[Entry]) -> str:
    """Return the SHA-256 of what was measured on, whatever the files are called."""
    found = sorted(hashlib.sha256(one.path.read_bytes()).hexdigest() for one in entries)
    return hashlib.sha256("\n".join(found).encode()).hexdigest()


def _gain(held: list[tuple[Seen, Seen]]) -> dict[str, float] | None:
    gains = [active - candidate for active, candidate in paired(held, "mae").values()]
    return bootstrap(gains).as_dict() if gains else None


def _strata(held: list[tuple[Seen, Seen]]) -> dict[str, dict[str, Any]]:
    """Return the gain in every group that a person falls into."""
    groups: dict[str, list[tuple[Seen, Seen]]] = {}
    for one in held:
        for kind, value in one[0].strata.items():
            groups.setdefault(f"{kind} {value}", []).append(one)
    return {name: {"subjects": len(paired(scans, "mae")), "gain": found}
            for name, scans in sorted(groups.items())
            if (found := _gain(scans)) is not None}  # fmt: skip


def _by_subject(first: Sequence[Seen], second: Sequence[Seen]) -> list[dict[str, Any]]:
    return [
        {"subject": active.subject, "scan": active.scan, "group": active.group,
         "strata": dict(active.strata), "active": _row(active), "candidate": _row(candidate)}
        for active, candidate in zip(first, second, strict=True)
    ]  # fmt: skip


def _row(one: Seen) -> dict[str, Any]:
    figures = {name: float(f"{value:.5g}") for name, value in one.figures.items()}
    lesions = [float(f"{value:.4g}") for value in one.lesions]
    return {"figures": figures, "lesions": lesions, "stopped": one.stopped}


def _worst(held: list[tuple[Seen, Seen]], entries: Sequence[Entry]) -> tuple[Entry, ...]:
    losses = [
        (candidate.figures["mae"] - active.figures["mae"], entry)
        for (active, candidate), entry in zip(held, entries, strict=True)
        if active.figures and candidate.figures
    ]
    return tuple(entry for _, entry in sorted(losses, key=lambda one: -one[0])[:_WORST])
