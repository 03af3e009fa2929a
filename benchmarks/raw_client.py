"""A C-STORE client so lean that the server is what is measured: one process per association.

PDUs are built beforehand, sent whole, and one response is read per instance, as a modality does.
"""

import multiprocessing
import queue
import socket
import statistics
import struct
import time
from dataclasses import dataclass

from pydicom.uid import ExplicitVRLittleEndian

__all__ = ["Sent", "Target", "send_all"]

_CONTEXT_ID = 1
_APPLICATION_CONTEXT = b"1.2.840.10008.3.1.1.1"
_LARGEST_PDU = 131072


@dataclass(frozen=True)
class Target:
    """Where to send."""

    name: str
    port: int
    called: str
    calling: str = "BENCH"


@dataclass(frozen=True)
class Sent:
    """What a sending took: seconds in all, and for each instance until its answer was there."""

    seconds: float
    waits_s: tuple[float, ...]

    @property
    def p99_ms(self) -> float:
        """What one answer in a hundred takes longer than."""
        return 1000 * statistics.quantiles(self.waits_s, n=100)[-1]


def send_all(target: Target, shares: list[list[tuple[str, str, bytes]]]) -> Sent:
    """Send each share on an association of its own, all at once; return what it took.

    Parameters
    ----------
    shares : list of list of (SOP Class UID, SOP Instance UID, encoded data set)
        One list per association.
    """
    context = multiprocessing.get_context("fork")
    ready, go = context.Barrier(len(shares) + 1), context.Barrier(len(shares) + 1)
    failures, waited = context.Queue(), context.Queue()
    workers = [
        context.Process(target=_send_share, args=(target, share, (ready, go), (failures, waited)))
        for share in shares
    ]
    for worker in workers:
        worker.start()
    ready.wait(60)
    go.wait(60)
    began = time.perf_counter()
    waits: list[float] = []
    seconds = 0.0
    for _ in workers:
        try:
            ended, some = waited.get(timeout=600)
        except queue.Empty:
            break
        if some is None:
            break
        waits += some
        seconds = max(seconds, ended - began)
    for worker in workers:
        worker.join(60)
    if any(worker.exitcode for worker in workers) or not failures.empty():
        raise RuntimeError(f"{target.name}: {failures.get(timeout=5)}")
    return Sent(seconds, tuple(waits))


def _send_share(target, share, barriers, answers):  # noqa: ANN001, ANN202
    (ready, go), (failures, waited) = barriers, answers
    waits = []
    try:
        connection = socket.create_connection(("127.0.0.1", target.port), timeout=60)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        limit = _associate(connection, target, sorted({item[0] for item in share}))
        messages = [_message(*item, number, limit) for number, item in enumerate(share, start=1)]
        ready.wait(60)
        go.wait(60)
        for message in messages:
            began = time.perf_counter()
            connection.sendall(message)
            _expect_success(connection)
            waits.append(time.perf_counter() - began)
        connection.sendall(struct.pack(">BBII", 0x05, 0, 4, 0))  # A-RELEASE-RQ
        _pdu(connection)
        waited.put((time.perf_counter(), waits))  # one clock for all processes of a machine
        connection.close()
    except (OSError, RuntimeError) as exc:
        failures.put(f"{type(exc).__name__}: {exc}")
        waited.put((0.0, None))
        raise SystemExit(1) from exc


def _item(kind: int, content: bytes) -> bytes:
    return struct.pack(">BBH", kind, 0, len(content)) + content


def _associate(connection: socket.socket, target: Target, classes: list[str]) -> int:
    """Open the association (PS3.8 9.3.2); return the largest PDU that the peer takes."""
    (sop_class,) = classes  # one class per run keeps the client small
    syntax = _item(0x40, str(ExplicitVRLittleEndian).encode())
    presentation = bytes([_CONTEXT_ID, 0, 0, 0]) + _item(0x30, sop_class.encode()) + syntax
    user = _item(0x51, struct.pack(">I", _LARGEST_PDU)) + _item(0x52, b"1.2.3.4")
    body = struct.pack(">HH", 1, 0)
    body += target.called.ljust(16).encode() + target.calling.ljust(16).encode() + bytes(32)
    body += _item(0x10, _APPLICATION_CONTEXT) + _item(0x20, presentation) + _item(0x50, user)
    connection.sendall(struct.pack(">BBI", 0x01, 0, len(body)) + body)
    kind, answer = _pdu(connection)
    if kind != 0x02:
        raise RuntimeError(f"{target.name} answered the association with PDU {kind:#x}")
    return _largest(answer) or _LARGEST_PDU


def _largest(answer: bytes) -> int:
    at = 68
    while at + 4 <= len(answer):
        kind, _, length = struct.unpack_from(">BBH", answer, at)
        if kind == 0x50:
            inner = at + 4
            while inner < at + 4 + length:
                sub, _, size = struct.unpack_from(">BBH", answer, inner)
                if sub == 0x51:
                    return int(struct.unpack_from(">I", answer, inner + 4)[0])
                inner += 4 + size
        at += 4 + length
    return 0


def _message(sop_class: str, sop_instance: str, data: bytes, number: int, limit: int) -> bytes:
    """C-STORE-RQ command and data set as P-DATA-TF PDUs (PS3.7 9.3.1, PS3.8 9.3.5)."""
    elements = b"".join(
        (
            _element(0x0002, _padded(sop_class)),
            _element(0x0100, struct.pack("<H", 0x0001)),
            _element(0x0110, struct.pack("<H", number % 65535)),
            _element(0x0700, struct.pack("<H", 0)),
            _element(0x0800, struct.pack("<H", 0)),
            _element(0x1000, _padded(sop_instance)),
        )
    )
    command = _element(0x0000, struct.pack("<I", len(elements))) + elements
    pdus = [_p_data(command, 0x03)]
    room = limit - 6
    for at in range(0, len(data), room):
        piece = data[at : at + room]
        pdus.append(_p_data(piece, 0x02 if at + room >= len(data) else 0x00))
    return b"".join(pdus)


def _element(element: int, value: bytes) -> bytes:
    return struct.pack("<HHI", 0, element, len(value)) + value


def _padded(uid: str) -> bytes:
    return uid.encode() + b"\0" * (len(uid) % 2)


def _p_data(piece: bytes, control: int) -> bytes:
    pdv = struct.pack(">IBB", len(piece) + 2, _CONTEXT_ID, control) + piece
    return struct.pack(">BBI", 0x04, 0, len(pdv)) + pdv


def _expect_success(connection: socket.socket) -> None:
    kind, body = _pdu(connection)
    if kind != 0x04:
        raise RuntimeError(f"PDU {kind:#x} came instead of a response")
    at = 6
    while at + 8 <= len(body):
        group, element, length = struct.unpack_from("<HHI", body, at)
        if (group, element) == (0, 0x0900):
            status = struct.unpack_from("<H", body, at + 8)[0]
            if status:
                raise RuntimeError(f"C-STORE was answered {status:#06x}")
            return
        at += 8 + length
    raise RuntimeError("a response without status")


def _pdu(connection: socket.socket) -> tuple[int, bytes]:
    head = _exactly(connection, 6)
    kind, _, length = struct.unpack(">BBI", head)
    return kind, _exactly(connection, length)


def _exactly(connection: socket.socket, count: int) -> bytes:
    parts = []
    while count:
        part = connection.recv(count)
        if not part:
            raise RuntimeError("the peer closed the connection")
        parts.append(part)
        count -= len(part)
    return b"".join(parts)
