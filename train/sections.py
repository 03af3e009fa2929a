"""A section of a TOML file as a frozen value: every key known, present and of its type."""

from dataclasses import MISSING, fields
from math import isfinite
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from train.errors import RecipeInvalid

__all__ = ["section"]

T = TypeVar("T")
_MOST = 2**63 - 1


def section(kind: type[T], table: Any, where: str) -> T:
    """Build the dataclass ``kind`` from a table.

    Raises
    ------
    RecipeInvalid
        Naming ``where`` the table stands, the key and what is wanted.
    """
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
    for key, value in table.items():
        _sound(value, f"{where} {key}")
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


def _sound(value: Any, where: str) -> None:
    """Refuse, however deep, what JSON and a float cannot hold: NaN, dates, endless numbers."""
    if isinstance(value, dict | list):
        named = value.items() if isinstance(value, dict) else enumerate(value)
        for key, one in named:
            _sound(one, f"{where}.{key}" if isinstance(value, dict) else where)
    elif isinstance(value, float) and not isfinite(value):
        raise RecipeInvalid(f"{where} = {value}; a finite number is wanted")
    elif isinstance(value, int) and not -_MOST <= value <= _MOST:
        raise RecipeInvalid(f"{where} is a whole number of more than 64 bits; TOML has none")
    elif not isinstance(value, str | int | float):
        raise RecipeInvalid(f"{where} = {value}; a number, a text, a list or a table is wanted")


def _tuple(value: Any, kinds: tuple[Any, ...], where: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise RecipeInvalid(f"{where} = {value!r}; a list is wanted")
    if kinds[-1] is not Ellipsis and len(value) != len(kinds):
        raise RecipeInvalid(f"{where} = {value!r}; {len(kinds)} values are wanted")
    each = [kinds[0]] * len(value) if kinds[-1] is Ellipsis else list(kinds)
    return tuple(_typed(one, kind, where) for one, kind in zip(value, each, strict=True))
