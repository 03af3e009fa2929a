"""``rules/*.toml`` into rules; a mistake names file, rule, key and remedy."""

import difflib
import re
import tomllib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dicom_node.catalogue import Catalogue
from dicom_node.errors import SettingsError
from dicom_node.rules.rule import TESTS, Condition, Rule
from dicom_node.series import KEYWORDS
from dicom_node.values import Companion, Priority
from engine.errors import SpecError
from engine.task import GRIDS, is_pin

__all__ = ["load_rules", "rule_mistakes"]

_KEYS = {"name", "task", "model", "destinations", "priority", "when", "grid", "fetch", "companions"}
_NEEDED = ("name", "task", "destinations")


@dataclass(frozen=True, slots=True)
class _Names:
    """What a rule may name; None where that could not be read, so that nothing is said of it."""

    catalogue: Catalogue | None
    destinations: Collection[str] | None


def load_rules(
    folder: Path, catalogue: Catalogue, destinations: tuple[str, ...]
) -> tuple[Rule, ...]:
    """Read every rule of ``folder/rules``.

    Raises
    ------
    SettingsError
        With every mistake of every rule.
    """
    mistakes: list[str] = []
    found = list(_checked(folder, _Names(catalogue, destinations), mistakes))
    if mistakes:
        raise SettingsError(mistakes)
    return tuple(_rule(raw, catalogue) for raw in found)


def rule_mistakes(
    folder: Path, catalogue: Catalogue | None, destinations: Collection[str] | None
) -> list[str]:
    """Return every mistake of the rules in a folder that has others too.

    Parameters
    ----------
    catalogue, destinations :
        What a rule may name; None where that could not be read.
    """
    mistakes: list[str] = []
    list(_checked(folder, _Names(catalogue, destinations), mistakes))
    return mistakes


def _checked(folder: Path, names: _Names, mistakes: list[str]) -> Iterator[dict[str, Any]]:
    """Yield the tables of rules without mistakes."""
    seen: set[str] = set()
    for path in sorted((folder / "rules").glob("*.toml")):
        for index, raw in enumerate(_tables(path, mistakes), start=1):
            where = f"rules/{path.name}: rule {raw.get('name', index)}"
            texts = [*_unknown(raw), *_wrong(raw, names), *_misfits(raw.get("when", {}))]
            if not texts and raw["name"] in seen:
                texts = ["the name is given twice; rename one"]
            mistakes.extend(f"{where}: {text}" for text in texts)
            if not texts:
                seen.add(raw["name"])
                yield raw


def _tables(path: Path, mistakes: list[str]) -> list[dict[str, Any]]:
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
        mistakes.append(f"rules/{path.name}: not readable as TOML: {exc}")
        return []
    if other := sorted(set(raw) - {"rule"}):
        mistakes.append(f"rules/{path.name}: unknown key '{other[0]}'; rules stand under [[rule]]")
    tables = raw.get("rule", [])
    if not isinstance(tables, list) or any(not isinstance(table, dict) for table in tables):
        mistakes.append(f"rules/{path.name}: 'rule' is no list of tables; write [[rule]]")
        return []
    return tables


def _rule(raw: Mapping[str, Any], catalogue: Catalogue) -> Rule:
    task = catalogue.tasks[raw["task"]]
    if "model" in raw:
        bundle, pinned = catalogue.named[raw["model"]], is_pin(raw["model"])
        task = replace(task, bundle=bundle, pinned=pinned)
    when = (
        Condition(keyword, test, tuple(value) if isinstance(value, list) else value)
        for keyword, tests in raw.get("when", {}).items()
        for test, value in tests.items()
    )
    return Rule(
        name=raw["name"],
        task=task,
        grid=raw.get("grid", task.grid),
        destinations=tuple(raw["destinations"]),
        priority=Priority[raw.get("priority", "routine").upper()],
        when=tuple(when),
        own_model="model" in raw,
        fetch=raw.get("fetch", False),
        companions=tuple(one for one in Companion if one in raw.get("companions", [])),
    )


def _unknown(raw: Mapping[str, Any]) -> Iterator[str]:
    for key in sorted(set(raw) - _KEYS):
        yield f"unknown key '{key}'; {_near(key, sorted(_KEYS))}"
    for key in _NEEDED:
        if key not in raw:
            yield f"{key} is missing; add it"


def _wrong(raw: Mapping[str, Any], names: _Names) -> Iterator[str]:
    if "name" in raw and not _is_name(raw["name"]):
        yield f"name = {raw['name']!r}; letters, digits and . _ - are wanted, at most 48"
    if names.catalogue is not None:
        yield from _wrong_task(raw, names.catalogue)
    if raw.get("grid", "native") not in GRIDS:
        yield f"grid = {raw['grid']!r}; one of {', '.join(GRIDS)} is wanted"
    if not isinstance(raw.get("fetch", False), bool):
        yield f"fetch = {raw['fetch']!r}; true or false is wanted"
    priorities = [member.name.lower() for member in Priority]
    if raw.get("priority", "routine") not in priorities:
        yield f"priority = {raw['priority']!r}; one of {', '.join(priorities)} is wanted"
    yield from _wrong_destinations(raw.get("destinations", []), names.destinations)
    yield from _wrong_companions(raw.get("companions", []))


def _wrong_task(raw: Mapping[str, Any], catalogue: Catalogue) -> Iterator[str]:
    """Say what is wrong with a rule's task, and with the model that it takes for it."""
    name, model = raw.get("task"), raw.get("model")
    if "task" in raw and name not in list(catalogue.tasks):
        yield f"task = {name!r} is not in tasks/; {_near(str(name), sorted(catalogue.tasks))}"
    elif "model" in raw and model not in list(catalogue.named):
        known = sorted(one for one in catalogue.named if ":" not in one)
        yield f"model = {model!r} is not in models/; {_near(str(model), known)}"
    elif "task" in raw and "model" in raw:
        try:
            replace(catalogue.tasks[raw["task"]], bundle=catalogue.named[raw["model"]])
        except SpecError as exc:
            yield str(exc)


def _wrong_destinations(wanted: Any, known: Collection[str] | None) -> Iterator[str]:
    if not isinstance(wanted, list):
        yield f"destinations = {wanted!r}; a list of names is wanted"
        return
    for destination in wanted:
        if known is not None and destination not in list(known):
            near = _near(str(destination), list(known))
            yield f"destination {destination!r} is not in peers.toml, or has no port; {near}"


def _wrong_companions(wanted: Any) -> Iterator[str]:
    known = [str(one) for one in Companion]
    if not isinstance(wanted, list):
        yield f"companions = {wanted!r}; a list is wanted, of {', '.join(known)}"
        return
    for index, name in enumerate(wanted):
        if name not in known:
            yield f"companion {name!r} is not known; {_near(str(name), known)}"
        elif name in wanted[:index]:
            yield f"companion {name!r} is named twice; name it once"


def _misfits(when: Any) -> Iterator[str]:
    """Say what is wrong with the conditions of a rule."""
    if not isinstance(when, dict):
        yield "when is no table; write when.Keyword.test = value"
        return
    for keyword, tests in when.items():
        if keyword not in KEYWORDS:
            near = _near(keyword, list(KEYWORDS))
            yield f"when.{keyword}: no attribute that rules see; {near}"
        elif not isinstance(tests, dict):
            yield f"when.{keyword} = {tests!r}; write when.{keyword}.equals = {tests!r}"
        else:
            for test, value in tests.items():
                if problem := _misfit(test, value):
                    yield f"when.{keyword}.{test}: {problem}"


def _misfit(test: str, value: Any) -> str | None:
    """Return what is wrong with the value of a test."""
    if test not in TESTS:
        return f"no such test; {_near(test, list(TESTS))}"
    if test == "matches":
        return _bad_pattern(value)
    fits, wanted = _FITS[test]
    return None if fits(value) else f"{value!r}; {wanted}"


def _is_name(name: Any) -> bool:
    return isinstance(name, str) and bool(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,47}", name))


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int | float)


def _are_plain(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(_is_plain(one) for one in value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_SOME = (_are_plain, "a list is wanted, of texts or numbers")
_FITS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "equals": (_is_plain, "one text or number is wanted; for several write any_of"),
    "any_of": _SOME,
    "none_of": _SOME,
    "at_least": (_is_number, "a number is wanted"),
    "at_most": (_is_number, "a number is wanted"),
    "present": (lambda value: isinstance(value, bool), "true or false is wanted"),
}
"""What each test takes, and what is said where it is given something else."""


def _bad_pattern(value: Any) -> str | None:
    try:
        re.compile(value)
    except (re.error, TypeError) as exc:
        return f"{value!r} is no regular expression: {exc}"
    return None


def _near(word: str, known: list[str]) -> str:
    near = difflib.get_close_matches(word, known, n=1)
    if near:
        return f"did you mean '{near[0]}'?"
    return (
        f"known: {', '.join(known[:12])}{' …' if len(known) > 12 else ''}" if known else "none is"
    )
