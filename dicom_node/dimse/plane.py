"""The data plane: messages read and sent without a state machine step per fragment.

After negotiation one thread reads P-DATA, has each request served, and sends what is answered.
Whatever else comes, a release, an abort, another service, an odd PDU, is handed back to pynetdicom
with the bytes that were read, and pynetdicom goes on from there.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import BinaryIO

from dicom_node.errors import NodeError
from dicom_node.transport import (
    HEAD,
    IS_LAST,
    OF_COMMAND,
    P_DATA_TF,
    Command,
    Fragment,
    Kind,
    Meter,
    OutOfMemory,
    TooLarge,
    TooMuch,
    Wire,
    fragment,
    fragments,
    p_data,
    read_command,
)

__all__ = ["Broken", "Message", "NotOurs", "Plane", "Wanted"]

_LONGEST_COMMAND, _MOST_PDUS = 4096, 16
"""Of a command that is read here; what is longer, or in more pieces, is left to pynetdicom."""
_ODD = "it broke the protocol in the middle of a message"
_AT_ONCE = 2**18
"""Bytes that are sent by one call, PDUs as they may be."""

Wanted = Mapping[int, frozenset[Kind]]
"""Presentation context to what is read on it; anything else is not ours."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message, whole (PS3.7 6.3.1).

    Parameters
    ----------
    content : bytes
        The encoded data set; empty where there is none.
    refused : TooMuch or None
        Why the data set of an instance was not kept while it came; ``content`` is empty then.
    """

    context_id: int
    command: Command
    content: bytes
    refused: TooMuch | None = None

    @property
    def kind(self) -> int:
        """What it is: Command Field (0000,0100)."""
        return self.command.kind


@dataclass(slots=True)
class _Reading:
    """A message as its fragments come in.

    ``read`` holds the PDUs of a message whose command is not known yet: these can be handed back.
    """

    wanted: Wanted
    is_busy: bool
    meter: Meter
    read: list[bytes] = field(default_factory=list)
    command_set: bytearray = field(default_factory=bytearray)
    data: list[bytes] = field(default_factory=list)
    context_id: int = 0
    command: Command | None = None
    refused: TooMuch | None = None


class NotOurs(NodeError):
    """What came is pynetdicom's to deal with; the bytes to hand back."""

    def __init__(self, read: bytes) -> None:
        super().__init__("it ended the association, or asked for another service")
        self.read = read


class Broken(NodeError):
    """Nothing can follow on this association; the text says why."""


class Plane:
    """Reads and sends the messages of one association, on a wire that is held.

    What a message costs is within the bounds of the wire. The last one that was read counts until
    the next is waited for, or :meth:`forget` is called.

    Parameters
    ----------
    wire : Wire
        Held until the plane is done with it.
    longest : int
        Bytes behind the head of a PDU that the peer takes; 0 for any (PS3.8 D.1).
    """

    def __init__(self, wire: Wire, longest: int) -> None:
        self._wire = wire
        self._longest = longest
        self._bounds = wire.bounds
        self._meter = Meter(wire.bounds)
        self._left = b""  # of a PDU that held the end of one message and the start of the next
        self._is_cut = False

    @property
    def is_cut(self) -> bool:
        """Whether a message of ours was begun and never ended: only an abort can follow."""
        return self._is_cut

    @property
    def has_more(self) -> bool:
        """Whether reading would give something at once: a message, or that the peer is gone."""
        return bool(self._left) or self._wire.readable

    @property
    def left(self) -> bytes:
        """What was read and belongs to no message yet, as a PDU; empty where there is none."""
        return p_data(self._left) if self._left else b""

    def forget(self) -> None:
        """Let the message that was read last count no longer: it is done with."""
        self._meter.end()

    def receive(self, wanted: Wanted, *, is_busy: bool = False) -> Message:
        """Read one message.

        An instance that is too large, or for which memory lacks, is read to its end, and what was
        against it given with it. Nothing else may be too large.

        Parameters
        ----------
        is_busy : bool
            Whether a request is being served: another one then breaks the protocol, where none
            were negotiated to run side by side (PS3.7 D.3.3.3).

        Raises
        ------
        NotOurs
            When something comes that is not wanted.
        Broken
            When the peer breaks the protocol in the middle of a message, is silent or slow for too
            long there or between two of them, or sends too much.
        """
        if is_busy:
            return self._received(_Reading(wanted, is_busy, Meter(self._bounds)))
        self._meter.end()
        return self._received(_Reading(wanted, is_busy, self._meter))

    def _received(self, reading: _Reading) -> Message:
        while True:
            body = self._pdu(reading)
            for end, context_id, control, piece in _fragments(body, reading):
                if self._add(reading, context_id, control, piece):
                    self._left = bytes(body[end:])
                    return _whole(reading)

    def _pdu(self, reading: _Reading) -> memoryview:
        """Read the values of one P-DATA-TF; what is no such PDU is not ours."""
        if self._left:
            left, self._left = self._left, b""
            reading.read.append(p_data(left))
            return memoryview(left)
        head = bytes(self._exactly(HEAD.size, reading))
        kind, _, length = HEAD.unpack(head)
        if kind != P_DATA_TF or length > self._bounds.longest_pdu:
            if reading.command is not None:
                raise Broken(_ODD)
            raise NotOurs(b"".join(reading.read) + head)
        body = self._exactly(length, reading, head)
        if reading.command is None:
            reading.read.append(head + body)
        return memoryview(body)

    def _exactly(self, count: int, reading: _Reading, before: bytes = b"") -> bytearray:
        """Read ``count`` bytes; a connection that ends early is for pynetdicom to notice."""
        until = monotonic() + self._bounds.idle_s
        buffer = bytearray(count)
        view, got = memoryview(buffer), 0
        while got < count:
            try:
                size = self._wire.read_into(view[got:], until)
            except TimeoutError as exc:
                raise Broken(self._late(reading, before, got)) from exc
            except (OSError, ValueError) as exc:  # the latter of TLS, closed on our side
                raise Broken(f"the connection failed: {_reason(exc)}") from exc
            if not size:
                break
            got += size
        if got == count:
            return buffer
        if reading.command is not None:
            raise Broken("it closed the connection in the middle of a message")
        raise NotOurs(b"".join(reading.read) + before + bytes(buffer[:got]))

    def _late(self, reading: _Reading, before: bytes, got: int) -> str:
        begun = got or before or reading.read or reading.command is not None
        where = "in the middle of a message" if begun else "between two messages"
        if got:
            return f"it took more than {self._bounds.idle_s:g} s for one PDU {where}"
        return f"it was silent for {self._bounds.idle_s:g} s {where}"

    def _add(self, reading: _Reading, context_id: int, control: int, piece: memoryview) -> bool:
        """Add a fragment; True when the message is whole (PS3.8 9.3.5.1, E.2)."""
        if reading.command is None:
            if not control & OF_COMMAND or context_id not in reading.wanted:
                raise _another(reading)
            reading.context_id = context_id
            reading.command_set += piece
            if len(reading.command_set) > _LONGEST_COMMAND or len(reading.read) > _MOST_PDUS:
                raise _another(reading)
            try:
                reading.meter.command(len(piece))
            except TooMuch as exc:
                raise Broken(f"it sent {exc}") from exc
            return bool(control & IS_LAST) and self._understand(reading)
        if control & OF_COMMAND or context_id != reading.context_id:
            raise Broken(_ODD)
        _keep(reading, piece, is_stored=reading.command.kind == Kind.C_STORE_RQ)
        return bool(control & IS_LAST)

    def _understand(self, reading: _Reading) -> bool:
        """Take in the command; True when nothing follows it."""
        command = read_command(bytes(reading.command_set))
        if command is None or command.kind not in reading.wanted[reading.context_id]:
            raise _another(reading)
        reading.command = command
        reading.read.clear()
        return not command.has_data_set

    def send(
        self, context_id: int, command: Command, content: bytes | tuple[BinaryIO, int] = b""
    ) -> None:
        """Send one message; a data set goes out in pieces, however long it is.

        Parameters
        ----------
        content : bytes or (file, int)
            The data set, or a file at the start of it and its size.

        Raises
        ------
        OSError
            When the file cannot be read and nothing was sent yet: another message may follow.
        Broken
            When the peer does not take it in time, when the file ends early or cannot be read any
            more, or when an earlier message of ours was never ended.
        """
        if self._is_cut:
            raise Broken("a message to it was begun and not ended")
        self._send(p_data(fragment(context_id, OF_COMMAND | IS_LAST, command.encoded())), content,
                   context_id)  # fmt: skip
        self._is_cut = False

    def _send(self, first: bytes, content: bytes | tuple[BinaryIO, int], context_id: int) -> None:
        """Send ``first`` and the PDUs of a data set, as many by one call as go well together."""
        until = monotonic() + self._bounds.message_s
        waiting = bytearray(first)
        room = max(1, (self._longest or _AT_ONCE) - 6)
        for piece, is_last in self._read(content, min(room, _AT_ONCE)):
            waiting += p_data(fragment(context_id, IS_LAST if is_last else 0, piece))
            if len(waiting) >= _AT_ONCE:
                self._send_all(waiting, until)
                waiting = bytearray()
        if waiting:
            self._send_all(waiting, until)

    def _read(
        self, content: bytes | tuple[BinaryIO, int], room: int
    ) -> Iterator[tuple[bytes, bool]]:
        """Yield what is to be sent; behind its first byte, no failure leaves the message open."""
        try:
            yield from _pieces(content, room)
        except OSError as exc:
            if not self._is_cut:
                raise
            raise Broken(f"what was to be sent cannot be read: {_reason(exc)}") from exc

    def _send_all(self, content: bytes | bytearray, until: float) -> None:
        now = monotonic()
        self._is_cut = True  # until the message is whole
        try:
            self._wire.send_all(content, min(until, now + self._bounds.idle_s))
        except (OSError, ValueError) as exc:  # a time-out is one too
            raise Broken(f"it did not take what was sent: {_reason(exc)}") from exc


def _keep(reading: _Reading, piece: memoryview, *, is_stored: bool) -> None:
    """Keep a piece of a data set; of an instance beyond what is taken, read on and keep nothing."""
    try:
        if reading.refused is None:
            reading.meter.data(len(piece), stored=is_stored)
            reading.data.append(bytes(piece))
        else:
            reading.meter.on_time()
    except (TooLarge, OutOfMemory) as exc:
        if not is_stored:
            raise Broken(f"it sent {exc}") from exc
        reading.refused = exc
        reading.data.clear()
        reading.meter.drop()
    except TooMuch as exc:
        raise Broken(f"it sent {exc}") from exc


def _pieces(content: bytes | tuple[BinaryIO, int], room: int) -> Iterator[tuple[bytes, bool]]:
    """Yield a data set in pieces of ``room`` bytes, and with each whether it is the last."""
    if isinstance(content, bytes):
        for at in range(0, len(content), room):
            yield content[at : at + room], at + room >= len(content)
        return
    stream, left = content
    while left:
        piece = stream.read(min(room, left))
        if not piece:
            raise Broken("what was to be sent ends early")
        left -= len(piece)
        yield piece, not left


def _fragments(pdu: memoryview, reading: _Reading) -> list[Fragment]:
    """Take a P-DATA-TF apart; what is malformed is not ours, or breaks the protocol."""
    found = fragments(pdu)
    if found is None:
        raise Broken(_ODD) if reading.command is not None else NotOurs(b"".join(reading.read))
    return found


def _another(reading: _Reading) -> NotOurs | Broken:
    """Return what a message is that is not wanted."""
    if reading.is_busy:
        return Broken("it asked for something else before it was answered")
    return NotOurs(b"".join(reading.read))


def _whole(reading: _Reading) -> Message:
    command = reading.command or Command({})
    return Message(reading.context_id, command, b"".join(reading.data), reading.refused)


def _reason(exc: Exception) -> str:
    return getattr(exc, "strerror", None) or str(exc)
