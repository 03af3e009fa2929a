"""The data plane and pynetdicom's own way, on the wire, byte by byte: they answer alike."""

import socket
import struct
import threading
import time
from contextlib import suppress

import pytest
from structlog.testing import capture_logs

from benchmarks.raw_client import Target, _associate, _element, _message, _p_data, _padded, _pdu
from tests.dicom_node.association.test_store import Scene
from tests.support.mr import MR_IMAGE, MrSeries, encoded

RELEASE_RQ, RELEASE_RP, ABORT = 0x05, 0x06, 0x07


@pytest.fixture(params=[True, False], ids=["own plane", "stock"])
def scene(tmp_path, request):
    opened = Scene(tmp_path, data_plane=request.param, idle_s=2.0)
    yield opened
    opened.close()


class Peer:
    """A peer that sends what a test wants sent."""

    def __init__(self, scene: Scene) -> None:
        self.raw = socket.create_connection(("127.0.0.1", scene.port), timeout=10)
        target = Target("node", scene.port, "SYNTHNODE", "SCANNER")
        self.limit = _associate(self.raw, target, [MR_IMAGE])

    def send(self, content: bytes) -> None:
        self.raw.sendall(content)

    def status(self) -> int:
        kind, body = _pdu(self.raw)
        assert kind == 0x04, hex(kind)
        return _status(body)

    def release(self) -> None:
        self.send(struct.pack(">BBII", RELEASE_RQ, 0, 4, 0))
        assert _pdu(self.raw)[0] == RELEASE_RP
        self.raw.close()

    def ended(self) -> bool:
        """Whether the node ends the association: an abort, or the connection closed."""
        try:
            return _pdu(self.raw)[0] == ABORT
        except (RuntimeError, ConnectionError):
            return True
        finally:
            self.raw.close()


def _status(body: bytes) -> int:
    at = 6
    while at < len(body):
        group, element, length = struct.unpack_from("<HHI", body, at)
        if (group, element) == (0, 0x0900):
            return struct.unpack_from("<H", body, at + 8)[0]
        at += 8 + length
    raise AssertionError("no status")


@pytest.fixture
def peer(scene):
    opened = Peer(scene)
    yield opened
    opened.raw.close()


def instances(count: int, seed: str = "wire"):
    return [(ds.SOPInstanceUID, encoded(ds)) for ds in MrSeries(seed=seed, slices=count).datasets()]


def command_of(uid: str, number: int, *, field: int = 0x0001, data_set: int = 0) -> bytes:
    elements = b"".join(
        (
            _element(0x0002, _padded(MR_IMAGE)),
            _element(0x0100, struct.pack("<H", field)),
            _element(0x0110, struct.pack("<H", number)),
            _element(0x0700, struct.pack("<H", 0)),
            _element(0x0800, struct.pack("<H", data_set)),
            _element(0x1000, _padded(uid)),
        )
    )
    return _element(0x0000, struct.pack("<I", len(elements))) + elements


def pdv(content: bytes, control: int, context: int = 1) -> bytes:
    return struct.pack(">IBB", len(content) + 2, context, control) + content


def pdu(*values: bytes) -> bytes:
    body = b"".join(values)
    return struct.pack(">BBI", 0x04, 0, len(body)) + body


def test_a_data_set_in_tiny_fragments(scene, peer):
    ((uid, content),) = instances(1)
    peer.send(_p_data(command_of(uid, 1), 0x03))
    pieces = [content[at : at + 97] for at in range(0, len(content), 97)]
    for piece in pieces[:-1]:
        peer.send(_p_data(piece, 0x00))
    peer.send(_p_data(pieces[-1], 0x02))
    assert peer.status() == 0
    peer.release()


def test_a_command_in_fragments(scene, peer):
    ((uid, content),) = instances(1)
    command = command_of(uid, 1)
    peer.send(_p_data(command[:20], 0x01) + _p_data(command[20:], 0x03) + _p_data(content, 0x02))
    assert peer.status() == 0
    peer.release()


def test_command_and_data_in_one_pdu(scene, peer):
    ((uid, content),) = instances(1)
    peer.send(pdu(pdv(command_of(uid, 1), 0x03), pdv(content, 0x02)))
    assert peer.status() == 0
    peer.release()


def test_the_bytes_that_arrive_slowly(scene, peer):
    ((uid, content),) = instances(1)
    message = _message(MR_IMAGE, uid, content, 1, peer.limit)
    for at in range(0, len(message), max(1, len(message) // 7)):
        peer.send(message[at : at + max(1, len(message) // 7)])
        time.sleep(0.05)
    assert peer.status() == 0
    (kept,) = scene.kept(MrSeries(seed="wire").study_uid)
    assert kept.path.read_bytes().endswith(content)
    peer.release()


def test_an_echo_between_two_stores(scene, tmp_path):
    """Another service on the same association, answered, and storing goes on."""
    from pynetdicom import AE, build_context

    from dicom_node.dicom import VERIFICATION

    ae = AE(ae_title="SCANNER")
    contexts = [build_context(VERIFICATION), build_context(MR_IMAGE)]
    assoc = ae.associate("127.0.0.1", scene.port, contexts=contexts, ae_title="SYNTHNODE")
    datasets = MrSeries(seed="wire", slices=4).datasets()
    for ds in datasets[:2]:
        assert assoc.send_c_store(ds).Status == 0
    assert assoc.send_c_echo().Status == 0
    for ds in datasets[2:]:
        assert assoc.send_c_store(ds).Status == 0
    assoc.release()
    assert len(scene.kept(MrSeries(seed="wire").study_uid)) == 4


def test_a_store_without_a_data_set_is_no_success(scene, peer):
    ((uid, _),) = instances(1)
    peer.send(_p_data(command_of(uid, 1, data_set=0x0101), 0x03))
    with suppress(RuntimeError, ConnectionError):  # an abort is an answer too
        kind, body = _pdu(peer.raw)
        assert kind == ABORT or _status(body) != 0
    assert scene.kept(MrSeries(seed="wire").study_uid) == []


# pynetdicom's own way lets a thread die of it; the association ends all the same
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(lambda c: pdu(pdv(c, 0x00), pdv(c, 0x03)), id="command within data"),
        pytest.param(lambda c: pdu(pdv(c, 0x00, context=3)), id="another context"),
        pytest.param(lambda c: struct.pack(">BBI", 0x04, 0, 10) + bytes(10), id="zero length"),
        pytest.param(
            lambda c: struct.pack(">BBI", 0x04, 0, 12) + struct.pack(">IBB", 999, 1, 0) + bytes(6),
            id="value longer than its PDU",
        ),
        pytest.param(lambda c: struct.pack(">BBI", 0x04, 0, 2**31) + bytes(64), id="endless PDU"),
        pytest.param(lambda c: b"GET / HTTP/1.1\r\n\r\n", id="no DICOM at all"),
    ],
)
def test_a_peer_that_breaks_the_protocol_is_cut_off_and_leaves_nothing(scene, peer, broken):
    ((uid, content),) = instances(1)
    peer.send(_p_data(command_of(uid, 1), 0x03))
    peer.send(broken(content[:500]))
    with suppress(OSError):  # it may be cut off already
        peer.raw.shutdown(socket.SHUT_WR)
    assert peer.ended()
    assert scene.kept(MrSeries(seed="wire").study_uid) == []
    assert not list((scene.archive.folder / "incoming").iterdir())
    other = Peer(scene)  # and the next honest peer is served
    ((uid, content),) = instances(1, "honest")
    other.send(_message(MR_IMAGE, uid, content, 1, other.limit))
    assert other.status() == 0
    other.release()


def test_a_peer_that_goes_silent_in_the_middle_costs_its_slot_for_a_bounded_time(scene, peer):
    ((uid, content),) = instances(1)
    peer.send(_p_data(command_of(uid, 1), 0x03) + _p_data(content[:100], 0x00))
    began = time.monotonic()
    assert peer.ended()
    assert time.monotonic() - began < 20
    assert scene.kept(MrSeries(seed="wire").study_uid) == []


def test_a_peer_that_says_nothing_after_the_association_is_let_go(scene, peer):
    began = time.monotonic()
    assert peer.ended()
    assert time.monotonic() - began < 20


@pytest.mark.parametrize("bug", [RuntimeError, OSError, TimeoutError])
def test_a_bug_is_answered_c211_and_logged_and_the_next_instance_is_kept(
    scene, peer, monkeypatch, caplog, bug
):
    real, left = scene.archive.keep, [bug("a bug of ours")]

    def keep(received):
        if left:
            raise left.pop()
        return real(received)

    monkeypatch.setattr(scene.archive, "keep", keep)
    (first, second) = instances(2)
    peer.send(_message(MR_IMAGE, *first, 1, peer.limit))
    assert peer.status() == 0xC211
    peer.send(_message(MR_IMAGE, *second, 2, peer.limit))
    assert peer.status() == 0
    peer.release()
    assert "a bug of ours" in caplog.text
    assert "Traceback" in caplog.text
    (kept,) = scene.kept(MrSeries(seed="wire").study_uid)
    assert kept.sop_instance_uid == second[0]


def test_what_came_with_an_instance_that_met_a_bug_is_not_lost(tmp_path, monkeypatch):
    """The end of one and the start of the next in one PDU: pynetdicom's own way takes no such."""
    scene = Scene(tmp_path, data_plane=True)
    peer = Peer(scene)
    real, left = scene.archive.keep, [RuntimeError("a bug of ours")]
    monkeypatch.setattr(
        scene.archive, "keep", lambda received: raise_one(left) if left else real(received)
    )
    values = [
        pdv(part, control)
        for number, (uid, content) in enumerate(instances(2), start=1)
        for part, control in ((command_of(uid, number), 0x03), (content, 0x02))
    ]
    peer.send(pdu(*values[:3]) + pdu(values[3]))
    assert (peer.status(), peer.status()) == (0xC211, 0)
    peer.release()
    scene.close()


def raise_one(errors: list[Exception]):
    raise errors.pop()


@pytest.mark.parametrize(
    ("begun", "why"),
    [
        (False, "it was silent for 2 s between two messages"),
        (True, "it was silent for 2 s in the middle of a message"),
    ],
)
def test_the_log_says_why_an_association_was_aborted(tmp_path, begun, why):
    scene = Scene(tmp_path, data_plane=True, idle_s=2.0)
    peer = Peer(scene)
    with capture_logs() as logged:
        if begun:
            ((uid, content),) = instances(1)
            peer.send(_p_data(command_of(uid, 1), 0x03) + _p_data(content[:100], 0x00))
        assert peer.ended()
        scene.close()
    assert [one["why"] for one in logged if one["event"] == "association aborted"] == [why]


def test_many_peers_come_and_go_and_no_thread_stays(scene):
    for _ in range(12):
        opened = Peer(scene)
        opened.raw.close()
    deadline = time.monotonic() + 8
    while time.monotonic() < deadline:
        if not [t for t in threading.enumerate() if "Acceptor" in t.name and "@" in t.name
                and "Server" not in t.name]:  # fmt: skip
            return
        time.sleep(0.1)
    raise AssertionError([t.name for t in threading.enumerate()])


def test_both_ways_keep_the_same_bytes(tmp_path):
    kept = {}
    for plane in (True, False):
        (tmp_path / str(plane)).mkdir()
        scene = Scene(tmp_path / str(plane), data_plane=plane)
        try:
            peer = Peer(scene)
            for number, (uid, content) in enumerate(instances(5), start=1):
                peer.send(_message(MR_IMAGE, uid, content, number, peer.limit))
                assert peer.status() == 0
            peer.release()
            found = scene.kept(MrSeries(seed="wire").study_uid)
            kept[plane] = {one.sop_instance_uid: one.path.read_bytes() for one in found}
        finally:
            scene.close()
    assert kept[True] == kept[False]
    assert len(kept[True]) == 5
