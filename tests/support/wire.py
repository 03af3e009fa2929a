"""PDUs byte by byte (PS3.8 9.3), for peers that send what no library would."""

import socket
import struct
from collections.abc import Sequence

from pydicom.uid import ExplicitVRLittleEndian

from dicom_node.dicom import VERIFICATION
from tests.support.mr import MR_IMAGE

ASSOCIATE_RQ, ASSOCIATE_AC, ASSOCIATE_RJ, P_DATA = 0x01, 0x02, 0x03, 0x04
RELEASE_RQ, RELEASE_RP, ABORT = 0x05, 0x06, 0x07
BOTH = ((VERIFICATION, (str(ExplicitVRLittleEndian),)), (MR_IMAGE, (str(ExplicitVRLittleEndian),)))
RELEASE = struct.pack(">BBII", RELEASE_RQ, 0, 4, 0)
LOCAL_LIMIT = (2, 3, 2)  # result, source, reason: transient, presentation, local limit exceeded


def item(kind: int, content: bytes) -> bytes:
    return struct.pack(">BBH", kind, 0, len(content)) + content


def pdu(kind: int, body: bytes) -> bytes:
    return struct.pack(">BBI", kind, 0, len(body)) + body


def associate_rq(
    contexts: Sequence[tuple[str, Sequence[str]]] = BOTH,
    calling: str = "SCANNER",
    called: str = "SYNTHNODE",
) -> bytes:
    """Return an A-ASSOCIATE-RQ; contexts are numbered 1, 3, 5."""
    proposed = b"".join(
        item(
            0x20,
            bytes([(2 * number + 1) % 256, 0, 0, 0])
            + item(0x30, uid.encode())
            + b"".join(item(0x40, syntax.encode()) for syntax in syntaxes),
        )
        for number, (uid, syntaxes) in enumerate(contexts)
    )
    user = item(0x51, struct.pack(">I", 131072)) + item(0x52, b"1.2.3.4")
    body = struct.pack(">HH", 1, 0) + called.ljust(16).encode() + calling.ljust(16).encode()
    body += bytes(32) + item(0x10, b"1.2.840.10008.3.1.1.1") + proposed + item(0x50, user)
    return pdu(ASSOCIATE_RQ, body)


def p_data(content: bytes, control: int, context: int = 1) -> bytes:
    return pdu(P_DATA, struct.pack(">IBB", len(content) + 2, context, control) + content)


def command(**elements: bytes) -> bytes:
    """Return a command set; ``e0100`` is element (0000,0100)."""
    body = b"".join(
        struct.pack("<HHI", 0, int(name[1:], 16), len(value)) + value
        for name, value in sorted(elements.items())
    )
    return struct.pack("<HHII", 0, 0, 4, len(body)) + body


def us(value: int) -> bytes:
    return struct.pack("<H", value)


def ui(uid: str) -> bytes:
    return uid.encode() + b"\0" * (len(uid) % 2)


def echo_rq(number: int = 1) -> bytes:
    elements = command(e0002=ui(VERIFICATION), e0100=us(0x30), e0110=us(number), e0800=us(0x0101))
    return p_data(elements, 0x03)


def store_rq(uid: str, number: int = 1) -> bytes:
    """Return the command of a C-STORE on the second context of ``BOTH``."""
    elements = command(
        e0002=ui(MR_IMAGE), e0100=us(0x01), e0110=us(number), e0700=us(0), e0800=us(0),
        e1000=ui(uid),
    )  # fmt: skip
    return p_data(elements, 0x03, context=3)


def status_of(body: bytes) -> int:
    """Return (0000,0900) of a response in one P-DATA-TF."""
    at = 6
    while at + 8 <= len(body):
        _, element, length = struct.unpack_from("<HHI", body, at)
        if element == 0x0900:
            return int(struct.unpack_from("<H", body, at + 8)[0])
        at += 8 + length
    raise AssertionError("no status")


class RawPeer:
    """A connection that sends bytes and reads PDUs."""

    def __init__(self, port: int, wait_s: float = 10.0) -> None:
        self.raw = socket.create_connection(("127.0.0.1", port), timeout=wait_s)
        self.raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, content: bytes) -> "RawPeer":
        self.raw.sendall(content)
        return self

    def exactly(self, count: int) -> bytes:
        content = b""
        while len(content) < count and (piece := self.raw.recv(count - len(content))):
            content += piece
        return content

    def pdu(self) -> tuple[int, bytes]:
        """Return kind and body; (0, b"") once the node has closed the connection."""
        try:
            head = self.exactly(6)
            if len(head) < 6:
                return 0, b""
            return head[0], self.exactly(struct.unpack(">I", head[2:])[0])
        except ConnectionError:
            return 0, b""

    def associate(self, **keys: object) -> "RawPeer":
        kind, body = self.send(associate_rq(**keys)).pdu()
        assert kind == ASSOCIATE_AC, (kind, body)
        return self

    def echo(self) -> int:
        kind, body = self.send(echo_rq()).pdu()
        assert kind == P_DATA, kind
        return status_of(body)

    def release(self) -> None:
        kind, body = self.send(RELEASE).pdu()
        assert kind == RELEASE_RP, (kind, body)
        self.close()

    def is_let_go(self) -> bool:
        """Whether the node ends it: by an abort, or by closing."""
        try:
            return self.pdu()[0] in (0, ABORT)
        finally:
            self.close()

    def close(self) -> None:
        self.raw.close()

    def __enter__(self) -> "RawPeer":
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()
