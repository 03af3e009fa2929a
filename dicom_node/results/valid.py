"""Which elements of a source are fit to be written again.

References
----------
PS3.5 6.2 (Value Representation); PS3.6 (Value Multiplicity).
"""

import struct

from pydicom import config
from pydicom.datadict import dictionary_has_tag, dictionary_VM
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.tag import BaseTag, Tag

from dicom_node.results.charset import is_readable, sets_of

__all__ = ["valid_element", "valid_part", "valid_text"]

_UNPARSED = (
    LookupError, ValueError, TypeError, AttributeError, ArithmeticError, OSError, EOFError,
    NotImplementedError, struct.error,
)  # fmt: skip
"""What pydicom raises for an element that is absent, or that it cannot take apart."""


def valid_element(source: Dataset, keyword: str) -> DataElement | None:
    """Return an element that the standard allows and whose text can be read; else None.

    An element without a value is valid, a sequence without items is not: type 3 sequences have one
    item or more wherever they are there.
    """
    return _element(source, Tag(keyword), sets_of(source))


def valid_text(source: Dataset, keyword: str) -> str:
    """Return a value of ``source`` as text; empty where there is none, or no valid one."""
    element = valid_element(source, keyword)
    return "" if element is None or element.is_empty else str(element.value)


def valid_part(item: Dataset, sets: tuple[str, ...]) -> Dataset:
    """Return a new item with the elements of ``item`` that are valid, readable and not private.

    A sequence in it is kept if all that it has besides private elements is so: half a code is none.

    Parameters
    ----------
    item : Dataset
        An item of a sequence; it is left as it was.
    sets : tuple of str
        The character sets of the object around it.
    """
    part, sets = Dataset(), sets_of(item) or sets
    for tag in list(item.keys()):
        element = None if tag.is_private else _element(item, tag, sets)
        if element is not None:
            part[tag] = element
    return part


def _element(source: Dataset, tag: BaseTag, sets: tuple[str, ...]) -> DataElement | None:
    try:
        element = source[tag]
        if element.VR == "SQ":
            element = _rebuilt(element, sets)
    except _UNPARSED:
        return None
    return element if _is_valid(element) and is_readable(element, sets) else None


def _rebuilt(element: DataElement, sets: tuple[str, ...]) -> DataElement:
    """Return a sequence without its private elements.

    Raises
    ------
    ValueError
        When an item has none that is valid, or one that is not.
    """
    items = [valid_part(item, sets) for item in element.value]
    for item, part in zip(element.value, items, strict=True):
        public = [inner for inner in item if not (inner.tag.is_private or _has_no_item(inner))]
        if not part or len(part) != len(public):
            raise ValueError(f"an item of {element.keyword} is invalid")
    return DataElement(element.tag, "SQ", Items(items))


def _has_no_item(element: DataElement) -> bool:
    return element.VR == "SQ" and not element.value


def _is_valid(element: DataElement) -> bool:
    """Whether there are items, or every value is one that the standard allows."""
    if element.VR == "SQ":
        return not _has_no_item(element)
    one = dictionary_has_tag(element.tag) and dictionary_VM(element.tag) == "1"
    if element.tag.is_private or (one and element.VM > 1):
        return False
    try:
        DataElement(element.tag, element.VR, element.value, validation_mode=config.RAISE)
    except (ValueError, TypeError):
        return False
    return True
