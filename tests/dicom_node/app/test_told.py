"""What the node does by itself stands in the audit trail."""

from datetime import UTC, datetime

from dicom_node.app.told import query_teller
from dicom_node.audit import Silence
from dicom_node.remote import Remote
from dicom_node.scu import Ourselves
from dicom_node.settings import Outbox, Peer
from tests.dicom_node.archive.objects import instance, received, study_uid
from tests.dicom_node.association.test_store import Scene
from tests.support.trail import Trail


def now() -> datetime:
    return datetime.now(UTC)


def test_a_query_of_ours_is_told_before_it_goes_out(tmp_path):
    trail, scene = Trail(tmp_path), Scene(tmp_path, may=("find",))
    us = Ourselves("SCANNER", Outbox(), None, query_teller(trail.audit, now))
    peer = Peer(name="pacs", ae_title="SYNTHNODE", host="127.0.0.1", port=scene.port)
    try:
        scene.archive.keep(received(instance()))
        assert len(Remote(us, peer).series(study_uid())) == 1
    finally:
        scene.close()
    (query,) = trail.told()
    assert (query.event, query.action, query.outcome) == ("Query", "E", "0")
    assert query.roles["Destination Role ID"] == "pacs"
    assert query.requestor == query.roles["Source Role ID"] != "pacs"
    assert query.details["TransferSyntax"].startswith("1.2.840.10008.1.2")


def test_where_the_trail_is_off_no_query_is_encoded_for_it():
    assert query_teller(Silence(), now) is None
