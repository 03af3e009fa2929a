"""Character sets: which text of a source can be read, and which result needs UTF-8.

References
----------
PS3.3 C.12.1.1.2 (Specific Character Set): text of an object that declares none is ASCII.
"""

from collections.abc import Iterable, Iterator, Sequence

from pydicom.charset import python_encoding
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.valuerep import CUSTOMIZABLE_CHARSET_VR

__all__ = ["CHARACTER_SET", "UTF8", "is_readable", "needs_utf8", "sets_of", "unknown_sets"]

CHARACTER_SET = "SpecificCharacterSet"
UTF8 = "ISO_IR 192"
_ASCII = frozenset({"", "ISO_IR 6", "ISO 2022 IR 6"})
"""The default repertoire, by each of its names."""
_LOST = "\N{REPLACEMENT CHARACTER}"


def sets_of(ds: Dataset) -> tuple[str, ...]:
    """Return the character sets that ``ds`` declares (0008,0005); none where it declares none."""
    value = ds.get(CHARACTER_SET) or ()
    return (value,) if isinstance(value, str) else tuple(value)


def unknown_sets(sets: Sequence[str]) -> list[str]:
    """Return those of ``sets`` that nobody knows."""
    return [name for name in sets if name and name not in python_encoding]


def is_readable(element: DataElement | RawDataElement, sets: Sequence[str]) -> bool:
    """Whether the text of ``element`` can be read without a guess, items included.

    Text in ASCII is the same in every set. Anything else is read by the set that the object
    declares; where it declares none, or one that nobody knows, a decoder would guess.

    Parameters
    ----------
    element : DataElement or RawDataElement
        Decoded or as it stands in the file; a sequence has to be decoded.
    sets : sequence of str
        What the object around it declares.
    """
    if isinstance(element, RawDataElement):
        return _can_be_decoded(element.value or b"", sets)
    if element.VR == "SQ":
        return all(
            is_readable(inner, sets_of(item) or sets) for item in element.value for inner in item
        )
    return all(
        text.isascii() or (_are_declared(sets) and _LOST not in text) for text in _texts((element,))
    )


def needs_utf8(ds: Dataset) -> bool:
    """Whether ``ds`` holds letters that its default set lacks and that a writer would not miss.

    pydicom writes the upper half of Latin-1 as it is where the first set is the default one; a
    reader then sees bytes that no set explains.
    """
    sets = sets_of(ds)
    if sets and sets[0] not in _ASCII:
        return False
    return any("\x80" <= letter <= "\xff" for text in _texts(ds.iterall()) for letter in text)


def _can_be_decoded(content: bytes, sets: Sequence[str]) -> bool:
    if content.isascii() or not _are_declared(sets):
        return content.isascii()
    if len(sets) > 1:
        return True  # by escape sequences; a decoder tells what it cannot read
    try:
        content.decode(python_encoding[sets[0]])
    except UnicodeError:
        return False
    return True


def _are_declared(sets: Sequence[str]) -> bool:
    return not unknown_sets(sets) and not _ASCII.issuperset(sets)


def _texts(elements: Iterable[DataElement]) -> Iterator[str]:
    """Yield every value that is written in the object's character set."""
    for element in elements:
        if element.VR in CUSTOMIZABLE_CHARSET_VR and not element.is_empty:
            values = element.value if element.VM > 1 else (element.value,)
            yield from (str(value) for value in values)
