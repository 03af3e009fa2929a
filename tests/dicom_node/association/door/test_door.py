"""Before an association: the slow, the silent and the greedy wait outside, and not for long."""

import socket
import ssl
import struct
import threading
import time

import pytest
from structlog.testing import capture_logs

from dicom_node.association import Reason
from dicom_node.dicom import VERIFICATION
from dicom_node.sections import Limits
from dicom_node.tls import Credentials, Fault
from tests.dicom_node.association.test_store import Scene
from tests.support.dcmtk import echoscu
from tests.support.mr import MR_IMAGE
from tests.support.pki import tls
from tests.support.until import until
from tests.support.wire import (
    ABORT,
    ASSOCIATE_AC,
    ASSOCIATE_RJ,
    ASSOCIATE_RQ,
    LOCAL_LIMIT,
    P_DATA,
    RawPeer,
    associate_rq,
    echo_rq,
    item,
    pdu,
)

SHORT = Limits(artim_s=1.0, handshake_s=1.0, waiting=8)
PATIENT = Limits(waiting=8)
SYNTAX = "1.2.840.10008.1.2"
AT_ONCE_S = 15.0
"""An honest peer is served within, long before the silent are given up by ``PATIENT``."""


@pytest.fixture(scope="module")
def credentials(authority, tmp_path_factory):
    folder = tmp_path_factory.mktemp("door")
    return Credentials(folder, tls(authority.issue("node"), authority.certificate))


@pytest.fixture(params=["plain", "TLS"])
def scene(request, tmp_path, credentials):
    secure = credentials if request.param == "TLS" else None
    opened = Scene(tmp_path, limits=SHORT, credentials=secure)
    yield opened
    opened.close()


@pytest.fixture(params=["plain", "TLS"])
def patient(request, tmp_path, credentials):
    """A scene in which nobody silent is let go while a test lasts."""
    secure = credentials if request.param == "TLS" else None
    opened = Scene(tmp_path, limits=PATIENT, credentials=secure)
    yield opened
    opened.close()


@pytest.fixture
def plain(tmp_path):
    opened = Scene(tmp_path, limits=SHORT)
    yield opened
    opened.close()


@pytest.fixture
def honest(patient, authority):
    """A peer that connects and is answered an echo; gives the seconds that it took."""
    context = ssl.create_default_context(cafile=authority.certificate)
    pair = authority.issue("honest")
    context.load_cert_chain(pair.certificate, pair.key)

    def echo() -> float:
        began = time.monotonic()
        with RawPeer(patient.port, wait_s=30.0) as peer:
            if patient.listener._doorway.credentials is not None:
                peer.raw = context.wrap_socket(peer.raw, server_hostname="127.0.0.1")
            assert peer.associate().echo() == 0
            peer.release()
        return time.monotonic() - began

    return echo


def connections(port: int, count: int) -> list[socket.socket]:
    return [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(count)]


def ended(raw: socket.socket) -> bool:
    """Whether the node has closed it; waits for that as long as the socket does."""
    try:
        while raw.recv(4096):
            pass
    except ConnectionError:
        pass
    except TimeoutError:
        return False
    return True


def test_one_that_says_nothing_keeps_nobody_from_connecting(patient, honest):
    (silent,) = connections(patient.port, 1)
    assert honest() < AT_ONCE_S
    silent.close()


def test_one_that_says_nothing_is_let_go_in_time_and_told_of(scene):
    (silent,) = connections(scene.port, 1)
    began = time.monotonic()
    assert ended(silent)
    assert 0.9 < time.monotonic() - began < 15
    until(lambda: scene.refused)
    assert [one.reason for one in scene.refused] == [Reason.SILENT]
    assert "1 s" in scene.refused[0].why or "limits.artim_s = 1" in scene.refused[0].why


def test_many_that_say_nothing_push_out_each_other_and_nobody_else(patient, honest):
    silent: list[socket.socket] = []

    def are_seen() -> bool:
        return len(patient.listener._door._waiting) + len(patient.refused) >= len(silent)

    while len(silent) < 60:  # one by one: together they may come in out of turn
        silent += connections(patient.port, 1)
        until(are_seen)
    assert honest() < AT_ONCE_S
    until(lambda: len(patient.refused) >= 60 - PATIENT.waiting)
    assert {one.reason for one in patient.refused} == {Reason.TOO_MANY_WAITING}
    out, inside = silent[: 60 - PATIENT.waiting - 1], silent[60 - PATIENT.waiting + 1 :]
    assert all(ended(one) for one in out)  # the oldest go
    for one in inside:
        one.settimeout(0.01)
    assert not any(ended(one) for one in inside)
    assert honest() < AT_ONCE_S
    for one in silent:
        one.close()


def test_a_flood_from_one_address_pushes_out_nobody_from_another(plain):
    here = socket.create_connection(("127.0.0.1", plain.port), timeout=10)
    flood = [
        socket.create_connection(("127.0.0.1", plain.port), source_address=("127.0.0.7", 0))
        for _ in range(30)
    ]
    until(lambda: len(plain.refused) >= 30 - SHORT.waiting)
    assert {one.address for one in plain.refused[: 30 - SHORT.waiting]} == {"127.0.0.7"}
    here.sendall(associate_rq())
    assert here.recv(1) == bytes([ASSOCIATE_AC])
    for one in (here, *flood):
        one.close()


def test_the_request_a_byte_at_a_time_is_not_waited_for_without_end(plain):
    with RawPeer(plain.port) as peer:
        began, content = time.monotonic(), associate_rq()
        stop = threading.Event()

        def drip():
            for at in range(len(content)):
                if stop.wait(0.2):
                    return
                try:
                    peer.raw.send(content[at : at + 1])
                except OSError:
                    return

        dripping = threading.Thread(target=drip)
        dripping.start()
        assert peer.is_let_go()
        assert time.monotonic() - began < 15
        stop.set()
        dripping.join()
    assert [one.reason for one in plain.refused] == [Reason.SILENT]


@pytest.mark.parametrize("sent", [b"\x16", b"\x16\x03\x01\x02\x00\x01\x00"], ids=["byte", "record"])
def test_a_handshake_that_never_ends_is_ended(tmp_path, credentials, sent):
    scene = Scene(tmp_path, limits=SHORT, credentials=credentials)
    try:
        with RawPeer(scene.port) as peer:
            began = time.monotonic()
            assert ended(peer.send(sent).raw)
            assert 0.9 < time.monotonic() - began < 15
        assert [one.reason for one in scene.refused] == [Fault.SLOW]
        assert "limits.handshake_s" in scene.refused[0].why
    finally:
        scene.close()


def test_a_handshake_and_then_silence_is_ended(tmp_path, credentials, authority):
    scene = Scene(tmp_path, limits=SHORT, credentials=credentials)
    context = ssl.create_default_context(cafile=authority.certificate)
    pair = authority.issue("late")
    context.load_cert_chain(pair.certificate, pair.key)
    try:
        raw = socket.create_connection(("127.0.0.1", scene.port), timeout=10)
        with context.wrap_socket(raw, server_hostname="127.0.0.1") as secure:
            assert ended(secure)
        assert [one.reason for one in scene.refused] == [Reason.SILENT]
    finally:
        scene.close()


@pytest.mark.parametrize(
    ("sent", "reason", "words"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", Reason.NOT_DICOM, "it began with 47 45 54 20 2f 20"),
        (pdu(0x04, bytes(10)), Reason.NOT_DICOM, "an A-ASSOCIATE-RQ is wanted first"),
        (pdu(0x05, bytes(4)), Reason.NOT_DICOM, "an A-ASSOCIATE-RQ is wanted first"),
        (pdu(ASSOCIATE_RQ, bytes(10)), Reason.MALFORMED, "68 to 1048576 are taken"),
        (struct.pack(">BBI", 1, 0, 2**32 - 1), Reason.MALFORMED, "4294967295 bytes"),
        (pdu(ASSOCIATE_RQ, b"\xff" * 200), Reason.MALFORMED, ""),
        (pdu(ASSOCIATE_RQ, bytes(68) + item(0x20, b"")), Reason.MALFORMED, ""),
    ],
)
def test_what_is_no_request_is_answered_with_an_abort(plain, sent, reason, words):
    with RawPeer(plain.port) as peer:
        kind, body = peer.send(sent).pdu()
        assert kind == ABORT
        assert body[2] == 2  # the provider
        assert peer.pdu() == (0, b"")
    (refused,) = plain.refused
    assert refused.reason is reason
    assert words in refused.why


def test_a_connection_closed_within_the_request_is_told_of(plain):
    with RawPeer(plain.port) as peer:
        peer.send(associate_rq()[:100])
    until(lambda: plain.refused)
    assert plain.refused[0].reason is Reason.MALFORMED


def proposal(count: int, syntaxes: int = 1):
    return [(VERIFICATION, [SYNTAX] * syntaxes)] * count


@pytest.mark.parametrize(
    ("contexts", "most"), [(proposal(5), 4), (proposal(129), 128), (proposal(1, 129), 128)]
)
def test_too_many_contexts_are_rejected_as_beyond_a_local_limit(tmp_path, contexts, most):
    scene = Scene(tmp_path, limits=Limits(contexts=most))
    try:
        with capture_logs() as logged, RawPeer(scene.port) as peer:
            kind, body = peer.send(associate_rq(contexts)).pdu()
            assert (kind, tuple(body[1:])) == (ASSOCIATE_RJ, LOCAL_LIMIT)
            assert peer.pdu() == (0, b"")
        assert scene.refused[0].reason is Reason.TOO_MANY_CONTEXTS
        (line,) = [one for one in logged if one["event"] == "refused"]
        assert f"limits.contexts = {most}" in line["why"]
    finally:
        scene.close()


def test_as_many_contexts_as_the_standard_knows_are_taken(plain):
    with RawPeer(plain.port) as peer:
        peer.associate(contexts=[(VERIFICATION, [SYNTAX]), *proposal(127)])
        assert peer.echo() == 0
        peer.release()


def test_a_request_that_would_keep_a_parser_busy_for_minutes_is_refused_at_once(plain):
    """A megabyte of transfer syntaxes, each to be compared with each."""
    syntaxes = [f"1.{number}" for number in range(90_000)]
    content = item(0x30, VERIFICATION.encode())
    content += b"".join(item(0x40, one.encode()) for one in syntaxes)
    began = time.monotonic()
    with RawPeer(plain.port) as peer:
        # of one context, whose length takes two bytes: as many as that gives, eleven times
        pieces = [content[at : at + 65_000] for at in range(0, len(content), 65_000)][:14]
        rest = b"".join(item(0x20, bytes([1, 0, 0, 0]) + piece) for piece in pieces)
        body = associate_rq([])[6:80] + rest
        kind, _ = peer.send(pdu(ASSOCIATE_RQ, body)).pdu()
        assert kind in (ASSOCIATE_RJ, ABORT)
    assert time.monotonic() - began < 20  # it would be minutes
    assert echoscu(plain.port).returncode == 0


@pytest.mark.parametrize("data_plane", [True, False], ids=["own plane", "stock"])
def test_a_peer_that_does_not_wait_for_the_answer_is_served_all_the_same(tmp_path, data_plane):
    """pynetdicom would read on while it has not answered yet, and its state machine would stop."""
    scene = Scene(tmp_path, data_plane=data_plane)
    try:
        for _ in range(5):
            with RawPeer(scene.port) as peer:
                peer.send(associate_rq() + echo_rq())
                assert [peer.pdu()[0] for _ in range(2)] == [ASSOCIATE_AC, P_DATA]
                peer.release()
    finally:
        scene.close()


@pytest.mark.parametrize("data_plane", [True, False], ids=["own plane", "stock"])
def test_associations_beyond_the_limit_are_rejected_and_may_come_again(tmp_path, data_plane):
    scene = Scene(tmp_path, data_plane=data_plane, max_associations=3)
    try:
        inside = [RawPeer(scene.port).associate() for _ in range(3)]
        with RawPeer(scene.port) as peer:
            kind, body = peer.send(associate_rq()).pdu()
            assert (kind, tuple(body[1:])) == (ASSOCIATE_RJ, LOCAL_LIMIT)
        assert scene.refused[0].reason is Reason.TOO_MANY
        inside.pop().release()
        until(lambda: comes_in(scene))
        for peer in inside:
            assert peer.echo() == 0
            peer.release()
    finally:
        scene.close()


def comes_in(scene: Scene, **keys) -> bool:
    with RawPeer(scene.port) as peer:
        if peer.send(associate_rq(**keys)).pdu()[0] != ASSOCIATE_AC:
            return False
        peer.release()
        return True


@pytest.mark.parametrize("data_plane", [True, False], ids=["own plane", "stock"])
def test_one_peer_cannot_take_all_associations(tmp_path, data_plane):
    from dicom_node.sections import Peer

    peers = [
        Peer(name=name.lower(), ae_title=name, host="127.0.0.1", may=("echo", "store"))
        for name in ("SCANNER", "OTHER")
    ]
    scene = Scene(tmp_path, data_plane=data_plane, limits=Limits(per_peer=2), peers=peers)
    try:
        inside = [RawPeer(scene.port).associate() for _ in range(2)]
        with RawPeer(scene.port) as peer:
            kind, body = peer.send(associate_rq()).pdu()
            assert (kind, tuple(body[1:])) == (ASSOCIATE_RJ, LOCAL_LIMIT)
        assert [(one.reason, one.peer) for one in scene.refused] == [
            (Reason.TOO_MANY_OF_PEER, "scanner")
        ]
        assert comes_in(scene, calling="OTHER")
        inside.pop().raw.close()  # one that is cut off counts no longer either
        until(lambda: comes_in(scene))
        inside.pop().release()
    finally:
        scene.close()


@pytest.mark.parametrize(
    ("keys", "reason", "answer"),
    [
        ({"calling": "STRANGER"}, Reason.UNKNOWN_CALLER, (1, 1, 3)),
        ({"called": "ANOTHER"}, Reason.UNKNOWN_CALLED, (1, 1, 7)),
    ],
)
def test_who_has_the_wrong_titles_is_rejected_for_good_and_told_of(plain, keys, reason, answer):
    with capture_logs() as logged, RawPeer(plain.port) as peer:
        kind, body = peer.send(associate_rq(**keys)).pdu()
    assert (kind, tuple(body[1:])) == (ASSOCIATE_RJ, answer)
    (refused,) = plain.refused
    assert refused.reason is reason
    assert [one["reason"] for one in logged if one["event"] == "refused"] == [str(reason)]


def test_stopping_waits_for_nobody_who_has_no_association(tmp_path, credentials):
    scene = Scene(tmp_path, limits=Limits(), credentials=credentials)
    silent = connections(scene.port, 5)
    until(lambda: len(scene.listener._door._waiting) == 5)
    began = time.monotonic()
    scene.close()
    assert time.monotonic() - began < 10
    assert all(ended(one) for one in silent)


def test_nothing_stays_of_those_who_were_turned_away(plain):
    door = plain.listener._door
    for _ in range(30):
        with RawPeer(plain.port) as peer:
            peer.send(associate_rq(calling="STRANGER")).pdu()
        with RawPeer(plain.port) as peer:
            peer.send(b"\0" * 80).pdu()
    with RawPeer(plain.port) as peer:
        peer.associate(contexts=[(MR_IMAGE, [SYNTAX])]).release()
    until(lambda: not door._waiting)
    assert not door._arrived
    assert not door._pushed_out
    until(lambda: not [t for t in threading.enumerate() if "AcceptorThread" in t.name])
