"""Who may call."""

import pytest

from dicom_node.association import admit
from dicom_node.association.peers import resolve
from dicom_node.settings import Peer
from tests.dicom_node.association.test_store import Scene
from tests.support.mr import MrSeries
from tests.support.sender import send

SCANNER = Peer(name="scanner", ae_title="SCANNER", host="mr1", may=("store",))
ANYWHERE = Peer(name="roaming", ae_title="ROAMING", host="*", may=("store",))


def known(host: str) -> frozenset[str]:
    return frozenset({"10.0.0.7", "fe80::7"}) if host == "mr1" else frozenset()


def test_title_and_address_have_to_fit():
    assert admit("SCANNER", "10.0.0.7", [SCANNER], known).peer is SCANNER
    assert admit("SCANNER  ", "fe80::7", [SCANNER], known).peer is SCANNER


def test_a_refusal_says_what_was_seen_and_what_to_do():
    stranger = admit("STRANGER", "10.0.0.7", [SCANNER], known)
    assert stranger.peer is None
    assert "STRANGER" in stranger.refusal
    assert "peers.toml" in stranger.refusal
    moved = admit("SCANNER", "10.0.0.8", [SCANNER], known)
    assert moved.peer is None
    assert "10.0.0.8" in moved.refusal
    assert "mr1" in moved.refusal


def test_a_name_that_resolves_to_nothing_lets_nobody_in():
    lost = SCANNER.model_copy(update={"host": "gone"})
    assert admit("SCANNER", "10.0.0.7", [lost], known).peer is None


def test_one_title_at_two_hosts_is_two_peers():
    other = Peer(name="second", ae_title="SCANNER", host="*", may=("echo",))
    assert admit("SCANNER", "10.9.9.9", [SCANNER, other], known).peer is other


def test_anywhere_is_said_in_so_many_words():
    assert admit("ROAMING", "203.0.113.5", [ANYWHERE], known).peer is ANYWHERE


def test_an_ipv4_address_is_the_same_on_an_ipv6_socket():
    assert admit("SCANNER", "::ffff:10.0.0.7", [SCANNER], known).peer is SCANNER
    mapped = SCANNER.model_copy(update={"host": "::ffff:10.0.0.7"})
    assert admit("SCANNER", "10.0.0.7", [mapped]).peer is mapped
    assert admit("SCANNER", "::ffff:10.0.0.8", [SCANNER], known).peer is None
    assert admit("SCANNER", "FE80:0::7", [SCANNER], known).peer is SCANNER


@pytest.mark.parametrize("data_plane", [True, False], ids=["own plane", "stock"])
def test_a_listener_on_every_address_lets_ipv4_in(tmp_path, data_plane):
    scene = Scene(tmp_path, data_plane=data_plane, host="::")
    try:
        assert set(send(scene.port, MrSeries(slices=1).datasets()).values()) == {0}
        assert scene.refused == []
    finally:
        scene.close()


def test_loopback_resolves_by_name_and_by_number():
    assert "127.0.0.1" in resolve("localhost")
    assert resolve("127.0.0.1") == {"127.0.0.1"}
    assert resolve("no-such-host.invalid") == frozenset()
