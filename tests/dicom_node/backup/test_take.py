"""A backup of a node that goes on working: whole, or not there."""

import os
import resource
import shutil
import threading
from datetime import UTC, datetime, timedelta
from functools import partial
from types import SimpleNamespace

import pytest

from dicom_node.archive.upkeep import ORPHANS
from dicom_node.backup import open_backup, target_at
from dicom_node.backup.copying import share_at, share_of
from dicom_node.backup.read import check, latest
from dicom_node.errors import BackupError, NodeError
from dicom_node.retention import Keep, RetentionStage
from tests.dicom_node.archive.objects import instance
from tests.support.killed import killed_at

MANY = 600


def is_whole(place) -> bool:
    check(open_backup(place), lambda _: None)
    return True


@pytest.mark.parametrize("name", ["backups", "node.tar"])
def test_everything_that_was_there_is_back_byte_for_byte(site, tmp_path, name):
    site.add(1, 2, 3)
    site.add(1, study="two")
    before = site.everything()
    taken = site.backup(tmp_path / name)
    assert (taken.lacking, taken.linked) == ((), 0)
    site.destroy()
    restored = site.restore(taken.place)
    assert site.everything() == before
    assert restored.files == taken.files
    assert site.faults() == []


def test_what_arrives_meanwhile_is_in_it_whole_or_not_at_all(site):
    """No row without its file, and all that was committed before it began."""
    site.add(*range(20))
    before = set(site.rows()["instance"])
    stop, sent = threading.Event(), []

    def send(study: str) -> None:
        while not stop.is_set():
            site.add(len(sent) + 1000, study=study)
            sent.append(study)

    senders = [threading.Thread(target=send, args=(f"new {n}",)) for n in range(2)]
    for sender in senders:
        sender.start()
    places = [site.backup().place for _ in range(3)]
    stop.set()
    for sender in senders:
        sender.join()
    assert sent
    last = set(site.rows()["instance"])
    for place in places:
        site.destroy()
        site.restore(place)
        assert site.faults() == []
        assert before <= set(site.rows()["instance"]) <= last


def test_what_retention_lets_go_meanwhile_is_in_it_all_the_same(site):
    site.add(1, 2, 3)
    database = site.database()
    with database.transaction() as session:
        from sqlalchemy import text

        session.execute(text("UPDATE study SET state = 'routed'"))
    stage = RetentionStage(database, site.archive, Keep(received_days=1))
    before = site.rows()
    ticked = []

    def meanwhile(_done, _total):
        if not ticked:
            ticked.append(stage.tick(datetime.now(UTC) + timedelta(days=3)))

    taken = site.backup(progress=meanwhile)
    assert (ticked, len(site.rows()["instance"]), len(site.files())) == ([1], 0, 3)
    stage.tick(datetime.now(UTC) + timedelta(days=3))
    assert site.files() == {}
    database.close()
    site.destroy()
    site.restore(taken.place)
    assert site.rows() == before
    assert len(site.files()) == 3
    assert site.faults() == []


def test_an_earlier_backup_is_shared_and_each_is_whole_without_the_other(site):
    site.add(1, 2)
    first = site.backup()
    site.add(3)
    second = site.backup()
    assert (first.linked, second.linked) == (0, 2)
    inodes = [{path.stat().st_ino for path in one.place.rglob("*.dcm")} for one in (first, second)]
    assert inodes[0] < inodes[1]
    archive = {path.stat().st_ino for path in site.paths()}
    assert not archive & inodes[1], "a link to the archive itself is no copy"
    before = site.everything()
    shutil.rmtree(first.place)
    site.destroy()
    site.restore(second.place)
    assert site.everything() == before


def test_where_there_are_no_hard_links_files_are_copied(plain, monkeypatch):
    def refused(*_):
        raise PermissionError(1, "Operation not permitted")

    plain.add(1)
    plain.backup()
    monkeypatch.setattr(os, "link", refused)
    second = plain.backup()
    assert second.linked == 0
    assert is_whole(second.place)


@pytest.mark.parametrize("fault", ["cut", "changed", "gone"])
def test_a_backup_that_is_not_whole_is_no_earlier_one(plain, fault):
    plain.add(1)
    manifest = plain.backup().place / "manifest.jsonl"
    content = manifest.read_bytes()
    if fault == "gone":
        manifest.unlink()
    else:
        manifest.write_bytes(content[:-40] if fault == "cut" else content.replace(b"0", b"1", 1))
    assert plain.backup().linked == 0


def test_a_file_of_the_earlier_backup_that_was_cut_is_copied_again(plain):
    plain.add(1)
    first = plain.backup()
    (file,) = first.place.rglob("*.dcm")
    file.write_bytes(file.read_bytes()[:-1])
    second = plain.backup()
    assert second.linked == 0
    assert second.renewed == (str(file.relative_to(first.place)),)
    assert is_whole(second.place)


def flip(file) -> None:
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


def test_a_changed_byte_in_a_shared_file_is_found_by_the_backup_whose_share_it_is(plain):
    """Others pass it on; the one of that hour takes it from the archive, and says so."""
    plain.add(1, 2, 3)
    place = plain.backup().place
    victim = sorted(place.rglob("*.dcm"))[1]
    good, name = victim.read_bytes(), str(victim.relative_to(place))
    (entry,) = [one for one in open_backup(place).entries() if one.path == name]
    flip(victim)
    hours = [datetime.now(UTC) + timedelta(hours=number) for number in range(29)]
    (due,) = [hour for hour in hours if share_at(hour) == share_of(entry)]
    other = plain.backup(now=next(hour for hour in hours if hour != due))
    assert (other.linked, other.renewed) == (3, ())
    with pytest.raises(BackupError, match="is not what its manifest says"):
        is_whole(other.place)
    found = plain.backup(now=due)
    assert (found.linked, found.renewed, found.lacking) == (2, (name,), ())
    assert (found.place / name).read_bytes() == good
    assert is_whole(found.place)


@pytest.mark.parametrize("hours", [1, 2, 6, 12, 24, 7 * 24, 30 * 24, 31 * 24])
def test_backups_at_any_usual_distance_have_read_every_share_after_29(hours):
    start = datetime(2026, 1, 2, 1, 15, tzinfo=UTC)
    times = [start + timedelta(hours=hours * number) for number in range(29)]
    assert {share_at(time) for time in times} == set(range(29))


def test_damage_in_backup_and_archive_both_is_named_as_both(plain):
    plain.add(1)
    place = plain.backup().place
    (victim,) = place.rglob("*.dcm")
    victim.unlink()
    (object_file,) = plain.paths()
    flip(object_file)
    taken = plain.backup()
    assert taken.renewed == (str(victim.relative_to(place)),)
    assert taken.lacking == (str(object_file.relative_to(plain.archive)),)


@pytest.mark.parametrize("name", ["backups", "node.tar"])
@pytest.mark.parametrize("fault", ["missing", "changed", "cut", "empty", "folder"])
def test_what_is_not_as_its_row_says_is_named_and_costs_nothing_else(plain, tmp_path, name, fault):
    plain.add(1, 2, 3)
    victim = plain.paths()[1]
    content = bytearray(victim.read_bytes())
    victim.unlink()
    if fault == "changed":
        content[-1] ^= 1
        victim.write_bytes(content)
    if fault in ("cut", "empty"):
        victim.write_bytes(content[: 50 if fault == "cut" else 0])
    if fault == "folder":
        victim.mkdir()
    taken = plain.backup(tmp_path / name)
    assert taken.lacking == (str(victim.relative_to(plain.archive)),)
    assert is_whole(taken.place)


@pytest.mark.parametrize("name", ["backups", "node.tar"])
def test_a_file_whose_disk_gives_no_more_of_it_is_named(plain, tmp_path, name, monkeypatch):
    plain.add(1, 2, 3)
    victim = plain.paths()[1]

    class Broken:
        def __init__(self, file):
            self._file = file

        def read(self, size=-1):
            if self._file.name == str(victim):
                raise OSError(5, "Input/output error")
            return self._file.read(size)

    from dicom_node.backup import copying

    hashing = copying.Hashing
    monkeypatch.setattr(copying, "Hashing", lambda file, skip: hashing(Broken(file), skip))
    taken = plain.backup(tmp_path / name)
    assert taken.lacking == (str(victim.relative_to(plain.archive)),)
    assert is_whole(taken.place)


def test_a_good_copy_of_the_earlier_backup_outlives_damage_and_a_bad_one_is_renewed(plain):
    plain.add(1)
    (victim,) = plain.paths()
    good = victim.read_bytes()
    bad = good[:-1] + b"?"
    plain.backup()
    victim.write_bytes(bad)
    second = plain.backup()
    assert (second.linked, second.lacking) == (1, ())
    shutil.rmtree(plain.backups)
    assert plain.backup().lacking
    victim.write_bytes(good)
    mended = plain.backup()
    assert (mended.linked, mended.lacking) == (0, ())
    assert next(mended.place.rglob("*.dcm")).read_bytes() == good


def test_a_file_that_a_sweep_holds_at_that_moment_is_copied(plain):
    plain.add(1, 2)
    for path, end in zip(plain.paths(), (".0f.swept", ".doomed"), strict=True):
        path.rename(path.with_name(path.name + end))
    taken = plain.backup()
    assert taken.lacking == ()
    assert len(list(taken.place.rglob("archive/**/*.dcm"))) == 2


def test_orphans_are_copied_too(plain):
    plain.add(1)
    orphan = plain.archive / ORPHANS / "aa" / "bb" / "x.dcm"
    orphan.parent.mkdir(parents=True)
    orphan.write_bytes(b"of nobody")
    place = plain.backup().place
    assert plain.backup().linked == 1
    plain.destroy()
    plain.restore(place)
    assert orphan.read_bytes() == b"of nobody"


SECRETS = {
    "tls/node.key": b"x",
    "tls/node.pem": b"-----BEGIN CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\n",
    "tls/other.pem": b"-----BEGIN RSA PRIVATE KEY-----\n",
    "tokens.toml": b"x",
    "db_password": b"x",
    "Secret.txt": b"x",
    ".pgpass": b"h:*:*:u:p",
}


def test_the_configuration_is_copied_and_secrets_are_not(plain):
    for name, content in SECRETS.items():
        (plain.conf / name).parent.mkdir(exist_ok=True)
        (plain.conf / name).write_bytes(content)
    (plain.conf / "tls" / "node.crt").write_bytes(b"-----BEGIN CERTIFICATE-----\n")
    taken = plain.backup()
    copied = {
        str(path.relative_to(taken.place / "conf"))
        for path in (taken.place / "conf").rglob("*")
        if path.is_file()
    }
    assert set(taken.left_out) == set(SECRETS)
    assert copied >= {"node.toml", "peers.toml", "rules/rules.toml", "tls/node.crt"}
    assert not copied & set(SECRETS)


def test_a_data_folder_within_the_configuration_is_not_copied_with_it(tmp_path):
    """Where data = "var" stands, as the default does."""
    from tests.dicom_node.backup.site import Site

    site = Site(tmp_path / "node", "sqlite:///node.db")
    toml = (site.conf / "node.toml").read_text().replace("../var", "var")
    (site.conf / "node.toml").write_text(toml)
    site.data.rename(site.conf / "var")
    (site.folder / "var").symlink_to(site.conf / "var")
    site.add(1)
    (site.conf / "backups").mkdir()
    taken = site.backup(site.conf / "backups")
    assert len(list(taken.place.rglob("*.dcm"))) == 1
    assert not list((taken.place / "conf").rglob("*.lock"))


def test_room_is_asked_for_before_anything_is_written(plain, monkeypatch):
    plain.add(1)
    usage = SimpleNamespace(free=3_000_000)
    monkeypatch.setattr("dicom_node.backup.listing.shutil.disk_usage", lambda _: usage)
    with pytest.raises(BackupError, match=r"needs \d+ MB, and 3 MB are free in .*; free some"):
        plain.backup()
    assert plain.left() == set()


@pytest.mark.parametrize("name", ["backups", "node.tar"])
@pytest.mark.parametrize("limit", [1000, 40_000, 250_000])
def test_a_disk_that_is_full_on_the_way_leaves_nothing_and_says_so(plain, tmp_path, name, limit):
    """The first is too little for SQLite to read by, the second for the copy of the database."""
    plain.add(*range(12))
    big = plain.paths()[0]
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    if limit == 250_000:  # an object is larger than what is left
        big.write_bytes(big.read_bytes() + bytes(limit))
    (tmp_path / name).mkdir() if name == "backups" else None
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        with pytest.raises(NodeError) as caught:
            plain.backup(tmp_path / name)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "\n" not in str(caught.value)
    assert limit == 1000 or "check the disk" in str(caught.value)
    assert not list(tmp_path.glob("**/*.part*"))
    assert not (tmp_path / "node.tar").exists()
    assert is_whole(plain.backup(tmp_path / name).place)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", ["backups", "node.tar"])
def test_killed_at_every_step_there_is_a_whole_backup_or_none(site, tmp_path, name):
    """On PostgreSQL at every seventh: its programs are slow to start, and our steps the same."""
    site.add(1, 2)
    place = tmp_path / name
    for step in range(1, MANY, 1 if site.is_sqlite else 7):
        killed = killed_at(step, partial(site.backup, place))
        done = latest(place).place if name == "backups" and latest(place) else place
        if done.exists() and (done.is_file() or (done / "manifest.jsonl").exists()):
            assert is_whole(done), f"killed at step {step}"
        if not killed:
            break
        shutil.rmtree(done) if done.is_dir() else done.unlink(missing_ok=True)
    assert 10 < step < MANY - 1
    left = {path.name for path in tmp_path.rglob("*.part*")}
    assert not left, "what a killed one leaves goes with the next"
    site.destroy()
    site.restore(done)
    assert site.faults() == []


def test_two_at_once_into_one_place_are_refused(plain, tmp_path):
    for place in (plain.backups, tmp_path / "node.tar"):
        with (
            target_at(place, datetime.now(UTC)),
            pytest.raises(BackupError, match="another backup is being written"),
        ):
            plain.backup(place)
        assert is_whole(plain.backup(place).place)


def test_a_file_that_is_there_is_not_written_over(plain, tmp_path):
    (tmp_path / "node.tar").write_bytes(b"mine")
    with pytest.raises(BackupError, match="is there already"):
        plain.backup(tmp_path / "node.tar")
    with pytest.raises(BackupError, match="is no folder; make it"):
        plain.backup(tmp_path / "no" / "node.tar")
    assert (tmp_path / "node.tar").read_bytes() == b"mine"


def test_a_place_in_the_data_folder_is_refused(plain):
    with pytest.raises(BackupError, match="lies in the data folder; name a place on another disk"):
        plain.backup(plain.data / "backups")


def test_a_node_that_was_never_there_is_not_made_by_it(plain):
    plain.destroy()
    with pytest.raises(NodeError, match="nothing to back up"):
        plain.backup()
    assert not plain.data.exists()
    plain.archive.mkdir(parents=True)
    with pytest.raises(NodeError, match=r"there is no database .*; nothing to back up"):
        plain.backup()
    assert list(plain.data.iterdir()) == [plain.archive]


def test_backups_of_one_second_have_names_of_their_own(plain, monkeypatch):
    with target_at(plain.backups, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)) as target:
        target.put("manifest.jsonl", SimpleNamespace(read=lambda _: b"", size=0), 0, 0.0)
        target.finish()
    with target_at(plain.backups, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)) as target:
        assert target.finish().name == "20260102T030405Z-2"
    assert instance().StudyInstanceUID
