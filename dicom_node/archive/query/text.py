"""Bytes of an element into texts, by the character sets that its object declares; never an error.

pydicom decodes too, but warns of what is odd and refuses some of it: an index must take what comes.
"""

from collections.abc import Iterable, Sequence

from pydicom.charset import decode_bytes, encode_string, python_encoding
from pydicom.valuerep import CUSTOMIZABLE_CHARSET_VR, PN_DELIMS, TEXT_VR_DELIMS

__all__ = ["UTF8", "Charsets", "charsets_for", "encodings_of", "text_of", "texts_of"]

Charsets = tuple[str, ...]
"""Values of Specific Character Set (0008,0005); empty is ASCII (PS3.3 C.12.1.1.2)."""

UTF8 = "ISO_IR 192"
_DEFAULT = "iso8859"
"""What lies beyond ASCII where no set is declared: nobody knows, and Latin-1 loses nothing."""
_ESCAPE = b"\x1b"
_ONE_VALUE = frozenset({"LT", "ST", "UT", "UR"})  # a backslash is a letter of these (PS3.5 6.2)


def texts_of(value: bytes, vr: str, charsets: Charsets) -> tuple[str, ...]:
    """Return the values of an element, padding removed; none where it is empty.

    No value of text has a zero (PS3.5 6.1.3): one that stands within is left out, in what is kept
    and in what is asked for alike.

    Parameters
    ----------
    value : bytes
        As it stands in the file.
    vr : str
        One of the value representations that are text.
    charsets : tuple of str
        Declared by the object around it.
    """
    text = text_of(value, vr, charsets).replace("\0", "").rstrip(" ")
    if vr in _ONE_VALUE:
        return (text,) if text else ()
    values = tuple(one.strip(" ") for one in text.split("\\"))
    return values if any(values) else ()


def text_of(value: bytes, vr: str, charsets: Charsets) -> str:
    """Return the whole text of an element, its values not taken apart."""
    if value.isascii() and _ESCAPE not in value:
        return value.decode("ascii")
    if vr not in CUSTOMIZABLE_CHARSET_VR:
        return value.decode(_DEFAULT)
    encodings = encodings_of(charsets)
    if _ESCAPE in value and len(encodings) > 1:
        delimiters = PN_DELIMS if vr == "PN" else TEXT_VR_DELIMS
        try:
            return decode_bytes(value, encodings, delimiters)
        except (LookupError, UnicodeError, UserWarning):
            pass  # an escape sequence that nobody knows
    try:
        return value.decode(encodings[0])
    except UnicodeError:
        return value.decode(encodings[0], "replace")


def charsets_for(texts: Iterable[str], charsets: Charsets) -> Charsets:
    """Return the sets to write texts in: none for ASCII, ``charsets`` where they do, else UTF-8.

    Parameters
    ----------
    charsets : tuple of str
        Of the object that the texts come from: what the caller's displays are used to.
    """
    foreign = [text for text in texts if not text.isascii()]
    if not foreign:
        return ()
    known = bool(charsets) and all(not name or name in python_encoding for name in charsets)
    if known and all(_is_writable(text, charsets) for text in foreign):
        return charsets
    return (UTF8,)


def encodings_of(charsets: Sequence[str]) -> list[str]:
    """Return the codecs of the sets that are known, the first of them for what has no escape."""
    found = [python_encoding[name] if name else _DEFAULT for name in charsets
             if not name or name in python_encoding]  # fmt: skip
    return found or [_DEFAULT]


def _is_writable(text: str, charsets: Charsets) -> bool:
    """Whether ``text`` comes back from these sets as it is."""
    try:
        encoded = encode_string(text, encodings_of(charsets))
    except (LookupError, UnicodeError, UserWarning):
        return False
    return text_of(encoded, "PN", charsets) == text
