"""What a restore refuses, each with one line of its own; and what it does when it is cut off."""

import io
import json
import resource
import shutil
import tarfile
from datetime import UTC, datetime
from functools import partial
from types import SimpleNamespace

import pytest
from sqlalchemy import text

from dicom_node.app import open_node
from dicom_node.archive.query import ATTRIBUTES, Condition, Finder, HeaderFiller, Level, Query
from dicom_node.backup import open_backup
from dicom_node.backup.manifest import Entry, Header, Writer
from dicom_node.backup.read import check
from dicom_node.db import Database
from dicom_node.db.migrate import downgrade, upgrade
from dicom_node.errors import AlreadyRunning, BackupDamaged, BackupError, NotPossible
from dicom_node.installation import only_one
from tests.dicom_node.archive.objects import study_uid
from tests.dicom_node.backup.site import Site
from tests.dicom_node.db.test_migrate import LATER, ROWS, columns_of, fill, rows_of
from tests.support.killed import killed_at

MANY = 600


@pytest.fixture
def lost(site) -> Site:
    """Backed up, then destroyed."""
    site.add(1, 2, 3)
    site.place = site.backup().place
    site.destroy()
    return site


@pytest.fixture
def gone(plain) -> Site:
    """The same where the database does not matter."""
    plain.add(1, 2, 3)
    plain.place = plain.backup().place
    plain.destroy()
    return plain


def refused(site: Site, kind, match: str, place=None) -> None:
    """It is one line, and nothing was written."""
    before = in_data(site)
    with pytest.raises(kind, match=match) as caught:
        site.restore(place or site.place)
    assert "\n" not in str(caught.value)
    assert in_data(site) == before


def in_data(site: Site) -> set:
    if not site.data.exists():
        return set()
    return {path for path in site.data.rglob("*") if path.name != "serve.lock"}


def rewrite(place, change) -> None:
    """Seal a manifest anew, with other words in its header."""
    lines = (place / "manifest.jsonl").read_bytes().splitlines()
    header = {**json.loads(lines[0]), **change}
    buffer = io.BytesIO()
    writer = Writer(buffer, Header(**header))
    for line in lines[1:-1]:
        writer.add(Entry(**json.loads(line)))
    writer.close([], [])
    (place / "manifest.jsonl").write_bytes(buffer.getvalue())


def test_a_node_that_runs_is_not_restored_into(gone):
    gone.data.mkdir()
    with only_one(gone.data):
        refused(gone, AlreadyRunning, "another node serves")


def test_a_data_folder_that_is_not_empty_is_left_alone(gone):
    gone.data.mkdir()
    (gone.data / "lost+found").mkdir()
    (gone.data / "notes.txt").write_text("mine")
    refused(gone, NotPossible, "is not empty: it has notes.txt; name an empty data folder")
    (gone.data / "notes.txt").unlink()
    gone.restore(gone.place)
    assert gone.faults() == []


def test_a_database_that_is_not_empty_is_left_alone(lost):
    if lost.is_sqlite:
        lost.url = f"sqlite:///{lost.folder}/elsewhere.db"
        toml = (lost.conf / "node.toml").read_text().replace("sqlite:///node.db", lost.url)
        (lost.conf / "node.toml").write_text(toml)
    database = lost.database()
    database.prepare()
    database.close()
    refused(lost, NotPossible, "is not empty; make a new one")


def test_others_that_are_connected_to_the_database_are_told_of(lost):
    if lost.is_sqlite:
        pytest.skip("nobody is connected to a file that is not there")
    worker = lost.database()
    with worker.reading() as session:
        session.execute(text("SELECT 1"))
        refused(lost, NotPossible, "1 others are connected to the database; stop all nodes")
    worker.close()
    lost.restore(lost.place)


def test_a_newer_schema_is_refused(gone):
    rewrite(gone.place, {"schema": "9999", "version": "7.0"})
    refused(gone, BackupError, r"has schema 9999, .* up to \d+; restore it with version 7.0")


def test_a_newer_format_is_refused(gone):
    manifest = gone.place / "manifest.jsonl"
    manifest.write_bytes(manifest.read_bytes().replace(b'"format": 1', b'"format": 2', 1))
    refused(gone, BackupError, "is of format 2, 1 is known; restore it with version")


def test_a_backup_of_another_database_is_refused(gone):
    rewrite(gone.place, {"database": "postgresql"})
    refused(gone, BackupError, "is of postgresql, database.url is of sqlite; set it to")


def test_a_file_outside_is_never_written(gone):
    manifest = gone.place / "manifest.jsonl"
    lines = manifest.read_bytes().splitlines()
    for name in ("archive/../../x", "/etc/x", "data/../../x"):
        buffer = io.BytesIO()
        writer = Writer(buffer, Header(**json.loads(lines[0])))
        entry = {"path": name, "size": 0, "sha256": "00"}
        writer._line(entry)
        writer.files += 1
        writer.close([], [])
        manifest.write_bytes(buffer.getvalue())
        refused(gone, BackupDamaged, "names a file outside itself")


@pytest.mark.parametrize("kind", ["manifest.jsonl", "node.db", "*.dcm", "device_uid", "node.toml"])
@pytest.mark.parametrize("fault", ["changed", "cut", "longer", "gone"])
def test_a_backup_of_which_one_byte_is_wrong_is_refused(gone, kind, fault):
    victim = sorted(gone.place.rglob(kind))[0]
    content = bytearray(victim.read_bytes())
    content[len(content) // 2] ^= 1
    if fault == "gone":
        victim.unlink()
    else:
        new = {"changed": content, "cut": content[:-1], "longer": content + b"x"}[fault]
        victim.write_bytes(new)
    refused(gone, BackupError, "damaged|cut or changed|is no backup: it has no manifest")


@pytest.mark.parametrize("tenth", range(10))
def test_a_tar_that_was_cut_is_refused_wherever(plain, tmp_path, tenth):
    plain.add(1)
    place = plain.backup(tmp_path / "node.tar").place
    plain.destroy()
    content = place.read_bytes()
    place.write_bytes(content[: len(content) * tenth // 10])
    refused(plain, BackupDamaged, "cut|changed|damaged", place)


def test_every_byte_of_a_tar_that_counts_is_checked(plain, tmp_path):
    """What may change is padding, and fields of a tar that say nothing of the content."""
    plain.add(1)
    place = plain.backup(tmp_path / "node.tar").place
    good = place.read_bytes()
    with tarfile.open(place) as tar:
        spans = [(m.offset_data, m.size) for m in tar.getmembers()]
    for start, size in spans:
        for at in {start, start + size // 2, start + size - 1}:
            place.write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
            with pytest.raises(BackupError):
                check(open_backup(place), lambda _: None)
    place.write_bytes(good)
    check(open_backup(place), lambda _: None)


def test_the_folder_of_all_backups_is_none_and_the_newest_is_named(gone, tmp_path):
    newest = gone.place.name
    refused(gone, BackupError, f"it holds backups, the newest is {newest}", gone.backups)
    refused(gone, BackupError, "there is no backup", tmp_path / "nowhere")
    (tmp_path / "other.tar").write_bytes(b"no tar")
    refused(gone, BackupDamaged, "cut or changed|has no manifest", tmp_path / "other.tar")


def test_what_is_asked_promised_and_let_in_is_restored_with_the_rest(site):
    database = site.database()
    later = [row for row in LATER if "INTO held" not in row]  # that would want a job and a file
    fill(database, (*ROWS[:1], *(row for row in ROWS if "delivery" in row), *later))
    database.close()
    before = site.rows()
    assert {name for name, rows in before.items() if rows} >= {
        "commitment", "deletion", "doomed", "fetch", "patient_name", "process", "promise",
        "question", "token",
    }  # fmt: skip
    taken = site.backup()
    site.destroy()
    site.restore(taken.place)
    assert site.rows() == before


def test_an_older_schema_is_brought_up_to_date(site):
    site.add(1, 2)
    database = site.database()
    downgrade(database.engine, "0001")
    columns = columns_of(database)
    before = rows_of(database, columns)
    database.close()
    place = site.backup().place
    site.destroy()
    assert site.restore(place).brought_up == "0001"
    database = site.database()
    after = rows_of(database, columns)
    database.close()
    assert after == before
    assert len(after["instance"]) == 2
    assert "doomed" in site.rows()
    assert site.faults() == []


def test_what_an_older_schema_did_not_search_by_is_read_from_the_restored_files(site):
    site.add(1, 2)
    database = site.database()
    downgrade(database.engine, "0001")
    database.close()
    place = site.backup().place
    site.destroy()
    site.restore(place)
    database = site.database()
    HeaderFiller(database, site.archive).tick(datetime.now(UTC))
    finder = Finder(database, site.archive)
    conditions = (Condition(ATTRIBUTES["PatientID"], ("TEST-1",)),)
    found = finder.keys(Query(Level.STUDY, conditions, ()))
    database.close()
    assert found == [(study_uid(),)]


def test_what_was_lacking_when_it_was_taken_is_told(plain):
    plain.add(1, 2)
    plain.paths()[0].unlink()
    place = plain.backup().place
    plain.destroy()
    assert len(plain.restore(place).lacking) == 1
    assert [fault.what for fault in plain.faults()] == ["missing"]


def test_a_node_does_not_start_on_half_of_a_restore(gone):
    class Cut(Exception):
        pass

    def cut(_done):
        if in_data(gone):
            raise Cut

    with pytest.raises(Cut):
        gone.restore(gone.place, cut)
    with pytest.raises(NotPossible, match="was begun and not finished; run it again"):
        open_node(gone.conf, {})
    gone.restore(gone.place)
    node = open_node(gone.conf, {})
    node.database.close()


@pytest.mark.timeout(600)
def test_killed_at_every_step_it_is_done_again_and_whole(site):
    """On PostgreSQL at every seventh: its programs are slow to start, and our steps the same."""
    site.add(1, 2)
    before = site.everything()
    place = site.backup().place
    for step in range(1, MANY, 1 if site.is_sqlite else 7):
        site.destroy()
        killed = killed_at(step, partial(site.restore, place))
        if killed and not starts_whole(site, before):
            site.restore(place)
        assert site.everything() == before, f"killed at step {step}"
        if not killed:
            break
    assert 10 < step < MANY - 1


def starts_whole(site: Site, before: tuple) -> bool:
    """Whether a node starts on what is there; then all is in its place."""
    if not (site.data / "archive").exists():
        return False  # nothing was written yet: an empty node would start, as ever
    try:
        open_node(site.conf, {}).database.close()
    except NotPossible:
        return False
    assert site.everything() == before
    return True


def test_a_disk_that_is_full_on_the_way_is_told_and_it_is_done_again(gone):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500, before[1]))
    try:
        with pytest.raises(BackupError, match=r"cannot be written: .*; check the disk, then"):
            gone.restore(gone.place)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    gone.restore(gone.place)
    assert gone.faults() == []


def test_room_is_asked_for_before_objects_are_written(gone, monkeypatch):
    usage = SimpleNamespace(free=10_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(BackupError, match=r"needs \d+ MB, and 0 MB are free in .*var; free some"):
        gone.restore(gone.place)
    assert not (gone.data / "archive").exists()
    monkeypatch.undo()
    gone.restore(gone.place)


def test_a_restored_node_goes_by_the_database_that_is_configured_now(gone):
    url = f"sqlite:///{gone.folder}/elsewhere.db"
    toml = (gone.conf / "node.toml").read_text().replace("sqlite:///node.db", url)
    (gone.conf / "node.toml").write_text(toml)
    gone.url = url
    gone.restore(gone.place)
    assert (gone.folder / "elsewhere.db").exists()
    assert not (gone.data / "node.db").exists()
    assert gone.faults() == []


def test_an_empty_database_at_the_first_revision_can_be_backed_up(tmp_path):
    site = Site(tmp_path / "node", "sqlite:///node.db")
    site.destroy()
    (site.archive / "incoming").mkdir(parents=True)
    database = Database(site.url, site.data)
    upgrade(database.engine, "0001")
    database.close()
    taken = site.backup()
    assert open_backup(taken.place).header.schema == "0001"
    shutil.rmtree(site.data)
    site.restore(taken.place)
