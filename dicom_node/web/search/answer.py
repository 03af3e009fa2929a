"""Headers into answers: the JSON model with what PS3.18 10.6.3.3 wants of it."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from dicom_node.archive.query import ATTRIBUTES, Header, Level, values_of
from dicom_node.web.search.parameters import Asked

__all__ = ["answer_of", "retrieve_url"]

_STEPS = (
    ("studies", "StudyInstanceUID", Level.STUDY),
    ("series", "SeriesInstanceUID", Level.SERIES),
    ("instances", "SOPInstanceUID", Level.IMAGE),
)


def answer_of(header: Header, asked: Asked, root: str) -> dict[str, Any]:
    """Return one answer: what is asked for, and where to get what was found.

    An attribute that is asked for and has no value is there with its VR alone.

    Parameters
    ----------
    root : str
        What stands before ``/studies`` in an address.
    """
    level = asked.query.level
    found: dict[str, Any] = {
        "00080005": {"vr": "CS", "Value": ["ISO_IR 192"]},  # of JSON, whatever the object has
        "00080056": {"vr": "CS", "Value": ["ONLINE"]},
        "00081190": {"vr": "UR", "Value": [retrieve_url(header, level, root)]},
    }
    for attribute in asked.query.wanted:
        found[attribute.key] = header.get(attribute.key, {"vr": attribute.vr})
    return dict(sorted(found.items()))


def retrieve_url(header: Header, level: Level, root: str) -> str:
    """Return the address of a study, a series or an instance."""
    return root + "".join(_steps(header, level))


def _steps(header: Header, level: Level) -> Iterable[str]:
    for word, keyword, at in _STEPS:
        if at in level.above:
            values = values_of(header, ATTRIBUTES[keyword])
            yield f"/{word}/{quote(str(values[0]), safe='')}"
