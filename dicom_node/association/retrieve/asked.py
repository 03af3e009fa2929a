"""Identifiers of retrievals: unique keys, and nothing else (PS3.4 C.4.2.1.4, C.4.3.1.3)."""

from collections.abc import Iterable, Iterator, Mapping

from pydicom.dataset import Dataset

from dicom_node.archive.query import ATTRIBUTES, Condition, Level, attribute_at
from dicom_node.association.identifier import UNIQUE_KEYS, is_key, level_of, texts_at
from dicom_node.dicom import (
    PATIENT_ROOT_GET,
    PATIENT_ROOT_MOVE,
    STUDY_ROOT_GET,
    STUDY_ROOT_MOVE,
)
from dicom_node.errors import QueryInvalid

__all__ = ["RETRIEVE_LEVELS", "read_wanted"]

RETRIEVE_LEVELS: Mapping[str, tuple[Level, ...]] = {
    PATIENT_ROOT_GET: tuple(Level),
    PATIENT_ROOT_MOVE: tuple(Level),
    STUDY_ROOT_GET: tuple(Level)[1:],
    STUDY_ROOT_MOVE: tuple(Level)[1:],
}
"""Levels of the query models (PS3.4 C.6.1, C.6.2)."""
_OF_ANSWERS = frozenset({0x00080054, 0x00080056})
"""Retrieve AE Title and Instance Availability: there where somebody copies a query's answer."""
_FIRST_GROUP = 0x0008
"""Groups below are of messages and files; some callers leave elements of them in an identifier."""


def read_wanted(ds: Dataset, levels: Iterable[Level]) -> tuple[Condition, ...]:
    """Return what an identifier of a retrieval asks for.

    Keys of levels above may be left out, and so may a key without a value be there: neither makes
    it ask for more. Whatever would be matched otherwise than by a value or a list of UIDs is
    refused; nobody is to be sent what he did not name.

    Raises
    ------
    QueryInvalid
        When it names no value for its level, or has a key that a retrieval does not have.
    """
    level = level_of(ds, levels)
    conditions = tuple(_conditions(ds, level))
    own = UNIQUE_KEYS[level]
    if not any(one.attribute.keyword == own for one in conditions):
        raise QueryInvalid(f"{own} has no value; a retrieval of level {level} needs one")
    return conditions


def _conditions(ds: Dataset, level: Level) -> Iterator[Condition]:
    known = {ATTRIBUTES[UNIQUE_KEYS[one]].tag: ATTRIBUTES[UNIQUE_KEYS[one]] for one in level.above}
    for tag in sorted(int(tag) for tag in ds.keys()):  # noqa: SIM118 - iterating decodes
        if not is_key(tag) or tag in _OF_ANSWERS or tag >> 16 < _FIRST_GROUP:
            continue
        attribute = known.get(tag)
        texts = texts_at(ds, tag, attribute.vr if attribute else "LO", ())
        values = tuple(text for text in texts if text)
        if not values:
            continue
        if attribute is None:
            named = attribute_at(tag)
            what = named.keyword if named else f"({tag >> 16:04X},{tag & 0xFFFF:04X})"
            raise QueryInvalid(f"{what} is no key of a {level} retrieval; leave it out")
        if attribute.vr != "UI" and (len(values) > 1 or set(values[0]) & {"*", "?"}):
            raise QueryInvalid(f"{attribute.keyword} has no single value; one is wanted")
        yield Condition(attribute, values)
