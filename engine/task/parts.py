"""Objects of JSON and TOML, read key by key: what is absent or spoilt is named by its place."""

import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from engine.errors import SpecError

__all__ = ["Part", "is_number", "object_of"]

_TEXT = re.compile(r"(?s).*\S.*")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def is_number(value: Any) -> bool:
    """Whether ``value`` is a finite number, and no truth value."""
    return type(value) in {int, float} and abs(value) <= sys.float_info.max  # NaN never is


@dataclass(frozen=True, slots=True)
class Part:
    """One object; what it lacks or spoils is named with ``where`` it stands."""

    where: str
    values: Mapping[str, Any]

    def only(self, known: Sequence[str]) -> None:
        """Refuse keys that are none of ``known``."""
        if unknown := sorted(set(self.values) - set(known)):
            text = f"{self.where}: unknown key '{unknown[0]}'; keys are {', '.join(sorted(known))}"
            raise SpecError(text)

    def text(self, key: str) -> str:
        """Return a text that is not blank."""
        return self._match(key, _TEXT, "a text")

    def sha256(self, key: str) -> str:
        """Return a SHA-256 in hexadecimal digits."""
        return self._match(key, _SHA256, "64 hexadecimal digits, lower case,")

    def _match(self, key: str, pattern: re.Pattern[str], wanted: str) -> str:
        value = self.values.get(key)
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise self.refused(key, wanted)
        return value

    def label(self, key: str, known: Sequence[str]) -> str:
        """Return one of ``known``."""
        if (value := self.text(key)) not in known:
            raise self.refused(key, f"one of {', '.join(known)}")
        return value

    def file(self, key: str) -> str:
        """Return a path inside the bundle; one that leads out of it is refused."""
        file = PurePosixPath(self.text(key))
        if file.is_absolute() or ".." in file.parts:
            raise self.refused(key, "a path inside the bundle")
        return str(file)

    def part(self, key: str) -> "Part":
        """Return the object under ``key``."""
        value = self.values.get(key)
        if not isinstance(value, Mapping):
            raise self.refused(key, "an object")
        return Part(f"{self.where}: {key}", value)

    def objects(self, key: str) -> tuple[Mapping[str, Any], ...]:
        """Return a list of objects."""
        value = self.values.get(key)
        if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
            raise self.refused(key, "a list of objects")
        return tuple(value)

    def number(self, key: str) -> float:
        """Return a finite number."""
        value: Any = self.values.get(key)
        if not is_number(value):
            raise self.refused(key, "a number")
        return float(value)

    def pair(self, key: str) -> tuple[float, float]:
        """Return two finite numbers, the first not above the second."""
        value: Any = self.values.get(key)
        is_pair = isinstance(value, list | tuple) and len(value) == 2 and all(map(is_number, value))
        if not is_pair or value[0] > value[1]:
            raise self.refused(key, "[low, high]")
        return float(value[0]), float(value[1])

    def range(self, key: str) -> tuple[float, float]:
        """Return two finite numbers, the first below the second."""
        low, high = self.pair(key)
        if not low < high:
            raise self.refused(key, "[low, high] with low below high")
        return low, high

    def refused(self, key: str, wanted: str) -> SpecError:
        """Return the error that says what was seen and what is wanted."""
        seen = repr(self.values[key]) if key in self.values else "absent"
        return SpecError(f"{self.where}: {key} is {seen}; {wanted} is wanted")


def object_of(where: str, text: bytes) -> Part:
    """Return the object that a text of JSON is.

    Raises
    ------
    SpecError
        When it is no JSON, or no object.
    """
    try:
        values = json.loads(text)
    except (RecursionError, ValueError) as exc:
        raise SpecError(f"{where}: not JSON: {exc}") from exc
    if not isinstance(values, dict):
        raise SpecError(f"{where}: holds a {type(values).__name__}, an object is wanted")
    return Part(where, values)
