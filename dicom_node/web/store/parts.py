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

    @property
    def is_over(self) -> bool:
        """Whether the last boundary has come, or nothing more is to be had."""
        return self._is_over

    def feed(self, content: bytes) -> Iterator[Event]:
        """Yield what ``content`` brings."""
        if self._is_over:
            return
        try:
            self._parser.write(content)
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
