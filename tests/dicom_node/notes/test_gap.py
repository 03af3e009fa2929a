"""A model is recalled, and nobody has looked at its jobs yet: nothing of them leaves all the same.

A recall is committed first, and each of its jobs blocked after it. Here it stops in between, as it
does where a process dies, or a site has a thousand jobs.
"""

import pytest

from dicom_node.app.decide import export_held, reject_held, release_held
from dicom_node.association.retrieve.vetting import VettingRetriever
from dicom_node.db import DeliveryRow, HeldRow, RejectionRow
from dicom_node.errors import NotPossible
from dicom_node.models import Evidence, Signings
from dicom_node.notes import carry_out
from dicom_node.outbox import Outbox
from dicom_node.rejections import Recalls, Standing
from dicom_node.settings import Peer
from dicom_node.values import DeliveryState, Model, Role
from tests.dicom_node.notes.scene import Scene
from tests.dicom_node.notes.test_marked import said
from tests.dicom_node.notes.test_recalled import begin
from tests.support.mr import MrSeries

SERIES = MrSeries(seed="gap", slices=20, size=32, spacing_mm=6.0)
BY = ("B. Late", "looks right")
CODE = "MODEL_RECALLED: model"


def retrieved(scene: Scene, uid: str, use: str = "research") -> tuple[int, set[str]]:
    """Return how many instances of a series a station is sent, and why it is sent no others."""
    peer = Peer(name="station", ae_title="STATION", host="127.0.0.1", use=use)
    with scene.database.reading() as session:
        instances = Outbox(session, scene.store.files.folder).instances(
            scene.outbox(Outbox.with_ids, [scene.deliveries(uid)["pacs"].id])[0]
        )
    found = [instance for instance, _ in instances]
    barred = VettingRetriever(scene.database, scene.store.files.folder).barred(found, peer)
    return len(found) - len(barred), set(barred.values())


def test_a_held_result_is_not_released_and_not_given_to_anybody(scene, tmp_path):
    job, result, _ = scene.hold(SERIES)
    begin(scene)
    with pytest.raises(
        NotPossible, match=rf"job {job.id}: {CODE} .* was recalled by A\. Physicist"
    ):
        release_held(scene, job.id, BY, scene.store.now, said)
    with pytest.raises(NotPossible, match=CODE):
        export_held(scene, job.id, tmp_path / "seen", said)
    assert not (tmp_path / "seen").exists()
    (told,) = scene.why(SERIES)["jobs"]
    assert (told["state"], told["decided"]) == ("held", None)
    assert scene.shown(SERIES, result) == 0
    assert {row.role for row in scene.store.rows(HeldRow)} == {Role.RESULT, Role.MARKED}


def test_a_held_result_can_be_rejected_by_hand_all_the_same(scene):
    job, _, _ = scene.hold(SERIES)
    begin(scene)
    reject_held(scene, job.id, ("B. Late", "recalled"), scene.store.now, said)
    assert scene.why(SERIES)["jobs"][0]["state"] == "refused"


def test_a_delivery_that_waits_is_not_sent_and_says_why(scene):
    uid = scene.make(SERIES)
    begin(scene)
    scene.deliver()
    assert (scene.pacs.asked, scene.share.exists()) == ([], False)
    rows = scene.deliveries(uid)
    assert {row.state for row in rows.values()} == {DeliveryState.FAILED}
    assert all(row.error.startswith(CODE) for row in rows.values())


def test_a_delivery_that_is_queued_again_by_hand_is_not_sent_either(scene):
    uid = scene.make(SERIES)
    scene.deliver()
    scene.pacs.asked.clear()
    begin(scene)
    assert scene.outbox(Outbox.resend, SERIES.study_uid, "pacs", scene.store.now) == 1
    scene.deliver()
    assert (scene.pacs.asked, scene.deliveries(uid)["pacs"].state) == ([], DeliveryState.FAILED)


def test_a_marked_copy_that_waits_is_not_sent(scene):
    scene.marked = frozenset({"pacs"})
    _, _, copy = scene.hold(SERIES)
    begin(scene)
    scene.deliver()
    assert scene.pacs.asked == []
    assert scene.deliveries(copy)["pacs"].error.startswith(CODE)


def test_a_delivery_under_way_stops_within_sixteen_instances(scene):
    uid = scene.make(SERIES)

    def meanwhile(_event) -> int:
        if len(scene.pacs.asked) == 3:
            begin(scene)
        return 0

    scene.pacs.answer = meanwhile
    scene.deliver("pacs")
    assert len(scene.pacs.kept) == 16
    scene.pacs.answer = lambda _event: 0
    scene.deliver("pacs")
    assert (len(scene.pacs.kept), scene.deliveries(uid)["pacs"].state) == (16, "waiting")


@pytest.mark.parametrize("use", ["research", "clinical"])
def test_a_retrieval_hands_out_none_of_it(scene, use):
    uid = scene.make(SERIES)
    identity = scene.task.bundle.identity
    model = Model(identity.name, identity.version, identity.digest)
    with scene.database.transaction() as session:
        Signings(session).sign(model, "station", "anna", Evidence("", ""), scene.store.now)
    assert retrieved(scene, uid, use) == (20, set())
    begin(scene)
    (why,) = retrieved(scene, uid, use)[1]
    assert (retrieved(scene, uid, use)[0], why[: len(CODE)]) == (0, CODE)


def test_what_is_rejected_and_not_put_aside_yet_is_neither_shown_nor_handed_out(scene):
    uid = scene.make(SERIES)
    scene.acquire(SERIES)
    assert scene.shown(SERIES, uid) == 0
    handed_out, (why,) = retrieved(scene, uid)
    assert (handed_out, why.split(":")[0]) == (0, "it is superseded by 1.2.3.4")


def test_what_another_version_made_is_released_sent_and_handed_out(scene):
    job, result, _ = scene.hold(SERIES)
    name, version = scene.model
    begin(scene, (name, f"{version}.1"))
    release_held(scene, job.id, BY, scene.store.now, said)
    scene.deliver()
    assert {row.state for row in scene.deliveries(result).values()} == {"sent"}
    assert retrieved(scene, result) == (2, set())


def test_whoever_takes_the_recall_up_again_leaves_nothing_of_it(scene):
    uid = scene.make(SERIES)
    scene.deliver("share")
    recall = begin(scene)
    scene.deliver("pacs")
    carry_out((scene.database, scene.store.files.folder), recall, scene.store.now)
    scene.tell()
    assert [row.series_uid for row in scene.store.rows(RejectionRow)] == [uid]
    told = {row.destination for row in scene.store.rows(DeliveryRow) if row.series_uid != uid}
    assert told == {"pacs", "share"}, "a note too many harms nobody"


def test_who_made_a_series_is_known_by_the_job_also_where_it_names_none(scene):
    """What it made was deleted here, and it waits to run again; or it was given up."""
    _, result, copy = scene.hold(SERIES)
    with scene.database.transaction() as session:
        found = Recalls(session).add(scene.model, "A. Physicist", "shifted", scene.store.now)
    carry_out((scene.database, scene.store.files.folder), found, scene.store.now)
    assert scene.why(SERIES)["jobs"][0]["series_uids"] == []
    places = [(SERIES.study_uid, uid) for uid in (result, copy, SERIES.series_uid)]
    with scene.database.reading() as session:
        assert set(Recalls(session).against(places)) == set(places[:2])
        assert Standing(session).barred([]) == {}
