"""Queries byte by byte: whoever cancels, breaks off or breaks the protocol harms nobody else."""

import socket
import struct
import time

import pytest
from pydicom.dataset import Dataset
from pynetdicom.dsutils import encode
from structlog.testing import capture_logs

from benchmarks.raw_client import Target, _associate, _p_data, _pdu
from dicom_node.association.status import FindStatus
from dicom_node.dicom import STUDY_ROOT_FIND
from dicom_node.settings import Limits
from dicom_node.tls import Credentials
from dicom_node.transport import NO_DATA_SET, WITH_DATA_SET, Command, Field, Kind
from tests.dicom_node.archive.objects import instance, received
from tests.dicom_node.association.test_store import Scene
from tests.support.left import held, settle
from tests.support.pki import tls
from tests.support.retrieving import identifier

RELEASE_RQ, RELEASE_RP, ABORT = 0x05, 0x06, 0x07
STUDIES = 25
EVERYTHING = identifier("STUDY", StudyInstanceUID="")


@pytest.fixture(scope="module")
def credentials(authority, tmp_path_factory) -> Credentials:
    files = tls(authority.issue("node"), authority.certificate)
    return Credentials(tmp_path_factory.mktemp("loop"), files)


@pytest.fixture(params=["own plane", "stock", "TLS"])
def scene(tmp_path, request, credentials):
    before = held()
    opened = Scene(
        tmp_path,
        credentials=credentials if request.param == "TLS" else None,
        data_plane=request.param != "stock",
        may=("echo", "store", "find"),
        idle_s=2.0,
    )
    for number in range(STUDIES):
        opened.archive.keep(received(instance(f"{number}")))
    yield opened
    opened.close()
    assert settle(before) == before


class Asker:
    """Sends what a test wants sent, and reads the answers."""

    def __init__(self, scene: Scene) -> None:
        self.raw = socket.create_connection(("127.0.0.1", scene.port), timeout=30)
        if scene.credentials is not None:
            self.raw = scene.credentials.client(by_host=False).wrap_socket(self.raw)
        _associate(self.raw, Target("node", scene.port, "SYNTHNODE", "SCANNER"), [STUDY_ROOT_FIND])

    def send(self, content: bytes) -> None:
        self.raw.sendall(content)

    def status(self) -> int:
        """Return the status of the next response; its identifier is read past."""
        while True:
            kind, body = _pdu(self.raw)
            assert kind == 0x04, hex(kind)
            if body[5] & 0x01:
                return status_of(body[6:])

    def statuses(self) -> list[int]:
        found = [self.status()]
        while found[-1] in (FindStatus.PENDING, FindStatus.PENDING_WITH_WARNING):
            found.append(self.status())
        return found

    def ended(self) -> bool:
        """Whether the node ends the association, answers that were on their way aside."""
        try:
            while True:
                kind, _ = _pdu(self.raw)
                if kind != 0x04:
                    return kind == ABORT
        except (RuntimeError, ConnectionError):
            return True
        finally:
            self.raw.close()

    def release(self) -> None:
        self.send(struct.pack(">BBII", RELEASE_RQ, 0, 4, 0))
        while (kind := _pdu(self.raw)[0]) == 0x04:
            pass
        assert kind == RELEASE_RP
        self.raw.close()


@pytest.fixture
def asker(scene):
    opened = Asker(scene)
    yield opened
    opened.raw.close()


def status_of(command: bytes) -> int:
    at = 0
    while at < len(command):
        group, element, length = struct.unpack_from("<HHI", command, at)
        if (group, element) == (0, Field.STATUS):
            return struct.unpack_from("<H", command, at + 8)[0]
        at += 8 + length
    raise AssertionError("no status")


def command(kind: Kind, number: int, *, data_set: bool = True) -> bytes:
    fields = {
        Field.AFFECTED_SOP_CLASS_UID: STUDY_ROOT_FIND,
        Field.COMMAND_FIELD: kind,
        Field.MESSAGE_ID if kind is not Kind.C_CANCEL_RQ else Field.RESPONDED_TO: number,
        Field.PRIORITY: 0,
        Field.DATA_SET_TYPE: WITH_DATA_SET if data_set else NO_DATA_SET,
    }
    return _p_data(Command.of(fields).encoded(), 0x03)


def find(number: int, ds: Dataset = EVERYTHING) -> bytes:
    return command(Kind.C_FIND_RQ, number) + _p_data(encode(ds, False, True), 0x02)


def cancel(number: int) -> bytes:
    return command(Kind.C_CANCEL_RQ, number, data_set=False)


def next_is_served(scene) -> None:
    other = Asker(scene)
    other.send(find(1))
    assert len(other.statuses()) == STUDIES + 1
    other.release()


def test_one_query_after_another(scene, asker):
    for number in (1, 2, 3):
        asker.send(find(number))
        assert asker.statuses() == [FindStatus.PENDING] * STUDIES + [FindStatus.SUCCESS]
    asker.release()


def test_an_identifier_in_tiny_fragments(scene, asker):
    content = encode(EVERYTHING, False, True)
    asker.send(command(Kind.C_FIND_RQ, 1))
    for at in range(0, len(content), 5):
        asker.send(_p_data(content[at : at + 5], 0x02 if at + 5 >= len(content) else 0x00))
    assert len(asker.statuses()) == STUDIES + 1
    asker.release()


def test_a_cancel_that_comes_with_its_query(scene, asker):
    asker.send(find(7) + cancel(7))
    assert asker.statuses() == [FindStatus.CANCELLED]
    asker.send(find(8))
    assert len(asker.statuses()) == STUDIES + 1
    asker.release()


def test_a_cancel_of_something_else_does_not_matter(scene, asker):
    asker.send(find(7) + cancel(6))
    assert len(asker.statuses()) == STUDIES + 1
    asker.send(cancel(7) + find(9))  # and one that comes too late
    assert len(asker.statuses()) == STUDIES + 1
    asker.release()


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff" * 40, b"\x08\x00\x52\x00CS\xff\xff"],
    ids=["nothing", "no data set", "cut off"],
)
def test_an_identifier_that_is_none_is_refused(scene, asker, content):
    asker.send(command(Kind.C_FIND_RQ, 1) + _p_data(content, 0x02))
    assert asker.statuses() == [FindStatus.DOES_NOT_MATCH]
    asker.send(command(Kind.C_FIND_RQ, 2, data_set=False))
    assert asker.statuses() == [FindStatus.DOES_NOT_MATCH]
    asker.send(find(3))
    assert len(asker.statuses()) == STUDIES + 1
    asker.release()


def test_a_second_query_before_the_first_is_answered_ends_the_association(tmp_path):
    scene = Scene(tmp_path, may=("find",), idle_s=2.0)
    for number in range(STUDIES):
        scene.archive.keep(received(instance(f"{number}")))
    try:
        asker = Asker(scene)
        asker.send(find(1) + find(2))
        assert asker.ended()
        next_is_served(scene)
    finally:
        scene.close()


@pytest.mark.parametrize("how", ["released", "aborted", "closed", "reset"])
def test_a_peer_that_goes_in_the_middle_is_let_go(scene, asker, how):
    asker.send(find(1))
    asker.status()
    if how == "released":
        asker.release()
    elif how == "aborted":
        asker.send(struct.pack(">BBIBBBB", ABORT, 0, 4, 0, 0, 0, 0))
        asker.raw.close()
    else:
        if how == "reset":
            asker.raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        asker.raw.close()
    next_is_served(scene)


def test_an_identifier_without_end_is_not_read_to_its_end(tmp_path):
    limits = Limits(message_mb=16)
    scene = Scene(tmp_path, may=("find",), idle_s=5.0, limits=limits)
    try:
        asker = Asker(scene)
        asker.send(command(Kind.C_FIND_RQ, 1))
        assert sent_until_cut_off(asker.raw, _p_data(bytes(2**16), 0x00)) < 2**26
        asker.raw.close()
    finally:
        scene.close()


def test_an_identifier_nested_too_deep_is_not_decoded(scene, asker):
    nested = b"\x08\x00\x40\x11SQ\0\0" + b"\xff" * 4 + b"\xfe\xff\x00\xe0" + b"\xff" * 4
    asker.send(command(Kind.C_FIND_RQ, 1) + _p_data(nested * 100, 0x02))
    assert asker.ended()
    assert any("limits.depth" in one.why for one in scene.refused)
    next_is_served(scene)


def sent_until_cut_off(raw: socket.socket, piece: bytes) -> int:
    sent = 0
    try:
        while sent < 2**28:
            raw.sendall(piece)
            sent += len(piece)
    except OSError:
        pass
    return sent


def test_a_peer_that_reads_no_answers_costs_its_slot_for_a_bounded_time(tmp_path):
    scene = Scene(tmp_path, may=("find",), idle_s=1.0)
    for number in range(STUDIES):
        scene.archive.keep(received(instance(f"{number}", StudyDescription="x" * 60)))
    try:
        asker = Asker(scene)
        asker.raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        with capture_logs() as logged:
            is_cut_off = lambda: "association aborted" in [one["event"] for one in logged]  # noqa: E731
            for number in range(1, 4000):
                try:
                    asker.send(find(number))
                except OSError:
                    break
                if is_cut_off():
                    break
            settle_for(is_cut_off)
        asker.raw.close()
    finally:
        scene.close()


def test_a_bug_is_answered_logged_and_goes_no_further(scene, asker, monkeypatch, caplog):
    def broken(*_):
        raise RuntimeError("a bug of ours")

    with monkeypatch.context() as patch, capture_logs() as logged:
        patch.setattr("dicom_node.archive.query.find.Finder.find", broken)
        for number in (1, 2):  # the second one is read by pynetdicom, and served by us
            asker.send(find(number))
            assert asker.status() == FindStatus.OUR_BUG
        settle_for(lambda: [one["event"] for one in logged] == ["bug in a service"])
    assert "a bug of ours" in caplog.text
    asker.send(find(3))
    assert len(asker.statuses()) == STUDIES + 1
    asker.release()


def settle_for(holds) -> None:
    until = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.01)
