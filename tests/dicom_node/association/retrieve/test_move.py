"""C-MOVE: instances go to a third that is known, and the caller hears what became of each."""

import threading

import pytest
from pynetdicom import AE, build_context

from dicom_node.association.status import RetrieveStatus
from dicom_node.dicom import PATIENT_ROOT_MOVE, STUDY_ROOT_MOVE
from dicom_node.settings import Peer
from dicom_node.values import Origin
from tests.dicom_node.archive.objects import instance, received, series_uid, study_uid, wire
from tests.dicom_node.association.retrieve.conftest import opened
from tests.support.retrieving import identifier, move

STUDY = {"StudyInstanceUID": study_uid()}
UNKNOWN_SYNTAX = "1.2.826.0.1.3680043.99"


def keep(scene, count: int = 1, study: str = "one", **values) -> list:
    wanted = [instance(study, number=number, **values) for number in range(1, count + 1)]
    for ds in wanted:
        scene.archive.keep(received(ds))
    return wanted


def uids(datasets) -> list[str]:
    return [str(ds.SOPInstanceUID) for ds in datasets]


def test_instances_go_to_the_destination_as_they_are_kept(either, receiver):
    receiver.start()
    sent = keep(either, 3, PatientName="Süß^Ä", SpecificCharacterSet="ISO_IR 100")
    found = move(either.port, identifier("STUDY", **STUDY), "PACS")
    assert receiver.kept == {str(ds.SOPInstanceUID): wire(ds) for ds in sent}
    pending = [found.counts(at) for at, status in enumerate(found.statuses) if status == 0xFF00]
    assert pending == [(3, 0, 0, 0), (2, 1, 0, 0), (1, 2, 0, 0)]
    assert found.last == RetrieveStatus.SUCCESS
    assert found.counts() == (None, 3, 0, 0)


def test_each_store_says_who_asked_for_it(scene, receiver):
    said = []

    def answer(event):
        request = event.request
        said.append((request.MoveOriginatorApplicationEntityTitle, request.MoveOriginatorMessageID))
        return 0

    receiver.answer = answer
    receiver.start()
    keep(scene, 2)
    move(scene.port, identifier("STUDY", **STUDY), "PACS")
    assert said == [("SCANNER", 7)] * 2


LEVELS = [
    ("PATIENT", {"PatientID": "TEST-1"}, 3),
    ("STUDY", {"PatientID": "TEST-1", **STUDY}, 2),
    ("SERIES", {**STUDY, "SeriesInstanceUID": series_uid()}, 2),
    ("IMAGE", {**STUDY, "SeriesInstanceUID": series_uid(),
               "SOPInstanceUID": instance().SOPInstanceUID}, 1),
    ("STUDY", {"PatientID": "ANOTHER", **STUDY}, 0),
]  # fmt: skip


def test_every_level_of_patient_root(scene, receiver):
    receiver.start()
    keep(scene, 2)
    keep(scene, 1, "two")
    for level, keys, count in LEVELS:
        receiver.kept.clear()
        found = move(scene.port, identifier(level, **keys), "PACS", model=PATIENT_ROOT_MOVE)
        assert (found.last, len(receiver.kept)) == (RetrieveStatus.SUCCESS, count), level


def test_nothing_goes_to_strangers_or_to_peers_without_a_port(scene, receiver):
    receiver.start()
    keep(scene)
    for destination in ("STRANGER", "SCANNER", "X' OR '1'='1"):
        found = move(scene.port, identifier("STUDY", **STUDY), destination)
        assert found.statuses == [RetrieveStatus.DESTINATION_UNKNOWN]
        assert receiver.asked == []
        assert not found.ended
    assert move(scene.port, identifier("STUDY", **STUDY), "PACS").last == RetrieveStatus.SUCCESS


def test_a_destination_that_is_away_is_all_failed(scene):
    sent = keep(scene, 2)
    found = move(scene.port, identifier("STUDY", **STUDY), "PACS")
    assert found.last == RetrieveStatus.ALL_FAILED
    assert found.counts() == (None, 0, 2, 0)
    assert found.failed == uids(sent)


def test_a_destination_whose_host_has_no_address_is_all_failed(tmp_path, receiver):
    gone = Peer(name="station", ae_title="PACS", host="no-such-host.invalid", port=104)
    scene = opened(tmp_path, receiver, [gone])
    try:
        sent = keep(scene, 2)
        found = move(scene.port, identifier("STUDY", **STUDY), "PACS")
    finally:
        scene.close()
    assert found.last == RetrieveStatus.ALL_FAILED
    assert found.failed == uids(sent)


def test_a_destination_that_takes_199_of_200_is_told_of_by_name(scene, receiver):
    sent = keep(scene, 200)
    refused = str(sent[136].SOPInstanceUID)
    receiver.answer = lambda e: 0xA700 if e.request.AffectedSOPInstanceUID == refused else 0
    receiver.start()
    found = move(scene.port, identifier("STUDY", **STUDY), "PACS")
    assert found.last == RetrieveStatus.SOME_FAILED
    assert found.counts() == (None, 199, 1, 0)
    assert found.failed == [refused]
    assert len(receiver.kept) == 199


@pytest.mark.parametrize("how", ["aborts", "is silent"])
def test_a_destination_that_drops_the_association_leaves_the_rest_failed(tmp_path, receiver, how):
    scene = opened(tmp_path, receiver, idle_s=1.0)
    heard = threading.Event()

    def answer(event):
        if len(receiver.asked) == 3:
            if how == "aborts":
                event.assoc.abort()
            else:
                heard.wait(10)
        return 0

    receiver.answer = answer
    receiver.start()
    try:
        sent = keep(scene, 5)
        found = move(scene.port, identifier("STUDY", **STUDY), "PACS")
        heard.set()
        assert found.last == RetrieveStatus.SOME_FAILED
        assert found.counts() == (None, 2, 3, 0)
        assert found.failed == uids(sent[2:])
    finally:
        scene.close()


def test_a_move_is_cancelled_in_the_middle(either, receiver):
    cancelled = threading.Event()
    receiver.answer = lambda _: 0 if cancelled.wait(20) else 0xA700
    receiver.start()
    keep(either, 20)
    with_caller = asking(either)
    statuses = []
    for status, _ in with_caller.send_c_move(
        identifier("STUDY", **STUDY), "PACS", STUDY_ROOT_MOVE, msg_id=7
    ):
        statuses.append(status)
        if not cancelled.is_set():
            with_caller.send_c_cancel(7, query_model=STUDY_ROOT_MOVE)
            cancelled.set()
    with_caller.release()
    last = statuses[-1]
    assert last.Status == RetrieveStatus.CANCELLED
    done, left = last.NumberOfCompletedSuboperations, last.NumberOfRemainingSuboperations
    assert done + left == 20
    assert done == len(receiver.kept)
    assert left > 0


def test_a_caller_that_goes_in_the_middle_ends_it_and_harms_nobody(either, receiver):
    gone = threading.Event()
    receiver.answer = lambda _: 0 if gone.wait(20) else 0xA700
    receiver.start()
    keep(either, 20)
    caller = asking(either)
    answers = caller.send_c_move(identifier("STUDY", **STUDY), "PACS", STUDY_ROOT_MOVE)
    next(answers)
    caller.abort()
    gone.set()
    receiver.answer = lambda _: 0
    found = move(either.port, identifier("STUDY", **STUDY), "PACS")
    assert (found.last, found.counts()) == (RetrieveStatus.SUCCESS, (None, 20, 0, 0))


def asking(scene):
    ae = AE(ae_title="SCANNER")
    ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = 60
    contexts = [build_context(STUDY_ROOT_MOVE)]
    return ae.associate("127.0.0.1", scene.port, contexts=contexts, ae_title="SYNTHNODE")


def test_a_caller_is_its_own_destination_before_another_of_its_name(tmp_path, receiver):
    """Two of one AE title: each has what it asked for itself."""
    other = Peer(name="other", ae_title="SCANNER", host="127.0.0.1", port=1)
    scene = opened(tmp_path, receiver, others=[other])
    first = scene.peers[0]
    scene.peers[0] = first.model_copy(update={"port": receiver.port})
    receiver.start()
    try:
        keep(scene)
        found = move(scene.port, identifier("STUDY", **STUDY), "SCANNER")
        assert (found.last, len(receiver.kept)) == (RetrieveStatus.SUCCESS, 1)
    finally:
        scene.close()


def test_more_classes_than_one_association_has_contexts_for_are_all_tried(scene, receiver):
    """The receiver takes none of these classes; each is counted once."""
    receiver.start()
    for number in range(1, 71):
        ds = instance(number=number, SOPClassUID=f"1.2.826.0.1.3680043.9.{number}")
        scene.archive.keep(received(ds))
    fine = keep(scene, 1, "one", InstanceNumber=99, SOPInstanceUID="1.2.826.0.1.3680043.8.1")
    found = move(scene.port, identifier("STUDY", **STUDY), "PACS")
    assert (found.last, found.counts()) == (RetrieveStatus.SOME_FAILED, (None, 1, 70, 0))
    assert list(receiver.kept) == uids(fine)


def test_results_do_not_reach_a_clinical_destination(tmp_path, receiver):
    ward = Peer(name="ward", ae_title="PACS", host="127.0.0.1", port=receiver.port, use="clinical")
    scene = opened(tmp_path, receiver, others=[ward])
    receiver.start()
    try:
        (real,) = keep(scene)
        made = instance(series="made")
        scene.archive.keep(received(made, origin=Origin.MADE))
        found = move(scene.port, identifier("STUDY", **STUDY), "PACS")
        assert list(receiver.kept) == uids([real])
        assert found.failed == uids([made])
    finally:
        scene.close()
