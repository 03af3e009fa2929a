"""Deliveries against a real peer that answers well, badly, or not at all."""

from datetime import UTC, datetime, timedelta

import pytest

from dicom_node.archive import Archive, Files, Received, Space
from dicom_node.archive.index import Outcome
from dicom_node.audit import Remote, Silence
from dicom_node.backoff import next_try
from dicom_node.db import DeliveryRow, InstanceRow, JobRow
from dicom_node.destination import DestinationStage, DimseSender, FolderSender, Patience, Target
from dicom_node.dicom import new_uid
from dicom_node.errors import DatabaseAway
from dicom_node.lease import Lease, process_owner
from dicom_node.models import Evidence, Signings
from dicom_node.outbox import Outbox
from dicom_node.scu import Ourselves
from dicom_node.settings import Outbox as OutboxSettings
from dicom_node.settings import Peer
from dicom_node.values import DeliveryState, Model, Origin
from tests.support import sqlite
from tests.support.mr import MrSeries, encoded
from tests.support.need import free_port
from tests.support.scp import Scp

SYNTAX = "1.2.840.10008.1.2.1"
TIMES = OutboxSettings(connect_s=20.0, answer_s=20.0)
T0 = datetime(2026, 1, 2, tzinfo=UTC)


class Scene:
    """An archive with one made series that is queued for a peer."""

    def __init__(self, folder, slices: int = 5) -> None:
        self.database = sqlite.prepared(folder)
        self.archive = Archive(
            self.database, Files(folder / "archive"), Space(folder, 0), lambda: T0
        )
        self.series = MrSeries(slices=slices)
        self.sent = {}
        source = self.series.datasets()[0]
        source.SeriesInstanceUID, source.SOPInstanceUID = new_uid(), new_uid()
        self.archive.keep(Received(encoded(source), SYNTAX, "SCANNER", Origin.RECEIVED))
        for ds in self.series.datasets():
            content = encoded(ds)
            received = Received(content, SYNTAX, "NODE", Origin.MADE)
            assert self.archive.keep(received).outcome is Outcome.NEW
            self.sent[ds.SOPInstanceUID] = content
        self.port = free_port()
        self.time = T0
        self.audit = Silence()

    def queue(self, *destinations: str) -> None:
        with self.database.transaction() as session:
            outbox = Outbox(session, self.archive.folder)
            outbox.add(self.series.study_uid, self.series.series_uid, destinations, T0)

    def made_by(self, digest: str) -> None:
        """Have a job that made the series with a model."""
        with self.database.transaction() as session:
            session.add(
                JobRow(
                    key="2.25.1", study_uid=self.series.study_uid, rule="r", task="t",
                    grid="native", priority=1, state="done", due=T0, created_at=T0, sources=[],
                    model={"name": "tiny", "version": "1.0.0", "digest": digest},
                    series_uids=[self.series.series_uid],
                )
            )  # fmt: skip

    def sign(self, digest: str, destination: str) -> None:
        with self.database.transaction() as session:
            model = Model("tiny", "1.0.0", digest)
            Signings(session).sign(model, destination, "anna", Evidence("", ""), T0)

    def stage(self, sender=None, name="pacs", clinical=False, **patience) -> DestinationStage:
        peer = Peer(name="pacs", ae_title="PACS", host="127.0.0.1", port=self.port)
        limits = {"give_up": timedelta(days=7), "refused_attempts": 3, **patience}
        return DestinationStage(
            Target(
                Remote(name), sender or DimseSender(Ourselves("SYNTHNODE", TIMES), peer), clinical
            ),
            (self.database, self.archive.folder),
            Lease(process_owner(), 30),
            Patience(**limits),
            lambda: self.time,
            self.audit,
        )

    def delivery(self, name: str = "pacs") -> DeliveryRow:
        with self.database.reading() as session:
            return session.query(DeliveryRow).filter_by(destination=name).one()


@pytest.fixture
def scene(tmp_path):
    opened = Scene(tmp_path)
    opened.queue("pacs")
    yield opened
    opened.database.close()


@pytest.fixture
def scp(scene):
    peer = Scp(scene.port).start()
    yield peer
    peer.stop()


def test_sent_means_that_every_instance_was_answered_0000(scene, scp):
    assert scene.stage().tick(T0) == 1
    assert scene.delivery().state == DeliveryState.SENT
    assert scp.kept == scene.sent, "other bytes arrived than were archived"


def test_a_damaged_file_is_told_of_as_what_it_is_and_the_others_are_sent(scene, scp):
    with scene.database.reading() as session:
        (first, *_) = session.query(InstanceRow).filter_by(origin=Origin.MADE).all()
    path = scene.archive.folder / first.path
    path.write_bytes(path.read_bytes()[:-100])
    stage = scene.stage()
    assert stage.tick(T0) == 0
    assert scp.kept.keys() == scene.sent.keys() - {first.sop_instance_uid}
    row = scene.delivery()
    assert "1 not sent: its file is damaged" in row.error
    assert "answered" not in row.error, "the peer was not asked"
    assert (row.state, row.refusals) == (DeliveryState.WAITING, 1)
    for attempt in (1, 2):
        scene.time = next_try(scene.time, attempt)
        stage.tick(scene.time)
    assert scene.delivery().state == DeliveryState.FAILED


def test_only_what_failed_is_sent_again(scene, scp):
    bad = sorted(scene.sent)[2]
    scp.answer = lambda event: 0xA700 if event.request.AffectedSOPInstanceUID == bad else 0
    stage = scene.stage()
    assert stage.tick(T0) == 0
    row = scene.delivery()
    assert row.state == DeliveryState.WAITING
    assert "0xA700" in row.error
    scp.asked.clear()
    scp.answer = lambda _event: 0
    assert stage.tick(T0) == 0, "it is not due yet"
    scene.time = next_try(T0, 1)
    assert stage.tick(scene.time) == 1
    assert scp.asked == [bad]
    assert scp.kept == scene.sent


def test_a_peer_that_is_away_is_tried_later_and_says_so(scene):
    assert scene.stage().tick(T0) == 0
    row = scene.delivery()
    assert row.state == DeliveryState.WAITING
    assert row.due == next_try(T0, 1)
    assert "does not answer" in row.error


def test_a_peer_that_stays_away_is_given_up_in_the_end(scene):
    """Not at once: a clock that was set forward, as a dead one is, makes every delivery old."""
    scene.time = T0 + timedelta(days=8)
    for attempt in range(1, 6):
        assert scene.delivery().state == DeliveryState.WAITING
        scene.stage().tick(scene.time)
        scene.time = next_try(scene.time, attempt)
    assert scene.delivery().state == DeliveryState.FAILED


def test_a_peer_that_refuses_for_good_is_not_asked_for_ever(scene, scp):
    scp.answer = lambda _event: 0xC000
    stage = scene.stage()
    for attempt in range(3):
        stage.tick(scene.time)
        scene.time = next_try(scene.time, attempt + 1)
    row = scene.delivery()
    assert (row.state, row.attempts) == (DeliveryState.FAILED, 3)
    assert "0xC000" in row.error


def test_tries_when_the_peer_was_away_are_no_refusals(scene):
    for attempt in range(4):
        scene.stage().tick(scene.time)
        scene.time = next_try(scene.time, attempt + 1)
    peer = Scp(scene.port).start()
    peer.answer = lambda _event: 0x0110
    scene.stage().tick(scene.time)
    peer.stop()
    row = scene.delivery()
    assert (row.state, row.attempts, row.refusals) == (DeliveryState.WAITING, 5, 1)


def test_a_slow_peer_is_not_taken_for_a_dead_process(scene, scp):
    """Each answer takes half the lease; another destination's stage looks for what is lost."""
    lost = []

    def answer(_event):
        scene.time += timedelta(seconds=15)
        with scene.database.transaction() as session:
            lost.append(Outbox(session, scene.archive.folder).reclaim(scene.time))
        return 0

    scp.answer = answer
    assert scene.stage().tick(T0) == 1
    assert lost == [0] * 5
    assert len(scp.asked) == 5, "nothing was sent twice"


def test_a_file_that_cannot_be_read_is_said_and_the_delivery_waits(scene, scp):
    for path in scene.archive.folder.rglob("*"):
        if path.is_file():
            path.write_bytes(b"no DICOM")
    assert scene.stage().tick(T0) == 0
    row = scene.delivery()
    assert row.state == DeliveryState.WAITING
    assert row.error


def test_a_delivery_that_was_cut_off_by_the_database_is_taken_up_again(scene, scp):
    stage = scene.stage()

    def fail(*_arguments):
        raise DatabaseAway("the database is away")

    stage._settle = fail
    with pytest.raises(DatabaseAway):
        stage.tick(T0)
    assert scene.delivery().state == DeliveryState.SENDING
    del stage._settle
    scp.asked.clear()
    assert stage.tick(T0) == 1, "whoever was cut off need not wait for the lease to end"
    assert scene.delivery().state == DeliveryState.SENT
    assert scp.asked == [], "what was answered was kept before"


@pytest.mark.parametrize("warning", [0xB000, 0xB006, 0xB007])
def test_a_warning_is_no_success(scene, scp, warning):
    scp.answer = lambda _event: warning
    scene.stage().tick(T0)
    row = scene.delivery()
    assert row.state == DeliveryState.FAILED
    assert f"0x{warning:04X}" in row.error


def test_what_is_doubted_is_not_sent_again_and_the_rest_is(scene, scp):
    """A warning is for one instance; what had no room is sent again, and both are told apart."""
    doubted, full, *_ = sorted(scene.sent)
    answers = {doubted: 0xB000, full: 0xA700}
    scp.answer = lambda event: answers.get(str(event.request.AffectedSOPInstanceUID), 0)
    stage = scene.stage()
    stage.tick(T0)
    row = scene.delivery()
    assert row.state == DeliveryState.WAITING
    assert "1 instances with 0xA700; pacs answered 1 instances with 0xB000" in row.error
    scp.asked.clear()
    answers.clear()
    scene.time = next_try(T0, 1)
    stage.tick(scene.time)
    assert scp.asked == [full]
    row = scene.delivery()
    assert row.state == DeliveryState.FAILED
    assert "has 1 of them, but changed or doubts them" in row.error


def test_a_peer_that_falls_silent_half_way_gets_the_rest_later(scene, scp):
    taken = []

    def answer(event):
        if len(taken) == 2:
            event.assoc.abort()
            return 0
        taken.append(str(event.request.AffectedSOPInstanceUID))
        return 0

    scp.answer = answer
    stage = scene.stage()
    assert stage.tick(T0) == 0
    scp.answer = lambda _event: 0
    scp.asked.clear()
    scene.time = next_try(T0, 1)
    assert stage.tick(scene.time) == 1
    assert set(scp.asked) == set(scene.sent) - set(taken)


def test_a_peer_that_takes_no_such_class_has_refused_and_is_not_asked_for_ever(scene):
    from pynetdicom import AE

    ae = AE(ae_title="PACS")
    ae.add_supported_context("1.2.840.10008.1.1")
    server = ae.start_server(("127.0.0.1", scene.port), block=False)
    try:
        stage = scene.stage()
        for attempt in range(3):
            assert scene.delivery().state == DeliveryState.WAITING
            stage.tick(scene.time)
            assert "5 instances with 0x0122" in scene.delivery().error
            scene.time = next_try(scene.time, attempt + 1)
        assert scene.delivery().state == DeliveryState.FAILED
    finally:
        server.shutdown()


def test_what_another_process_took_meanwhile_is_not_settled_twice(scene, scp):
    def steal(_event):
        with scene.database.transaction() as session:
            row = session.query(DeliveryRow).one()
            row.token += 1
            row.lease_owner = "another"
        return 0

    scp.answer = steal
    assert scene.stage().tick(T0) == 0
    assert scene.delivery().state == DeliveryState.SENDING  # the other's, still


def test_a_folder_gets_whole_files(scene, tmp_path):
    scene.queue("share")
    folder = tmp_path / "results"
    assert scene.stage(FolderSender("share", folder), "share").tick(T0) == 1
    written = sorted(folder.rglob("*"))
    files = [path for path in written if path.is_file()]
    assert {path.stem for path in files} == set(scene.sent)
    assert all(path.read_bytes().endswith(scene.sent[path.stem]) for path in files)


def test_a_folder_that_cannot_be_written_is_tried_later(scene, tmp_path):
    scene.queue("share")
    (tmp_path / "file").write_text("no folder")
    assert scene.stage(FolderSender("share", tmp_path / "file"), "share").tick(T0) == 0
    row = scene.delivery("share")
    assert row.state == DeliveryState.WAITING
    assert "share" in row.error


def test_a_stop_leaves_the_rest_for_the_next_start(scene, scp):
    stage = scene.stage()

    def answer(_event):
        stage.stop()
        return 0

    scp.answer = answer
    assert stage.tick(T0) == 0
    assert len(scp.asked) == 1
    assert scene.delivery().state == DeliveryState.WAITING
    assert scene.stage().tick(T0) == 1
    assert scp.kept == scene.sent


ONE, OTHER = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"


def test_what_an_unsigned_model_made_never_leaves_for_a_clinical_destination(scene, scp):
    scene.made_by(ONE)
    scene.sign(OTHER, "pacs")  # the same name and version, one byte away
    scene.sign(ONE, "other")  # the same model, for somebody else
    assert scene.stage(clinical=True).tick(T0) == 0
    delivery = scene.delivery()
    assert (delivery.state, scp.kept) == (DeliveryState.FAILED, {})
    assert delivery.error.startswith(
        "MODEL_UNSIGNED: pacs is for clinical use, and tiny@1.0.0 (sha"
    )


def test_what_no_job_made_never_leaves_for_a_clinical_destination(scene, scp):
    scene.sign(ONE, "pacs")
    scene.stage(clinical=True).tick(T0)
    assert (scene.delivery().state, scp.kept) == (DeliveryState.FAILED, {})


def test_what_a_signed_model_made_goes_to_its_clinical_destination(scene, scp):
    scene.made_by(ONE)
    scene.sign(ONE, "pacs")
    assert scene.stage(clinical=True).tick(T0) == 1
    assert set(scp.kept) == set(scene.sent)


def test_what_was_refused_goes_once_it_is_signed_and_asked_for_again(scene, scp):
    scene.made_by(ONE)
    scene.stage(clinical=True).tick(T0)
    scene.sign(ONE, "pacs")
    assert scene.stage(clinical=True).tick(T0) == 0
    with scene.database.transaction() as session:
        outbox = Outbox(session, scene.archive.folder)
        assert outbox.resend(scene.series.study_uid, "pacs", T0) == 1
    assert scene.stage(clinical=True).tick(T0) == 1


def test_a_destination_that_became_clinical_while_something_waited_for_it_gets_none_of_it(scene):
    """The peer was away at first: what it was to get is asked about again before the next try."""
    scene.made_by(ONE)
    scene.stage().tick(T0)
    assert scene.delivery().state == DeliveryState.WAITING
    peer = Scp(scene.port).start()
    scene.time = next_try(T0, 1) + timedelta(hours=1)
    scene.stage(clinical=True).tick(scene.time)
    assert (scene.delivery().state, peer.kept) == (DeliveryState.FAILED, {})
    peer.stop()
