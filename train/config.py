"""A recipe: one TOML file that says all of how a model is made, as a frozen value."""

import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from engine.errors import EngineError
from engine.preprocess import Chain, Window
from train.errors import RecipeInvalid

__all__ = ["Accepts", "Learning", "Model", "Phantoms", "Preparation", "Recipe", "read_recipe"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Phantoms:
    """Who is made.

    Parameters
    ----------
    first_seed, subjects, scans : int
        Seeds count up from the first, one per subject; scans of each.
    spacing_mm : float
        Of the heads that are scanned.
    validation, test : int
        How many subjects are not learned from.
    """

    first_seed: int
    subjects: int
    scans: int
    spacing_mm: float
    validation: int
    test: int


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
        The result where the network never looked.
    unit : str
        Of the result.
    """

    steps: tuple[Mapping[str, Any], ...]
    window: tuple[float, float]
    outside: float
    unit: str


@dataclass(frozen=True, slots=True)
class Learning:
    """The network and the loop.

    Parameters
    ----------
    system, preset : str
        See :mod:`train.systems`.
    sizes, settings : mapping
        Of the generator; what differs from the preset.
    seed : int
        Of the weights, the order of the slices and their changes.
    steps, batch : int
        Updates, and slices in each.
    threads : int
        Of the CPU; sums depend on it in the last bit.
    report_every, save_every : int
        Updates from one line of the log to the next, and from one checkpoint and picture.
    augment : mapping
        See :class:`train.data.Augment`.
    """

    system: str
    preset: str
    seed: int
    steps: int
    batch: int
    threads: int = 2
    report_every: int = 50
    save_every: int = 250
    sizes: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    augment: Mapping[str, Any] = field(default_factory=dict)


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

    @property
    def digest(self) -> str:
        """SHA-256 over all that decides what is learned; words about the model do not."""
        parts = {key: asdict(getattr(self, key)) for key in ("phantoms", "preparation", "learning")}
        text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


_SECTIONS = {
    "phantoms": Phantoms,
    "preparation": Preparation,
    "learning": Learning,
    "accepts": Accepts,
    "model": Model,
}


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
    if unknown := sorted(set(raw) - set(_SECTIONS)):
        known = ", ".join(_SECTIONS)
        raise RecipeInvalid(f"{path.name}: unknown section [{unknown[0]}]; sections are {known}")
    if missing := [name for name in _SECTIONS if name not in raw]:
        raise RecipeInvalid(f"{path.name}: section [{missing[0]}] is missing; add it")
    parts: dict[str, Any] = {name: _section(kind, raw[name], f"{path.name}: [{name}]")
             for name, kind in _SECTIONS.items()}  # fmt: skip
    recipe = Recipe(name=path.stem, **parts)
    _consistent(recipe, path.name)
    return recipe


def _section(kind: type[T], table: Any, where: str) -> T:
    """Build a frozen value from a table, every key known, present and of its type."""
    if not isinstance(table, dict):
        raise RecipeInvalid(f"{where} is a {type(table).__name__}; a section is wanted")
    hints = get_type_hints(kind)
    known = {one.name: one for one in fields(kind)}  # type: ignore[arg-type]
    if unknown := sorted(set(table) - set(known)):
        text = f"{where} unknown key '{unknown[0]}'; keys are {', '.join(known)}"
        raise RecipeInvalid(f"{text}: correct its name or remove it")
    for name, one in known.items():
        needed = one.default is MISSING and one.default_factory is MISSING
        if needed and name not in table:
            raise RecipeInvalid(f"{where} key '{name}' is missing; add it")
    values = {key: _typed(value, hints[key], f"{where} {key}") for key, value in table.items()}
    return kind(**values)


def _typed(value: Any, hint: Any, where: str) -> Any:
    """Return ``value`` as its annotation wants it."""
    origin = get_origin(hint)
    if origin is tuple:
        return _tuple(value, get_args(hint), where)
    plain = dict if origin is not None else hint
    if plain is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, plain) or (isinstance(value, bool) and plain is not bool):
        wanted = "table" if plain is dict else plain.__name__
        raise RecipeInvalid(f"{where} = {value!r}; a {wanted} is wanted")
    return value


def _tuple(value: Any, kinds: tuple[Any, ...], where: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise RecipeInvalid(f"{where} = {value!r}; a list is wanted")
    if kinds[-1] is not Ellipsis and len(value) != len(kinds):
        raise RecipeInvalid(f"{where} = {value!r}; {len(kinds)} values are wanted")
    each = [kinds[0]] * len(value) if kinds[-1] is Ellipsis else list(kinds)
    return tuple(_typed(one, kind, where) for one, kind in zip(value, each, strict=True))


def _consistent(recipe: Recipe, name: str) -> None:
    """Refuse what no single key is to blame for."""
    made, learned = recipe.phantoms, recipe.learning
    if made.validation < 1 or made.test < 1 or made.validation + made.test >= made.subjects:
        text = "at least one subject is wanted in each of train, validation and test"
        raise RecipeInvalid(f"{name}: [phantoms] {text}; raise subjects")
    if min(learned.steps, learned.batch, learned.report_every, learned.save_every, made.scans) < 1:
        raise RecipeInvalid(f"{name}: steps, batch, scans and intervals are 1 or more")
    if made.spacing_mm <= 0:
        raise RecipeInvalid(f"{name}: [phantoms] spacing_mm is above 0")
    try:
        Chain.of(recipe.preparation.steps)
        Window(*recipe.preparation.window)
    except EngineError as exc:
        raise RecipeInvalid(f"{name}: [preparation] {exc}") from exc
