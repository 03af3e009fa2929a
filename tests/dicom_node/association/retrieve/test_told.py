"""Who asked for what, and what was sent to whom, stands in the audit trail."""

import pytest
from pynetdicom import AE, build_context

from dicom_node.dicom import STUDY_ROOT_FIND
from dicom_node.settings import Peer
from tests.dicom_node.archive.objects import MR_IMAGE, instance, received, series_uid, study_uid
from tests.dicom_node.association.retrieve.conftest import MAY
from tests.dicom_node.association.test_server import until
from tests.dicom_node.association.test_store import Scene, scanner
from tests.support.retrieving import EXPLICIT, get, identifier, move
from tests.support.trail import Trail

BEGINS, TRANSFERRED = "Begin Transferring DICOM Instances", "DICOM Instances Transferred"
MR = [(MR_IMAGE, EXPLICIT)]


@pytest.fixture
def trail(tmp_path) -> Trail:
    return Trail(tmp_path)


@pytest.fixture
def scene(tmp_path, receiver, trail):
    third = Peer(name="station", ae_title="PACS", host="127.0.0.1", port=receiver.port)
    opened = Scene(tmp_path, peers=[scanner(may=MAY), third], audit=trail.audit)
    for study, number in (("one", 1), ("one", 2), ("two", 1)):
        opened.archive.keep(received(instance(study, number=number)))
    yield opened
    opened.close()


def ask(port: int, ds) -> int:
    """Ask, and return the last status."""
    contexts = [build_context(STUDY_ROOT_FIND, EXPLICIT)]
    assoc = AE(ae_title="SCANNER").associate(
        "127.0.0.1", port, contexts=contexts, ae_title="SYNTHNODE"
    )
    statuses = [status.Status for status, _ in assoc.send_c_find(ds, STUDY_ROOT_FIND)]
    assoc.release()
    return statuses[-1]


def told(trail, event: str, count: int) -> list:
    return until(lambda: len(trail.told(event)) >= count and trail.told(event))


def test_a_query_is_told_with_the_bytes_that_were_asked(scene, trail):
    ask(scene.port, identifier("STUDY", StudyInstanceUID=study_uid()))
    (query,) = told(trail, "Query", 1)
    assert (query.action, query.outcome) == ("E", "0")
    assert query.roles == {"Source Role ID": "scanner", "Destination Role ID": query.people[1]}
    assert (query.requestor, query.addresses[0]) == ("scanner", "127.0.0.1")
    assert query.details["TransferSyntax"] == EXPLICIT


def test_a_query_that_makes_no_sense_is_told_as_one_that_failed(scene, trail):
    ask(scene.port, identifier("NONSENSE"))
    (query,) = told(trail, "Query", 1)
    assert query.outcome == "4"


def test_what_is_fetched_is_told_when_it_begins_and_when_it_has_ended_study_by_study(scene, trail):
    found = get(scene.port, identifier("STUDY", StudyInstanceUID=[study_uid(), study_uid("two")]),
                MR)  # fmt: skip
    assert len(found.kept) == 3
    ends = told(trail, TRANSFERRED, 2)
    begins = trail.told(BEGINS)
    for messages in (begins, ends):
        counts = {one.studies[0]: one.counts[MR_IMAGE] for one in messages}
        assert counts == {study_uid(): 2, study_uid("two"): 1}
        assert all(one.roles["Destination Role ID"] == one.requestor == "scanner"
                   for one in messages)  # fmt: skip
        assert [one.patients for one in messages] == [["TEST-1"], ["TEST-1"]]
    assert {(one.action, one.outcome) for one in ends} == {("R", "0")}
    assert [one.event for one in trail.told()][:2] == [BEGINS, BEGINS], "before anything leaves"


def test_what_is_moved_to_a_third_names_all_three(scene, trail, receiver):
    receiver.start()
    move(scene.port, identifier("STUDY", StudyInstanceUID=study_uid()), "PACS")
    (end,) = told(trail, TRANSFERRED, 1)
    (begin,) = trail.told(BEGINS)
    for one in (begin, end):
        assert one.roles["Destination Role ID"] == "station"
        assert one.requestor == "scanner"
        assert one.counts == {MR_IMAGE: 2}
    assert (end.action, end.outcome) == ("R", "0")


def test_what_went_in_part_is_two_messages(scene, trail, receiver):
    refused = str(instance(number=2).SOPInstanceUID)
    receiver.answer = lambda e: 0xA700 if e.request.AffectedSOPInstanceUID == refused else 0
    receiver.start()
    move(scene.port, identifier("STUDY", StudyInstanceUID=study_uid()), "PACS")
    found = told(trail, TRANSFERRED, 2)
    assert [(one.outcome, one.counts) for one in found] == [
        ("0", {MR_IMAGE: 1}), ("8", {MR_IMAGE: 1}),
    ]  # fmt: skip
    assert found[1].because == "it was answered 0xA700"


def test_a_destination_that_is_away_is_a_transfer_that_failed(scene, trail):
    ask_for = identifier("SERIES", StudyInstanceUID=study_uid(), SeriesInstanceUID=series_uid())
    move(scene.port, ask_for, "PACS")
    (end,) = told(trail, TRANSFERRED, 1)
    assert (end.outcome, end.counts) == ("8", {MR_IMAGE: 2})
    assert "does not answer" in end.because


def test_a_retrieval_of_nothing_is_not_told(scene, trail):
    get(scene.port, identifier("STUDY", StudyInstanceUID="1.2.3"), MR)
    assert trail.told() == []
