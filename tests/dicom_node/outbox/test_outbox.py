"""Deliveries: each instance until it is answered with success, and no more often; on both."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import timedelta
from threading import Barrier

import pytest

from dicom_node.db import DeliveryItemRow, DeliveryRow
from dicom_node.errors import LeaseLost
from dicom_node.lease import Lease, process_owner
from dicom_node.outbox import Outbox
from dicom_node.values import Delivery, DeliveryState, Origin
from tests.dicom_node.archive.objects import Store, instance, received, series_uid, study_uid

US = Lease(process_owner(), 30.0)
ELSEWHERE = Lease("another-host/boot/1/1", 30.0)
SUCCESS, REFUSED, FULL = 0x0000, 0xA900, 0xA700


@dataclass
class Box:
    """Steps of :class:`Outbox`, each committed."""

    store: Store

    def do(self, step, *arguments):
        with self.store.database.transaction() as session:
            return step(Outbox(session, self.store.files.folder), *arguments)

    def make(self, series: str = "made", study: str = "one", count: int = 3) -> str:
        """Enter a series as a worker does; return its UID."""
        self.store.keep(instance(study))
        made = [instance(study, series, number) for number in range(count)]
        entries = [self.store.archive.place(received(ds, origin=Origin.MADE)) for ds in made]
        with self.store.database.transaction() as session:
            self.store.archive.enter(session, entries)
        return series_uid(study, series)

    def add(self, uid: str, *destinations: str, study: str = "one") -> int:
        return self.do(Outbox.add, study_uid(study), uid, destinations, self.store.now)

    def claim(self, destination: str = "pacs", lease: Lease = US) -> Delivery | None:
        return self.do(Outbox.claim, destination, self.store.now, lease)

    def answer(self, delivery: Delivery, *statuses: int) -> None:
        uids = [one.sop_instance_uid for one in delivery.unsent]
        self.do(Outbox.answered, delivery, dict(zip(uids, statuses, strict=False)), self.store.now)

    def delivery(self) -> DeliveryRow:
        return self.store.row(DeliveryRow)

    def later(self, seconds: float) -> None:
        self.store.now += timedelta(seconds=seconds)


@pytest.fixture
def box(store):
    return Box(store)


def test_a_series_is_queued_once_for_each_destination(box):
    uid = box.make()
    assert box.add(uid, "pacs", "share") == 2
    assert box.add(uid, "share", "pacs", "planning") == 1
    rows = box.store.rows(DeliveryRow)
    assert sorted(row.destination for row in rows) == ["pacs", "planning", "share"]
    assert {(row.state, row.series_uid, row.attempts) for row in rows} == {("waiting", uid, 0)}
    assert len(box.store.rows(DeliveryItemRow)) == 9
    assert box.do(Outbox.series_made, study_uid()) == [uid]


def test_many_that_queue_the_same_at_once_queue_it_once(box):
    uid, at_once = box.make(), Barrier(6)

    def add(_):
        at_once.wait()
        return box.add(uid, "pacs")

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(add, range(6))) == 1
    assert len(box.store.rows(DeliveryItemRow)) == 3


def test_a_claim_hands_out_every_file_of_the_series(box):
    uid = box.make()
    box.add(uid, "pacs")
    assert box.do(Outbox.anything, "pacs", box.store.now)
    delivery = box.claim()
    assert (delivery.series_uid, delivery.destination, delivery.state) == (uid, "pacs", "sending")
    assert (delivery.attempts, delivery.token, delivery.total) == (1, 1, 3)
    assert [one.series_uid for one in delivery.unsent] == [uid] * 3
    assert all(one.path.is_file() for one in delivery.unsent)
    assert box.claim() is None
    assert not box.do(Outbox.anything, "pacs", box.store.now)


def test_destinations_do_not_wait_for_each_other(box):
    box.add(box.make(), "pacs", "share")
    assert box.claim("pacs") is not None
    assert box.claim("share") is not None
    assert box.claim("planning") is None


def test_what_is_due_longest_goes_first(box):
    uids = []
    for series in ("x", "y", "z"):
        uids.append(box.make(series))
        box.add(uids[-1], "pacs")
        box.later(1)
    first = box.claim()
    box.do(Outbox.later, first, box.store.now + timedelta(seconds=10), "away")
    claimed = [box.claim().series_uid for _ in range(2)]
    box.later(10)
    assert [first.series_uid, *claimed, box.claim().series_uid] == [*uids, uids[0]]


def test_it_is_sent_when_every_instance_was_answered_with_success(box):
    box.add(box.make(), "pacs")
    delivery = box.claim()
    box.answer(delivery, SUCCESS, SUCCESS)
    with pytest.raises(LeaseLost, match="not answered 0000"):
        box.do(Outbox.sent, delivery)
    assert box.delivery().state == DeliveryState.SENDING
    box.do(Outbox.answered, delivery, {delivery.unsent[2].sop_instance_uid: SUCCESS}, box.store.now)
    box.do(Outbox.sent, delivery)
    row = box.delivery()
    assert (row.state, row.error, row.lease_owner) == (DeliveryState.SENT, None, None)
    assert {item.sent_at for item in box.store.rows(DeliveryItemRow)} == {box.store.now}
    box.later(10**6)
    assert box.do(Outbox.reclaim, box.store.now) == 0
    assert box.claim() is None


@pytest.mark.parametrize("status", [REFUSED, FULL, 0xB000, 0xC001, 0x0110])
def test_any_other_answer_is_no_success(box, status):
    box.add(box.make(count=1), "pacs")
    delivery = box.claim()
    box.answer(delivery, status)
    item = box.store.row(DeliveryItemRow)
    assert (item.status, item.sent_at) == (status, None)
    with pytest.raises(LeaseLost):
        box.do(Outbox.sent, delivery)


def test_only_what_failed_is_sent_again(box):
    box.add(box.make(count=4), "pacs")
    delivery = box.claim()
    box.answer(delivery, SUCCESS, REFUSED, SUCCESS)  # the fourth was not answered at all
    box.do(Outbox.later, delivery, box.store.now + timedelta(seconds=2), "pacs answered 0xA900")
    assert box.delivery().error == "pacs answered 0xA900"
    assert box.claim() is None
    box.later(2)
    again = box.claim()
    assert again.unsent == (delivery.unsent[1], delivery.unsent[3])
    assert (again.attempts, again.total) == (2, 4)
    box.answer(again, SUCCESS, SUCCESS)
    box.do(Outbox.sent, again)
    assert box.delivery().state == DeliveryState.SENT


def test_a_delivery_that_is_given_up_is_left_alone(box):
    box.add(box.make(), "pacs")
    box.do(Outbox.failed, box.claim(), "refused five times")
    assert (box.delivery().state, box.delivery().error) == ("failed", "refused five times")
    box.later(10**6)
    assert box.claim() is None


STEPS = {
    "answered": lambda box, delivery: box.answer(delivery, SUCCESS, SUCCESS, SUCCESS),
    "renew": lambda box, delivery: box.do(Outbox.renew, delivery, box.store.now, US),
    "sent": lambda box, delivery: box.do(Outbox.sent, delivery),
    "later": lambda box, delivery: box.do(Outbox.later, delivery, box.store.now, "away"),
    "failed": lambda box, delivery: box.do(Outbox.failed, delivery, "refused"),
}


@pytest.mark.parametrize("taken", [True, False], ids=["taken over", "only reclaimed"])
@pytest.mark.parametrize("step", STEPS)
def test_who_was_thought_dead_can_do_nothing_with_the_delivery_any_more(box, step, taken):
    box.add(box.make(), "pacs")
    delivery = box.claim(lease=ELSEWHERE)
    box.later(31)
    assert box.do(Outbox.reclaim, box.store.now) == 1
    if taken:
        assert box.claim().token == 2
    before = row_of(box)
    with pytest.raises(LeaseLost):
        STEPS[step](box, delivery)
    assert row_of(box) == before
    assert {item.sent_at for item in box.store.rows(DeliveryItemRow)} == {None}


def row_of(box) -> dict:
    row = box.delivery()
    return {column.name: getattr(row, column.name) for column in DeliveryRow.__table__.columns}


def test_a_lease_that_is_renewed_does_not_run_out(box):
    box.add(box.make(), "pacs")
    delivery = box.claim(lease=ELSEWHERE)
    for _ in range(3):
        box.later(20)
        box.do(Outbox.renew, delivery, box.store.now, ELSEWHERE)
        assert box.do(Outbox.reclaim, box.store.now) == 0
    box.later(31)
    assert box.do(Outbox.reclaim, box.store.now) == 1


def test_what_a_dead_process_was_sending_goes_on_where_it_stopped(box):
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    box.add(box.make(), "pacs", "share")
    delivery = box.claim("pacs", Lease(process_owner(process.pid), 30.0))
    held = box.claim("share")
    box.answer(delivery, SUCCESS)
    assert box.do(Outbox.reclaim, box.store.now) == 0
    process.communicate(b"\n")
    assert box.do(Outbox.reclaim, box.store.now) == 1
    assert box.claim("pacs").unsent == delivery.unsent[1:]
    box.do(Outbox.renew, held, box.store.now, US)


def test_a_delivery_that_ends_while_it_is_reclaimed_is_either_sent_or_reclaimed(box):
    box.add(box.make(), "pacs")
    delivery = box.claim(lease=ELSEWHERE)
    box.answer(delivery, SUCCESS, SUCCESS, SUCCESS)
    box.later(31)

    def sent() -> bool:
        try:
            box.do(Outbox.sent, delivery)
        except LeaseLost:
            return False
        return True

    with ThreadPoolExecutor(1) as pool:
        with box.store.database.transaction() as session:
            Outbox(session, box.store.files.folder).reclaim(box.store.now)
            ending = pool.submit(sent)
            wait([ending], timeout=0.5)  # it either ends now or stands behind the lock
        ended = ending.result(20)
    assert box.delivery().state == (DeliveryState.SENT if ended else DeliveryState.WAITING)


def test_two_that_claim_at_once_never_hold_the_same_delivery(box):
    uids = [box.make(f"series {number}", count=1) for number in range(20)]
    for uid in uids:
        box.add(uid, "pacs")
    at_once = Barrier(4)

    def work(_) -> list[str]:
        held = []
        at_once.wait()
        while box.do(Outbox.anything, "pacs", box.store.now):
            if (delivery := box.claim()) is not None:
                held.append(delivery.series_uid)
        return held

    with ThreadPoolExecutor(4) as pool:
        held = [uid for found in pool.map(work, range(4)) for uid in found]
    assert sorted(held) == sorted(uids)


@pytest.mark.parametrize("state", ["sent", "failed", "waiting"])
def test_what_is_asked_for_again_is_sent_again_whole(box, state):
    box.add(box.make(), "pacs", "share")
    delivery = box.claim()
    box.answer(delivery, SUCCESS, SUCCESS, SUCCESS)
    last = {
        "sent": lambda: box.do(Outbox.sent, delivery),
        "failed": lambda: box.do(Outbox.failed, delivery, "refused"),
        "waiting": lambda: box.do(Outbox.later, delivery, box.store.now, "away"),
    }
    last[state]()
    box.later(8 * 24 * 3600)
    assert box.do(Outbox.resend, study_uid(), "pacs", box.store.now) == 1
    again = box.claim()
    assert again.unsent == delivery.unsent
    assert (again.attempts, again.created_at, again.error) == (1, box.store.now, None)
    assert again.token == delivery.token + 1


def test_what_is_being_sent_is_not_asked_for_again(box):
    box.add(box.make(), "pacs")
    delivery = box.claim()
    assert box.do(Outbox.resend, study_uid(), "pacs", box.store.now) == 0
    box.answer(delivery, SUCCESS, SUCCESS, SUCCESS)
    box.do(Outbox.sent, delivery)


def test_asking_again_is_about_one_study_and_one_destination(box):
    box.add(box.make(study="one"), "pacs", "share")
    box.add(box.make(study="two"), "pacs", study="two")
    assert box.do(Outbox.resend, study_uid("two"), "share", box.store.now) == 0
    assert box.do(Outbox.resend, study_uid("two"), "pacs", box.store.now) == 1


def test_a_starting_node_takes_all_back_whoever_held_it(box):
    """A container that was made anew has another host's name, and nobody else sends."""
    box.add(box.make(), "pacs")
    box.claim(lease=ELSEWHERE)
    with box.store.database.transaction() as session:
        outbox = Outbox(session, box.store.files.folder)
        assert outbox.reclaim(box.store.now) == 0
        assert outbox.reclaim(box.store.now, all_of_them=True) == 1
    assert box.claim().token == 2


def test_a_lost_delivery_is_something_to_do(box):
    box.add(box.make(), "pacs")
    box.claim(lease=ELSEWHERE)
    assert not box.do(Outbox.anything, "pacs", box.store.now)
    box.later(31)
    assert box.do(Outbox.anything, "pacs", box.store.now)


def test_what_somebody_sent_under_our_series_is_not_sent_on(box):
    uid = box.make(count=2)
    box.store.keep(instance("one", "made", 9))
    box.add(uid, "pacs")
    assert box.claim().total == 2


def test_every_instance_is_known_with_its_last_answer_and_none_of_another_delivery(box):
    uid, other = box.make(), box.make("other")
    box.add(uid, "pacs", "share")
    box.add(other, "pacs")
    delivery = box.claim()
    box.answer(delivery, SUCCESS, REFUSED)
    found = box.do(Outbox.instances, delivery)
    assert [status for _, status in found] == [SUCCESS, REFUSED, None]
    assert {one.series_uid for one, _ in found} == {uid}
    assert all(one.path.is_file() for one, _ in found)


def test_what_was_cut_off_by_an_error_goes_on_at_once_where_the_same_process_asks_again(box):
    box.add(box.make(), "pacs", "share")
    delivery = box.claim("pacs")
    box.claim("share")
    box.answer(delivery, SUCCESS)
    now, mine = box.store.now, US.owner
    assert not box.do(Outbox.anything, "pacs", now)
    assert not box.do(Outbox.anything, "pacs", now, "another")
    assert box.do(Outbox.anything, "pacs", now, mine)
    with box.store.database.transaction() as session:  # of the other destination it sends still
        assert Outbox(session, box.store.files.folder).reclaim(now, mine=("pacs", mine)) == 1
    assert box.claim("pacs").unsent == delivery.unsent[1:]
