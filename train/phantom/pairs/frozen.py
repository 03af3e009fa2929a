"""The hash of the tables that phantoms are drawn from: one recipe, one hash.

It covers the tables that :data:`RECIPE_SHA256` lists, and is taken of values, not of source text:
a renamed function changes nothing, a moved decimal point in one of them changes all. A test holds
it, and every pair and every evaluation names it.

It does **not** cover what stands in the code itself:

- numbers that are written where they are used, and tables of modules that list none: how folds,
  skull and scalp vary (``anatomy.py``), deformation, pose and size (``fields.py``), sharpening,
  hull and extent of the template (``template.py``), edges of shapes and bodies (``shapes.py``,
  ``body.py``), curves and places within a spine (``spine``, all but ``figures.py`` and
  ``protocols.py``), and some numbers of the modules whose tables are covered, such as fields of
  view and leans in ``scanner/protocol.py``, coils, sampling and projections;
- equations, the order in which numbers are drawn, the maps of nilearn, and versions of NumPy and
  SciPy.

A change of those moves voxels under the same hash. A test of its own sees them: heads and spines in
every contrast are held against figures that were written down with the recipe.
"""

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from hashlib import sha256
from typing import Any

from train.phantom import cone_beam, disease, recipe, regions, scanner, spine, subject, tissues
from train.phantom.pairs import session

__all__ = ["RECIPE_SHA256", "digest", "plain"]


def plain(value: Any) -> Any:
    """Return a value as JSON holds it; a dataclass by its type's name and its fields."""
    if isinstance(value, Enum):
        return value.name
    if is_dataclass(value) and not isinstance(value, type):
        inner = {one.name: plain(getattr(value, one.name)) for one in fields(value)}
        return {"": type(value).__name__, **inner}
    if isinstance(value, Mapping):
        return {str(plain(key)): plain(one) for key, one in value.items()}
    if isinstance(value, tuple | list):
        return [plain(one) for one in value]
    return value


def digest(figures: Any) -> str:
    """Return the SHA-256 of figures, in hexadecimal.

    Raises
    ------
    TypeError
        When a figure is nothing that JSON can hold.
    """
    text = json.dumps(plain(figures), sort_keys=True, separators=(",", ":"))
    return sha256(text.encode()).hexdigest()


RECIPE_SHA256 = digest({
    "tissues": (tissues.FIELDS_T, tissues.RELAXATION, tissues.HU, tissues.UPTAKE),
    "head": (recipe.SKULL, recipe.FACE, recipe.PARTS),
    "disease": disease.FIGURES,
    "regions": regions.FIGURES,
    "spine": spine.FIGURES,
    "subject": subject.FIGURES,
    "scanner": scanner.FIGURES,
    "cone beam": cone_beam.FIGURES,
    "session": session.FIGURES,
})  # fmt: skip
"""Of this version's tables; see the module for what it does not cover."""
