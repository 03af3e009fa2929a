"""P-DATA-TF: messages in fragments, taken apart and put together (PS3.8 9.3.5)."""

import struct

__all__ = [
    "HEAD",
    "IS_LAST",
    "OF_COMMAND",
    "P_DATA_TF",
    "Fragment",
    "fragment",
    "fragments",
    "p_data",
]

HEAD = struct.Struct(">BBI")
"""Of every PDU: its kind, a reserved byte, and the length of what follows (PS3.8 9.3.1)."""
P_DATA_TF = 0x04
OF_COMMAND, IS_LAST = 0x01, 0x02
"""Bits of the message control header (PS3.8 E.2)."""
_FRAGMENT = struct.Struct(">IBB")

Fragment = tuple[int, int, int, memoryview]
"""Where it ends in its PDU, presentation context, message control header, and content."""


def fragments(values: memoryview) -> list[Fragment] | None:
    """Take what follows the head of a P-DATA-TF apart; None where it is malformed."""
    found: list[Fragment] = []
    at = 0
    while at < len(values):
        if at + _FRAGMENT.size > len(values):
            return None
        length, context_id, control = _FRAGMENT.unpack_from(values, at)
        start, end = at + _FRAGMENT.size, at + 4 + length
        if not start <= end <= len(values):
            return None
        found.append((end, context_id, control, values[start:end]))
        at = end
    return found


def fragment(context_id: int, control: int, piece: bytes) -> bytes:
    """Return one fragment."""
    return _FRAGMENT.pack(len(piece) + 2, context_id, control) + piece


def p_data(values: bytes) -> bytes:
    """Return a P-DATA-TF of fragments."""
    return HEAD.pack(P_DATA_TF, 0, len(values)) + values
