"""The parts of a request, as they arrive: nothing waits for the rest, nothing is held whole."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser

__all__ = ["Arrived", "Begun", "Broken", "Ended", "Splitter"]

_HEADERS_MOST, _HEADER_MOST = 16, 4096


@dataclass(frozen=True, slots=True)
class Begun:
    """A part begins; header names are in small letters."""

    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Arrived:
    """More of the part."""

    content: bytes


@dataclass(frozen=True, slots=True)
class Ended:
    """The part is whole."""


@dataclass(frozen=True, slots=True)
class Broken:
    """What follows cannot be told apart: nothing more is to be had from the request."""


Event = Begun | Arrived | Ended | Broken


@dataclass(slots=True)
class _Headers:
    found: dict[str, str] = field(default_factory=dict)
    name: bytes = b""
    value: bytes = b""

    def end(self) -> None:
        self.found[self.name.decode("latin-1").lower()] = self.value.decode("latin-1").strip()
        self.name = self.value = b""


class _Plainly:
    """Passes a body on without what may stand around boundaries, which the parser knows nothing of.

    That is a preamble before the first of them, and blanks behind each (RFC 2046 5.1.1).
    """

    def __init__(self, boundary: bytes) -> None:
        self._delimiter = b"\r\n--" + boundary
        self._held = b"\r\n"  # the first may stand at the very beginning
        self._has_begun = self._is_behind = False

    def feed(self, content: bytes) -> Iterator[bytes]:
        """Yield what is left of what has come; the beginning of a boundary waits for its end."""
        body, start = self._held + content, 0
        while True:
            start = self._past_blanks(body, start)
            at = body.find(self._delimiter, start)
            if at < 0:
                break
            end = at + len(self._delimiter)
            yield body[start:end] if self._has_begun else self._delimiter[2:]
            start, self._has_begun, self._is_behind = end, True, True
        cut = self._cut(body, start)
        self._held = body[cut:]
        if self._has_begun and cut > start:
            yield body[start:cut]

    def _past_blanks(self, body: bytes, start: int) -> int:
        if self._is_behind:
            while body[start : start + 1] in (b" ", b"\t"):
                start += 1
            self._is_behind = start == len(body)
        return start

    def _cut(self, body: bytes, start: int) -> int:
        """Return where the delimiter may have begun; it has one CR, its first letter."""
        at = body.rfind(b"\r", max(start, len(body) - len(self._delimiter)))
        return at if at >= 0 and self._delimiter.startswith(body[at:]) else len(body)


class Splitter:
    """Takes a multipart body in pieces of any size, gives events (RFC 2046 5.1).

    Parameters
    ----------
    boundary : str
        Of the request's Content-Type.

    Raises
    ------
    ValueError
        When no body can have such a boundary.
    """

    def __init__(self, boundary: str) -> None:
        self._events: list[Event] = []
        self._headers = _Headers()
        self._is_over = False
        callbacks: Any = {
            "on_part_begin": self._on_begin,
            "on_header_field": self._on_name,
            "on_header_value": self._on_value,
            "on_header_end": self._on_header,
            "on_headers_finished": self._on_headers,
            "on_part_data": self._on_data,
            "on_part_end": self._on_end,
            "on_end": self._on_over,
        }
        self._parser = MultipartParser(
            boundary, callbacks, max_header_count=_HEADERS_MOST, max_header_size=_HEADER_MOST
        )
        self._plainly = _Plainly(boundary.encode("latin-1"))

    @property
    def is_over(self) -> bool:
        """Whether the last boundary has come, or nothing more is to be had."""
        return self._is_over

    def feed(self, content: bytes) -> Iterator[Event]:
        """Yield what ``content`` brings."""
        if self._is_over:
            return
        try:
            for plain in self._plainly.feed(content):
                self._parser.write(plain)
        except FormParserError:
            self._is_over = True
            self._events.append(Broken())
        events, self._events = self._events, []
        yield from events

    def _on_begin(self) -> None:
        self._headers = _Headers()

    def _on_name(self, data: bytes, start: int, end: int) -> None:
        self._headers.name += data[start:end]

    def _on_value(self, data: bytes, start: int, end: int) -> None:
        self._headers.value += data[start:end]

    def _on_header(self) -> None:
        self._headers.end()

    def _on_headers(self) -> None:
        self._events.append(Begun(self._headers.found))

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        self._events.append(Arrived(data[start:end]))

    def _on_end(self) -> None:
        self._events.append(Ended())

    def _on_over(self) -> None:
        self._is_over = True
