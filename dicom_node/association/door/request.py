"""The A-ASSOCIATE-RQ: read whole, and looked at, before a thread of pynetdicom sees it."""

import struct
from collections.abc import Iterator
from time import monotonic

from pynetdicom.pdu import A_ASSOCIATE_RQ

from dicom_node.association.door.refusal import NotLetIn, Reason
from dicom_node.sections import Limits
from dicom_node.transport import Line, abort_pdu

__all__ = ["read_request", "reject_pdu"]

_ASSOCIATE_RQ, _TLS_HANDSHAKE = 0x01, 0x16
_FIXED, _LONGEST = 68, 2**20  # bytes behind the head: those that are always there, and at most
_CONTEXT, _SYNTAX = 0x20, 0x40
_MOST_SYNTAXES = 128
"""Of one context: twice as many as the standard has. pynetdicom compares each with each."""
_TRANSIENT, _PRESENTATION, _LOCAL_LIMIT = 2, 3, 2
_UNRECOGNISED, _INVALID_VALUE = 1, 6
_DECODING_ERRORS = (
    AssertionError, AttributeError, IndexError, KeyError, NotImplementedError, TypeError,
    ValueError, struct.error,
)  # fmt: skip
"""What pynetdicom raises on bytes that are no A-ASSOCIATE-RQ."""


def reject_pdu(
    result: int = _TRANSIENT, source: int = _PRESENTATION, reason: int = _LOCAL_LIMIT
) -> bytes:
    """Return an A-ASSOCIATE-RJ (PS3.8 9.3.4): local limit exceeded, unless told otherwise."""
    return struct.pack(">BBIBBBB", 0x03, 0, 4, 0, result, source, reason)


def read_request(line: Line, limits: Limits) -> bytes:
    """Return the A-ASSOCIATE-RQ that a peer begins with.

    Raises
    ------
    NotLetIn
        When none comes in time, or it is another thing, or asks for too much.
    """
    until = monotonic() + limits.artim_s
    try:
        head = bytes(line.read(6, until))
        if not head:
            raise NotLetIn(None)
        length = _announced(head)
        body = bytes(line.read(length, until))
    except TimeoutError as exc:
        text = f"no whole A-ASSOCIATE-RQ in limits.artim_s = {limits.artim_s:g}"
        raise NotLetIn(Reason.SILENT, text) from exc
    except (OSError, ValueError) as exc:
        raise NotLetIn(None) from exc
    if len(body) < length:
        raise NotLetIn(Reason.MALFORMED, "it closed the connection within its A-ASSOCIATE-RQ")
    _check_counts(body, limits.contexts)
    _check_whole(head + body)
    return head + body


def _announced(head: bytes) -> int:
    """Return the length that the head of an A-ASSOCIATE-RQ announces."""
    if head[0] == _TLS_HANDSHAKE and head[1:2] == b"\x03":
        raise NotLetIn(Reason.TLS_ON_PLAIN, "it speaks TLS, this port does not; see listen.tls")
    if len(head) < 6 or head[0] != _ASSOCIATE_RQ:
        text = f"an A-ASSOCIATE-RQ is wanted first, it began with {head.hex(' ')}"
        raise NotLetIn(Reason.NOT_DICOM, text, abort_pdu(_UNRECOGNISED))
    length = int(struct.unpack_from(">I", head, 2)[0])
    if not _FIXED <= length <= _LONGEST:
        text = f"an A-ASSOCIATE-RQ of {length} bytes; {_FIXED} to {_LONGEST} are taken"
        raise NotLetIn(Reason.MALFORMED, text, abort_pdu(_INVALID_VALUE))
    return length


def _check_counts(body: bytes, most: int) -> None:
    """Count presentation contexts and their transfer syntaxes (PS3.8 9.3.2) without decoding."""
    contexts = 0
    for kind, start, end in _items(body, _FIXED, len(body)):
        if kind != _CONTEXT:
            continue
        contexts += 1
        syntaxes = sum(inner == _SYNTAX for inner, _, _ in _items(body, start + 4, end))
        if contexts > most or syntaxes > _MOST_SYNTAXES:
            text = (
                f"limits.contexts = {most} presentation contexts are taken, of {_MOST_SYNTAXES} "
                "transfer syntaxes each; it proposes more"
            )
            raise NotLetIn(Reason.TOO_MANY_CONTEXTS, text, reject_pdu())


def _items(body: bytes, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield kind, start and end of each item's value."""
    while at + 4 <= end:
        kind, _, length = struct.unpack_from(">BBH", body, at)
        yield kind, at + 4, min(end, at + 4 + length)
        at += 4 + length


def _check_whole(pdu: bytes) -> None:
    """Decode it as pynetdicom will: there, an error would leave threads behind."""
    request = A_ASSOCIATE_RQ()
    try:
        request.decode(pdu)
        request.to_primitive()
    except _DECODING_ERRORS as exc:
        text = f"{type(exc).__name__}: {exc}"
        raise NotLetIn(Reason.MALFORMED, text, abort_pdu(_INVALID_VALUE)) from exc
