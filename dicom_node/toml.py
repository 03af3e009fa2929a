"""TOML into frozen values; every mistake names file, key and remedy."""

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from dicom_node.errors import SettingsError

__all__ = ["Source", "read", "read_file", "validated"]

_File = TypeVar("_File", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Source:
    """Where values came from: a file, and what the environment put over it."""

    file: str
    overridden: Mapping[tuple[str, str], str] = field(default_factory=dict)

    def place(self, *key: str | int) -> str:
        """Return where a person finds the value of ``key``."""
        name = self.overridden.get((str(key[0]), str(key[-1])))
        where = ".".join(str(part) for part in key)
        return f"{self.file}: {where}" if name is None else f"environment: {name}"


def validated(model: type[Any], raw: dict[str, Any], source: Source, mistakes: list[str]) -> Any:
    """Return ``raw`` as a frozen value; None with a mistake for each thing that is wrong."""
    try:
        return model.model_validate(_tuples(raw))
    except ValidationError as exc:
        mistakes.extend(_sentence(error, model, source) for error in exc.errors())
        return None


def _tuples(value: Any) -> Any:
    """TOML has lists, frozen values have tuples."""
    if isinstance(value, dict):
        return {key: _tuples(inner) for key, inner in value.items()}
    return tuple(_tuples(inner) for inner in value) if isinstance(value, list) else value


def read(path: Path, mistakes: list[str]) -> dict[str, Any]:
    """Return what a file holds: nothing where it is absent, and where it is no TOML, a mistake."""
    if not path.is_file():
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
        mistakes.append(f"{path.name}: not readable as TOML: {exc}")
        return {}


def read_file(path: Path, model: type[_File]) -> _File:
    """Read a TOML file of its own into ``model``.

    Raises
    ------
    SettingsError
        With every mistake of the file, each naming key and remedy.
    """
    if not path.is_file():
        raise SettingsError([f"{path}: there is no such file"])
    mistakes: list[str] = []
    raw = read(path, mistakes)
    found: _File | None = None
    if not mistakes:
        found = validated(model, raw, Source(path.name), mistakes)
    if found is None:
        raise SettingsError(mistakes)
    return found


def _sentence(error: Any, model: type[BaseModel], source: Source) -> str:
    if not error["loc"]:  # of several tables together
        return f"{source.file}: {error['msg'].removeprefix('Value error, ')}"
    where = source.place(*error["loc"])
    if error["type"] == "extra_forbidden":
        keys = _keys_at(model, error["loc"][:-1])
        near = difflib.get_close_matches(str(error["loc"][-1]), keys, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"keys here are {', '.join(keys)}"
        file, _, key = where.partition(": ")
        return f"{file}: unknown key {key}; {hint}"
    if error["type"] == "missing":
        return f"{where} is missing; add it"
    wanted = _WANTED.get(error["type"], error["msg"][:1].lower() + error["msg"][1:])
    return f"{where} = {error['input']!r}: {wanted}"


_WANTED = {
    "tuple_type": "a list is wanted: [ ] around values, [[ ]] around the name of a table",
    "model_type": "a table is wanted: its name in [ ] on a line, its keys below",
}
"""What pydantic says in the words of Python, in those of TOML."""


def _keys_at(model: type[BaseModel], path: tuple[Any, ...]) -> list[str]:
    for part in path:
        if isinstance(part, int):
            continue
        annotation = model.model_fields[part].annotation
        inner = [kind for kind in (annotation, *get_args(annotation)) if isinstance(kind, type)]
        model = next((kind for kind in inner if issubclass(kind, BaseModel)), model)
    return sorted(model.model_fields)
