"""What is recorded is in the journal when the call returns, whatever state the disk is in."""

import threading
from datetime import timedelta
from pathlib import Path

import pytest

from dicom_node.audit import AuditStage, Remote, Silence, alerts, audit_of, recorder
from dicom_node.audit.journal.head import files_in
from dicom_node.errors import JournalBroken
from dicom_node.settings import load_settings
from tests.support.audit_samples import AT, NURSE, samples
from tests.support.trail import Trail, told_in


class Clock:
    def __init__(self) -> None:
        self.time = AT

    def __call__(self):
        return self.time


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def trail(tmp_path, clock):
    return Trail(tmp_path, now=clock)


def test_events_are_in_the_journal_when_the_call_returns_in_their_order(trail):
    trail.audit.record(*samples().values())
    names = [one.event for one in trail.told()]
    assert len(names) == len(samples())
    assert names[:3] == ["Application Activity", "Application Activity", "Audit Log Used"]
    assert {one.source for one in trail.told()} == {"NODE-1"}


def test_an_audit_that_is_off_does_nothing_and_says_so(tmp_path):
    (tmp_path / "node.toml").write_text("[audit]\non = false\n")
    settings = load_settings(tmp_path, {})
    audit = audit_of(settings, lambda: AT)
    assert audit == Silence()
    assert not audit.on
    audit.record(*samples().values())
    audit.flush(None)
    assert not (settings.data / "audit").exists()


def broken(monkeypatch):
    """Make the disk one that cannot be written."""

    def refuse(self, *_arguments, **_named):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", refuse)


def test_what_cannot_be_written_waits_and_nobody_else_has_to(trail, monkeypatch):
    trail.audit.record(alerts.application_started(AT, NURSE))
    broken(monkeypatch)
    trail.audit.record(alerts.audit_log_used(AT, NURSE, "file:///a"))
    trail.audit.record(alerts.audit_log_used(AT, NURSE, "file:///b"))
    monkeypatch.undo()
    trail.audit.flush(AT)
    assert [one.things for one in trail.told("Audit Log Used")] == [["file:///a"], ["file:///b"]]


def test_more_than_can_wait_is_lost_and_the_journal_says_how_much(trail, monkeypatch):
    monkeypatch.setattr(recorder, "_MOST_WAITING", 3)
    broken(monkeypatch)
    for number in range(5):
        trail.audit.record(alerts.audit_log_used(AT, NURSE, f"file:///{number}"))
    monkeypatch.undo()
    trail.audit.record(alerts.application_started(AT, NURSE))
    *first, started, alert = trail.told()
    assert [one.things[0] for one in first] == ["file:///0", "file:///1", "file:///2"]
    assert started.event == "Application Activity"
    assert (alert.kind, alert.outcome) == ("Audit Recording Stopped", "8")
    assert "2 messages could not be written" in alert.details["Alert Description"]


def test_a_torn_line_is_told_in_the_journal_itself(trail):
    trail.audit.record(alerts.application_started(AT, NURSE))
    name = files_in(trail.journal.folder)[0]
    with (trail.journal.folder / name).open("ab") as file:
        file.write(b'{"seq":2,')
    trail.audit.record(alerts.application_stopped(AT, NURSE))
    *_, alert = trail.told()
    assert alert.kind == "Audit Recording Stopped"
    assert "9 bytes after line 1" in alert.details["Alert Description"]


def refused(number: int = 0):
    stranger = Remote(f"STRANGER{number}", f"STRANGER{number}", "192.0.2.66")
    return alerts.node_refused(AT, stranger, "nobody knows it")


def test_the_same_refusal_a_thousand_times_is_told_once_a_minute_with_a_count(trail, clock):
    for _ in range(1000):
        trail.audit.record(refused())
    assert len(trail.told()) == 1
    trail.audit.flush(clock.time)
    assert len(trail.told()) == 1
    clock.time += timedelta(minutes=1)
    trail.audit.flush(clock.time)
    first, rest = trail.told()
    assert "Repeated" not in first.details
    assert rest.details["Repeated"].startswith("999 times since 2026-01-02T03:04:05")
    trail.audit.record(refused())
    assert len(trail.told()) == 3


def test_a_refusal_after_a_minute_brings_the_count_of_the_minute_with_it(trail, clock):
    trail.audit.record(refused(), refused())
    clock.time += timedelta(minutes=2)
    trail.audit.record(refused())
    assert [one.details.get("Repeated", "")[:7] for one in trail.told()] == ["", "1 times", ""]


def test_what_was_only_counted_is_told_when_the_node_stops(trail):
    trail.audit.record(refused(), refused(), refused())
    trail.audit.flush(None)
    assert trail.told()[-1].details["Repeated"].startswith("2 times")


def test_different_refusals_are_told_each_until_there_are_too_many(trail):
    trail.audit.record(*(refused(number) for number in range(5000)))
    assert len(trail.told()) == 101
    trail.audit.flush(None)
    assert trail.told()[-1].details["Repeated"].startswith("4899 times")


def test_other_events_are_never_only_counted(trail):
    for _ in range(3):
        trail.audit.record(samples()["query"])
    assert len(trail.told()) == 3


def test_threads_record_at_once_and_nothing_is_lost(trail):
    def record(number: int) -> None:
        for part in range(10):
            trail.audit.record(alerts.audit_log_used(AT, NURSE, f"file:///{number}/{part}"))

    threads = [threading.Thread(target=record, args=(number,)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({one.things[0] for one in trail.told()}) == 50


def test_the_stage_tells_what_was_counted_and_deletes_what_is_old(tmp_path, clock, database):
    (tmp_path / "node.toml").write_text("[audit]\nkeep_days = 5\nfile_mb = 1\n")
    settings = load_settings(tmp_path, {})
    audit = audit_of(settings, clock)
    stage, folder = AuditStage(settings, audit, database), settings.data / "audit"
    audit.record(refused(), refused())
    for _ in range(60):
        audit.record(samples()["query, long"])
    assert len(files_in(folder)) == 2
    later = AT.now(AT.tzinfo) + timedelta(days=6)
    assert stage.tick(later) == 1
    assert stage.tick(later) == 0
    *_, deleted = told_in(folder)
    assert deleted.kind == "Use of Restricted Function"
    assert "older than audit.keep_days" in deleted.details["Alert Description"]
    assert any("Repeated" in one.details for one in told_in(folder))


def test_what_a_receiver_has_not_got_is_kept_however_old(tmp_path, clock, database):
    receiver = '[[audit.receiver]]\nname = "arr"\nhost = "localhost"\n'
    (tmp_path / "node.toml").write_text(f"[audit]\nkeep_days = 5\nfile_mb = 1\n{receiver}")
    settings = load_settings(tmp_path, {})
    audit = audit_of(settings, clock)
    for _ in range(60):
        audit.record(samples()["query, long"])
    later = AT.now(AT.tzinfo) + timedelta(days=6)
    assert AuditStage(settings, audit, database).tick(later) == 0


def test_threads_that_record_at_once_share_one_sync_and_one_finding(trail, monkeypatch):
    trail.audit.record(alerts.application_started(AT, NURSE))
    with (trail.journal.folder / files_in(trail.journal.folder)[0]).open("ab") as file:
        file.write(b"torn")
    held, real, appends = threading.Event(), trail.journal.append, []

    def append(lines):
        appends.append(len(lines))
        if len(appends) == 1:
            held.wait(10)
        return real(lines)

    monkeypatch.setattr(trail.journal, "append", append)
    threads = [
        threading.Thread(target=trail.audit.record, args=(samples()["query"],)) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    while len(trail.audit._group._queue) < 7:
        threads[0].join(0.01)
    held.set()
    for thread in threads:
        thread.join()
    assert sorted(appends) == [1, 1, 7], "one, the seven that waited, and the alert"
    assert len(trail.told("Query")) == 8
    assert len(trail.told("Security Alert")) == 1


def test_a_trail_that_is_not_there_or_cannot_be_locked_is_no_bug(tmp_path, clock, database):
    settings = load_settings(tmp_path, {})
    stage = AuditStage(settings, audit_of(settings, clock), database)
    assert stage.tick(clock.time) == 0
    (settings.data / "audit" / "erase.lock").mkdir(parents=True)
    with pytest.raises(JournalBroken, match="cannot be written"):
        stage.tick(clock.time)
