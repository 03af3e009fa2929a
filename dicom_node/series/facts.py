"""Reading a header mapping: numbers that are numbers, codes in capitals, ages, words to search."""

import math
import re
import unicodedata
from collections.abc import Mapping
from datetime import date
from typing import Any, TypeAlias

__all__ = [
    "Header",
    "age_years",
    "codes",
    "day_of",
    "field_strength_t",
    "maker",
    "number",
    "positive",
    "series_texts",
    "words",
]

Header: TypeAlias = Mapping[str, Any]
"""Keyword to plain value, as :mod:`engine.io.header` gives it."""
_AGE = re.compile(r"([0-9]{1,3})([DWMY])")  # AS, PS3.5 6.2
_A_YEAR = {"D": 365.25, "W": 52.18, "M": 12.0, "Y": 1.0}
_DATE = re.compile(r"([0-9]{4})\.?([0-9]{2})\.?([0-9]{2})")  # with points before 1993
_GAUSS = 100.0
"""A larger number is none of teslas: some scanners write gauss."""
_GAUSS_A_TESLA = 10_000.0


def number(header: Header, keyword: str) -> float | None:
    """Return the value, the first one of several; None where it is no finite number."""
    value = header.get(keyword)
    if isinstance(value, tuple) and value:
        value = value[0]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:  # an integer beyond what a float holds
        return None


def positive(header: Header, keyword: str) -> float | None:
    """Return the number where it is above 0: several vendors write 0 for "does not apply"."""
    value = number(header, keyword)
    return value if value is not None and value > 0 else None


def codes(header: Header, *keywords: str) -> tuple[str, ...]:
    """Return all values under ``keywords`` in capitals, each once, in their order."""
    found: dict[str, None] = {}
    for keyword in keywords:
        value = header.get(keyword)
        for part in value if isinstance(value, tuple) else (value,):
            if isinstance(part, str) and part.strip():
                found[part.strip().upper()] = None
    return tuple(found)


def maker(header: Header) -> str:
    """Return Manufacturer (0008,0070) in capitals."""
    return " ".join(codes(header, "Manufacturer"))


def words(text: object) -> str:
    """Return ``text`` fit for a search: small letters, no accents, ``_`` and ``^`` as spaces.

    An underscore counts as a letter in a regular expression, so ``t1_mprage`` would have no word
    ``t1`` in it.
    """
    if isinstance(text, tuple):
        text = " ".join(part for part in text if isinstance(part, str))
    if not isinstance(text, str):
        return ""
    compatible = unicodedata.normalize("NFKD", text)  # first: a fraktur A folds once it is an A
    plain = unicodedata.normalize("NFKD", compatible.casefold())
    bare = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return re.sub(r"[\s_^]+", " ", unicodedata.normalize("NFKC", bare)).strip()


def series_texts(header: Header) -> tuple[str, ...]:
    """Return what a person called the series: Series Description, then Protocol Name.

    GE writes the name of the whole examination into Protocol Name; it speaks only where nothing
    else does.
    """
    description, protocol = (
        words(header.get("SeriesDescription")),
        words(header.get("ProtocolName")),
    )
    if description and re.search(r"\bGE\b", maker(header)):
        return (description,)
    return tuple(text for text in dict.fromkeys((description, protocol)) if text)


def age_years(header: Header) -> float | None:
    """Return how old the patient was, in years; None where nothing says so.

    Patient's Age (0010,1010) speaks first; else birth and examination, to the day.
    """
    stated = header.get("PatientAge")
    if isinstance(stated, str) and (found := _AGE.fullmatch(stated.strip().upper())):
        return int(found[1]) / _A_YEAR[found[2]]
    born, at = day_of(header, "PatientBirthDate"), day_of(header, "AcquisitionDate", "StudyDate")
    if born is None or at is None or at < born:
        return None
    return (at - born).days / 365.25


def field_strength_t(header: Header) -> float | None:
    """Return Magnetic Field Strength (0018,0087) in tesla; None where it is not stated."""
    value = positive(header, "MagneticFieldStrength")
    return value / _GAUSS_A_TESLA if value is not None and value > _GAUSS else value


def day_of(header: Header, *keywords: str) -> date | None:
    """Return the first of these that is a date; None where none is."""
    for keyword in keywords:
        value = header.get(keyword)
        if isinstance(value, str) and (found := _DATE.fullmatch(value.strip())):
            try:
                return date(int(found[1]), int(found[2]), int(found[3]))
            except ValueError:
                continue
    return None
