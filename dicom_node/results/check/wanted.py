"""What an element must be, and in what it differs: the one way in which the gate compares."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from pydicom.datadict import dictionary_has_tag, dictionary_VR, keyword_for_tag, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

__all__ = [
    "Table",
    "Wanted",
    "code",
    "exactly",
    "faults_of_element",
    "faults_of_item",
    "items",
    "name_of",
    "near",
    "of_source",
    "plain",
]

_SHOWN = 40
"""Characters of a value that a message shows."""
_PARTS = 1e-9
"""By which part a number may be off: a decimal string has 16 characters."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one element must be.

    Parameters
    ----------
    values : tuple
        Text, numbers or bytes; of a sequence, one table for each item. Empty for no value.
    within : float
        By how much a number may be off, besides what a decimal string cannot hold.
    is_sources : bool
        Whether it is the source's own: then no message shows it, for it may name a patient.
    """

    values: tuple[Any, ...]
    within: float = 0.0
    is_sources: bool = False


Table = Mapping[str, Wanted]
"""What a data set or an item must hold, by keyword: all of it, and nothing else."""


def exactly(*values: str | float | bytes) -> Wanted:
    """Return that these are wanted, in this order; none for an element without a value."""
    return Wanted(tuple(value for value in values if value != "" or len(values) > 1))


def near(values: Iterable[float], within: float) -> Wanted:
    """Return that numbers this close are wanted."""
    return Wanted(tuple(float(value) for value in values), within)


def items(*tables: Table) -> Wanted:
    """Return that a sequence of these items is wanted."""
    return Wanted(tables)


def code(value: str, scheme: str, meaning: str) -> Wanted:
    """Return that a sequence of this one code is wanted (PS3.3 Table 8.8-1)."""
    return items(
        {
            "CodeValue": exactly(value),
            "CodingSchemeDesignator": exactly(scheme),
            "CodeMeaning": exactly(meaning),
        }
    )


def of_source(element: DataElement | None) -> Wanted:
    """Return that what the source says is wanted; no value where it says nothing."""
    return Wanted(() if element is None else plain(element), is_sources=True)


def plain(element: DataElement) -> tuple[Any, ...]:
    """Return the values of an element as text, numbers and bytes; of a sequence, as mappings.

    Private elements in items do not count: they never leave the source.
    """
    if element.VR == "SQ":
        return tuple(
            {inner.keyword: plain(inner) for inner in item if not inner.tag.is_private}
            for item in element.value
        )
    if element.is_empty:
        return ()
    return tuple(map(_plain, element.value if element.VM > 1 else (element.value,)))


def _plain(value: Any) -> str | int | float | bytes:
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    return value if isinstance(value, bytes) else str(value)


def name_of(tag: BaseTag) -> str:
    """Return what a message calls an element."""
    return keyword_for_tag(tag) or f"{'private element ' if tag.is_private else ''}{tag}"


def faults_of_item(item: Dataset, table: Table, where: str, *, signed: bool) -> Iterator[str]:
    """Yield in what an item differs from what is wanted, of every element in it.

    Parameters
    ----------
    item : Dataset
        As it was read.
    table : Table
        What is wanted.
    where : str
        What messages put in front of a keyword.
    signed : bool
        Whether the pixels are: some elements follow them in their VR.
    """
    for element in item:
        if element.keyword not in table:
            yield f"{where}{name_of(element.tag)} must not be there"
    for keyword, wanted in table.items():
        if keyword not in item:
            yield f"{where}{keyword} is absent"
            continue
        yield from faults_of_element(item[keyword], wanted, where, signed=signed)


def faults_of_element(
    element: DataElement, wanted: Wanted, where: str = "", *, signed: bool
) -> Iterator[str]:
    """Yield in what an element differs from what is wanted, in its items too."""
    name = f"{where}{element.keyword}"
    vr = _vr_of(element.keyword, signed=signed)
    if vr != element.VR:
        yield f"{name} is written as {element.VR}, {vr} is wanted"
    elif element.VR == "SQ" and not wanted.is_sources:
        yield from _faults_of_items(element, wanted, name, signed=signed)
    elif not _are_same(plain(element), wanted):
        yield _said(name, plain(element), wanted)
    elif element.VR == "SQ":
        yield from _faults_of_copied(element, name, signed=signed)


def _faults_of_copied(element: DataElement, name: str, *, signed: bool) -> Iterator[str]:
    """Yield what equal values do not tell of items that are the source's: VRs, private elements."""
    for item in element.value:
        for inner in item.iterall():
            if inner.tag.is_private:
                yield f"{name} holds {name_of(inner.tag)}, which must not be there"
            elif _vr_of(inner.keyword, signed=signed) != inner.VR:
                yield f"{name} holds {inner.keyword}, written as {inner.VR}"


def _vr_of(keyword: str, *, signed: bool) -> str:
    """Return how an element is written: by the dictionary, else by the pixels' own (PS3.5 A.2)."""
    tag = tag_for_keyword(keyword)
    vr = dictionary_VR(tag) if tag is not None and dictionary_has_tag(tag) else "UN"
    return {"US or SS": "SS" if signed else "US", "OB or OW": "OW"}.get(vr, vr)


def _faults_of_items(
    element: DataElement, wanted: Wanted, name: str, *, signed: bool
) -> Iterator[str]:
    if len(element.value) != len(wanted.values):
        yield f"{name} has {len(element.value)} items, {len(wanted.values)} are wanted"
        return
    for number, (item, table) in enumerate(zip(element.value, wanted.values, strict=True), start=1):
        yield from faults_of_item(item, table, f"{name}[{number}].", signed=signed)


def _are_same(seen: tuple[Any, ...], wanted: Wanted) -> bool:
    return len(seen) == len(wanted.values) and all(
        _is_same(one, other, wanted.within) for one, other in zip(seen, wanted.values, strict=True)
    )


def _is_same(seen: Any, wanted: Any, within: float) -> bool:
    if isinstance(wanted, float) and isinstance(seen, int | float):
        return abs(seen - wanted) <= max(within, _PARTS * abs(wanted))
    return bool(seen == wanted)


def _said(name: str, seen: tuple[Any, ...], wanted: Wanted) -> str:
    if wanted.is_sources:
        return f"{name} is not the source's"
    if not seen:
        return f"{name} has no value"
    one, other = _text(seen), _text(wanted.values)
    differ = [place for place, (a, b) in enumerate(zip_longest(one, other)) if a != b]
    first = max(0, (differ or [0])[0] - _SHOWN // 2)
    other = _part(other, first) if wanted.values else "no value"
    return f"{name} is {_part(one, first)}, {other} is wanted"


def _text(values: tuple[Any, ...]) -> str:
    return "\\".join(
        f"{len(value)} bytes" if isinstance(value, bytes) else str(value) for value in values
    )


def _part(text: str, first: int) -> str:
    """Return as much of ``text`` as a message has room for, from ``first``."""
    if len(text) <= _SHOWN:
        return text
    return f"{'…' if first else ''}{text[first : first + _SHOWN]}…"
