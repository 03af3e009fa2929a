"""Refuse what no single key of a recipe is to blame for, and what no type tells."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from engine.errors import EngineError, SpecError
from engine.preprocess import Chain
from engine.task import PLANES, Generation, Output
from engine.task.labels import UNITS
from train.config.bundled import checked
from train.config.values import Cohort, Phantoms, Preparation, Recipe
from train.errors import RecipeInvalid

__all__ = ["consistent"]

_DRAWS = {"slices": "slices", "tiles": "slices", "patches": "windows", "volumes": "whole"}
"""What is learned from, and how the result is then put together."""
_ANATOMIES = ("head", "spine")
_SIDES = {"mdaunet3d": (8, 1), "pcsa_gan": (16, 16)}
"""Of windows, by network: the smallest side that it takes, and what sides are multiples of."""
_MOST = 2**31 - 1
"""Of seeds, updates and whatever else is counted: a whole number of 32 bits."""
_RANGES: Mapping[str, Mapping[str, tuple[float, float]]] = {
    "phantoms": {
        "first_seed": (0, _MOST),
        "subjects": (1, _MOST),
        "scans": (1, _MOST),
        "spacing_mm": (0.5, 8.0),  # as of 'dicom-train phantom'
        "shift_mm": (0, 100),
        "validation": (1, _MOST),
        "test": (1, _MOST),
    },
    "cohort": {"held_out": (0.05, 0.5), "watched": (0.01, 0.4)},
    "learning": {
        "seed": (0, _MOST),
        "steps": (1, _MOST),
        "batch": (1, _MOST),
        "threads": (1, 1024),
        "report_every": (1, _MOST),
        "save_every": (1, _MOST),
        "patience": (0, _MOST),
    },
    "baseline": {"steps": (0, _MOST)},
    "gate": {"first_seed": (0, _MOST), "subjects": (20, _MOST)},
}
"""Of numbers, by section and key: the least and the most."""
_CHANGES = {
    "flip": 1.0,  # a chance
    "gain": 10.0,
    "gamma": 10.0,
    "slope": 2.0,  # more is darker than black at an edge
    "noise": 1.0,
    "misalign_px": 1000.0,
    "misalign_deg": 180.0,
}
"""Of ``[learning.augment]``: the most that makes sense."""
_UNTIED = "1"
"""The unit of arbitrary brightness, which alone may be scaled to the body."""


def consistent(recipe: Recipe, name: str) -> None:
    """Check what :func:`train.sections.section` cannot.

    Raises
    ------
    RecipeInvalid
        Naming the file ``name``, the key and the remedy.
    """
    _in_range(recipe, name)
    _written(recipe, name)
    made, learned = recipe.pairs, recipe.learning
    _pairs(made, name)
    if (seen := learned.patch)[0] != 1 and learned.draw == "tiles":
        raise RecipeInvalid(f"{name}: patch = {list(seen)}; a tile is [1, rows, columns]")
    if not made.sources:
        raise RecipeInvalid(f"{name}: [phantoms] sources = []; a source or several are wanted")
    for key, value, known in (
        ("draw", learned.draw, tuple(_DRAWS)),
        *(("planes", plane, PLANES) for plane in recipe.accepts.planes),
    ):
        if value not in known:
            raise RecipeInvalid(f"{name}: {key} = '{value}'; choose one of {', '.join(known)}")
    _gate(recipe, name)
    try:
        _prepares(recipe.preparation, learned.draw)
    except EngineError as exc:
        raise RecipeInvalid(f"{name}: [preparation] {exc}") from exc
    _served(recipe, name)
    _windows(recipe, name)
    try:
        checked(recipe, "bundle")
    except EngineError as exc:
        raise RecipeInvalid(f"{name}: the engine would refuse the {exc}") from exc


def _pairs(made: Phantoms | Cohort, name: str) -> None:
    """Refuse a recipe that leaves nobody to learn from, or to measure on."""
    if isinstance(made, Cohort):
        for key in ("salt", "anatomy"):
            if not getattr(made, key).strip():
                raise RecipeInvalid(f"{name}: [cohort] {key} is blank; write a word")
        return
    if made.validation + made.test >= made.subjects:
        text = "[phantoms] one subject or more is wanted in each of train, validation and test"
        raise RecipeInvalid(f"{name}: {text}; raise subjects")
    if made.anatomy not in _ANATOMIES:
        text = f"anatomy = '{made.anatomy}'; choose one of {', '.join(_ANATOMIES)}"
        raise RecipeInvalid(f"{name}: {text}")


def _in_range(recipe: Recipe, name: str) -> None:
    """Refuse numbers that would end in a traceback, or in nonsense, hours later."""
    augment = recipe.learning.augment
    if unknown := sorted(set(augment) - set(_CHANGES)):
        text = f"{name}: [learning.augment] unknown key '{unknown[0]}'; keys are"
        raise RecipeInvalid(f"{text} {', '.join(_CHANGES)}: correct its name or remove it")
    parts = {"learning": recipe.learning, "baseline": recipe.baseline, "gate": recipe.gate,
             recipe.section: recipe.pairs}  # fmt: skip
    for where, value, (low, high) in (
        *(
            (f"[{part}] {key}", getattr(values, key), limits)
            for part, ranges in _RANGES.items()
            if (values := parts.get(part)) is not None
            for key, limits in ranges.items()
        ),
        *(("[learning] patch", side, (1, _MOST)) for side in recipe.learning.patch),
        *(
            (f"[learning.augment] {key}", value, (0, _CHANGES[key]))
            for key, value in augment.items()
        ),
    ):
        if type(value) not in {int, float} or not low <= value <= high:
            wanted = f"a number from {low:.10g} to {high:.10g} is wanted"
            raise RecipeInvalid(f"{name}: {where} = {value!r}; {wanted}")


def _gate(recipe: Recipe, name: str) -> None:
    """Refuse limits that are set on whom the model learned from or was measured on."""
    gate, made = recipe.gate, recipe.pairs
    if gate is None:
        return
    if isinstance(made, Cohort):
        text = "[gate] sets limits on phantoms, which are no persons of [cohort]; remove it"
        raise RecipeInvalid(f"{name}: {text}: limits are set on those whom it watches")
    own = made.seeds
    if gate.seeds.start < own.stop and own.start < gate.seeds.stop:
        text = f"{name}: [gate] first_seed = {gate.first_seed} sets limits on subjects of"
        raise RecipeInvalid(f"{text} [phantoms]; take others, from {own.stop} up")


def _written(recipe: Recipe, name: str) -> None:
    """Refuse words that are blank or said twice: bundle and card would say nothing by them."""
    for part in ("accepts", "model"):
        for key, value in asdict(getattr(recipe, part)).items():
            words = [value] if isinstance(value, str) else value
            if not isinstance(words, list | tuple):
                continue
            if any(isinstance(word, str) and not word.strip() for word in words):
                raise RecipeInvalid(
                    f"{name}: [{part}] {key} = {value!r}; write a text that says it"
                )
            if isinstance(value, tuple) and not _are_limits(value) and len(set(value)) < len(value):
                raise RecipeInvalid(
                    f"{name}: [{part}] {key} = {list(value)}; say each of them once"
                )


def _are_limits(values: tuple[Any, ...]) -> bool:
    """Whether these are numbers, low and high, which may be the same."""
    return not all(isinstance(value, str) for value in values)


def _served(recipe: Recipe, name: str) -> None:
    """Refuse a bundle that would say other than what was learned."""
    made, unit = recipe.pairs, recipe.preparation.unit
    units = UNITS.get(made.target, ())[:1]  # the one that pairs are kept in
    for left, seen, right, wanted in (
        ("[accepts] labels", list(recipe.accepts.labels), "sources", list(made.sources)),
        ("[model] makes", recipe.model.makes, "target", made.target),
    ):
        if seen != wanted:
            text = f"{name}: {left} = {seen!r} and [{recipe.section}] {right} = {wanted!r}"
            raise RecipeInvalid(f"{text}: what is served is what was learned; make them the same")
    if unit not in units:
        text = f"{name}: [preparation] unit = '{unit}' and [{recipe.section}] target ="
        text = f"{text} '{made.target}'"
        wanted = f"unit = '{units[0]}'" if units else f"target to one of {', '.join(UNITS)}"
        raise RecipeInvalid(f"{text} do not fit; set {wanted}")


def _windows(recipe: Recipe, name: str) -> None:
    """Refuse windows that the network cannot take, or that hold less than it learned from."""
    learned, size = recipe.learning, Generation.of(recipe.preparation.generate).size
    if not size:
        return
    text = f"{name}: [preparation] generate.size = {list(size)}"
    least, multiple = _SIDES.get(learned.network, (1, 1))
    if min(size) < least or any(side % multiple for side in size):
        wanted = f"sides of {least} or more in steps of {multiple}: set size"
        raise RecipeInvalid(f"{text}; {learned.network} takes {wanted}")
    if any(side < part for side, part in zip(size, learned.patch, strict=True)):
        text = f"{text} is smaller than [learning] patch = {list(learned.patch)}"
        raise RecipeInvalid(f"{text}; a window holds a patch at least: raise size or lower patch")


def _prepares(prepared: Preparation, draw: str) -> None:
    """Let the engine look at what it will be given."""
    Chain.of(prepared.steps)
    output = ("window", "onto", "outside", "unit", "relative", "headroom")
    Output.of({key: _plain(getattr(prepared, key)) for key in output}, "result")
    how = Generation.of(prepared.generate).how
    if (_DRAWS[draw] == "slices") != (how == "slices"):
        text = f"generate.how = '{how}' and [learning] draw = '{draw}' do not fit"
        raise SpecError(f"{text}; '{_DRAWS[draw]}' serves what was learned from {draw}")
    low, high = prepared.window
    if not low <= prepared.outside <= high:
        text = f"outside = {prepared.outside:g} and window = [{low:g}, {high:g}] do not fit"
        raise SpecError(f"{text}; the engine refuses results beyond the window: set outside in it")
    if prepared.relative and prepared.unit != _UNTIED:
        text = f"relative = {prepared.relative:g} and unit = '{prepared.unit}' do not fit"
        raise SpecError(f"{text}; each body would have a unit of its own: set relative = 0")


def _plain(value: Any) -> Any:
    """Return what JSON would have: the engine checks what it will read from a bundle."""
    return list(value) if isinstance(value, tuple) else value
