"""C-GET: instances come on the association on which they are asked for."""

import threading
from io import BytesIO

import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)
from pynetdicom import AE, build_context, build_role, evt
from pynetdicom.dsutils import decode

from dicom_node.archive import Received
from dicom_node.association.status import RetrieveStatus
from dicom_node.db import JobRow
from dicom_node.dicom import PATIENT_ROOT_GET, STUDY_ROOT_FIND, STUDY_ROOT_GET, VERIFICATION
from dicom_node.models import Evidence, Signings
from dicom_node.values import Model, Origin
from tests.dicom_node.archive.objects import (
    MR_IMAGE,
    SYNTAXES,
    instance,
    received,
    series_uid,
    study_uid,
    wire,
)
from tests.dicom_node.association.retrieve.conftest import opened
from tests.dicom_node.association.test_store import Scene
from tests.support.retrieving import EXPLICIT, get, identifier

MR = [(MR_IMAGE, EXPLICIT)]
UNKNOWN_SYNTAX = "1.2.826.0.1.3680043.99"


def read(content: bytes, syntax: str) -> Dataset:
    kind = UID(syntax)
    return decode(BytesIO(content), kind.is_implicit_VR, kind.is_little_endian, kind.is_deflated)


def keep(scene, *arguments, syntax=EXPLICIT, origin=Origin.RECEIVED, **values):
    ds = instance(*arguments, **values)
    scene.archive.keep(received(ds, syntax, origin=origin))
    return ds


def uids(*datasets):
    return {str(ds.SOPInstanceUID) for ds in datasets}


LEVELS = [
    (PATIENT_ROOT_GET, "PATIENT", {"PatientID": "TEST-1"}, (0, 1, 2)),
    (PATIENT_ROOT_GET, "STUDY",
     {"PatientID": "TEST-1", "StudyInstanceUID": study_uid("two")}, (1, 2)),
    (STUDY_ROOT_GET, "STUDY", {"StudyInstanceUID": study_uid("two")}, (1, 2)),
    (STUDY_ROOT_GET, "STUDY", {"StudyInstanceUID": [study_uid("one"), study_uid("other")]}, (0, 3)),
    (STUDY_ROOT_GET, "SERIES",
     {"StudyInstanceUID": study_uid("two"), "SeriesInstanceUID": series_uid("two", "b")}, (2,)),
    (STUDY_ROOT_GET, "SERIES", {"SeriesInstanceUID": series_uid("two", "a")}, (1,)),
    (STUDY_ROOT_GET, "STUDY", {"StudyInstanceUID": "1.2.3"}, ()),
]  # fmt: skip


def test_every_level_gives_what_is_asked_for_and_no_more(scene):
    """Two patients: one with two studies, one of them of two series."""
    there = [
        keep(scene, "one"),
        keep(scene, "two"),
        keep(scene, "two", series="b"),
        keep(scene, "other", PatientID="TEST-2"),
    ]
    for model, level, keys, expected in LEVELS:
        found = get(scene.port, identifier(level, **keys), MR, model=model)
        assert set(found.kept) == uids(*(there[number] for number in expected)), (level, keys)
        assert found.last == RetrieveStatus.SUCCESS
        assert found.counts() == (None, len(expected), 0, 0)


def test_images_are_named_by_a_list(scene):
    wanted = [keep(scene, number=number) for number in range(1, 6)][1:3]
    ds = identifier("IMAGE", StudyInstanceUID=study_uid(), SeriesInstanceUID=series_uid())
    ds.SOPInstanceUID = sorted(uids(*wanted))
    assert set(get(scene.port, ds, MR).kept) == uids(*wanted)


def test_the_bytes_are_those_that_came(scene):
    sent = keep(scene, PatientComments="padded with a space ", PatientName="Süß^Ä",
                SpecificCharacterSet="ISO_IR 100")  # fmt: skip
    found = get(scene.port, identifier("STUDY", StudyInstanceUID=study_uid()), MR)
    assert found.kept == {str(sent.SOPInstanceUID): wire(sent)}


def test_counts_are_true_at_every_pending_answer(either):
    for number in range(1, 7):
        keep(either, number=number)
    answers = [0x0000, 0xB000, 0xA700, 0x0000, 0xC000, 0x0000]
    given = list(answers)
    found = get(
        either.port,
        identifier("STUDY", StudyInstanceUID=study_uid()),
        MR,
        answer=lambda _: given.pop(0),
    )
    pending = [found.counts(at) for at, status in enumerate(found.statuses) if status == 0xFF00]
    assert pending == [
        (6, 0, 0, 0), (5, 1, 0, 0), (4, 1, 0, 1), (3, 1, 1, 1), (2, 2, 1, 1), (1, 2, 2, 1),
    ]  # fmt: skip
    assert found.last == RetrieveStatus.SOME_FAILED
    assert found.counts() == (None, 3, 2, 1)
    in_order = [instance(number=number).SOPInstanceUID for number in range(1, 7)]
    assert found.failed == [in_order[2], in_order[4]]


def test_pending_answers_come_no_more_often_than_is_said(scene):
    scene.query._pending_s = 3600.0
    for number in range(1, 6):
        keep(scene, number=number)
    found = get(scene.port, identifier("STUDY", StudyInstanceUID=study_uid()), MR)
    assert found.statuses == [RetrieveStatus.PENDING, RetrieveStatus.SUCCESS]
    assert found.counts(0) == (5, 0, 0, 0)


def test_all_failed_is_a_failure(scene):
    keep(scene)
    found = get(
        scene.port,
        identifier("STUDY", StudyInstanceUID=study_uid()),
        MR,
        answer=lambda _: 0xA700,
    )
    assert found.last == RetrieveStatus.ALL_FAILED
    assert found.counts() == (None, 0, 1, 0)
    assert found.failed == [instance().SOPInstanceUID]


def test_what_is_not_taken_as_it_is_comes_in_a_syntax_that_is(scene):
    for number, stored in enumerate(SYNTAXES, start=1):
        keep(scene, number=number, syntax=stored, PatientName="Test^Name", PixelSpacing=[1, 2])
    ask = identifier("STUDY", StudyInstanceUID=study_uid())
    for taken in SYNTAXES:
        found = get(scene.port, ask, [(MR_IMAGE, taken)])
        assert found.last == RetrieveStatus.SUCCESS
        assert set(found.syntaxes.values()) == {taken}
        for number, stored in enumerate(SYNTAXES, start=1):
            ds = instance(number=number, PatientName="Test^Name", PixelSpacing=[1, 2])
            content = found.kept[ds.SOPInstanceUID]
            assert content == wire(ds, taken) or stored != taken
            assert read(content, taken) == ds


def test_of_several_syntaxes_the_one_that_it_is_kept_in_is_taken(scene):
    ds = keep(scene, syntax=ExplicitVRBigEndian)
    several = [(MR_IMAGE, one) for one in (ImplicitVRLittleEndian, EXPLICIT, ExplicitVRBigEndian)]
    found = get(scene.port, identifier("STUDY", StudyInstanceUID=study_uid()), several)
    assert found.syntaxes[ds.SOPInstanceUID] == ExplicitVRBigEndian
    assert found.kept[ds.SOPInstanceUID] == wire(ds, ExplicitVRBigEndian)


def test_what_nobody_can_convert_is_a_failure_that_is_named(scene):
    odd = instance(number=1)
    scene.archive.keep(Received(wire(odd), UNKNOWN_SYNTAX, "SCANNER", Origin.RECEIVED))
    fine = keep(scene, number=2)
    found = get(scene.port, identifier("STUDY", StudyInstanceUID=study_uid()), MR)
    assert found.last == RetrieveStatus.SOME_FAILED
    assert found.failed == [odd.SOPInstanceUID]
    assert set(found.kept) == uids(fine)


def test_a_class_that_the_peer_does_not_take_is_a_failure(scene):
    keep(scene, SOPClassUID="1.2.840.10008.5.1.4.1.1.2")
    found = get(scene.port, identifier("STUDY", StudyInstanceUID=study_uid()), MR)
    assert found.last == RetrieveStatus.ALL_FAILED


def test_a_peer_that_takes_no_role_is_sent_nothing(scene):
    keep(scene)
    ae = AE(ae_title="SCANNER")
    contexts = [build_context(STUDY_ROOT_GET), build_context(*MR[0])]
    assoc = ae.associate("127.0.0.1", scene.port, contexts=contexts, ae_title="SYNTHNODE")
    ask = identifier("STUDY", StudyInstanceUID=study_uid())
    *_, last = [status for status, _ in assoc.send_c_get(ask, STUDY_ROOT_GET)]
    assoc.release()
    assert (last.Status, last.NumberOfFailedSuboperations) == (RetrieveStatus.ALL_FAILED, 1)


@pytest.mark.parametrize("damage", ["gone", "shorter", "no file at all", "a byte"])
def test_a_file_that_is_damaged_is_not_sent(scene, damage):
    fine, bad = keep(scene, number=1), keep(scene, number=2)
    (path,) = [one.path for one in scene.kept(study_uid()) if one.sop_instance_uid in uids(bad)]
    if damage == "gone":
        path.unlink()
    elif damage == "a byte":
        path.write_bytes(path.read_bytes()[:-1] + b"\x55")
    else:
        path.write_bytes(path.read_bytes()[: -2 if damage == "shorter" else 10])
    found = get(scene.port, identifier("STUDY", StudyInstanceUID=study_uid()), MR)
    assert set(found.kept) == uids(fine)
    assert (found.last, found.failed) == (RetrieveStatus.SOME_FAILED, [bad.SOPInstanceUID])


REFUSED = [
    ("PATIENT", {"PatientID": "TEST-1"}),  # the model has no such level
    ("", {"StudyInstanceUID": study_uid()}),
    ("FRAME", {"StudyInstanceUID": study_uid()}),
    ("STUDY", {}),
    ("STUDY", {"StudyInstanceUID": ""}),
    ("SERIES", {"StudyInstanceUID": study_uid()}),
    ("STUDY", {"StudyInstanceUID": study_uid(), "PatientName": "*"}),
    ("STUDY", {"StudyInstanceUID": study_uid(), "StudyDate": "20260102"}),
    ("STUDY", {"StudyInstanceUID": study_uid(), "SeriesInstanceUID": series_uid()}),
    ("STUDY", {"StudyInstanceUID": study_uid(), "PatientID": "TEST*"}),
    ("STUDY", {"StudyInstanceUID": study_uid(), "PatientID": "TEST-?"}),
    ("STUDY", {"StudyInstanceUID": study_uid(), "PatientID": ["TEST-1", "TEST-2"]}),
]


def test_a_request_that_names_too_little_or_too_much_is_refused(scene):
    keep(scene)
    for level, keys in REFUSED:
        found = get(scene.port, identifier(level, **keys), MR)
        assert found.statuses == [RetrieveStatus.DOES_NOT_MATCH], (level, keys)
        assert found.responses[0].ErrorComment
        assert found.kept == {}
        assert not found.ended
    again = get(scene.port, identifier("STUDY", StudyInstanceUID=study_uid()), MR)
    assert again.last == RetrieveStatus.SUCCESS


def test_a_star_does_not_give_the_archive_away(scene):
    keep(scene)
    ds = identifier("STUDY")
    ds.add_new("StudyInstanceUID", "LO", "*")
    found = get(scene.port, ds, MR)
    assert found.kept == {}


def test_an_empty_key_that_is_no_unique_one_does_not_matter(scene):
    ds = keep(scene)
    ask = identifier("STUDY", StudyInstanceUID=study_uid(), PatientID="", StudyDate="",
                     RetrieveAETitle="SYNTHNODE", InstanceAvailability="ONLINE")  # fmt: skip
    assert set(get(scene.port, ask, MR).kept) == uids(ds)


def test_a_list_of_many_uids_is_answered(scene):
    ds = keep(scene)
    ask = identifier("STUDY")
    ask.StudyInstanceUID = [*(f"1.2.3.4.5.{n}" for n in range(60_000)), study_uid()]
    found = get(scene.port, ask, MR, implicit=True)  # explicit, a value has 64 kB at most
    assert (found.last, set(found.kept)) == (RetrieveStatus.SUCCESS, uids(ds))


def test_a_retrieval_is_cancelled_in_the_middle(either):
    for number in range(1, 31):
        keep(either, number=number)
    ae = AE(ae_title="SCANNER")
    assocs = []

    def store(event):
        if len(assocs) == 1:
            assocs.append(None)
            event.assoc.send_c_cancel(7, query_model=STUDY_ROOT_GET)
        return 0

    assoc = ae.associate(
        "127.0.0.1", either.port, ae_title="SYNTHNODE",
        contexts=[build_context(STUDY_ROOT_GET), build_context(*MR[0])],
        ext_neg=[build_role(MR_IMAGE, scp_role=True)], evt_handlers=[(evt.EVT_C_STORE, store)],
    )  # fmt: skip
    assocs.append(assoc)
    ask = identifier("STUDY", StudyInstanceUID=study_uid())
    answers = [status for status, _ in assoc.send_c_get(ask, STUDY_ROOT_GET, msg_id=7)]
    last = answers[-1]
    assert last.Status == RetrieveStatus.CANCELLED
    done, left = last.NumberOfCompletedSuboperations, last.NumberOfRemainingSuboperations
    assert done + left == 30
    assert 0 < left < 30
    assert [s for s, _ in assoc.send_c_get(ask, STUDY_ROOT_GET)][-1].Status == 0  # and goes on
    assoc.release()


def test_a_peer_that_may_not_get_is_refused_the_context_and_the_role(tmp_path):
    scene = Scene(tmp_path, may=("echo", "store", "find"))
    try:
        ae = AE(ae_title="SCANNER")
        assoc = ae.associate(
            "127.0.0.1", scene.port, ae_title="SYNTHNODE",
            contexts=[build_context(STUDY_ROOT_GET), build_context(*MR[0])],
            ext_neg=[build_role(MR_IMAGE, scp_role=True)],
        )  # fmt: skip
        assert assoc.accepted_contexts == []
        assoc.abort()
    finally:
        scene.close()


def test_one_association_does_everything_in_turn(either):
    """An echo, a query, a store, a retrieval, and the same again: whoever read last."""
    ae, kept = AE(ae_title="SCANNER"), []

    def store(event):
        kept.append(str(event.request.AffectedSOPInstanceUID))
        return 0

    assoc = ae.associate(
        "127.0.0.1", either.port, ae_title="SYNTHNODE",
        contexts=[build_context(uid) for uid in (VERIFICATION, STUDY_ROOT_FIND, STUDY_ROOT_GET)]
        + [build_context(*MR[0])],
        ext_neg=[build_role(MR_IMAGE, scu_role=True, scp_role=True)],
        evt_handlers=[(evt.EVT_C_STORE, store)],
    )  # fmt: skip
    for number in (1, 2):
        assert assoc.send_c_echo().Status == 0
        find = [s.Status for s, _ in assoc.send_c_find(identifier("STUDY"), STUDY_ROOT_FIND)]
        assert find[-1] == 0
        ds = instance(number=number)
        ds.file_meta = FileMetaDataset()
        ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        assert assoc.send_c_store(ds).Status == 0
        assert assoc.send_c_echo().Status == 0
        ask = identifier("STUDY", StudyInstanceUID=study_uid())
        last = [s for s, _ in assoc.send_c_get(ask, STUDY_ROOT_GET)][-1]
        assert (last.Status, last.NumberOfCompletedSuboperations) == (0, number)
    assoc.release()
    assert len(kept) == 3
    assert threading.active_count() < 50


def test_what_was_made_here_is_retrieved_as_anything_else(scene):
    keep(scene, "one", series="a")
    ds = keep(scene, "one", series="made", origin=Origin.MADE)
    ask = identifier("SERIES", SeriesInstanceUID=series_uid("one", "made"))
    assert set(get(scene.port, ask, MR).kept) == uids(ds)


def test_a_clinical_peer_is_not_sent_what_no_signed_model_made(scene):
    real = keep(scene, "one", series="a")
    made = keep(scene, "one", series="made", origin=Origin.MADE)
    peers = scene.peers
    peers[0] = peers[0].model_copy(update={"use": "clinical"})
    found = get(scene.port, identifier("STUDY", StudyInstanceUID=study_uid()), MR)
    assert set(found.kept) == uids(real)
    assert (found.last, found.failed) == (RetrieveStatus.SOME_FAILED, [made.SOPInstanceUID])


def test_a_clinical_peer_is_sent_what_a_model_made_that_is_signed_for_it(scene, now):
    keep(scene, "one", series="a")
    made = keep(scene, "one", series="made", origin=Origin.MADE)
    peers = scene.peers
    peers[0] = peers[0].model_copy(update={"use": "clinical"})
    model = Model("tiny", "1.0.0", "sha256:00")
    with scene.database.transaction() as session:
        session.add(
            JobRow(
                key="2.25.1", study_uid=study_uid("one"), rule="r", task="t", grid="native",
                priority=1, state="done", due=now, created_at=now, sources=[],
                model={"name": "tiny", "version": "1.0.0", "digest": "sha256:00"},
                series_uids=[made.SeriesInstanceUID],
            )
        )  # fmt: skip
        Signings(session).sign(model, peers[0].name, "anna", Evidence("", ""), now)
    ask = identifier("SERIES", SeriesInstanceUID=series_uid("one", "made"))
    assert set(get(scene.port, ask, MR).kept) == uids(made)


def test_deflated_identifiers_are_not_taken(scene):
    ae = AE(ae_title="SCANNER")
    context = build_context(STUDY_ROOT_GET, DeflatedExplicitVRLittleEndian)
    assoc = ae.associate("127.0.0.1", scene.port, contexts=[context], ae_title="SYNTHNODE")
    assert assoc.accepted_contexts == []
    assoc.abort()


@pytest.mark.parametrize("how", ["aborts", "is silent"])
def test_a_peer_that_goes_in_the_middle_ends_it_and_harms_nobody(tmp_path, receiver, how):
    scene = opened(tmp_path, receiver, idle_s=1.0)
    given, heard = [], threading.Event()

    def answer(event):
        given.append(event)
        if len(given) == 3 and how == "aborts":
            event.assoc.abort()
        elif len(given) == 3:
            heard.wait(20)
        return 0

    try:
        for number in range(1, 21):
            keep(scene, number=number)
        ae = AE(ae_title="SCANNER")
        ae.dimse_timeout = ae.network_timeout = 4
        assoc = ae.associate(
            "127.0.0.1", scene.port, ae_title="SYNTHNODE",
            contexts=[build_context(STUDY_ROOT_GET), build_context(*MR[0])],
            ext_neg=[build_role(MR_IMAGE, scp_role=True)], evt_handlers=[(evt.EVT_C_STORE, answer)],
        )  # fmt: skip
        ask = identifier("STUDY", StudyInstanceUID=study_uid())
        heard_at_last = [status for status, _ in assoc.send_c_get(ask, STUDY_ROOT_GET)]
        heard.set()
        assert "Status" not in heard_at_last[-1]
        assert len(given) == 3
        assert get(scene.port, ask, MR).counts() == (None, 20, 0, 0)
        assoc.abort()
    finally:
        scene.close()
