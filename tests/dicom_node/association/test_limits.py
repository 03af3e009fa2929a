"""On an association: the too long, too slow and too large end it or are refused; others go on."""

import struct
import threading
import time
import zlib

import pytest
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian
from structlog.testing import capture_logs

from dicom_node.association import Reason, StoreStatus
from dicom_node.dicom import VERIFICATION
from dicom_node.sections import Limits
from tests.dicom_node.association.test_store import Scene
from tests.support.mr import MR_IMAGE, MrSeries, encoded
from tests.support.until import until
from tests.support.wire import (
    ABORT,
    P_DATA,
    RawPeer,
    command,
    p_data,
    status_of,
    store_rq,
    ui,
    us,
)

IDLE_S = 1.0
MB = 2**20
SQ, ITEM = b"\x08\x00\x40\x11SQ\0\0", b"\xfe\xff\x00\xe0"  # (0008,1140), an item
ENDLESS = b"\xff" * 4


@pytest.fixture(params=[True, False], ids=["own plane", "stock"])
def scene(tmp_path, request):
    limits = Limits(data_set_mb=1, message_mb=1, memory_mb=2, message_s=2.0)
    opened = Scene(tmp_path, data_plane=request.param, idle_s=IDLE_S, limits=limits)
    opened.own = request.param
    yield opened
    opened.close()


@pytest.fixture
def peer(scene):
    with RawPeer(scene.port) as opened:
        yield opened.associate()


def instance(size: int = 0, seed: str = "limits") -> tuple[str, bytes]:
    (ds,) = MrSeries(seed=seed, slices=1).datasets()
    content = encoded(ds)
    if size:
        content += struct.pack("<HH2sHI", 0x7FE1, 0x1010, b"OB", 0, size) + bytes(size)
    return ds.SOPInstanceUID, content


def store(peer: RawPeer, uid: str, content: bytes, number: int = 1) -> None:
    peer.send(store_rq(uid, number))
    for at in range(0, len(content), 100_000):
        last = at + 100_000 >= len(content)
        peer.send(p_data(content[at : at + 100_000], 0x02 if last else 0x00, context=3))


def answer(peer: RawPeer) -> int:
    kind, body = peer.pdu()
    return status_of(body) if kind == P_DATA else -kind


def honest(scene: Scene) -> None:
    """The next peer is served, and at once."""
    began = time.monotonic()
    with RawPeer(scene.port) as other:
        uid, content = instance(seed="honest")
        store(other.associate(), uid, content)
        assert answer(other) == StoreStatus.SUCCESS
        other.release()
    assert time.monotonic() - began < 10


def cut_off(scene: Scene, act) -> str:
    """Return why the association of ``act`` was ended; there is one reason, and one log line."""
    with capture_logs() as logged:
        act()
        until(lambda: scene.refused)
    (refused,) = scene.refused
    assert (refused.reason, refused.peer) == (Reason.BROKEN_OFF, "scanner")
    (line,) = [one for one in logged if one["event"] == "association aborted"]
    assert line["why"] == refused.why
    return refused.why


def threads_of_associations() -> list[str]:
    names = ("AcceptorThread", "Thread-")
    return [t.name for t in threading.enumerate() if t.name.startswith(names)]


def dripping(peer: RawPeer, pieces, every_s: float = 0.15) -> float:
    """Send piece by piece until the node ends it; return how long it stood that."""
    began, over = time.monotonic(), threading.Event()

    def drip() -> None:
        for piece in pieces:
            if over.wait(every_s):
                return
            try:
                peer.raw.send(piece)
            except OSError:
                return

    thread = threading.Thread(target=drip, name="drip")
    thread.start()
    assert peer.is_let_go()
    over.set()
    thread.join()
    return time.monotonic() - began


def test_a_pdu_that_is_too_long_is_not_read(scene, peer):
    too_long = 2 * Limits().pdu_kb * 1024 + 1

    def act():
        kind, body = peer.send(struct.pack(">BBI", 0x04, 0, too_long)).pdu()
        assert (kind, body[2:]) == (ABORT, b"\x02\x06")  # the provider: invalid PDU parameter value

    assert f"a PDU of {too_long} bytes" in cut_off(scene, act)
    honest(scene)


def test_a_pdu_of_the_size_that_we_announce_is_read(scene, peer):
    uid, content = instance(150_000)
    room = Limits().pdu_kb * 1024
    peer.send(store_rq(uid) + p_data(content[: room - 6], 0x00, context=3))
    peer.send(p_data(content[room - 6 :], 0x02, context=3))
    assert answer(peer) == StoreStatus.SUCCESS
    peer.release()


@pytest.mark.parametrize("begun", ["between", "head", "command", "data"])
def test_one_that_is_slow_within_a_pdu_is_let_go(scene, peer, begun):
    uid, content = instance()
    data = p_data(content, 0x02, context=3)
    before, slow = {
        "between": (b"", store_rq(uid)),
        "head": (store_rq(uid), data),
        "command": (store_rq(uid)[:30], store_rq(uid)[30:]),
        "data": (store_rq(uid) + data[:500], data[500:]),
    }[begun]
    peer.send(before)
    pieces = [slow[at : at + 1] for at in range(len(slow))]
    why = cut_off(scene, lambda: dripping(peer, pieces))
    assert "for one PDU" in why or "a PDU not whole" in why
    honest(scene)


def test_one_that_is_silent_within_a_pdu_leaves_no_thread_behind(scene):
    before = len(threads_of_associations())
    for _ in range(3):
        with RawPeer(scene.port) as peer:
            uid, content = instance()
            peer.associate().send(store_rq(uid) + p_data(content, 0x02, context=3)[:300])
            assert peer.is_let_go()
    until(lambda: len(threads_of_associations()) <= before, 8)


def test_a_message_of_many_small_pdus_is_not_waited_for_without_end(scene, peer):
    uid, content = instance()
    peer.send(store_rq(uid))
    pieces = [p_data(content[at : at + 8], 0x00, context=3) for at in range(0, 4000, 8)]
    why = cut_off(scene, lambda: dripping(peer, pieces))
    assert "limits.message_s = 2" in why
    honest(scene)


def test_an_instance_that_is_too_large_is_refused_and_never_kept(scene, peer):
    uid, content = instance(MB)
    with capture_logs() as logged:
        store(peer, uid, content)
        said = answer(peer)
        if scene.own:
            assert said == StoreStatus.BEYOND_LIMITS
            uid, content = instance(seed="another")
            store(peer, uid, content, 2)  # and the association goes on
            assert answer(peer) == StoreStatus.SUCCESS
            peer.release()
        else:
            assert said in (-ABORT, 0)
    assert scene.kept(MrSeries(seed="limits").study_uid) == []
    lines = [
        one["why"] for one in logged if one["event"] in ("instance refused", "association aborted")
    ]
    assert len(lines) == 1
    assert "limits.data_set_mb = 1" in lines[0]
    until(lambda: scene.listener._bounds.memory.taken == 0)
    honest(scene)


def test_instances_that_are_together_too_large_are_refused_for_now(tmp_path):
    limits = Limits(data_set_mb=1, memory_mb=1)
    scene = Scene(tmp_path, idle_s=5.0, limits=limits)
    uid, content = instance(700_000)
    other_uid, other = instance(700_000, seed="other")
    try:
        with RawPeer(scene.port) as first, RawPeer(scene.port) as second:
            first.associate().send(store_rq(uid))
            first.send(p_data(content[:100_000], 0x00, context=3))
            for at in range(100_000, 700_000, 100_000):
                first.send(p_data(content[at : at + 100_000], 0x00, context=3))
            until(lambda: scene.listener._bounds.memory.taken == 700_000)
            store(second.associate(), other_uid, other)
            assert answer(second) == StoreStatus.OUT_OF_RESOURCES
            first.send(p_data(content[700_000:], 0x02, context=3))
            assert answer(first) == StoreStatus.SUCCESS
            until(lambda: scene.listener._bounds.memory.taken == 0)
            store(second, other_uid, other, 2)
            assert answer(second) == StoreStatus.SUCCESS
            first.release()
            second.release()
    finally:
        scene.close()


def test_what_a_broken_association_held_is_let_go(scene, peer):
    uid, content = instance(500_000)
    peer.send(store_rq(uid) + p_data(content[:100_000], 0x00, context=3))
    until(lambda: scene.listener._bounds.memory.taken == 100_000)
    peer.raw.close()
    until(lambda: scene.listener._bounds.memory.taken == 0)


def find_rq() -> bytes:
    """Return the command of a C-FIND, on the context of storage: nobody asked for one."""
    return command(e0002=ui(MR_IMAGE), e0100=us(0x20), e0110=us(1), e0700=us(0), e0800=us(0))


def test_another_message_has_a_size_of_its_own(scene, peer):
    peer.send(p_data(find_rq(), 0x03, context=3))

    def act():
        for _ in range(11):
            peer.send(p_data(bytes(100_000), 0x00, context=3))
        assert peer.is_let_go()

    assert "limits.message_mb = 1" in cut_off(scene, act)
    honest(scene)


def test_a_command_has_a_size_too(scene, peer):
    def act():
        peer.send(p_data(bytes(60_000), 0x01, context=3) + p_data(bytes(60_000), 0x01, context=3))
        assert peer.is_let_go()

    assert "a command of more than" in cut_off(scene, act)
    honest(scene)


def nested(depth: int) -> bytes:
    return (SQ + ENDLESS + ITEM + ENDLESS) * depth


def test_a_message_whose_sequences_have_no_end_is_not_parsed(scene, peer):
    peer.send(p_data(find_rq(), 0x03, context=3))

    def act():
        peer.send(p_data(nested(100), 0x02, context=3))
        assert peer.is_let_go()

    assert "limits.depth = 32" in cut_off(scene, act)
    honest(scene)


@pytest.mark.parametrize("defined", [True, False], ids=["lengths", "delimiters"])
def test_an_instance_nested_too_deep_is_refused(scene, peer, defined):
    uid, content = instance()
    inner = b""
    for _ in range(40):
        item = ITEM + (struct.pack("<I", len(inner)) if defined else ENDLESS) + inner
        item += b"" if defined else b"\xfe\xff\x0d\xe0\0\0\0\0"
        inner = SQ + (struct.pack("<I", len(item)) if defined else ENDLESS) + item
        inner += b"" if defined else b"\xfe\xff\xdd\xe0\0\0\0\0"
    with capture_logs() as logged:
        store(peer, uid, content + inner)
        assert answer(peer) == StoreStatus.BEYOND_LIMITS
    (line,) = [one for one in logged if one["event"] == "instance refused"]
    assert "limits.depth = 32" in line["why"]
    store(peer, uid, content, 2)
    assert answer(peer) == StoreStatus.SUCCESS
    peer.release()


def test_an_instance_with_too_many_items_is_refused(tmp_path):
    scene = Scene(tmp_path, limits=Limits(items=1000))
    uid, content = instance()
    try:
        with RawPeer(scene.port) as peer:
            peer.associate()
            for number, (count, status) in enumerate(
                [(1001, StoreStatus.BEYOND_LIMITS), (1000, StoreStatus.SUCCESS)], start=1
            ):
                items = (ITEM + bytes(4)) * count
                store(peer, uid, content + SQ + struct.pack("<I", len(items)) + items, number)
                assert answer(peer) == status
            peer.release()
    finally:
        scene.close()


def deflated(content: bytes) -> bytes:
    deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return deflate.compress(content) + deflate.flush()


def test_a_few_deflated_bytes_that_swell_are_refused(tmp_path):
    scene = Scene(tmp_path, limits=Limits())
    uid, content = instance()
    syntaxes = [
        (VERIFICATION, [ExplicitVRLittleEndian]),
        (MR_IMAGE, [DeflatedExplicitVRLittleEndian]),
    ]
    swollen = content + struct.pack("<HH2sHI", 0x7FE1, 0x1010, b"OB", 0, 100 * MB) + bytes(100 * MB)
    both = [
        (deflated(swollen), StoreStatus.BEYOND_LIMITS),
        (deflated(content), StoreStatus.SUCCESS),
    ]
    try:
        with RawPeer(scene.port, wait_s=60.0) as peer, capture_logs() as logged:
            peer.associate(contexts=syntaxes)
            for number, (sent, status) in enumerate(both, start=1):
                store(peer, uid, sent, number)
                assert answer(peer) == status
            peer.release()
    finally:
        scene.close()
    (line,) = [one for one in logged if one["event"] == "instance refused"]
    assert "limits.inflate_ratio = 100" in line["why"]
