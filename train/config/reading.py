"""From a TOML file to a recipe, checked wholly: nobody learns for hours by a mistake."""

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

from train.config.consistent import consistent
from train.config.values import (
    Accepts,
    Baseline,
    Cohort,
    Gate,
    Learning,
    Model,
    Phantoms,
    Preparation,
    Recipe,
)
from train.errors import RecipeInvalid
from train.sections import section

__all__ = ["read_recipe"]

_PAIRS = {"phantoms": Phantoms, "cohort": Cohort}
"""Of these a recipe has one: what it learns from."""
_SECTIONS = {
    "preparation": Preparation,
    "learning": Learning,
    "accepts": Accepts,
    "model": Model,
}
_OPTIONAL = {"baseline": Baseline, "gate": Gate}


def read_recipe(path: Path) -> Recipe:
    """Read ``conf/train/<name>.toml``.

    Raises
    ------
    RecipeInvalid
        Naming file, key and remedy.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as exc:  # also numbers too long, too deep tables
        raise RecipeInvalid(f"{path.name}: not readable as TOML: {exc}") from exc
    if unknown := sorted(set(raw) - set(_PAIRS) - set(_SECTIONS) - set(_OPTIONAL)):
        known = ", ".join({**_PAIRS, **_SECTIONS, **_OPTIONAL})
        raise RecipeInvalid(f"{path.name}: unknown section [{unknown[0]}]; sections are {known}")
    if (given := sum(name in raw for name in _PAIRS)) != 1:
        seen = "both [phantoms] and [cohort]" if given else "neither [phantoms] nor [cohort]"
        raise RecipeInvalid(f"{path.name}: {seen} says what is learned from; write one of them")
    if missing := [name for name in _SECTIONS if name not in raw]:
        raise RecipeInvalid(f"{path.name}: section [{missing[0]}] is missing; add it")
    chosen = {name: kind for name, kind in {**_PAIRS, **_OPTIONAL}.items() if name in raw}
    kinds = {**chosen, **_SECTIONS}
    parts: dict[str, Any] = {name: section(kind, raw[name], f"{path.name}: [{name}]")
             for name, kind in kinds.items()}  # fmt: skip
    pairs = next(parts.pop(name) for name in _PAIRS if name in parts)
    if (learning := parts["learning"]).start:
        parts["learning"] = replace(learning, start=str(path.parent / learning.start))
    recipe = Recipe(name=path.stem, pairs=pairs, **parts)
    consistent(recipe, path.name)
    return recipe
