"""How far a data set goes: sequences in sequences, items, and what deflated bytes swell to.

Parsers, ours and those of whoever reads the file later, make an object of every item, and call
themselves at every level. So both are counted before anything is parsed, without recursion.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from pydicom.datadict import dictionary_has_tag, dictionary_VR
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
)

from dicom_node.dicom import PIXEL_TAGS
from dicom_node.errors import BeyondLimits
from dicom_node.sections import Limits

__all__ = ["LONG_VRS", "check_extent"]

LONG_VRS = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN",
                      b"UR", b"UT", b"UV"})  # fmt: skip
"""Value representations whose length takes four bytes after two reserved (PS3.5 7.1.2)."""
_UNDEFINED = 0xFFFFFFFF
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_PIXEL_GROUP = 0x7FE0
_MOST_ELEMENTS = 1_000_000
"""Of one data set, those in items included; beyond that lie attacks alone."""
_TOO_MANY = f"more than {_MOST_ELEMENTS} elements in a data set"
_SHORT, _LONG = struct.Struct("<HH2sH"), struct.Struct("<I")
_IN_ANY_CASE = 2**26
"""Bytes that deflated ones may swell to, however few they were; and what is looked at of them."""
_CHUNK = 2**20
_MB = 2**20


def check_extent(content: bytes, transfer_syntax_uid: str, limits: Limits) -> None:
    """Pass a data set that is no deeper, wider or more deflated than is taken.

    What is no data set passes too: refusing it is for whoever parses it.

    Parameters
    ----------
    content : bytes
        Without file meta information.
    transfer_syntax_uid : str
        How it is encoded.

    Raises
    ------
    BeyondLimits
        With what was seen and which key of ``[limits]`` says otherwise.

    References
    ----------
    PS3.5 7.5 (Nesting of Data Sets), A.5 (Deflated Explicit VR Little Endian).
    """
    if transfer_syntax_uid == DeflatedExplicitVRLittleEndian:
        content = _inflated(content, limits)
    little = transfer_syntax_uid != ExplicitVRBigEndian
    form = _Form(implicit=transfer_syntax_uid == ImplicitVRLittleEndian, little=little)
    start, end = _pixels(content, form)
    tag = struct.pack("<HH" if little else ">HH", 0xFFFE, 0xE000)
    items = content.count(tag, 0, start) + content.count(tag, end)
    if items <= limits.depth:
        return  # it has no more levels than items
    try:
        _Walk(content, form, limits).run()
    except (_Odd, struct.error) as exc:
        if items > limits.items:
            text = f"up to {items} items in a data set that cannot be parsed; limits.items = "
            raise BeyondLimits(f"{text}{limits.items}") from exc


class _Odd(Exception):
    """The bytes are no data set."""


@dataclass(frozen=True, slots=True)
class _Form:
    """How elements are written (PS3.5 7.1)."""

    implicit: bool
    little: bool

    def element(self, content: bytes, at: int) -> tuple[int, int, int, bool]:
        """Return tag, size of the head, length of the value, and whether it is a sequence."""
        if self.implicit:
            group, number, length = struct.unpack_from("<HHI", content, at)
            tag = group << 16 | number
            known = dictionary_has_tag(tag) and dictionary_VR(tag) == "SQ"
            return tag, 8, length, known
        order = "<" if self.little else ">"
        group, number, vr, length = struct.unpack_from(f"{order}HH2sH", content, at)
        tag = group << 16 | number
        if group == 0xFFFE:
            return tag, 8, int(struct.unpack_from(f"{order}I", content, at + 4)[0]), False
        if vr in LONG_VRS:
            return tag, 12, int(struct.unpack_from(f"{order}I", content, at + 8)[0]), vr == b"SQ"
        return tag, 8, length, False


_IMPLICIT, _EXPLICIT = (_Form(implicit=implicit, little=True) for implicit in (True, False))


def _inflated(content: bytes, limits: Limits) -> bytes:
    """Inflate all of it, and return the beginning, by which a bomb is known."""
    most = max(_IN_ANY_CASE, limits.inflate_ratio * len(content))
    most = min(most, limits.data_set_mb * _MB)
    kept: list[bytes] = []
    total = 0
    for piece in _pieces(content):
        total += len(piece)
        if total > most:
            text = f"{len(content)} deflated bytes swell to more than {most}; limits.inflate_ratio"
            raise BeyondLimits(f"{text} = {limits.inflate_ratio}")
        if total <= _IN_ANY_CASE:
            kept.append(piece)
    return b"".join(kept)


def _pieces(content: bytes) -> Iterator[bytes]:
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    rest = content
    try:
        while rest and not inflate.eof:
            yield inflate.decompress(rest, _CHUNK)
            rest = inflate.unconsumed_tail
    except zlib.error:
        return  # what cannot be inflated is no DICOM; who parses it says so


def _pixels(content: bytes, form: _Form) -> tuple[int, int]:
    """Return where the value of the pixels lies, and nothing behind the end where it is not found.

    Chance puts anything into pixels, so nothing is counted in them.
    """
    end = len(content)
    try:
        at = _explicit_pixels(content) if form == _EXPLICIT else _other_pixels(content, form)
        if at is None:
            return end, end
        _, head, length, _ = form.element(content, at)
    except struct.error:
        return end, end
    start = at + head
    if length == _UNDEFINED:
        return start, _fragments_end(content, start, form)
    return start, min(end, start + length)


def _explicit_pixels(content: bytes) -> int | None:
    """Return where the element of the pixels begins; None without, or behind a sequence's end.

    Hardly any image comes otherwise, and each comes through here: so it is spelt out.
    """
    at, end = 0, len(content)
    for _ in range(_MOST_ELEMENTS):
        if at >= end:
            return None
        group, number, vr, length = _SHORT.unpack_from(content, at)
        if group == _PIXEL_GROUP and group << 16 | number in PIXEL_TAGS:
            return at
        if vr in LONG_VRS:
            (length,) = _LONG.unpack_from(content, at + 8)
            if length == _UNDEFINED:
                return None
            at += 4
        at += 8 + length
    raise BeyondLimits(_TOO_MANY)


def _other_pixels(content: bytes, form: _Form) -> int | None:
    at, end = 0, len(content)
    for _ in range(_MOST_ELEMENTS):
        if at >= end:
            return None
        tag, head, length, _ = form.element(content, at)
        if tag in PIXEL_TAGS:
            return at
        if length == _UNDEFINED:
            return None
        at += head + length
    raise BeyondLimits(_TOO_MANY)


def _fragments_end(content: bytes, at: int, form: _Form) -> int:
    """Return where encapsulated pixels end (PS3.5 A.4)."""
    order = "<" if form.little else ">"
    while at + 8 <= len(content):
        group, number, length = struct.unpack_from(f"{order}HHI", content, at)
        at += 8
        if (group << 16 | number) != _ITEM or length == _UNDEFINED:
            break
        at += length
    return min(at, len(content))


@dataclass(frozen=True, slots=True)
class _Open:
    """A sequence or an item that is open: where it ends (0: at its delimiter), and its form."""

    is_sequence: bool
    end: int
    form: _Form


class _Walk:
    """One way through a data set, from the first element to the last, counting as it goes."""

    def __init__(self, content: bytes, form: _Form, limits: Limits) -> None:
        self._content = content
        self._limits = limits
        self._open = [_Open(is_sequence=False, end=len(content), form=form)]
        self._depth = 0
        self._items = 0

    def run(self) -> None:
        """Go to the end.

        Raises
        ------
        BeyondLimits, _Odd, struct.error
            Too deep or too wide; no data set.
        """
        at = 0
        for _ in range(_MOST_ELEMENTS):
            at = self._step(at)
            while self._open[-1].end and at >= self._open[-1].end:
                if len(self._open) == 1:
                    return
                self._close()
        raise BeyondLimits(_TOO_MANY)

    def _step(self, at: int) -> int:
        """Take one element, item or delimiter; return where the next begins."""
        within = self._open[-1]
        tag, head, length, is_sequence = within.form.element(self._content, at)
        if tag in (_ITEM_END, _SEQUENCE_END):
            self._close()
        elif within.is_sequence:
            self._begin_item(tag, _end(at + head, length))
        elif length == _UNDEFINED and tag in PIXEL_TAGS:
            return _fragments_end(self._content, at + head, within.form)
        elif length == _UNDEFINED or is_sequence:
            # a sequence of unknown VR is written implicit (PS3.5 6.2.2, note 2)
            form = within.form if is_sequence or within.form.implicit else _IMPLICIT
            self._begin_sequence(_Open(is_sequence=True, end=_end(at + head, length), form=form))
        else:
            return at + head + length
        return at + head

    def _begin_sequence(self, opened: _Open) -> None:
        self._open.append(opened)
        self._depth += 1
        if self._depth > self._limits.depth:
            most = self._limits.depth
            raise BeyondLimits(f"sequences nested more than limits.depth = {most} deep")

    def _begin_item(self, tag: int, end: int) -> None:
        if tag != _ITEM:
            raise _Odd
        self._open.append(_Open(is_sequence=False, end=end, form=self._open[-1].form))
        self._items += 1
        if self._items > self._limits.items:
            raise BeyondLimits(f"more than limits.items = {self._limits.items} items of sequences")

    def _close(self) -> None:
        if len(self._open) == 1:
            raise _Odd
        self._depth -= self._open.pop().is_sequence


def _end(start: int, length: int) -> int:
    """Return where a value ends; 0 where a delimiter ends it."""
    return 0 if length == _UNDEFINED else start + length
