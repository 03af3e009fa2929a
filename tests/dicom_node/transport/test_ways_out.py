"""Every way out to a peer with ``tls = true``: over TLS, and with nobody's name said in plain."""

import pytest

from dicom_node.commitment import Reference
from dicom_node.destination import DimseSender, echo
from dicom_node.destination.receipt import Commitments
from dicom_node.dicom import new_uid
from dicom_node.dimse import proposed, sending_to
from dicom_node.errors import PeerAway
from dicom_node.remote import Place, Remote
from dicom_node.scu import Askable, Ourselves, find_series
from dicom_node.sections import Outbox, Peer
from dicom_node.tls import Credentials
from dicom_node.transcode import Transcoder
from dicom_node.values import Instance
from tests.dicom_node.archive.objects import instance, received, series_uid, study_uid, wire
from tests.dicom_node.association.test_store import Scene, scanner
from tests.support.committing import CommittingScp
from tests.support.listening import Ear
from tests.support.mr import MR_IMAGE, MrSeries, encoded
from tests.support.need import free_port
from tests.support.pki import tls
from tests.support.retrieving import identifier, move
from tests.support.scp import Scp

TIMES = Outbox(connect_s=20.0, answer_s=20.0)
PLACE = Place(study_uid(), series_uid())
MAY = ("echo", "store", "find", "move", "get")
HANDSHAKE = b"\x16\x03"


@pytest.fixture(scope="module")
def credentials(authority, tmp_path_factory) -> Credentials:
    ours = authority.issue("node")
    return Credentials(tmp_path_factory.mktemp("ways"), tls(ours, authority.certificate))


def pacs(port: int, **keys) -> Peer:
    return Peer(name="pacs", ae_title="SYNTHNODE", host="127.0.0.1", port=port, tls=True, **keys)


def some(folder) -> list[Instance]:
    series = MrSeries(slices=2)
    return [
        Instance(ds.SOPInstanceUID, MR_IMAGE, "1", "2", "1.2.840.10008.1.2.1", "",
                 len(encoded(ds)), path)
        for ds, path in zip(series.datasets(), series.write(folder), strict=True)
    ]  # fmt: skip


@pytest.fixture
def ear():
    listening = Ear()
    yield listening
    listening.close()


def _deliver(us, peer, instances):
    list(DimseSender(us, peer).send(instances))


def _sub_operation(us, peer, instances):
    with Transcoder() as transcoder, sending_to(us, peer, proposed(instances), transcoder):
        pass


def _commit(us, peer, _instances):
    with Commitments(us, peer, None).line():
        pass


WAYS = {
    "delivery": _deliver,
    "sub-operation of a C-MOVE": _sub_operation,
    "commitment": _commit,
    "echo": lambda us, peer, _: echo(us, peer),
    "question for series": lambda us, peer, _: find_series(us, peer, study_uid()),
    "asked whether it has more": lambda us, peer, _: Askable(us, [peer]).series("pacs", "1.2.3"),
    "question for images": lambda us, peer, _: Remote(us, peer).images(PLACE),
    "question for one image": lambda us, peer, _: Remote(us, peer).one(PLACE, ["Rows"]),
    "fetch": lambda us, peer, _: Remote(us, peer).move(PLACE, 20.0),
}


@pytest.mark.parametrize("way", WAYS)
def test_without_certificates_nothing_is_said_to_a_peer_that_wants_tls(way, ear, tmp_path):
    peer = pacs(ear.port, ask=("find", "move", "commit"))
    with pytest.raises(PeerAway, match="pacs wants TLS, and nobody gave certificates"):
        WAYS[way](Ourselves("SYNTHNODE", TIMES), peer, some(tmp_path / "files"))
    ear.close()
    assert b"".join(ear.heard) == b""


@pytest.mark.parametrize("way", WAYS)
def test_the_first_that_is_said_to_a_peer_that_wants_tls_is_a_handshake(
    way, ear, tmp_path, credentials
):
    peer = pacs(ear.port, ask=("find", "move", "commit"))
    with pytest.raises(PeerAway, match="no TLS with pacs"):
        WAYS[way](Ourselves("SYNTHNODE", TIMES, credentials), peer, some(tmp_path / "files"))
    assert [said[:2] for said in ear.heard] == [HANDSHAKE]
    assert b"SYNTHNODE" not in ear.heard[0]


@pytest.fixture
def receiver(credentials):
    scp = Scp(free_port(), secured=credentials.server())
    yield scp
    scp.stop()


@pytest.fixture
def node(tmp_path, credentials, receiver):
    """A node over TLS that holds a series, and knows where to send it."""
    caller = scanner(may=MAY, port=receiver.port, tls=True)
    opened = Scene(tmp_path, credentials=credentials, peers=[caller])
    for number in range(1, 4):
        opened.archive.keep(received(instance(number=number)))
    yield opened
    opened.close()


@pytest.fixture
def remote(node, credentials) -> Remote:
    return Remote(Ourselves("SCANNER", TIMES, credentials), pacs(node.port))


def test_what_a_peer_has_is_asked_over_tls(remote):
    (series,) = remote.series(study_uid())
    assert (series.series_uid, series.instances) == (series_uid(), 3)
    assert remote.images(PLACE) == {str(instance(number=n).SOPInstanceUID) for n in (1, 2, 3)}
    told = remote.one(PLACE, ["Modality"])
    assert told is not None
    assert told.Modality == "MR"


def test_what_is_moved_goes_to_its_destination_over_tls(remote, receiver):
    receiver.start()
    assert remote.move(PLACE, 60.0) == 3
    assert sorted(receiver.kept.values()) == sorted(wire(instance(number=n)) for n in (1, 2, 3))


def test_what_is_moved_never_goes_in_plain_to_a_destination_that_wants_tls(tmp_path, ear):
    """The node itself is asked in plain, and has no certificates."""
    caller, third = scanner(may=MAY), pacs(ear.port)
    scene = Scene(tmp_path, peers=[caller, third])
    try:
        scene.archive.keep(received(instance()))
        found = move(scene.port, identifier("STUDY", StudyInstanceUID=study_uid()), "SYNTHNODE")
    finally:
        scene.close()
    assert (found.last, found.counts()) == (0xA702, (None, 0, 1, 0))
    ear.close()
    assert b"".join(ear.heard) == b""


def test_a_peer_is_asked_over_tls_to_commit_itself(credentials):
    scp = CommittingScp(free_port(), secured=credentials.server()).start()
    try:
        us, uid = Ourselves("SYNTHNODE", TIMES, credentials), new_uid()
        with Commitments(us, pacs(scp.port), None).line() as line:
            line.ask(uid, [Reference(MR_IMAGE, "1.2.3")])
        assert [one.transaction_uid for one in scp.requests] == [uid]
    finally:
        scp.stop()
