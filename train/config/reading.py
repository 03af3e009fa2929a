"""From a TOML file to a recipe, checked wholly: nobody learns for hours by a mistake."""

import tomllib
from pathlib import Path
from typing import Any

from train.config.consistent import consistent
from train.config.values import (
    Accepts,
    Baseline,
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

_SECTIONS = {
    "phantoms": Phantoms,
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
    if unknown := sorted(set(raw) - set(_SECTIONS) - set(_OPTIONAL)):
        known = ", ".join({**_SECTIONS, **_OPTIONAL})
        raise RecipeInvalid(f"{path.name}: unknown section [{unknown[0]}]; sections are {known}")
    if missing := [name for name in _SECTIONS if name not in raw]:
        raise RecipeInvalid(f"{path.name}: section [{missing[0]}] is missing; add it")
    kinds = {**_SECTIONS, **{name: kind for name, kind in _OPTIONAL.items() if name in raw}}
    parts: dict[str, Any] = {name: section(kind, raw[name], f"{path.name}: [{name}]")
             for name, kind in kinds.items()}  # fmt: skip
    recipe = Recipe(name=path.stem, **parts)
    consistent(recipe, path.name)
    return recipe
