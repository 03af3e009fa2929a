"""Sent is not received: who says that it has what was sent, and what is done where it has not."""

import os
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from dicom_node.app import explain_study
from dicom_node.archive import Received
from dicom_node.association import Doorway, Listener
from dicom_node.association.commitment import CommitmentService, Lines
from dicom_node.audit import Remote as Who
from dicom_node.audit import Silence
from dicom_node.commitment import Report
from dicom_node.db import CommitmentRow, DeliveryRow, InstanceRow
from dicom_node.destination import DestinationStage, DimseSender, FolderSender, Patience, Target
from dicom_node.destination.receipt import (
    Commitments,
    FolderCounts,
    PeerCounts,
    ReceiptStage,
    Times,
    Ways,
)
from dicom_node.destination.stow import StowSender
from dicom_node.dicom import new_uid
from dicom_node.dicomweb import DicomWeb
from dicom_node.dicomweb import Place as WebPlace
from dicom_node.lease import Lease, process_owner
from dicom_node.outbox import Outbox, Reports
from dicom_node.qido import WebRemote
from dicom_node.remote import Remote
from dicom_node.scu import Ourselves
from dicom_node.settings import Destination, Limits, Listen, Peer
from dicom_node.settings import Outbox as OutboxSettings
from dicom_node.values import Origin
from tests.support.committing import CommittingScp, failed, held, of_another_class
from tests.support.mr import MrSeries, encoded
from tests.support.need import free_port
from tests.support.stow import StowServer

SYNTAX = "1.2.840.10008.1.2.1"
WAITS = OutboxSettings(connect_s=20.0, answer_s=20.0)
REPORT_S, COUNT_S, ASKS, RESENDS = 3600.0, 60.0, 2, 2
OTHER = Peer(name="other", ae_title="OTHER", host="127.0.0.1", port=1, ask=("commit",))


class Scene:
    """A made series, the stages that send it and ask for it, and the listener for reports."""

    def __init__(self, store, slices: int = 4) -> None:
        self.store = store
        self.series = MrSeries(slices=slices)
        source = self.series.datasets()[0]
        source.SeriesInstanceUID, source.SOPInstanceUID = new_uid(), new_uid()
        self._keep(source, "SCANNER", Origin.RECEIVED)
        self.uids = sorted(ds.SOPInstanceUID for ds in self.series.datasets())
        for ds in self.series.datasets():
            self._keep(ds, "NODE", Origin.MADE)
        self.peer = Peer(
            name="pacs", ae_title="PACS", host="127.0.0.1", port=free_port(), ask=("commit",)
        )
        self.us = Ourselves("SYNTHNODE", WAITS)
        self.folder = store.archive.folder
        speaks_for = {one.name: frozenset({one.name}) for one in (self.peer, OTHER)}
        self.reports = Reports((store.database, self.folder), speaks_for, RESENDS, self.now)
        self.pacs = CommittingScp(self.peer.port, self._listen()).start()
        with store.database.transaction() as session:
            Outbox(session, self.folder).add(
                self.series.study_uid, self.series.series_uid, ["pacs"], store.now
            )

    def _keep(self, ds, sender: str, origin: Origin) -> None:
        self.store.archive.keep(Received(encoded(ds), SYNTAX, sender, origin))

    def _listen(self) -> int:
        database = self.store.database
        peers = [self.peer, OTHER]
        self.listener = Listener(
            "SYNTHNODE",
            Doorway(Listen(port=0), Limits()),
            peers,
            (self.store.archive, database),
            self.now,
            Silence(),
        )
        self.listener.add(CommitmentService(database, Lines(), self.reports, self.now))
        return self.listener.start()

    def now(self):
        return self.store.now

    def later(self, seconds: float) -> None:
        self.store.now += timedelta(seconds=seconds)

    def send(self, sender=None) -> int:
        stage = DestinationStage(
            Target(Who("pacs"), sender or DimseSender(self.us, self.peer)),
            (self.store.database, self.folder),
            Lease(process_owner(), 300),
            Patience(timedelta(days=7), 3),
            self.now,
            Silence(),
        )
        return stage.tick(self.store.now)

    def commitments(self) -> Commitments:
        return Commitments(self.us, self.peer, self.reports)

    def counts(self) -> PeerCounts:
        return PeerCounts(Remote(self.us, self.peer))

    def ask(self, ways: Ways | None = None, stay_s: float = 0.0) -> int:
        times = Times(
            timedelta(seconds=REPORT_S), timedelta(seconds=COUNT_S), ASKS, RESENDS, stay_s
        )
        stage = ReceiptStage(
            "pacs",
            ways or Ways(self.commitments()),
            (self.store.database, self.folder),
            times,
            self.now,
        )
        return stage.tick(self.store.now)

    def sent_and_asked(self):
        """Return the request that the archive was made."""
        assert self.send() == 1
        assert self.ask() == 1
        return self.pacs.wait_for_request(1)

    def delivery(self) -> dict:
        (found,) = explain_study(self.store.database, self.series.study_uid)["deliveries"]
        return found

    def state(self) -> str:
        return self.delivery()["state"]

    def missing(self) -> list[str]:
        return [one["sop_instance_uid"] for one in self.delivery()["missing"]]

    def file(self, uid: str) -> Path:
        rows = self.store.rows(InstanceRow)
        return self.folder / next(row.path for row in rows if row.sop_instance_uid == uid)

    def close(self) -> None:
        self.pacs.stop()
        self.listener.stop(1.0)


@pytest.fixture
def scene(store):
    opened = Scene(store)
    yield opened
    opened.close()


def test_what_the_archive_commits_itself_to_on_the_same_association_is_receipted(scene):
    scene.pacs.reports = "same"
    assert scene.send() == 1
    assert scene.state() == "sent"
    scene.ask(stay_s=60.0)
    delivery = scene.delivery()
    assert (delivery["state"], delivery["receipted"]) == ("receipted", 4)
    assert delivery["receipt"] == "pacs vouches for all of it, by storage commitment"
    assert delivery["receipted_at"] == scene.store.now.isoformat()
    assert scene.ask() == 0, "it is asked no more"


def test_a_report_may_come_hours_later_on_an_association_of_the_archive(scene):
    request = scene.sent_and_asked()
    assert {one.sop_instance_uid for one in request.instances} == set(scene.uids)
    scene.later(REPORT_S / 2)
    assert (scene.state(), scene.ask()) == ("sent", 0)
    assert scene.pacs.report(scene.pacs.verdict(request)) == 0x0000
    assert scene.state() == "receipted"


def test_the_one_that_the_archive_dropped_is_named_and_only_it_is_sent_again(scene):
    dropped = scene.uids[2]
    scene.pacs.drops = {dropped}
    request = scene.sent_and_asked()
    assert scene.pacs.report(scene.pacs.verdict(request)) == 0x0000
    delivery = scene.delivery()
    assert (delivery["state"], delivery["sent"], delivery["receipted"]) == ("waiting", 3, 3)
    assert delivery["missing"] == [
        {"sop_instance_uid": dropped, "reason": "no such instance there, 0x0112"}
    ]
    assert dropped in delivery["error"]
    scene.pacs.asked.clear()
    scene.later(10)
    assert scene.send() == 1
    assert scene.pacs.asked == [dropped]
    scene.ask()
    second = scene.pacs.wait_for_request(2)
    assert [one.sop_instance_uid for one in second.instances] == [dropped]
    assert scene.pacs.report(held(second)) == 0x0000
    delivery = scene.delivery()
    assert (delivery["state"], delivery["missing"], delivery["error"]) == ("receipted", [], None)


def test_a_report_in_parts_counts_part_by_part_and_twice_is_no_harm(scene):
    request = scene.sent_and_asked()
    first, *rest = scene.uids
    assert scene.pacs.report(held(request, first)) == 0x0000
    assert scene.pacs.report(held(request, first)) == 0x0000
    assert (scene.state(), scene.delivery()["receipted"]) == ("sent", 1)
    assert scene.pacs.report(held(request, *rest)) == 0x0000
    assert scene.state() == "receipted"
    assert scene.pacs.report(held(request)) == 0x0000


def test_a_failure_that_is_reported_twice_has_the_instance_sent_again_once(scene):
    dropped = scene.uids[2]
    scene.pacs.drops = {dropped}
    request = scene.sent_and_asked()
    verdict = scene.pacs.verdict(request)
    assert scene.pacs.report(verdict) == 0x0000
    for _ in range(RESENDS + 1):
        scene.later(10)
        scene.send()
        assert scene.pacs.report(verdict) == 0x0000, "its sender is to be content"
    delivery = scene.delivery()
    assert (delivery["state"], delivery["resends"]) == ("sent", 1)
    assert scene.pacs.asked.count(dropped) == 2
    scene.ask()
    assert scene.pacs.report(held(scene.pacs.wait_for_request(2))) == 0x0000
    assert scene.state() == "receipted"


def test_a_failure_that_is_reported_in_parts_counts_part_by_part(scene):
    request = scene.sent_and_asked()
    first, second, *_ = scene.uids
    assert scene.pacs.report(held(request, first)) == 0x0000
    assert scene.pacs.report(failed(request, second)) == 0x0000
    assert (scene.state(), scene.missing()) == ("waiting", [second])


def test_a_late_failure_says_nothing_about_what_was_asked_again(scene):
    first = scene.sent_and_asked()
    scene.later(REPORT_S)
    scene.ask()
    second = scene.pacs.wait_for_request(2)
    assert first.transaction_uid != second.transaction_uid
    assert scene.pacs.report(failed(first, *scene.uids[:1])) == 0x0000
    delivery = scene.delivery()
    assert (delivery["state"], delivery["receipted"], delivery["missing"]) == ("sent", 3, [])
    assert scene.pacs.report(held(second)) == 0x0000
    assert scene.state() == "receipted"


def test_a_report_on_what_nobody_asked_for_is_refused(scene):
    request = scene.sent_and_asked()
    invented = Report(new_uid(), held(request).held)
    assert scene.pacs.report(invented) == 0x0115
    assert (scene.state(), scene.delivery()["receipted"]) == ("sent", 0)


def test_a_report_of_another_peer_than_was_asked_is_refused(scene):
    request = scene.sent_and_asked()
    assert scene.pacs.report(held(request), calling="OTHER") == 0x0115
    assert scene.pacs.report(held(request), calling="STRANGER") is None
    assert (scene.state(), scene.delivery()["receipted"]) == ("sent", 0)


def test_an_archive_with_the_same_uid_under_another_class_does_not_have_it(scene):
    request = scene.sent_and_asked()
    assert scene.pacs.report(of_another_class(held(request))) == 0x0000
    delivery = scene.delivery()
    assert delivery["state"] == "waiting"
    assert {one["reason"] for one in delivery["missing"]} == {
        "there under another SOP class, 0x0119"
    }


def test_what_the_archive_never_has_is_a_failed_delivery_in_the_end(scene):
    lost = scene.uids[0]
    assert scene.send() == 1
    for number in range(1, RESENDS + 2):
        scene.ask()
        request = scene.pacs.wait_for_request(number)
        assert scene.pacs.report(failed(request, lost)) == 0x0000
        scene.later(30)
        scene.send()
    delivery = scene.delivery()
    assert (delivery["state"], delivery["resends"]) == ("failed", RESENDS)
    assert "sent again 2 times in vain" in delivery["error"]
    assert scene.missing() == [lost]
    assert scene.pacs.asked.count(lost) == RESENDS + 1


def test_without_a_report_it_is_asked_again_and_at_last_counted(scene):
    scene.pacs.stop()
    scene.pacs.finds = ("IMAGE",)
    scene.pacs.start()
    ways = Ways(scene.commitments(), scene.counts())
    assert scene.send() == 1
    for number in range(1, ASKS + 1):
        assert scene.ask(ways) == 1
        assert len(scene.pacs.requests) == number
        scene.later(REPORT_S - 1)
        assert scene.ask(ways) == 0
        scene.later(1)
    assert scene.ask(ways) == 1
    assert len(scene.pacs.requests) == ASKS
    delivery = scene.delivery()
    assert (delivery["state"], delivery["receipted"]) == ("receipted", 4)
    assert "by a C-FIND that lists its instances" in delivery["receipt"]


def test_where_it_cannot_be_counted_either_nobody_vouches_but_a_late_report_counts(scene):
    request = scene.sent_and_asked()
    for _ in range(ASKS):
        scene.later(REPORT_S)
        scene.ask()
    delivery = scene.delivery()
    assert delivery["state"] == "sent"
    assert "sent no report; nobody vouches for it" in delivery["receipt"]
    scene.later(REPORT_S)
    assert scene.ask() == 0
    assert scene.pacs.report(held(request)) == 0x0000
    assert scene.state() == "receipted"


@pytest.mark.parametrize("levels", [("IMAGE",), ("SERIES",), ("SERIES", "IMAGE")])
def test_an_archive_that_cannot_commit_is_counted(scene, levels):
    scene.pacs.stop()
    scene.pacs.commits, scene.pacs.finds = False, levels
    scene.pacs.start()
    dropped = scene.uids[1]
    scene.pacs.drops = {dropped}
    ways = Ways(scene.commitments(), scene.counts())
    assert scene.send() == 1
    scene.ask(ways)
    assert scene.state() == "sent", "an archive may take its time to list what it has"
    assert scene.missing() == ([dropped] if "IMAGE" in levels else [])
    scene.later(COUNT_S)
    scene.ask(ways)
    assert scene.state() == "waiting"
    scene.pacs.asked.clear()
    scene.later(10)
    assert scene.send() == 1
    assert scene.pacs.asked == ([dropped] if "IMAGE" in levels else scene.uids)
    scene.ask(ways)
    assert scene.state() == "receipted"


def test_what_was_only_listed_late_is_not_sent_again(scene):
    scene.pacs.stop()
    scene.pacs.finds = ("IMAGE",)
    scene.pacs.start()
    assert scene.send() == 1
    slow = scene.pacs.kept.pop(scene.uids[3])
    ways = Ways(counts=scene.counts())
    scene.ask(ways)
    assert scene.missing() == [scene.uids[3]]
    scene.pacs.kept[scene.uids[3]] = slow
    scene.later(COUNT_S)
    scene.ask(ways)
    assert scene.state() == "receipted"
    assert len(scene.pacs.asked) == 4


def test_of_a_destination_that_cannot_be_asked_why_says_that_nobody_vouches(scene):
    assert scene.send() == 1
    scene.ask(Ways(why_not="nobody vouches for it: pacs may not be asked"))
    delivery = scene.delivery()
    assert (delivery["state"], delivery["receipted"]) == ("sent", 0)
    assert delivery["receipt"] == "nobody vouches for it: pacs may not be asked"


def test_an_archive_that_is_away_is_asked_when_it_is_back(scene):
    assert scene.send() == 1
    scene.pacs.stop()
    scene.ask()
    assert "does not answer" in scene.delivery()["receipt"]
    scene.pacs.start()
    scene.pacs.reports = "same"
    scene.later(10)
    scene.ask(stay_s=60.0)
    assert scene.state() == "receipted"


def test_a_request_that_is_refused_is_made_again_later(scene):
    scene.pacs.status = 0x0213
    assert scene.send() == 1
    scene.ask()
    assert "answered a request to commit with 0x0213" in scene.delivery()["receipt"]
    scene.pacs.status, scene.pacs.reports = 0, "same"
    assert scene.ask() == 0
    scene.later(COUNT_S)
    scene.ask(stay_s=60.0)
    assert scene.state() == "receipted"


def test_what_is_sent_anew_by_hand_needs_a_receipt_anew(scene):
    request = scene.sent_and_asked()
    with scene.store.database.transaction() as session:
        Outbox(session, scene.folder).resend(scene.series.study_uid, "pacs", scene.store.now)
    assert scene.pacs.report(held(request)) == 0x0000, "its sender is to be content"
    assert (scene.state(), scene.delivery()["receipted"]) == ("waiting", 0)


def test_a_folder_is_looked_at_file_by_file(scene, tmp_path):
    folder = tmp_path / "share"
    send = partial(scene.send, FolderSender("pacs", folder))
    ways = Ways(counts=FolderCounts("pacs", folder))
    assert send() == 1
    gone, damaged = (folder / scene.series.series_uid / f"{uid}.dcm" for uid in scene.uids[:2])
    gone.unlink()
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"\xff")
    original = scene.file(damaged.stem).stat()
    os.utime(damaged, ns=(original.st_atime_ns, original.st_mtime_ns))  # neither size nor time tell
    scene.ask(ways)
    assert scene.missing() == scene.uids[:2]
    scene.later(COUNT_S)
    scene.ask(ways)
    scene.later(10)
    before = {path: path.stat().st_ino for path in folder.rglob("*.dcm")}
    assert send() == 1
    written = {path for path in folder.rglob("*.dcm") if before.get(path) != path.stat().st_ino}
    assert written == {gone, damaged}
    scene.ask(ways)
    delivery = scene.delivery()
    assert delivery["state"] == "receipted"
    assert "by its files, byte for byte" in delivery["receipt"]


def test_a_folder_that_is_not_mounted_is_no_folder_without_files(scene, tmp_path):
    folder = tmp_path / "share"
    assert scene.send(FolderSender("pacs", folder)) == 1
    folder.rename(tmp_path / "away")
    scene.ask(Ways(counts=FolderCounts("pacs", folder)))
    assert (scene.state(), scene.missing()) == ("sent", [])
    assert "is it mounted?" in scene.delivery()["receipt"]


def test_what_cannot_be_asked_for_a_reason_that_nobody_foresaw_does_not_block_the_rest(scene):
    class Broken:
        def count(self, instances, total):
            raise ZeroDivisionError

    assert scene.send() == 1
    ways = Ways(counts=Broken())
    with pytest.raises(ZeroDivisionError):
        scene.ask(ways)
    assert scene.ask(ways) == 0, "it is put off"
    assert scene.delivery()["receipt"] == "this node failed to ask; its log says why"
    scene.later(300)
    with pytest.raises(ZeroDivisionError):
        scene.ask(ways)


def test_a_crash_before_the_request_was_answered_has_it_made_again_soon(scene):
    """The row is there, the request may not be: nobody waits hours for its report."""
    assert scene.send() == 1

    class Died(Exception):
        pass

    def die(*_):
        raise Died

    commitments = scene.commitments()
    line = commitments.line

    @contextmanager
    def cut():
        with line() as opened:
            opened.ask = die
            yield opened

    commitments.line = cut
    with pytest.raises(Died):
        scene.ask(Ways(commitments))
    assert len(scene.store.rows(CommitmentRow)) == 1
    scene.later(600)
    scene.ask()
    assert len(scene.pacs.requests) == 1
    assert scene.store.row(DeliveryRow).asks == 1


@pytest.fixture
def cloud():
    server = StowServer()
    yield server
    server.stop()


def over_the_web(server: StowServer) -> tuple[StowSender, Ways]:
    destination = Destination(name="pacs", kind="dicomweb", url=server.url, ask=("find",))
    there = DicomWeb(WebPlace(destination, Path()), WAITS)
    return StowSender(there), Ways(counts=PeerCounts(WebRemote(there), "QIDO-RS search"))


def test_a_dicomweb_archive_is_counted_by_a_search(scene, cloud):
    sender, ways = over_the_web(cloud)
    assert scene.send(sender) == 1
    assert scene.ask(ways) == 1
    assert scene.state() == "receipted"
    assert scene.delivery()["receipt"] == (
        "pacs vouches for all of it, by a QIDO-RS search that lists its instances"
    )


def test_what_a_dicomweb_archive_lost_is_named_and_only_it_is_sent_again(scene, cloud):
    sender, ways = over_the_web(cloud)
    scene.send(sender)
    lost = scene.uids[1]
    del cloud.kept[lost]
    scene.ask(ways)
    assert scene.state() == "sent", "it may only be late with its list"
    scene.later(COUNT_S)
    scene.ask(ways)
    assert scene.missing() == [lost]
    cloud.requests.clear()
    scene.later(3600)
    scene.send(sender)
    assert cloud.requests == [[lost]]
    scene.later(COUNT_S)
    scene.ask(ways)
    assert scene.state() == "receipted"


@pytest.mark.parametrize(("count", "state"), [(4, "receipted"), (3, "sent")])
def test_a_dicomweb_archive_that_lists_no_instances_is_counted_by_its_own_number(
    scene, cloud, count, state
):
    sender, ways = over_the_web(cloud)
    scene.send(sender)
    cloud.lists_instances, cloud.count = False, count
    scene.ask(ways)
    assert scene.state() == state


def test_a_dicomweb_archive_that_searches_nothing_vouches_for_nothing(scene, cloud):
    sender, ways = over_the_web(cloud)
    scene.send(sender)
    cloud.status = 501
    scene.ask(ways)
    assert scene.state() == "sent"
    assert "answered 501 to a search" in scene.delivery()["receipt"]
