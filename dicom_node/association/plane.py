"""The data plane: C-STORE without a state machine step per fragment.

After negotiation one thread reads P-DATA, has each instance kept, and answers. Whatever else comes,
a release, an abort, another service, an odd PDU, is handed back to pynetdicom with the bytes that
were read, and pynetdicom goes on from there. ``listen.data_plane = false`` leaves everything to
pynetdicom; both ways pass the same tests.
"""

import struct
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field

from dicom_node.association.status import StoreStatus
from dicom_node.association.wire import Wire

__all__ = ["DataPlane", "Request"]

_P_DATA_TF = 0x04
_COMMAND, _LAST = 0x01, 0x02  # bits of the message control header (PS3.8 E.2)
_C_STORE_RQ, _C_STORE_RSP = 0x0001, 0x8001
_NO_DATA_SET = 0x0101
_LONGEST_COMMAND = 4096
_ODD = "it broke the protocol in the middle of an instance"


@dataclass(frozen=True, slots=True)
class Request:
    """One C-STORE request, whole (PS3.7 9.3.1.1)."""

    context_id: int
    message_id: int
    sop_class_uid: str
    sop_instance_uid: str
    content: bytes


@dataclass(slots=True)
class _Message:
    """A message as its fragments come in.

    ``read`` holds the PDUs of a message whose command is not known yet: these can be handed back.
    """

    read: list[bytes] = field(default_factory=list)
    command: bytearray = field(default_factory=bytearray)
    data: list[bytes] = field(default_factory=list)
    context_id: int = 0
    fields: Mapping[int, bytes] | None = None


class _NotOurs(Exception):
    """What came is pynetdicom's to deal with; the bytes to hand back."""

    def __init__(self, read: bytes) -> None:
        super().__init__()
        self.read = read


class _Broken(Exception):
    """Nothing can follow on this association; the text says why."""


class DataPlane:
    """Serves the C-STORE requests of one association.

    Parameters
    ----------
    wire : Wire
        Held until the plane is done with it.
    contexts : set of int
        Presentation contexts that were accepted.
    store : callable
        Keeps a request and returns the status to answer.
    longest_pdu : int
        What we said that we take; a longer one is not read.
    """

    def __init__(
        self,
        wire: Wire,
        contexts: frozenset[int],
        store: Callable[[Request], int],
        longest_pdu: int,
    ) -> None:
        self._wire = wire
        self._contexts = contexts
        self._store = store
        self._longest = longest_pdu
        self._left = b""  # of a PDU that held the end of one message and the start of the next

    def run(self) -> str:
        """Serve until something else comes; then hand the wire back.

        A bug in ``store`` is let out: its request is answered 0xC211 first, and the wire handed
        back, so that pynetdicom goes on with the association.

        Returns
        -------
        str
            Why the association has to be aborted: the peer broke the protocol in the middle of an
            instance, was silent for too long there or between two of them, or took no answer. Empty
            when there is no reason to, and pynetdicom goes on.
        """
        try:
            while True:
                request = self._request()
                self._answer(request, self._status(request))
        except _NotOurs as exc:
            self._wire.hand_back(exc.read)
            return ""
        except _Broken as exc:
            self._wire.hand_back()
            return str(exc)

    def _status(self, request: Request) -> int:
        with ExitStack() as after_a_bug:
            after_a_bug.callback(self._give_up, request)
            status = self._store(request)
            after_a_bug.pop_all()
        return status

    def _give_up(self, request: Request) -> None:
        """Answer a request that met a bug of ours, and leave the rest to pynetdicom."""
        with suppress(_Broken, _NotOurs):
            self._answer(request, StoreStatus.OUR_BUG)
        self._wire.hand_back(_pdu_of(self._left) if self._left else b"")

    def _request(self) -> Request:
        """Read one C-STORE request; raise ``_NotOurs`` for anything else at its place."""
        message = _Message()
        while True:
            body = self._pdu(message)
            for end, context_id, control, piece in _fragments(body, message):
                if self._add(message, context_id, control, piece):
                    self._left = bytes(body[end:])
                    return _whole(message)

    def _pdu(self, message: _Message) -> memoryview:
        """Read the values of one P-DATA-TF; what is no such PDU is not ours."""
        if self._left:
            body, self._left = self._left, b""
            message.read.append(_pdu_of(body))
            return memoryview(body)
        head = self._exactly(6, message)
        kind, _, length = struct.unpack(">BBI", head)
        if kind != _P_DATA_TF or length > self._longest:
            if message.fields is not None:
                raise _Broken(_ODD)
            raise _NotOurs(b"".join(message.read) + head)
        body = self._exactly(length, message, head)
        if message.fields is None:
            message.read.append(head + body)
        return memoryview(body)

    def _exactly(self, count: int, message: _Message, before: bytes = b"") -> bytes:
        """Read ``count`` bytes; a connection that ends early is for pynetdicom to notice."""
        raw = self._wire.raw
        buffer = bytearray(count)
        view, got = memoryview(buffer), 0
        while raw is not None and got < count:
            try:
                size = raw.recv_into(view[got:])
            except TimeoutError as exc:
                begun = got or before or message.read or message.fields is not None
                where = "in the middle of an instance" if begun else "between two instances"
                raise _Broken(f"it was silent for {raw.gettimeout():g} s {where}") from exc
            except OSError as exc:
                raise _Broken(f"the connection failed: {exc.strerror or exc}") from exc
            if not size:
                break
            got += size
        if got == count:
            return bytes(buffer)
        if message.fields is not None:
            raise _Broken("it closed the connection in the middle of an instance")
        raise _NotOurs(b"".join(message.read) + before + bytes(buffer[:got]))

    def _add(self, message: _Message, context_id: int, control: int, piece: memoryview) -> bool:
        """Add a fragment; True when the message is whole (PS3.8 9.3.5.1, E.2)."""
        if message.fields is None:
            if not control & _COMMAND or context_id not in self._contexts:
                raise _NotOurs(b"".join(message.read))
            message.context_id = context_id
            message.command += piece
            if len(message.command) > _LONGEST_COMMAND:
                raise _NotOurs(b"".join(message.read))
            if control & _LAST:
                message.fields = _store_request(bytes(message.command))
                if message.fields is None:
                    raise _NotOurs(b"".join(message.read))
                message.read.clear()
            return False
        if control & _COMMAND or context_id != message.context_id:
            raise _Broken(_ODD)
        message.data.append(bytes(piece))
        return bool(control & _LAST)

    def _answer(self, request: Request, status: int) -> None:
        """Send the C-STORE response (PS3.7 9.3.1.2)."""
        elements = b"".join(
            (
                _element(0x0002, _padded(request.sop_class_uid)),
                _element(0x0100, struct.pack("<H", _C_STORE_RSP)),
                _element(0x0120, struct.pack("<H", request.message_id)),
                _element(0x0800, struct.pack("<H", _NO_DATA_SET)),
                _element(0x0900, struct.pack("<H", status)),
                _element(0x1000, _padded(request.sop_instance_uid)),
            )
        )
        command = _element(0x0000, struct.pack("<I", len(elements))) + elements
        head = struct.pack(">IBB", len(command) + 2, request.context_id, _COMMAND | _LAST)
        pdv = head + command
        raw = self._wire.raw
        if raw is None:
            raise _NotOurs(b"")
        try:
            raw.sendall(_pdu_of(pdv))
        except OSError as exc:  # a time-out is one too
            raise _Broken(f"it did not take our answer: {exc.strerror or exc}") from exc


def _pdu_of(values: bytes) -> bytes:
    return struct.pack(">BBI", _P_DATA_TF, 0, len(values)) + values


def _fragments(pdu: memoryview, message: _Message) -> list[tuple[int, int, int, memoryview]]:
    """Take a P-DATA-TF apart (PS3.8 9.3.5): end, context, control header and content of each."""
    found, at = [], 0
    while at < len(pdu):
        if at + 6 > len(pdu):
            raise _Broken(_ODD) if message.fields is not None else _NotOurs(b"".join(message.read))
        length, context_id, control = struct.unpack_from(">IBB", pdu, at)
        end = at + 4 + length
        if length < 2 or end > len(pdu):
            raise _Broken(_ODD) if message.fields is not None else _NotOurs(b"".join(message.read))
        found.append((end, context_id, control, pdu[at + 6 : end]))
        at = end
    return found


def _store_request(command: bytes) -> Mapping[int, bytes] | None:
    """Return a command set's elements by number; None unless it is a C-STORE with a data set."""
    fields: dict[int, bytes] = {}
    at = 0
    while at + 8 <= len(command):
        group, element, length = struct.unpack_from("<HHI", command, at)
        at += 8
        if group != 0x0000 or at + length > len(command):
            return None
        fields[element] = command[at : at + length]
        at += length
    numbers = [fields.get(element, b"") for element in (0x0100, 0x0110, 0x0800)]
    if at != len(command) or any(len(number) != 2 for number in numbers):
        return None
    kind, _, data_set = (int(struct.unpack("<H", number)[0]) for number in numbers)
    known = 0x0002 in fields and 0x1000 in fields
    return fields if known and kind == _C_STORE_RQ and data_set != _NO_DATA_SET else None


def _whole(message: _Message) -> Request:
    fields = message.fields or {}
    return Request(
        context_id=message.context_id,
        message_id=int(struct.unpack("<H", fields[0x0110])[0]),
        sop_class_uid=_text(fields[0x0002]),
        sop_instance_uid=_text(fields[0x1000]),
        content=b"".join(message.data),
    )


def _element(element: int, value: bytes) -> bytes:
    return struct.pack("<HHI", 0x0000, element, len(value)) + value


def _padded(uid: str) -> bytes:
    content = uid.encode("ascii", "replace")
    return content + b"\0" * (len(content) % 2)


def _text(value: bytes) -> str:
    return value.decode("ascii", "replace").strip(" \0")
