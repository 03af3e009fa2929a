"""The reference of recipes: their keys, and the steps of preprocessing, from the code."""

from collections.abc import Iterator
from dataclasses import MISSING, Field, fields
from pathlib import Path

from numpydoc.docscrape import NumpyDocString

from engine.preprocess import (
    Clip,
    CropPad,
    GreyMatter,
    MinMax,
    Normalise,
    Orient,
    Register,
    Resample,
    Smooth,
    Template,
)
from engine.preprocess.chain import KEYS
from train.config import Accepts, Baseline, Cohort, Gate, Learning, Model, Phantoms, Preparation
from train.data import Augment
from train.systems import NAMES, presets_of
from train.verdict import PARTS, Changes, Impact, Proof

SHIPPED = Path(__file__).parents[1] / "conf/train/hlsnc-head-ct.toml"
STEPS = {
    "crop_pad": CropPad, "grey_matter": GreyMatter, "min_max": MinMax, "normalise": Normalise,
    "orient": Orient, "register": Register, "resample": Resample, "smooth": Smooth,
    "template": Template, "window": Clip,
}  # fmt: skip
SECTIONS = {
    "phantoms": Phantoms, "cohort": Cohort, "preparation": Preparation, "learning": Learning,
    "learning.augment": Augment, "baseline": Baseline, "gate": Gate, "accepts": Accepts, "model": Model,
}  # fmt: skip
_SAID = {
    ("crop_pad", "minimum"): "Fewest rows and columns, `[rows, columns]`.",
    ("normalise", "onto"): "The network's range; -1 to 1 unless said.",
    ("register", "how"): "`rigid`, the only way there is.",
    ("window", "low"): "Value that the low end of the range stands for, in the volume's unit (HU).",
    ("window", "high"): "Value that the high end stands for.",
    ("window", "onto"): "The network's range; -1 to 1 unless said.",
}
"""What the step's own class does not say of a key, or not to a writer of recipes."""


def preprocessing() -> str:
    """Every step, what it does, and its keys."""
    parts = ["# Steps of preprocessing\n", _STEPS]
    for name, (needed, possible) in sorted(KEYS.items()):
        doc = NumpyDocString(_dedented(STEPS[name]))
        parts.append(f"## {name}\n\n{_plain(_summary(doc))}\n")
        known = {one.name: " ".join(one.desc) for one in doc["Parameters"]}
        keys = [(key, "") for key in sorted(needed)]
        keys += [(key, " (may be left out)") for key in sorted(possible)]
        if keys:
            parts.append("| key | |\n|---|---|")
            for key, note in keys:
                said = _SAID.get((name, key)) or known[key]
                parts.append(f"| `{key}`{note} | {_plain(said)} |")
            parts.append("")
    return "\n".join(parts)


def recipe() -> str:
    """Every section of a recipe with its keys, and one whole recipe with its comments."""
    parts = ["# Recipes\n", _RECIPE, "| system | presets |\n|---|---|"]
    parts += [f"| `{one}` | {', '.join(map('`{}`'.format, presets_of(one)))} |" for one in NAMES]
    parts.append("")
    for name, kind in SECTIONS.items():
        parts += _section(name, kind)
    text = SHIPPED.read_text(encoding="utf-8").strip()
    parts.append(f"## A whole recipe\n\n`conf/train/{SHIPPED.name}`:\n\n```toml\n{text}\n```\n")
    return "\n".join(parts)


def gate_file() -> str:
    """Every section of a gate file with its keys."""
    parts = ["# Gate files\n", _GATE.format(", ".join(f"`{part}`" for part in PARTS))]
    for name, kind in (("changes", Changes), ("proof", Proof), ("impact", Impact)):
        parts += _section(name, kind)
    return "\n".join(parts)


def _section(name: str, kind: type) -> Iterator[str]:
    doc, usual = NumpyDocString(_dedented(kind)), {one.name: _usual(one) for one in fields(kind)}
    yield f"## [{name}]\n\n{_plain(_summary(doc))}\n"
    if not doc["Parameters"]:
        yield f"Keys: {', '.join(f'`{key}`' for key in usual)}; an example has them all.\n"
        return
    yield "| key | unless said | |\n|---|---|---|"
    for one in doc["Parameters"]:
        keys = one.name.split(", ")
        shown = ", ".join(f"`{key}`" for key in keys)
        values = ", ".join(dict.fromkeys(usual[key] for key in keys))
        yield f"| {shown} | {values} | {_plain(' '.join(one.desc))} |"
    yield ""


def _dedented(kind: type) -> str:
    return "\n".join(_lines(kind.__doc__ or ""))


def _lines(text: str) -> Iterator[str]:
    first, *rest = text.splitlines()
    yield first
    yield from (line.removeprefix("    ") for line in rest)


def _summary(doc: NumpyDocString) -> str:
    return " ".join([*doc["Summary"], *doc["Extended Summary"]]).strip()


def _usual(field: Field) -> str:
    if field.default_factory is not MISSING:
        return f"`{field.default_factory()}`"
    if field.default is MISSING or field.default == "":
        return "–"
    return f"`{field.default!r}`"


def _plain(text: str) -> str:
    """Return a text for a cell: roles of Sphinx as code, no bars."""
    for role in (":class:", ":func:", ":mod:", ":data:", ":meth:"):
        text = text.replace(role, "")
    return text.replace("``", "`").replace("|", "\\|")


_STEPS = """\
`[preparation] steps` of a recipe names what is done to the sources before the network, in this order.
`dicom-train` learns with these steps, and the bundle holds them word for word: the node does the same.
On the way back every step that moved voxels is undone, so the result lies on the source's grid.

The usual order is geometry first, brightness last: `orient`, `resample`, `crop_pad`, then one of
`normalise` (MR), `window` (HU) or `min_max`. `crop_pad` comes before the values are changed: it pads with
air. Several sources begin with `register`, unless they come on one grid. `grey_matter` wants `template`
before it. Orders are (Z, Y, X): slices, rows, columns.
"""
_GATE = """\
What a candidate is held to, beside the model that is active: see [how to retrain a model](../../howto/retrain.md).
Every key must be there. Parts of a model that may change are {}.
"""
_RECIPE = """\
One TOML file, `conf/train/NAME.toml`, says all of how a model is made. One of the sections `[phantoms]` and
`[cohort]`, and `[preparation]`, `[learning]`, `[accepts]` and `[model]` must be there, `[baseline]` and `[gate]` may be. An unknown key, a
wrong type or a value that does not fit is refused before anything is made, with the remedy. The shipped
recipes have comments; see [how to learn a model](../../howto/learn.md).

Settings of a system (`[learning.settings]`) differ from system to system: a wrong name is answered with all
that there are. A dash below means that the key has no value unless you give one, or an empty one.
"""
