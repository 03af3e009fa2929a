"""What the rules let go is deleted, rows and files; what was decided stays, and what comes again is
received again."""

from dataclasses import replace

import pytest
import structlog
from sqlalchemy import select

from dicom_node.archive.upkeep import Holdings, kept_whole
from dicom_node.db import ConflictRow, DeliveryRow, JobRow, StudyRow
from dicom_node.retention import Keep, plan
from dicom_node.values import DeliveryState, JobState, StudyState
from tests.dicom_node.archive.objects import instance, series_uid, study_uid
from tests.dicom_node.retention.shelf import KEEP

RULE = "retention.received_days = 30"


def weight(shelf) -> int:
    with shelf.database.reading() as session:
        return Holdings(session).size()


def planned(shelf, keep=KEEP, days: float = 40) -> dict[str, tuple]:
    with shelf.database.reading() as session:
        found = plan(session, shelf.after(days), keep)
        return {one.holding.uid: one.verdict for one in found}


def test_an_old_study_goes_with_rows_files_and_folder(shelf):
    shelf.add("old")
    assert shelf.tick() == 1
    assert shelf.named() == shelf.files() == shelf.doomed() == shelf.folders() == set()
    assert shelf.tick() == 0
    assert weight(shelf) == 0


def test_what_lies_apart_goes_with_its_study(shelf):
    shelf.add("old")
    shelf.store.keep(instance("old", number=1, PatientID="TEST-2"))
    shelf.route("old")
    assert len(shelf.store.rows(ConflictRow)) == 1
    assert shelf.tick() == 1
    assert shelf.files() == shelf.named() == set()


def test_a_young_study_stays_whole(shelf):
    shelf.add("young")
    before = shelf.files()
    assert shelf.tick(days=29) == 0
    assert shelf.files() == shelf.named() == before
    assert len(before) == 5


def test_nothing_is_deleted_where_no_key_says_so(shelf):
    shelf.add("old")
    assert shelf.tick(days=10_000, keep=Keep()) == 0
    assert len(shelf.files()) == 5


@pytest.mark.parametrize(
    ("keep", "left"), [(Keep(received_days=30), "made"), (Keep(made_days=30), "received")]
)
def test_what_was_received_and_what_was_made_go_each_by_its_own_age(shelf, keep, left):
    shelf.add("old")
    assert shelf.tick(keep=keep) == 1
    assert shelf.tick(keep=keep) == 0
    series = {one["series_uid"]: one["instances"] for one in shelf.why("old")["series"]}
    expected = {"received": 3 * (left == "received"), "made": 2 * (left == "made")}
    assert series == {
        series_uid("old"): expected["received"],
        series_uid("old", "made"): expected["made"],
    }
    assert shelf.files() == shelf.named()
    assert shelf.tick(keep=KEEP) == 1
    assert shelf.files() == set()


@pytest.mark.parametrize(
    "hold",
    [
        lambda shelf: shelf.deliveries("one", DeliveryState.WAITING),
        lambda shelf: shelf.deliveries("one", DeliveryState.SENDING),
        lambda shelf: shelf.deliveries("one", DeliveryState.FAILED),
        lambda shelf: shelf.jobs("one", JobState.WAITING),
        lambda shelf: shelf.jobs("one", JobState.RUNNING),
        lambda shelf: shelf.jobs("one", JobState.HELD),
        lambda shelf: shelf.store.keep(instance(number=9)),
    ],
)
@pytest.mark.parametrize("keep", [KEEP, Keep(max_bytes=1)])
def test_what_is_not_finished_stays_and_does_not_hold_up_the_others(shelf, hold, keep):
    shelf.add("one")
    shelf.add("two")
    hold(shelf)
    assert shelf.tick(keep=keep) == 1
    assert shelf.why("two")["deleted"]
    assert shelf.why("one")["deleted"] == []
    assert shelf.files() == shelf.named()
    assert len(shelf.files()) >= 5


def test_what_changes_between_the_look_and_the_deletion_counts(shelf, monkeypatch):
    shelf.add("one")
    shelf.jobs("one", JobState.FAILED)
    page = Holdings.page

    def meanwhile(self, *arguments):
        found = page(self, *arguments)
        shelf.jobs("one", JobState.WAITING)
        return found

    monkeypatch.setattr(Holdings, "page", meanwhile)
    assert shelf.tick() == 0
    assert len(shelf.named()) == 5


def test_a_study_of_which_somebody_has_a_job_in_hand_is_left_for_later(shelf):
    """On PostgreSQL two may write at once; nobody waits for the other."""
    shelf.add("one")
    if shelf.dialect == "sqlite":
        pytest.skip("SQLite lets one write at a time")
    with shelf.database.transaction() as session:
        session.scalars(select(JobRow.id).with_for_update()).all()
        assert shelf.tick() == 0
    assert shelf.tick() == 1


def test_what_was_decided_is_still_told_after_it_is_gone(shelf):
    shelf.add("old")
    before = shelf.why("old")
    shelf.tick()
    after = shelf.why("old")
    for kept in ("state", "rules", "jobs", "deliveries", "evidence"):
        assert after[kept] == before[kept]
    assert after["jobs"][0]["series_uids"] == [series_uid("old", "made")]
    assert [one["instances"] for one in after["series"]] == [0, 0]
    told = [(one["what"], one["instances"], one["rule"]) for one in after["deleted"]]
    assert told == [("received", 3, RULE), ("made", 2, "retention.made_days = 30")]
    assert after["deleted"][0]["deleted_at"] == shelf.after(40).isoformat()


def test_a_study_that_is_sent_again_is_received_again_as_new(shelf):
    shelf.add("old")
    shelf.tick()
    for number in range(3):
        shelf.store.keep(instance("old", number=number))
    (row,) = shelf.store.rows(StudyRow)
    assert (row.state, row.erased_at) == (StudyState.RECEIVING, None)
    assert shelf.files() == shelf.named()
    assert len(shelf.files()) == 3
    shelf.route("old")
    assert shelf.tick(days=80) == 1
    assert [one["instances"] for one in shelf.why("old")["deleted"]] == [3, 2, 3]
    assert shelf.files() == shelf.named() == set()


def test_a_full_archive_loses_its_oldest_studies_until_it_is_small_enough(shelf):
    for day in range(5):
        shelf.add(f"study {day}")
        shelf.store.now = shelf.after(1)
    total = weight(shelf)
    keep = Keep(max_bytes=int(total * 0.7))
    assert shelf.tick(days=10, keep=keep) == 2
    gone = [day for day in range(5) if shelf.why(f"study {day}")["deleted"]]
    assert gone == [0, 1]
    assert weight(shelf) <= keep.max_bytes
    assert shelf.tick(days=10, keep=keep) == 0
    assert "retention.max_gb" in shelf.why("study 0")["deleted"][0]["rule"]


def test_a_full_archive_of_which_nothing_may_go_says_so_once(shelf):
    shelf.add("one")
    shelf.deliveries("one", DeliveryState.FAILED)
    stage = shelf.stage(Keep(max_bytes=1))
    with structlog.testing.capture_logs() as told:
        for _ in range(4):
            assert stage.tick(shelf.after(40)) == 0
    (warning,) = [one for one in told if one["log_level"] == "warning"]
    assert warning["event"] == "archive over its limit"
    assert "retention plan" in warning["why"]


def test_a_tick_does_a_bounded_number_of_studies_and_the_next_goes_on(shelf):
    for number in range(23):
        shelf.add(f"study {number}", received_ones=1, made=0)
    stage = shelf.stage()
    assert [stage.tick(shelf.after(40)) for _ in range(3)] == [20, 3, 0]
    assert shelf.files() == set()


def test_studies_that_must_stay_are_passed_over_page_by_page(shelf, monkeypatch):
    monkeypatch.setattr("dicom_node.archive.upkeep.holdings._PAGE", 2)
    for number in range(5):
        shelf.add(f"study {number}", received_ones=1, made=1)
        shelf.store.now = shelf.after(0.01)
        if number < 4:
            shelf.deliveries(f"study {number}", DeliveryState.FAILED)
    stage = shelf.stage()
    assert [stage.tick(shelf.after(40)) for _ in range(3)] == [0, 0, 1]
    shelf.deliveries("study 0", DeliveryState.RECEIPTED)
    assert [stage.tick(shelf.after(40)) for _ in range(3)].count(1) == 1


def test_the_plan_tells_what_the_stage_does_and_writes_nothing(shelf):
    for number in range(4):
        shelf.add(f"study {number}")
        shelf.store.now = shelf.after(1)
    shelf.deliveries("study 1", DeliveryState.FAILED)
    keep = replace(KEEP, max_bytes=int(weight(shelf) / 2))
    told = planned(shelf, keep, days=26.5)
    files = shelf.files()
    goes = {uid: [one.rule for one in verdict.going] for uid, verdict in told.items()}
    limit = f"retention.max_gb = {keep.max_bytes / 1e9:g}"
    assert goes == {
        study_uid("study 0"): [RULE, "retention.made_days = 30"],
        study_uid("study 1"): [],
        study_uid("study 2"): [limit, limit],
        study_uid("study 3"): [],
    }
    assert "failed for pacs" in told[study_uid("study 1")].stays[0]
    assert shelf.files() == files
    stage = shelf.stage(keep)
    assert stage.tick(shelf.after(26.5)) == 2
    assert {uid for uid, rules in goes.items() if rules} == {
        study_uid(f"study {n}") for n in range(4) if shelf.why(f"study {n}")["deleted"]
    }


def test_while_a_backup_runs_rows_may_go_and_files_stay(shelf):
    shelf.add("old")
    files = shelf.files()
    with kept_whole(shelf.folder), kept_whole(shelf.folder):
        assert shelf.tick() == 1
        assert (shelf.named(), shelf.files()) == (set(), files)
    assert shelf.erase() == 5
    assert shelf.files() == set()


def test_a_delivery_keeps_its_count_when_its_objects_are_gone(shelf):
    shelf.add("old")
    (before,) = shelf.why("old")["deliveries"]
    shelf.tick()
    assert shelf.why("old")["deliveries"] == [before]
    assert before["total"] == 2
    assert len(shelf.store.rows(DeliveryRow)) == 1


def test_the_log_names_study_rule_and_counts_and_no_patient(shelf):
    shelf.add("old")
    with structlog.testing.capture_logs() as told:
        shelf.tick()
    first = next(one for one in told if one["event"] == "objects deleted")
    assert (first["study_uid"], first["instances"], first["rule"]) == (study_uid("old"), 3, RULE)
    assert "TEST-1" not in str(told)
