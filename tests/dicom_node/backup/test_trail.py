"""The audit trail in a backup: whole at one moment, put back as it was, and told of."""

import json
import shutil
from datetime import UTC, datetime, timedelta

import pytest

from dicom_node.audit import AuditStage, KnownEnd
from dicom_node.audit.here import journal_of
from dicom_node.audit.journal import Head, Journal, NewLine, read_head, verify
from dicom_node.audit.journal.head import files_in
from dicom_node.audit.journal.lock import OneWriter
from dicom_node.audit.syslog import Position
from dicom_node.backup import open_backup
from dicom_node.backup.read import check
from dicom_node.errors import BackupDamaged, JournalBroken
from tests.support.trail import Told

T0 = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
KINDS = pytest.mark.parametrize("name", ["backups", "node.tar"])
SMALL = 2000


def tell(site, count: int, file_bytes: int = SMALL) -> Journal:
    journal = Journal(site.trail, file_bytes)
    for number in range(count):
        journal.append([NewLine(f"<message number='{number}'>{'x' * 200}</message>", T0)])
    return journal


def in_trail(site) -> dict[str, bytes]:
    return {
        str(path.relative_to(site.trail)): path.read_bytes()
        for path in site.trail.rglob("*")
        if path.is_file() and "lock" not in path.name
    }


@pytest.fixture
def told(site):
    """With lines in several files, a receiver, and bytes that a power cut left."""
    site.add(1)
    journal = tell(site, 12)
    with (site.trail / files_in(site.trail)[-1]).open("ab") as file:
        file.write(b"torn")
    journal.append([NewLine("<after/>", T0)])
    Position(site.trail, "arr").write(read_head(site.trail))
    (site.trail / "configuration.json").write_text("{}")
    assert len(files_in(site.trail)) > 2
    return site


@KINDS
def test_the_trail_is_back_and_holds_and_says_that_it_was_restored(told, tmp_path, name):
    before, end = in_trail(told), read_head(told.trail)
    place = told.backup(tmp_path / name).place
    check(open_backup(place), lambda _: None)
    told.destroy()
    told.restore(place)
    verdict = verify(told.trail, end.link)
    assert (verdict.holds, verdict.why) == (True, "")
    assert verdict.lines == end.link.seq + 1
    after = in_trail(told)
    assert set(after) == set(before)
    assert {"configuration.json", "head.json", "sent-arr.json"} < set(before)
    assert any(one.startswith("apart/") for one in before)
    last = max(one for one in before if one.endswith(".jsonl"))
    new = after[last].removeprefix(before[last])
    line = Told.of(json.loads(new)["message"])
    assert (line.kind, line.outcome) == ("Use of Restricted Function", "0")
    assert "anna@host" in line.people
    said = line.details["Alert Description"]
    assert said.startswith("the node was restored from the backup of 20")
    assert f"it ends with line {end.link.seq};" in said
    unchanged = set(before) - {last, "head.json"}
    assert {one: after[one] for one in unchanged} == {one: before[one] for one in unchanged}


def test_files_that_do_not_grow_any_more_are_shared_with_the_earlier_backup(told):
    files = files_in(told.trail)
    first = told.backup()
    second = told.backup()
    assert second.linked == first.linked + len(in_trail(told)) - 3 + 1, "and one object"
    for name in files:
        kept = second.place / "data/audit" / name
        assert kept.samefile(first.place / "data/audit" / name)
    tell(told, 1)
    third = told.backup()
    names = files_in(told.trail)
    same = {one: (third.place / "data/audit" / one).stat().st_nlink for one in names}
    assert set(same.values()) == {1, 3}
    told.destroy()
    told.restore(third.place)
    assert verify(told.trail).holds


def test_what_was_changed_here_since_is_copied_as_it_is_now(told):
    told.backup()
    victim = told.trail / files_in(told.trail)[0]
    victim.write_bytes(victim.read_bytes().replace(b"number='0'", b"number='9'", 1))
    place = told.backup().place
    assert (place / "data/audit" / victim.name).read_bytes() == victim.read_bytes()


def look(site) -> None:
    """Hold the trail against the database, as a start and every second of a node do."""
    database = site.database()
    AuditStage(site.settings, site.copied_audit(), database).hold(datetime.now(UTC))
    database.close()


def known(site):
    database = site.database()
    end = KnownEnd(database).read()
    database.close()
    return end.link


@KINDS
def test_a_restored_trail_is_no_false_alarm_and_what_is_deleted_then_is_one(site, tmp_path, name):
    """The database is that of the moment before; so it never knows more than the journal has."""
    site.add(1)
    journal = tell(site, 12)
    look(site)

    def meanwhile(_done, _total):
        journal.append([NewLine("<meanwhile/>", T0)])
        look(site)

    place = site.backup(tmp_path / name, progress=meanwhile).place
    before = known(site)
    site.destroy()
    site.restore(place)
    assert known(site).seq <= 13 < before.seq
    assert verify(site.trail, known=known(site)).holds
    look(site)
    verdict = verify(site.trail, known=known(site))
    assert verdict.holds
    assert known(site) == verdict.last
    assert "Audit Recording Stopped" not in "".join(map(repr, in_trail(site).values()))
    shutil.rmtree(site.trail)
    assert not verify(site.trail, known=known(site)).holds


@KINDS
def test_lines_that_come_meanwhile_are_in_the_next_one(told, tmp_path, name):
    end = read_head(told.trail)
    journal, ticked = Journal(told.trail, SMALL), []

    def meanwhile(_done, _total):
        ticked.append(journal.append([NewLine("<meanwhile/>", T0)]))

    place = told.backup(tmp_path / name, progress=meanwhile).place
    assert len(ticked) > 3
    told.destroy()
    told.restore(place)
    assert verify(told.trail, end.link).lines == end.link.seq + 1


def test_a_byte_of_the_trail_that_is_wrong_in_the_backup_is_found_by_check(told):
    place = told.backup().place
    for name in ("head.json", "sent-arr.json", files_in(told.trail)[0]):
        victim = place / "data/audit" / name
        good = victim.read_bytes()
        victim.write_bytes(good[:-2] + b"?" + good[-1:])
        with pytest.raises(BackupDamaged, match=name):
            check(open_backup(place), lambda _: None)
        victim.write_bytes(good)


def test_a_receiver_goes_on_where_it_was_and_misses_nothing(told):
    """What it had of the time after the backup bears numbers that come again."""
    place = told.backup().place
    sent = Position(told.trail, "arr").read()
    tell(told, 5)
    Position(told.trail, "arr").write(read_head(told.trail))
    told.destroy()
    told.restore(place)
    back = Position(told.trail, "arr").read()
    assert back == sent
    assert back.link.seq < read_head(told.trail).link.seq, "the line of the restore is to be sent"


def test_a_receiver_is_never_further_than_the_head_in_the_same_backup(told, monkeypatch):
    """Who copied its place later would have it skip lines that are told after a restore."""
    place, wait = [], OneWriter._wait

    def then(self, descriptor, deadline):
        wait(self, descriptor, deadline)
        place.append(json.loads((told.trail / "head.json").read_bytes())["seq"])

    monkeypatch.setattr(OneWriter, "_wait", then)

    def meanwhile(_done, _total):
        tell(told, 1)
        Position(told.trail, "arr").write(read_head(told.trail))

    kept = told.backup(progress=meanwhile).place / "data/audit"
    head, sent = (json.loads((kept / f"{n}.json").read_bytes()) for n in ("head", "sent-arr"))
    assert sent["seq"] <= head["seq"] == place[0]


def test_old_lines_are_not_deleted_while_a_backup_copies_them(plain):
    plain.add(1)
    (plain.conf / "node.toml").write_text(
        (plain.conf / "node.toml").read_text() + "\n[audit]\nkeep_days = 1\nfile_mb = 1\n"
    )
    tell(plain, 12)
    count, moved = len(files_in(plain.trail)), []
    database = plain.database()
    stage = AuditStage(plain.settings, plain.copied_audit(), database)
    later = datetime.now(UTC) + timedelta(days=3)
    place = plain.backup(progress=lambda *_: moved.append(stage.tick(later))).place
    assert set(moved) == {0}
    assert len(files_in(place / "data/audit")) == count
    assert stage.tick(later) == 1
    database.close()


def test_with_the_audit_off_a_restore_writes_no_line(plain):
    plain.add(1)
    tell(plain, 3)
    place = plain.backup().place
    text = (plain.conf / "node.toml").read_text() + "\n[audit]\non = false\n"
    (plain.conf / "node.toml").write_text(text)
    plain.destroy()
    plain.restore(place)
    assert verify(plain.trail).lines == 3


def test_a_node_without_a_trail_has_one_line_after_a_restore(plain):
    plain.add(1)
    place = plain.backup().place
    plain.destroy()
    plain.restore(place)
    assert verify(plain.trail).lines == 1


def test_a_restore_that_cannot_write_its_line_is_not_finished(told, monkeypatch):
    place = told.backup().place
    told.destroy()

    def full(_self, _lines):
        raise JournalBroken("the disk is full")

    monkeypatch.setattr(Journal, "append", full)
    with pytest.raises(JournalBroken):
        told.restore(place)
    monkeypatch.undo()
    told.restore(place)
    assert verify(told.trail).holds
    assert isinstance(read_head(journal_of(told.settings).folder), Head)
