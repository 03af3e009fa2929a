"""A recipe: one TOML file that says all of how a model is made, as a frozen value."""

import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from engine.errors import EngineError, SpecError
from engine.preprocess import Chain
from engine.task import PLANES, Generation, Output
from engine.task.labels import UNITS
from train.errors import RecipeInvalid
from train.sections import section

__all__ = [
    "Accepts",
    "Baseline",
    "Learning",
    "Model",
    "Phantoms",
    "Preparation",
    "Recipe",
    "read_recipe",
]

_DRAWS = {"slices": "slices", "tiles": "slices", "patches": "windows", "volumes": "whole"}
"""What is learned from, and how the result is then put together."""
_ANATOMIES = ("head", "spine")
_SIDES = {"mdaunet3d": (8, 1), "pcsa_gan": (16, 16)}
"""Of windows, by network: the smallest side that it takes, and what sides are multiples of."""


@dataclass(frozen=True, slots=True)
class Phantoms:
    """Who is made, and what is made of them.

    Parameters
    ----------
    anatomy : {"head", "spine"}
    sources : tuple of str
        Labels of what the network is given, one channel each, in this order.
    target : str
        Label of what it makes.
    first_seed, subjects, scans : int
        Seeds count up from the first, one per subject; scans of each.
    spacing_mm : float
        Of the subjects that are scanned.
    validation, test : int
        How many subjects are not learned from.
    shift_mm : float
        Longest way that one source lies beside another: patients move between series.
    """

    anatomy: str
    sources: tuple[str, ...]
    target: str
    first_seed: int
    subjects: int
    scans: int
    spacing_mm: float
    validation: int
    test: int
    shift_mm: float = 0.0


@dataclass(frozen=True, slots=True)
class Preparation:
    """What happens between a scan and the network: written into the bundle word for word.

    Parameters
    ----------
    steps : tuple of mapping
        As :class:`engine.preprocess.Chain` takes them.
    window : (low, high)
        Of the result, in ``unit``, onto the network's range.
    outside : float
        The result where the network never looked, in ``unit``.
    unit : str
        Of the result.
    onto : (low, high)
        The network's range.
    relative : float
        For MR, which has no unit: the truth is scaled by what this share of the body's voxels lie
        below; 0 leaves it.
    headroom : float
        The window's high end is this many times that brightness.
    generate : mapping
        How slices or windows become a volume: ``{"how": "slices"}``, ``{"how": "whole"}`` or
        ``{"how": "windows", "size": [z, y, x], "overlap": 0.5}``.
    """

    steps: tuple[Mapping[str, Any], ...]
    window: tuple[float, float]
    outside: float
    unit: str
    onto: tuple[float, float] = (-1.0, 1.0)
    relative: float = 0.0
    headroom: float = 1.0
    generate: Mapping[str, Any] = field(default_factory=lambda: {"how": "slices"})


@dataclass(frozen=True, slots=True)
class Learning:
    """The network and the loop.

    Parameters
    ----------
    system, preset : str
        See :mod:`train.systems`.
    seed : int
        Of the weights, of what is drawn and how it is changed.
    steps, batch : int
        Updates, and slices, tiles, patches or volumes in each, all processes together.
    network : str
        The generator, as :func:`engine.models.build` knows it; the system's own unless said.
    threads : int
        Of the CPU; sums depend on it in the last bit.
    report_every, save_every : int
        Updates from one line of the log to the next, and from one checkpoint and picture.
    patience : int
        Stop after so many updates without a smaller error on others' scans, and serve the weights
        of the smallest; 0 for never.
    precision : {"fp32", "bf16"}
        Of what the networks compute; losses, norms and weights stay fp32.
    draw : {"slices", "tiles", "patches", "volumes"}
        What a batch is made of.
    patch : (Z, Y, X)
        Size of a patch, or of a tile of one slice (Z = 1), in voxels.
    paired : bool
        Whether source and target of a batch are of one scan; False learns from unpaired sets.
    sizes, settings : mapping
        Of the generator; what differs from the preset.
    augment : mapping
        See :class:`train.data.Augment`.
    """

    system: str
    preset: str
    seed: int
    steps: int
    batch: int
    network: str = ""
    threads: int = 2
    report_every: int = 50
    save_every: int = 250
    patience: int = 0
    precision: str = "fp32"
    draw: str = "slices"
    patch: tuple[int, int, int] = (48, 48, 48)
    paired: bool = True
    sizes: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    augment: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.network:
            object.__setattr__(self, "network", self.system)


@dataclass(frozen=True, slots=True)
class Baseline:
    """The regression that a system is held against: same network, sizes and data, no adversary.

    Parameters
    ----------
    preset : str
        Of the system ``regression``; the learning's own unless said.
    steps : int
        Updates; as many as the system's where 0.
    settings : mapping
        What differs from the preset of the system ``regression``.
    """

    preset: str = ""
    steps: int = 0
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Accepts:
    """What the model may be given: see :class:`engine.task.Contract`."""

    labels: tuple[str, ...]
    anatomy: tuple[str, ...]
    body_part: str
    min_slices: int
    pixel_spacing_mm: tuple[float, float]
    slice_step_mm: tuple[float, float]
    extent_mm: tuple[float, float]
    contrast_agent: bool
    planes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Model:
    """What the bundle says of the model."""

    version: str
    description: str
    makes: str
    learned_from: str
    authors: str
    copyright: str
    licence: str
    intended_use: str
    limits: tuple[str, ...]
    references: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Recipe:
    """One file of ``conf/train``, read and checked."""

    name: str
    phantoms: Phantoms
    preparation: Preparation
    learning: Learning
    accepts: Accepts
    model: Model
    baseline: Baseline | None = None

    @property
    def digest(self) -> str:
        """SHA-256 over all that decides what is learned; words about the model do not."""
        parts = {key: asdict(getattr(self, key)) for key in ("phantoms", "preparation", "learning")}
        if self.preparation.headroom == 1:  # came later: recipes without it are what they were
            del parts["preparation"]["headroom"]
        text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def regression(self) -> "Recipe":
        """Return the recipe of ``[baseline]``: all as here, but learned without an adversary.

        Raises
        ------
        RecipeInvalid
            When there is no such section.
        """
        if self.baseline is None:
            raise RecipeInvalid(f"{self.name}: no section [baseline]; add one to learn it")
        learning = replace(
            self.learning,
            system="regression",
            preset=self.baseline.preset or self.learning.preset,
            steps=self.baseline.steps or self.learning.steps,
            settings=self.baseline.settings,
            paired=True,
        )
        return replace(self, name=f"{self.name}-regression", learning=learning, baseline=None)


_SECTIONS = {
    "phantoms": Phantoms,
    "preparation": Preparation,
    "learning": Learning,
    "accepts": Accepts,
    "model": Model,
}
_OPTIONAL = {"baseline": Baseline}


def read_recipe(path: Path) -> Recipe:
    """Read ``conf/train/<name>.toml``.

    Raises
    ------
    RecipeInvalid
        Naming file, key and remedy.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
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
    _consistent(recipe, path.name)
    return recipe


def _consistent(recipe: Recipe, name: str) -> None:
    """Refuse what no single key is to blame for, and what no type tells."""
    made, learned, prepared = recipe.phantoms, recipe.learning, recipe.preparation
    if made.validation < 1 or made.test < 1 or made.validation + made.test >= made.subjects:
        text = "[phantoms] one subject or more is wanted in each of train, validation and test"
        raise RecipeInvalid(f"{name}: {text}; raise subjects")
    counts = (learned.steps, learned.batch, learned.report_every, learned.save_every, made.scans)
    if min(*counts, *learned.patch) < 1:
        raise RecipeInvalid(f"{name}: steps, batch, scans, patch and intervals are 1 or more")
    if (seen := learned.patch)[0] != 1 and learned.draw == "tiles":
        raise RecipeInvalid(f"{name}: patch = {list(seen)}; a tile is [1, rows, columns]")
    if made.spacing_mm <= 0 or made.shift_mm < 0 or learned.patience < 0 or not made.sources:
        text = "spacing_mm above 0, shift_mm and patience 0 or more, a source or several"
        raise RecipeInvalid(f"{name}: {text} are wanted")
    for key, value, known in (
        ("anatomy", made.anatomy, _ANATOMIES),
        ("draw", learned.draw, tuple(_DRAWS)),
        *(("planes", plane, PLANES) for plane in recipe.accepts.planes),
    ):
        if value not in known:
            raise RecipeInvalid(f"{name}: {key} = '{value}'; choose one of {', '.join(known)}")
    try:
        _prepares(prepared, learned.draw)
    except EngineError as exc:
        raise RecipeInvalid(f"{name}: [preparation] {exc}") from exc
    _served(recipe, name)
    _windows(recipe, name)


def _served(recipe: Recipe, name: str) -> None:
    """Refuse a bundle that would say other than what was learned."""
    made, unit = recipe.phantoms, recipe.preparation.unit
    units = UNITS.get(made.target, ())[:1]  # the one that pairs are kept in
    for left, seen, right, wanted in (
        ("[accepts] labels", list(recipe.accepts.labels), "sources", list(made.sources)),
        ("[model] makes", recipe.model.makes, "target", made.target),
    ):
        if seen != wanted:
            text = f"{name}: {left} = {seen!r} and [phantoms] {right} = {wanted!r}"
            raise RecipeInvalid(f"{text}: what is served is what was learned; make them the same")
    if unit not in units:
        text = f"{name}: [preparation] unit = '{unit}' and [phantoms] target = '{made.target}'"
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


def _plain(value: Any) -> Any:
    """Return what JSON would have: the engine checks what it will read from a bundle."""
    return list(value) if isinstance(value, tuple) else value
