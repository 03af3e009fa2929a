"""What a peer brought, and who was not let in, stands in the audit trail."""

import socket
import ssl
import struct
from contextlib import suppress

import pytest
from pynetdicom import AE, build_context

from dicom_node.archive import Associations
from dicom_node.association.caller import Caller
from dicom_node.association.store import keep
from dicom_node.association.told import Telling, tell
from dicom_node.db import AssociationRow
from dicom_node.destination import echo
from dicom_node.dicom import VERIFICATION
from dicom_node.errors import ArchiveFull, PeerAway
from dicom_node.probes import LOOK, Probes
from dicom_node.scu import Ourselves
from dicom_node.settings import Limits, Outbox, Peer
from dicom_node.tls import Credentials
from tests.dicom_node.archive.objects import received
from tests.dicom_node.association.test_server import until
from tests.dicom_node.association.test_store import Scene, scanner
from tests.support.audit_samples import AT
from tests.support.dcmtk import echoscu
from tests.support.mr import MR_IMAGE, MrSeries
from tests.support.pki import self_signed, tls
from tests.support.sender import send
from tests.support.trail import Trail
from tests.support.wire import P_DATA, RawPeer

TRANSFERRED = "DICOM Instances Transferred"


@pytest.fixture(params=[True, False], ids=["own plane", "stock"])
def opened(tmp_path, request):
    trails = []

    def start(**values):
        trail = Trail(tmp_path)
        scene = Scene(tmp_path, data_plane=request.param, audit=trail.audit, **values)
        trails.append(scene)
        return scene, trail

    yield start
    for scene in trails:
        scene.close()


def transferred(trail, count: int) -> list:
    """Return the messages of transfers once there are ``count``; never more."""
    return until(lambda: len(trail.told(TRANSFERRED)) >= count and trail.told(TRANSFERRED))


def test_what_is_new_is_told_once_at_the_end_with_study_patient_and_count(opened):
    scene, trail = opened()
    series = MrSeries(slices=5)
    send(scene.port, series.datasets())
    (told,) = transferred(trail, 1)
    assert (told.action, told.outcome) == ("C", "0")
    assert (told.studies, told.patients) == ([series.study_uid], ["TEST-1"])
    assert told.counts == {MR_IMAGE: 5}
    assert told.roles["Source Role ID"] == told.requestor == "scanner"
    assert "127.0.0.1" in told.addresses
    assert "Ball" not in told.xml, "the patient's name"


def test_what_was_here_is_told_as_read(opened):
    scene, trail = opened()
    for _ in range(2):
        send(scene.port, MrSeries(slices=2).datasets())
    transferred(trail, 2)
    assert [(one.action, one.outcome) for one in trail.told(TRANSFERRED)] == [
        ("C", "0"),
        ("R", "0"),
    ]


def test_other_content_under_a_known_uid_is_an_update_that_was_not_made(opened):
    scene, trail = opened()
    first, second = MrSeries(slices=2).datasets(), MrSeries(slices=2).datasets()
    second[1].PatientName = "Other^Name"
    send(scene.port, first)
    send(scene.port, second)
    transferred(trail, 3)
    (differs,) = [one for one in trail.told(TRANSFERRED) if one.action == "U"]
    assert (differs.outcome, differs.counts) == ("4", {MR_IMAGE: 1})
    assert "the first stays" in differs.because


def test_what_was_refused_is_a_message_of_its_own_with_the_patient(opened, monkeypatch):
    scene, trail = opened()
    series = MrSeries(slices=4)
    real, calls = scene.archive._space.check, []

    def check(size):
        calls.append(size)
        if len(calls) > 2:
            raise ArchiveFull("no space is left")
        return real(size)

    monkeypatch.setattr(scene.archive._space, "check", check)
    send(scene.port, series.datasets())
    transferred(trail, 2)
    kept, refused = trail.told(TRANSFERRED)
    assert (kept.outcome, kept.counts) == ("0", {MR_IMAGE: 2})
    assert (refused.outcome, refused.counts) == ("8", {MR_IMAGE: 2})
    assert kept.patients == refused.patients == ["TEST-1"]
    assert kept.studies == refused.studies == [series.study_uid]


def test_what_names_no_study_is_not_told_as_one(opened):
    scene, trail = opened()
    (ds,) = MrSeries(slices=1).datasets()
    del ds.StudyInstanceUID
    send(scene.port, [ds])
    send(scene.port, MrSeries(slices=1).datasets())
    (told,) = transferred(trail, 1)
    assert told.outcome == "0"


def test_each_study_of_an_association_has_a_message_of_its_own(opened):
    scene, trail = opened()
    ones = MrSeries(seed="one", slices=1, patient_id="P1").datasets()
    twos = MrSeries(seed="two", slices=2, patient_id="P2").datasets()
    send(scene.port, [*ones, *twos])
    found = transferred(trail, 2)
    assert [(one.patients, one.counts[MR_IMAGE]) for one in found] == [(["P1"], 1), (["P2"], 2)]


def test_an_association_that_was_cut_off_is_told_too(opened):
    scene, trail = opened()
    ae = AE(ae_title="SCANNER")
    contexts = [build_context(MR_IMAGE)]
    assoc = ae.associate("127.0.0.1", scene.port, contexts=contexts, ae_title="SYNTHNODE")
    assoc.send_c_store(MrSeries(slices=1).datasets()[0])
    assoc.abort()
    (told,) = transferred(trail, 1)
    assert told.counts == {MR_IMAGE: 1}


def test_an_association_that_brings_nothing_is_not_told(opened):
    scene, trail = opened()
    for _ in range(3):
        assert echoscu(scene.port).returncode == 0
    assert echoscu(scene.port, calling="STRANGER").returncode != 0
    until(trail.told)
    assert [one.kind for one in trail.told()] == ["Node Authentication"]


def test_an_unknown_peer_is_an_alert_with_its_title_and_address(opened):
    scene, trail = opened()
    echoscu(scene.port, calling="STRANGER")
    (alert,) = until(trail.told)
    assert (alert.event, alert.kind, alert.outcome) == (
        "Security Alert", "Node Authentication", "4",
    )  # fmt: skip
    assert "STRANGER" in alert.people
    assert alert.things == ["127.0.0.1"]
    assert "no peer has the AE title 'STRANGER'" in alert.details["Alert Description"]


def test_a_wrong_called_title_is_an_alert(opened):
    scene, trail = opened()
    echoscu(scene.port, called="ANOTHER")
    (alert,) = until(trail.told)
    assert "it calls 'ANOTHER'" in alert.details["Alert Description"]
    assert "scanner" in alert.people


def test_a_peer_that_has_too_many_associations_is_an_alert(opened):
    scene, trail = opened(limits=Limits(per_peer=1))
    ae = AE(ae_title="SCANNER")
    ae.add_requested_context(VERIFICATION)
    first = ae.associate("127.0.0.1", scene.port, ae_title="SYNTHNODE")
    assert echoscu(scene.port).returncode != 0
    (alert,) = until(trail.told)
    assert "too many associations of this peer" in alert.details["Alert Description"]
    assert "scanner" in alert.people
    first.release()


def test_what_is_no_dicom_is_an_alert_with_the_address(opened):
    scene, trail = opened()
    with socket.create_connection(("127.0.0.1", scene.port), timeout=10) as raw:
        raw.sendall(b"GET / HTTP/1.1\r\n\r\n")
        (alert,) = until(trail.told)
    assert alert.things == ["127.0.0.1"]
    assert "no DICOM" in alert.details["Alert Description"]


def test_what_tls_has_against_a_caller_is_an_alert(opened, authority, tmp_path):
    ours, stranger = authority.issue("node"), self_signed(tmp_path, "stranger")
    credentials = Credentials(tmp_path, tls(ours, authority.certificate))
    scene, trail = opened(credentials=credentials)
    context = ssl.create_default_context(cafile=str(authority.certificate))
    context.load_cert_chain(stranger.certificate, stranger.key)
    raw = socket.create_connection(("127.0.0.1", scene.port), 10)
    with raw, suppress(OSError), context.wrap_socket(raw, server_hostname="localhost") as secured:
        secured.recv(1)
    (alert,) = until(trail.told)
    assert alert.kind == "Node Authentication"
    assert "certificate" in alert.details["Alert Description"]


def test_a_certificate_of_another_peer_is_an_alert(opened, authority, tmp_path):
    credentials = Credentials(tmp_path, tls(authority.issue("node"), authority.certificate))
    peer = scanner(may=("echo",), certificate="scanner-7")
    scene, trail = opened(credentials=credentials, peers=[peer])
    us = Ourselves("SCANNER", Outbox(), credentials)
    with pytest.raises(PeerAway):
        echo(us, Peer(name="node", ae_title="SYNTHNODE", host="127.0.0.1", port=scene.port,
                      tls=True))  # fmt: skip
    (alert,) = until(trail.told)
    assert "peers.toml wants 'scanner-7'" in alert.details["Alert Description"]


def test_an_association_that_a_peer_spoils_is_not_told_as_refused(opened):
    scene, trail = opened()
    with RawPeer(scene.port) as peer:
        peer.associate().send(struct.pack(">BBI", P_DATA, 0, 2**31))
        assert peer.is_let_go()
    assert until(lambda: scene.refused)
    assert trail.told() == []


def test_what_was_fetched_to_be_looked_at_is_told_and_not_archived(opened):
    scene, trail = opened()
    probes = Probes("SYNTHNODE")
    scene.listener.catch(probes)
    scene.listener.stop(1.0)
    port = scene.listener.start()
    (ds,) = MrSeries(slices=1).datasets()
    with probes.expected("scanner", str(ds.SOPInstanceUID)) as probe:
        ae = AE(ae_title="SCANNER")
        contexts = [build_context(MR_IMAGE)]
        assoc = ae.associate("127.0.0.1", port, contexts=contexts, ae_title="SYNTHNODE")
        assoc.send_c_store(ds, originator_aet="SYNTHNODE", originator_id=LOOK)
        assoc.release()
    assert probe.content is not None
    (told,) = transferred(trail, 1)
    assert (told.action, told.outcome, told.patients) == ("R", "0", ["TEST-1"])
    assert "fetched to be looked at" in told.because


def test_a_stranger_that_comes_again_and_again_fills_no_disk(opened):
    scene, trail = opened()
    for _ in range(5):
        echoscu(scene.port, calling="STRANGER")
    scene.listener.stop(5.0)  # the last of them may still be on its way into the journal
    trail.audit.flush(None)
    first, rest = trail.told()
    assert "Repeated" not in first.details
    assert rest.details["Repeated"].startswith("4 times")


def test_an_instance_that_is_kept_after_the_end_is_told_with_the_next_word(opened):
    """The connection may be gone while the archive still writes; nothing that is kept is untold."""
    scene, trail = opened()
    caller, telling = Caller(scene.peers[0], AT, "127.0.0.1"), Telling(trail.audit, scene.now)
    for ds in MrSeries(slices=2).datasets():
        keep(received(ds), caller, scene.archive)
        tell(caller, telling, scene.database, scene.archive)
    tell(caller, telling, scene.database, scene.archive)
    assert [one.counts for one in trail.told()] == [{MR_IMAGE: 1}, {MR_IMAGE: 1}]


def test_what_an_association_brought_that_never_ended_is_found_again(opened):
    scene, _trail = opened()
    series = MrSeries(slices=3)
    ae = AE(ae_title="SCANNER")
    contexts = [build_context(MR_IMAGE)]
    assoc = ae.associate("127.0.0.1", scene.port, contexts=contexts, ae_title="SYNTHNODE")
    for ds in series.datasets():
        assoc.send_c_store(ds)

    def left(titles):
        with scene.database.reading() as session:
            return Associations(session).left_open(titles, scene.archive.folder)

    ((peer, instances),) = left({"scanner": "SCANNER"})
    assert (peer, len(instances)) == ("scanner", 3)
    assert left({"scanner": "OTHER"}) == [], "sent by somebody else"
    assoc.release()

    def ended() -> bool:
        with scene.database.reading() as session:
            return session.query(AssociationRow).one().closed_at is not None

    until(ended)
    assert left({"scanner": "SCANNER"}) == []
