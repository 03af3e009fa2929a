"""Identifiers of queries: data sets into queries, headers into answers (PS3.4 C.4.1.1.3)."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from pydicom.dataset import Dataset
from pydicom.valuerep import CUSTOMIZABLE_CHARSET_VR

from dicom_node.archive.query import (
    ATTRIBUTES,
    CHARSET_KEY,
    Attribute,
    Condition,
    Header,
    Level,
    Query,
    attribute_at,
    charsets_for,
    texts_of,
    values_of,
)
from dicom_node.association.elements import add, add_empty
from dicom_node.dicom import PARSER_ERRORS
from dicom_node.errors import QueryInvalid

__all__ = [
    "UNIQUE_KEYS",
    "Asked",
    "answer_of",
    "is_key",
    "level_of",
    "read_identifier",
    "texts_at",
]

_LEVEL, _CHARSET, _TIMEZONE = 0x00080052, 0x00080005, 0x00080201
_MATCHED_THOUGH_COUNTED = frozenset({"ModalitiesInStudy", "SOPClassesInStudy"})
UNIQUE_KEYS: Mapping[Level, str] = {
    Level.PATIENT: "PatientID",
    Level.STUDY: "StudyInstanceUID",
    Level.SERIES: "SeriesInstanceUID",
    Level.IMAGE: "SOPInstanceUID",
}
"""The unique key of each level (PS3.4 C.6)."""
_SEQUENCES = "SQ"


@dataclass(frozen=True, slots=True)
class Asked:
    """An identifier, understood.

    Parameters
    ----------
    query : Query
        What it asks for.
    unknown : tuple of int
        Tags that mean nothing at its level: answered empty.
    unmatched : bool
        Whether a key has a value by which nothing is matched.
    """

    query: Query
    unknown: tuple[int, ...]
    unmatched: bool = False

    @property
    def is_doubtful(self) -> bool:
        """Whether answers come with a warning: not all keys count (PS3.4 Table C.4-1)."""
        return bool(self.unknown) or self.unmatched


def read_identifier(ds: Dataset, levels: Iterable[Level]) -> Asked:
    """Return what an identifier asks for.

    Keys of levels above may be left out: a query need not walk down the hierarchy.

    Parameters
    ----------
    ds : Dataset
        As it was decoded; its values are read from their bytes.
    levels : iterable of Level
        Those that the query's model has.

    Raises
    ------
    QueryInvalid
        When its level is none of these, or a key's value is no date, time or number.
    """
    charsets = texts_at(ds, _CHARSET, "CS", ())
    level = level_of(ds, levels)
    conditions: list[Condition] = []
    wanted: list[Attribute] = []
    unknown: list[int] = []
    unmatched = False
    for tag in sorted(int(tag) for tag in ds.keys()):  # noqa: SIM118 - iterating decodes
        attribute = attribute_at(tag)
        if not is_key(tag):
            continue
        if attribute is None or attribute.level not in level.above:
            unknown.append(tag)
            continue
        wanted.append(attribute)
        if attribute.vr != _SEQUENCES and _is_matched(attribute):
            conditions.append(Condition(attribute, texts_at(ds, tag, attribute.vr, charsets)))
        else:
            unmatched |= _has_value(ds, tag)
    return Asked(Query(level, tuple(conditions), tuple(wanted)), tuple(unknown), unmatched)


def answer_of(header: Header, asked: Asked, our_ae_title: str) -> Dataset:
    """Return the identifier of one answer: what was asked for, empty where there is no value.

    It is written in the character set of the object that it comes from, where that does.
    """
    ds = Dataset()
    level = asked.query.level
    levels = level.above if level is Level.PATIENT else level.above[1:]
    unique = [ATTRIBUTES[UNIQUE_KEYS[one]] for one in levels]
    for attribute in {*asked.query.wanted, *unique}:
        add(ds, attribute.tag, attribute.vr, values_of(header, attribute))
    for tag in asked.unknown:
        add_empty(ds, tag)
    declared = tuple(str(one or "") for one in header.get(CHARSET_KEY, {}).get("Value", ()))
    charsets = charsets_for(_foreign(ds), declared)
    if charsets:
        add(ds, _CHARSET, "CS", charsets)
    add(ds, _LEVEL, "CS", [level.value])
    ds.RetrieveAETitle = our_ae_title
    ds.InstanceAvailability = "ONLINE"
    return ds


def level_of(ds: Dataset, levels: Iterable[Level]) -> Level:
    """Return the Query/Retrieve Level of an identifier.

    Raises
    ------
    QueryInvalid
        When it is none of ``levels``.
    """
    text, known = "".join(texts_at(ds, _LEVEL, "CS", ())), tuple(levels)
    if text not in known:
        names = ", ".join(known)
        raise QueryInvalid(f"QueryRetrieveLevel is none of {names}")
    return Level(text)


def is_key(tag: int) -> bool:
    """Whether an element of an identifier is a key, and not about the identifier itself."""
    return tag not in (_LEVEL, _CHARSET, _TIMEZONE) and bool(tag & 0xFFFF)


def _is_matched(attribute: Attribute) -> bool:
    return not attribute.counted or attribute.keyword in _MATCHED_THOUGH_COUNTED


def _has_value(ds: Dataset, tag: int) -> bool:
    """Whether a key has a value, one of its items' where it is a sequence."""
    try:
        element = ds[tag]
    except (*PARSER_ERRORS, UserWarning):
        return True
    if element.VR == _SEQUENCES:
        return any(_has_value(item, int(one)) for item in element.value for one in item.keys())  # noqa: SIM118
    return not element.is_empty


def texts_at(ds: Dataset, tag: int, vr: str, charsets: tuple[str, ...]) -> tuple[str, ...]:
    """Return the values of a key as they stand in the identifier; none where it is empty."""
    if tag not in ds:
        return ()
    element = ds.get_item(tag)
    if element.is_raw:
        return texts_of(element.value or b"", vr, charsets)
    values = element.value if element.VM > 1 else [element.value]
    return tuple(str(value) for value in values if value not in (None, ""))


def _foreign(ds: Dataset) -> Iterator[str]:
    """Yield the texts that a character set is needed for."""
    for element in ds.iterall():
        if element.VR in CUSTOMIZABLE_CHARSET_VR and not element.is_empty:
            values = element.value if element.VM > 1 else (element.value,)
            yield from (str(value) for value in values)
