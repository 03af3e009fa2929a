"""One matching key, and whether what is kept matches it (PS3.4 C.2.2.2)."""

import re
import unicodedata
from calendar import monthrange
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from dicom_node.archive.query.attributes import Attribute
from dicom_node.errors import QueryInvalid

__all__ = ["Condition", "Range", "asked_groups", "groups_of", "moment"]

_WILD = frozenset({"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"})
_RANGED = {
    "DA": r"\d{8}",
    "TM": r"\d{2}(?:\d{2}(?:\d{2}(?:\.\d{1,6})?)?)?",
    "DT": r"(?:\d{14}(?:\.\d{1,6})?|\d{4}(?:\d\d){0,4})(?:[+-](?:0\d|1[0-4])\d\d)?",
}
"""What a value looks like; an offset of 14 hours at most, for 1999-2000 is a range."""
_EARLIEST = {"TM": "000000.000000", "DT": "00000101000000.000000"}
_LATEST = {"TM": "235959.999999", "DT": "00001231235959.999999"}
_WITHOUT_OFFSET = len(_LATEST["DT"])
_OFFSET = re.compile(r"[+-](?:0\d|1[0-4])\d\d$")
_FORMS = {
    "DA": "date; 20261122 or 20261101-20261122",
    "TM": "time; 0930 or 0930-1200",
    "DT": "moment; 20261122093000 or a range",
}
"""What a value of these looks like: said in an error instead of the value, which may name someone.
An Error Comment has room for 64 letters."""
_NUMERIC = frozenset({"IS", "DS", "US", "SS", "UL", "SL", "FL", "FD"})


@dataclass(frozen=True, slots=True)
class Range:
    """From ``low`` to ``high``, both included; an empty end is open (PS3.4 C.2.2.2.5)."""

    low: str
    high: str

    def holds(self, value: str) -> bool:
        """Whether ``value`` lies within."""
        return (not self.low or _in_order(self.low, value)) and (
            not self.high or _in_order(value, self.high)
        )


@dataclass(frozen=True)
class Condition:
    """An attribute and the values that it may have; none is universal matching.

    Parameters
    ----------
    attribute : Attribute
        What is asked for.
    wanted : tuple of str
        As the identifier has them; several are alternatives (UID list matching, and multiple value
        matching as QIDO-RS has it).

    Raises
    ------
    QueryInvalid
        When a date, a time or a number is none; the text does not show it.
    """

    attribute: Attribute
    wanted: tuple[str, ...]

    def __post_init__(self) -> None:
        for value in filter(None, self.wanted):
            if self.attribute.vr in _RANGED:
                _range(self.attribute, value)
            elif self.attribute.vr in _NUMERIC:
                _number(self.attribute, value)

    @property
    def is_universal(self) -> bool:
        """Whether everything matches, what has no value included (PS3.4 C.2.2.2.3)."""
        wild = self.attribute.vr in _WILD
        return not self.wanted or any(not v or (wild and not v.strip("*")) for v in self.wanted)

    @property
    def ranges(self) -> tuple[Range, ...]:
        """What is wanted of a date or a time."""
        return tuple(_range(self.attribute, value) for value in self.wanted)

    def holds_for(self, values: Sequence[Any]) -> bool:
        """Whether one of the ``values`` of the JSON model matches."""
        if self.is_universal:
            return True
        matches = self._matcher()
        return any(matches(value) for value in values if value is not None)

    def _matcher(self) -> Callable[[Any], bool]:
        vr = self.attribute.vr
        if vr in _RANGED:
            ranges = self.ranges
            return lambda value: any(one.holds(moment(vr, str(value))) for one in ranges)
        if vr in _NUMERIC:
            numbers = {_number(self.attribute, value) for value in self.wanted}
            return lambda value: _as_number(value) in numbers
        if vr == "PN":
            return lambda value: any(_is_name(wanted, value) for wanted in self.wanted)
        if vr in _WILD:
            return lambda value: any(_is_like(wanted.strip(), str(value)) for wanted in self.wanted)
        return lambda value: str(value) in self.wanted


def _folded(text: str) -> str:
    """Return a name as names are compared: composed letters, no case, no empty ends."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold()).strip(" ^")


def groups_of(value: Any) -> list[str]:
    """Return the component groups of a name of the JSON model, as they are compared."""
    groups = value.values() if isinstance(value, dict) else [str(value)]
    return [_folded(str(group)) for group in groups]


def asked_groups(wanted: str) -> list[str]:
    """Return the component groups of a name that is asked for, as they are compared."""
    return [_folded(group) for group in wanted.split("=")]


def _is_name(wanted: str, value: Any) -> bool:
    """Match a name: one group matches any of its groups, several match one by one."""
    asked = asked_groups(wanted)
    if len(asked) == 1:
        return any(_is_like(asked[0], group) for group in groups_of(value))
    names = ("Alphabetic", "Ideographic", "Phonetic")
    there = value if isinstance(value, dict) else {"Alphabetic": str(value)}
    pairs = zip(asked, (_folded(str(there.get(name, ""))) for name in names), strict=False)
    return all(_is_like(group, found) for group, found in pairs if group)


def _is_like(pattern: str, text: str) -> bool:
    """Match ``*`` (any letters, or none) and ``?`` (any one).

    After a mismatch only the last star takes one letter more, so it takes no longer than the
    product of the two lengths; a regular expression takes for ever on a pattern of many stars.
    """
    at = mark = back = 0
    star = -1
    while at < len(text):
        here = pattern[mark : mark + 1]
        if here == "*":
            star, back, mark = mark, at, mark + 1
        elif here in ("?", text[at]):
            at, mark = at + 1, mark + 1
        elif star >= 0:
            back, mark = back + 1, star + 1
            at = back
        else:
            return False
    return not pattern[mark:].strip("*")


def _range(attribute: Attribute, value: str) -> Range:
    found = _range_of(attribute.vr, value)
    if found is None:
        raise QueryInvalid(f"{attribute.keyword} is no {_FORMS[attribute.vr]} is wanted")
    return found


def _range_of(vr: str, value: str) -> Range | None:
    """Take a range apart; a single value is a range of one. None where it is neither."""
    one, text = _RANGED[vr], _plain(vr, value)
    if re.fullmatch(one, text):
        return Range(moment(vr, text), moment(vr, text, _LATEST))
    found = re.fullmatch(f"(?P<low>{one})?-(?P<high>{one})?", text)
    if found is None or text == "-":
        return None
    low, high = found["low"] or "", found["high"] or ""
    return Range(low and moment(vr, low), high and moment(vr, high, _LATEST))


def moment(vr: str, text: str, missing: Mapping[str, str] = _EARLIEST) -> str:
    """Return a value as moments are compared: to the microsecond, an offset from UTC at the end.

    What it leaves out is ``missing``: 10 is any time from 10:00 to 10:59:59.999999, 202611 any of
    that month.
    """
    text = _plain(vr, text)
    if vr not in missing:
        return text
    offset = _OFFSET.search(text) if vr == "DT" else None
    if offset is not None:
        text = text[: offset.start()]
    return text + missing[vr][len(text) :] + (offset.group() if offset is not None else "")


def _plain(vr: str, text: str) -> str:
    """Return a date or time without the dots and colons of ACR-NEMA 2.0 (PS3.5 6.2)."""
    text = text.strip()
    return text.replace(".", "") if vr == "DA" else text.replace(":", "") if vr == "TM" else text


def _in_order(first: str, second: str) -> bool:
    """Whether ``first`` is not later. Where one has no offset, both are of one place's clocks."""
    if len(first) > _WITHOUT_OFFSET and len(second) > _WITHOUT_OFFSET:
        return _utc(first) <= _utc(second)
    return first[:_WITHOUT_OFFSET] <= second[:_WITHOUT_OFFSET]


def _utc(text: str) -> str:
    """Return a moment with an offset as the clocks of UTC show it; one that is none as it is."""
    clocks, sign, offset = text[:_WITHOUT_OFFSET], text[-5], text[-4:]
    try:
        year, month, day = int(text[:4]), int(text[4:6]), int(text[6:8])
        last = min(day, monthrange(year, month)[1])  # 31 where a range left out the day
        there = datetime.fromisoformat(f"{text[:6]}{last:02}T{clocks[8:]}")
        ahead = timedelta(hours=int(offset[:2]), minutes=int(offset[2:]))
        here = there - ahead if sign == "+" else there + ahead
    except (ValueError, OverflowError):  # a month 13; years before 1 and after 9999
        return clocks
    return f"{here.year:04}{here:%m%d%H%M%S.%f}"


def _number(attribute: Attribute, value: str) -> float:
    try:
        return float(value)
    except ValueError as exc:
        raise QueryInvalid(f"{attribute.keyword} is no number; one is wanted") from exc


def _as_number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None
