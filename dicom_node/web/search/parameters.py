"""Query strings into queries (PS3.18 8.3.4)."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pydicom.datadict import dictionary_has_tag, keyword_for_tag, tag_for_keyword

from dicom_node.archive.query import (
    ATTRIBUTES,
    Attribute,
    Condition,
    Level,
    Query,
    attribute_at,
)
from dicom_node.errors import QueryInvalid
from dicom_node.web.problem import Refused

__all__ = ["Asked", "read_query"]

_TAG = re.compile(r"[0-9A-Fa-f]{8}")
_NUMBER = re.compile(r"[0-9]{1,9}")
_SHOWN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""A name that a warning may repeat."""
_MOST_SHOWN = 5
_SERVED = frozenset({"limit", "offset", "fuzzymatching", "includefield", "accept", "charset"})
_NOT_SERVED = frozenset({"emptyvaluematching", "multiplevaluematching", "orderby"})
_NO_ATTRIBUTES = _SERVED | _NOT_SERVED
_CHARSETS = frozenset({"utf-8", "utf8", "*"})
_LISTED = frozenset({"UI", "CS"})
"""No value of these holds a comma: with one it is a list (PS3.18 8.3.4.1)."""
_MATCHED_THOUGH_COUNTED = frozenset({"ModalitiesInStudy", "SOPClassesInStudy"})
_WORDS = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Asked:
    """A query string, understood.

    Parameters
    ----------
    query : Query
        What the archive is asked.
    offset, limit : int
        Which of the matches.
    warnings : tuple of str
        What was asked for and is not done.
    """

    query: Query
    offset: int
    limit: int
    warnings: tuple[str, ...] = ()


@dataclass(slots=True)
class _Reading:
    level: Level
    conditions: list[Condition] = field(default_factory=list)
    inner: list[tuple[Attribute, Condition]] = field(default_factory=list)
    included: set[Attribute] = field(default_factory=set)
    ignored: int = 0
    unknown: list[str] = field(default_factory=list)


def read_query(
    level: Level, within: Mapping[str, str], items: Sequence[tuple[str, str]], most: int
) -> Asked:
    """Return what a query string asks for.

    Parameters
    ----------
    level : Level
        What is searched for.
    within : mapping
        Keywords of UIDs that the path names, to their values.
    items : sequence of (name, value)
        Of the query string, in order.
    most : int
        Answers that are given at once.

    Raises
    ------
    Refused
        With 400, naming what is wrong but no value: it may be a patient's.
    """
    reading = _Reading(level)
    for keyword, uid in within.items():
        reading.conditions.append(Condition(ATTRIBUTES[keyword], (uid,)))
    single = _once(items)
    for number, (name, value) in enumerate(items, start=1):
        if name not in _NO_ATTRIBUTES:
            _read_key(reading, number, name, value)
    everything = _read_included(reading, [v for name, v in items if name == "includefield"])
    wanted = _wanted(reading, everything=everything, nested=bool(within))
    return Asked(
        query=Query(level, tuple(reading.conditions), tuple(wanted), tuple(reading.inner)),
        offset=_number(single, "offset", 0),
        limit=min(most, _number(single, "limit", most)),
        warnings=tuple(_warnings(reading, single)),
    )


def _once(items: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the parameters that stand once; only includefield and accept may stand again."""
    found: dict[str, str] = {}
    for number, (name, value) in enumerate(items, start=1):
        if name in found and name not in ("includefield", "accept"):
            raise Refused(400, f"query key {number} was there before; give each once")
        found[name] = value
    return found


def _number(single: Mapping[str, str], name: str, default: int) -> int:
    text = single.get(name)
    if text is None:
        return default
    if not _NUMBER.fullmatch(text):
        raise Refused(400, f"{name} is no whole number from 0 to 999999999")
    return int(text)


def _read_key(reading: _Reading, number: int, name: str, value: str) -> None:
    if "\0" in value:
        raise Refused(400, f"query key {number} has a value that is no text")
    tags = [_tag_of(part) for part in name.split(".")]
    if None in tags:
        reading.unknown.append(f"'{name}'" if _SHOWN.fullmatch(name) else f"query key {number}")
        return
    attribute = attribute_at(tags[0] or 0)
    if attribute is None or attribute.level not in reading.level.above or len(tags) > 2:
        reading.ignored += 1
        return
    reading.included.add(attribute)
    if len(tags) == 2:
        inner = _plain_attribute(tags[1] or 0, attribute.level)
        if attribute.vr != "SQ" or inner is None:
            reading.ignored += 1
        else:
            reading.inner.append((attribute, _condition(inner, value)))
    elif attribute.vr == "SQ" or not _is_matched(attribute):
        reading.ignored += bool(value)
    else:
        reading.conditions.append(_condition(attribute, value))


def _tag_of(text: str) -> int | None:
    if _TAG.fullmatch(text):
        return int(text, 16)
    return tag_for_keyword(text) if text.isascii() and text.isalnum() else None


def _plain_attribute(tag: int, level: Level) -> Attribute | None:
    """Return an attribute of an item: any that the dictionary has, but no sequence."""
    keyword = keyword_for_tag(tag) if dictionary_has_tag(tag) else ""
    attribute = Attribute(keyword, level) if keyword else None
    return attribute if attribute is not None and attribute.vr != "SQ" else None


def _condition(attribute: Attribute, value: str) -> Condition:
    text = value.replace(",", "\\") if attribute.vr in _LISTED else value
    values = tuple(part.strip() for part in text.split("\\")) if text else ()
    try:
        return Condition(attribute, values)
    except QueryInvalid as exc:
        kinds = {"DA": "date; 20261122 or 20261101-20261122", "TM": "time; 0930 or 0930-1200",
                 "DT": "moment; 20261122093000 or a range of two"}  # fmt: skip
        kind = kinds.get(attribute.vr, "number; digits and a point")
        raise Refused(400, f"{attribute.keyword} is no {kind} would do") from exc


def _is_matched(attribute: Attribute) -> bool:
    return not attribute.counted or attribute.keyword in _MATCHED_THOUGH_COUNTED


def _read_included(reading: _Reading, values: Iterable[str]) -> bool:
    """Note what an answer is to hold besides; return whether that is everything."""
    everything = False
    for text in (part for value in values for part in value.split(",") if part):
        if text == "all":
            everything = True
            continue
        tag = _tag_of(text.split(".")[0])
        if tag is None:
            wanted = "a keyword of PS3.6, a tag of eight hexadecimal digits, or all"
            raise Refused(400, f"includefield names no attribute; {wanted}")
        attribute = attribute_at(tag)
        if attribute is not None and attribute.level in reading.level.above:
            reading.included.add(attribute)
        else:
            reading.ignored += 1
    return everything


def _wanted(reading: _Reading, *, everything: bool, nested: bool) -> set[Attribute]:
    above = reading.level.above
    if everything:
        return {one for one in ATTRIBUTES.values() if one.level in above}
    levels = (reading.level,) if nested else above
    return reading.included | {ATTRIBUTES[key] for level in levels for key in _USUAL[level]}


def _warnings(reading: _Reading, single: Mapping[str, str]) -> Iterator[str]:
    fuzzy = _WORDS.get(single.get("fuzzymatching", "false"))
    if fuzzy is None:
        raise Refused(400, "fuzzymatching is neither true nor false")
    if fuzzy:
        yield "fuzzymatching is not supported; names were matched as they are written"
    for name in sorted(_NOT_SERVED & single.keys()):
        if single[name] != "false":
            yield f"{name} is not supported, and was left aside"
    if "charset" in single and not _takes_utf8(single["charset"]):
        yield "answers are in utf-8 and no other charset"
    if reading.ignored:
        text = "are not kept at this level, and were left aside"
        yield f"{reading.ignored} of the keys and fields that were asked for {text}"
    if reading.unknown:
        yield _of_unknown(reading.unknown)


def _takes_utf8(charsets: str) -> bool:
    names = {one.partition(";")[0].strip().lower() for one in charsets.split(",")}
    return bool(names & _CHARSETS)


def _of_unknown(names: Sequence[str]) -> str:
    """Say what matched nothing: who misspelt a keyword gets more answers than were meant."""
    count = len(names) - _MOST_SHOWN
    shown = ", ".join(names[:_MOST_SHOWN]) + (f" and {count} more" if count > 0 else "")
    wanted = "a keyword of PS3.6 or a tag of eight hexadecimal digits is wanted"
    return f"no attribute is named {shown}; what it should match was left aside; {wanted}"


_USUAL: Mapping[Level, tuple[str, ...]] = {
    Level.PATIENT: ("PatientName", "PatientID", "PatientBirthDate", "PatientSex"),
    Level.STUDY: (
        "StudyInstanceUID", "StudyDate", "StudyTime", "AccessionNumber", "ModalitiesInStudy",
        "ReferringPhysicianName", "StudyID", "StudyDescription", "NumberOfStudyRelatedSeries",
        "NumberOfStudyRelatedInstances",
    ),
    Level.SERIES: (
        "SeriesInstanceUID", "Modality", "SeriesNumber", "SeriesDescription",
        "PerformedProcedureStepStartDate", "PerformedProcedureStepStartTime",
        "RequestAttributesSequence", "NumberOfSeriesRelatedInstances", "SyntheticData",
    ),
    Level.IMAGE: (
        "SOPInstanceUID", "SOPClassUID", "InstanceNumber", "Rows", "Columns", "BitsAllocated",
        "NumberOfFrames",
    ),
}  # fmt: skip
"""What an answer holds in any case (PS3.18 10.6.3.3), and what makes a list worth reading."""
