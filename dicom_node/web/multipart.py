"""Answers in parts, sent piece by piece (RFC 2387, PS3.18 8.6.1.2)."""

import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from fastapi.responses import Response, StreamingResponse

__all__ = ["Part", "multipart_answer"]


@dataclass(frozen=True, slots=True)
class Part:
    """One part.

    Parameters
    ----------
    kind : str
        Its media type, parameters and all.
    content : iterable of bytes
        Made as it is taken.
    location : str
        Its address, where it has one.
    """

    kind: str
    content: Iterable[bytes]
    location: str = ""


def multipart_answer(kind: str, parts: Iterable[Part], status: int = 200) -> Response:
    """Return parts of one media type.

    Parameters
    ----------
    kind : str
        Of the parts, without parameters.
    """
    boundary = secrets.token_hex(16)  # drawn: no object can hold it on purpose
    media_type = f'multipart/related; type="{kind}"; boundary={boundary}'
    return StreamingResponse(_pieces(boundary, parts), status, media_type=media_type)


def _pieces(boundary: str, parts: Iterable[Part]) -> Iterator[bytes]:
    for part in parts:
        location = f"Content-Location: {part.location}\r\n" if part.location else ""
        head = f"--{boundary}\r\nContent-Type: {part.kind}\r\n{location}\r\n"
        yield head.encode("ascii")
        yield from part.content
        yield b"\r\n"
    yield f"--{boundary}--\r\n".encode("ascii")
