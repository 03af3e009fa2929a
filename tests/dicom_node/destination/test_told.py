"""What leaves the node stands in the audit trail: when it begins, and how it ended."""

from datetime import timedelta

import pytest

from dicom_node.audit import Remote
from dicom_node.backoff import next_try
from dicom_node.db import DeliveryRow
from dicom_node.destination import FolderSender, Target
from dicom_node.outbox import Outbox
from tests.dicom_node.destination.test_stage import T0, Scene
from tests.support.mr import MR_IMAGE
from tests.support.scp import Scp
from tests.support.trail import Trail

BEGIN, END = "Begin Transferring DICOM Instances", "DICOM Instances Transferred"


@pytest.fixture
def trail(tmp_path):
    return Trail(tmp_path)


@pytest.fixture
def scene(tmp_path, trail):
    opened = Scene(tmp_path)
    opened.audit = trail.audit
    opened.queue("pacs")
    yield opened
    opened.database.close()


@pytest.fixture
def scp(scene):
    peer = Scp(scene.port).start()
    yield peer
    peer.stop()


def test_a_delivery_is_told_when_it_begins_and_when_it_is_whole(scene, scp, trail):
    scene.stage().tick(T0)
    begin, end = trail.told()
    assert (begin.event, end.event) == (BEGIN, END)
    assert (end.action, end.outcome) == ("R", "0")
    for told in (begin, end):
        assert told.counts == {MR_IMAGE: 5}
        assert told.studies == [scene.series.study_uid]
        assert told.patients == ["TEST-1"]
        assert told.roles["Destination Role ID"] == "pacs"
        assert told.requestor == told.roles["Source Role ID"] == "4711"
        assert "Ball" not in told.xml


def test_it_is_told_before_anything_leaves(scene, scp, trail):
    seen = []
    scp.answer = lambda _event: seen.append([one.event for one in trail.told()]) or 0
    scene.stage().tick(T0)
    assert seen[0] == [BEGIN]


def test_a_try_that_failed_is_no_end_and_the_next_no_beginning(scene, scp, trail):
    bad = sorted(scene.sent)[2]
    scp.answer = lambda event: 0xA700 if event.request.AffectedSOPInstanceUID == bad else 0
    scene.stage().tick(T0)
    assert [one.event for one in trail.told()] == [BEGIN]
    scp.answer = lambda _event: 0
    scene.time = next_try(T0, 1)
    scene.stage().tick(scene.time)
    assert [(one.event, one.counts) for one in trail.told()] == [
        (BEGIN, {MR_IMAGE: 5}), (END, {MR_IMAGE: 5}),
    ]  # fmt: skip


def test_what_is_given_up_in_part_is_told_as_success_and_as_failure(scene, scp, trail):
    bad = sorted(scene.sent)[:2]
    scp.answer = lambda event: 0xC000 if event.request.AffectedSOPInstanceUID in bad else 0
    scene.stage(refused_attempts=1).tick(T0)
    _, sent, refused = trail.told()
    assert (sent.outcome, sent.counts) == ("0", {MR_IMAGE: 3})
    assert (refused.outcome, refused.counts) == ("8", {MR_IMAGE: 2})
    assert "pacs answered 2 instances with 0xC000" in refused.because


def test_what_the_peer_doubts_is_told_as_a_minor_failure(scene, scp, trail):
    scp.answer = lambda _event: 0xB000
    scene.stage().tick(T0)
    _, doubted = trail.told()
    assert (doubted.outcome, doubted.counts) == ("4", {MR_IMAGE: 5})


def test_a_peer_that_is_away_is_told_once_it_is_given_up(scene, trail):
    stage = scene.stage()
    for attempt in range(1, 5):
        stage.tick(scene.time)
        scene.time = next_try(scene.time, attempt)
    assert [one.event for one in trail.told()] == [BEGIN]
    scene.time = T0 + timedelta(days=8)
    stage.tick(scene.time)
    _, failed = trail.told()
    assert (failed.outcome, failed.counts) == ("8", {MR_IMAGE: 5})
    assert "does not answer" in failed.because


def test_what_is_sent_again_by_hand_begins_again(scene, scp, trail):
    scene.stage().tick(T0)
    with scene.database.transaction() as session:
        Outbox(session, scene.archive.folder).resend(scene.series.study_uid, "pacs", T0)
    scene.stage().tick(T0)
    assert [one.event for one in trail.told()] == [BEGIN, END, BEGIN, END]


def test_a_crash_between_the_last_word_and_the_commit_loses_no_word(scene, scp, trail, monkeypatch):
    real = Outbox.sent

    def die(self, delivery):
        real(self, delivery)
        raise KeyboardInterrupt

    monkeypatch.setattr(Outbox, "sent", die)
    with pytest.raises(KeyboardInterrupt):
        scene.stage().tick(T0)
    monkeypatch.undo()
    assert [one.event for one in trail.told()] == [BEGIN]
    with scene.database.transaction() as session:
        Outbox(session, scene.archive.folder).reclaim(T0, all_of_them=True)
    scene.stage().tick(T0)
    (end,) = trail.told(END)
    assert end.counts == {MR_IMAGE: 5}, "the instances were sent before the crash"
    assert scene.delivery().state == "sent"


def test_a_delivery_that_somebody_else_took_is_not_told_twice(scene, scp, trail):
    def steal(_event) -> int:
        with scene.database.transaction() as session:
            row = session.query(DeliveryRow).one()
            row.token, row.lease_owner = row.token + 1, "another"
        return 0

    scp.answer = steal
    scene.stage().tick(T0)
    assert trail.told(END) == []


def test_a_folder_is_a_destination_by_its_uri(scene, trail, tmp_path):
    scene.queue("share")
    folder = tmp_path / "out"
    stage = scene.stage(name="share")
    stage._target = Target(Remote("share", address=folder.as_uri()), FolderSender("share", folder))
    stage.tick(T0)
    begin, end = trail.told()
    assert folder.as_uri() in begin.addresses
    assert folder.as_uri() in end.addresses


def test_what_is_refused_unsent_is_told_as_not_transferred_and_never_as_begun(scene, trail):
    scene.stage(clinical=True).tick(T0)
    (told,) = trail.told()
    assert told.event == END
    assert told.outcome != "0"
    assert "MODEL_UNSIGNED" in told.xml
