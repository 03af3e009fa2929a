"""Files that no row names go; every other stays, whatever happens meanwhile."""

import json
import os
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dicom_node.archive.upkeep import ORPHANS, sweep
from dicom_node.archive.upkeep.sweep import SAFE_AGE
from dicom_node.db import ConflictRow, InstanceRow
from dicom_node.errors import DatabaseAway
from dicom_node.values import Origin
from tests.dicom_node.archive.objects import instance, received

HOUR = timedelta(hours=1)


def swept(store, at: datetime | None = None) -> int:
    """Sweep, if no time is given when all files are old enough."""
    return sweep(store.database, store.files.folder, at or datetime.now(UTC) + 2 * SAFE_AGE)


def orphan(store, number: int = 1) -> Path:
    """Leave a file as a process does that dies before its commit."""
    entry = store.archive.place(received(instance(number=number)))
    return store.files.folder / entry.place


def age(path: Path, hours: float) -> None:
    then = datetime.now(UTC).timestamp() - hours * 3600
    os.utime(path, (then, then))


def objects(store) -> set[Path]:
    return {path for path in in_place(store) if path.suffix == ".dcm"}


def in_place(store) -> set[Path]:
    return {path for path in store.on_disk() if path.parts[0] != ORPHANS}


def orphans(store) -> set[Path]:
    return {path for path in store.on_disk() if path.parts[0] == ORPHANS}


def test_a_file_without_a_row_goes_and_one_with_a_row_stays(store):
    left = orphan(store)
    store.keep(instance(number=2))
    assert swept(store) == 1
    assert not left.exists()
    assert objects(store) == {Path(store.row(InstanceRow).path)}
    assert swept(store) == 0


def test_a_database_that_was_lost_costs_no_file_and_brings_them_back_with_it(store):
    """All were answered Success; then another database is there, and later the first again."""
    for number in range(3):
        store.keep(instance(number=number))
    before = {path: (store.files.folder / path).read_bytes() for path in objects(store)}
    with store.database.transaction() as session:
        rows = [
            {column.name: getattr(row, column.key) for column in InstanceRow.__table__.columns}
            for row in session.query(InstanceRow)
        ]
        session.query(InstanceRow).delete()
    assert swept(store) == 3
    assert objects(store) == set()
    assert {path.relative_to(ORPHANS) for path in orphans(store)} == set(before)
    with store.database.transaction() as session:
        session.execute(InstanceRow.__table__.insert(), rows)
    assert swept(store) == 0
    assert orphans(store) == set()
    assert {path: (store.files.folder / path).read_bytes() for path in objects(store)} == before


def test_what_was_sent_again_meanwhile_is_not_kept_twice(store):
    left = orphan(store)
    swept(store)
    assert len(orphans(store)) == 1
    store.keep(instance(number=1))
    swept(store)
    assert orphans(store) == set()
    assert left.exists()


def test_what_lies_apart_as_a_conflict_stays(store):
    store.keep(instance())
    store.keep(instance(PatientID="TEST-2"))
    assert swept(store) == 0
    assert len(objects(store)) == 2


def test_what_was_made_here_stays(store):
    store.keep(instance())
    entry = store.archive.place(received(instance(series="made"), origin=Origin.MADE))
    with store.database.transaction() as session:
        store.archive.enter(session, [entry])
    assert swept(store) == 0
    assert Path(entry.place) in objects(store)


@pytest.mark.parametrize("minutes", [-60, 0, 10])
def test_a_young_file_is_left_alone_whoever_wrote_it(store, minutes):
    left = orphan(store)
    assert swept(store, datetime.now(UTC) + timedelta(minutes=minutes)) == 0
    assert left.exists()


def test_a_file_that_was_too_young_is_swept_when_it_is_not(store):
    left = orphan(store)
    assert swept(store, datetime.now(UTC)) == 0
    assert swept(store, datetime.now(UTC) + SAFE_AGE + HOUR) == 1
    assert not left.exists()


def test_only_folders_that_changed_since_the_last_sweep_are_read(store):
    left, now = orphan(store), datetime.now(UTC)
    assert swept(store, now) == 0
    age(left, 5)
    age(left.parent, 5)
    assert swept(store, now) == 0
    age(left.parent, 0.25)
    assert swept(store, now) == 1


def test_what_came_while_the_last_sweep_ran_is_seen_by_the_next(store):
    left = orphan(store)
    start = datetime.now(UTC)
    age(left.parent, 1 / 60)  # the folder changed a minute before that sweep began
    age(left, 1 / 60)
    (store.files.folder / "swept.json").write_text(json.dumps({"swept_at": start.isoformat()}))
    assert swept(store) == 1


@pytest.mark.parametrize(
    "mark", [b"", b"{", b"{}", b'{"swept_at": 3}', b'{"swept_at": "x"}', b"\xff"]
)
def test_a_mark_that_cannot_be_read_means_that_everything_is_looked_at(store, mark):
    left = orphan(store)
    (store.files.folder / "swept.json").write_bytes(mark)
    age(left.parent, 1000)
    assert swept(store) == 1
    mark = json.loads((store.files.folder / "swept.json").read_text())
    assert datetime.fromisoformat(mark["swept_at"]).tzinfo is not None


def test_a_study_of_many_files_is_swept_whole(store):
    store.keep(instance())
    kept = store.row(InstanceRow).path
    folder = (store.files.folder / kept).parent
    for number in range(1100):
        (folder / f"{number:064d}.dcm").touch()
    assert swept(store) == 1100
    assert objects(store) == {Path(kept)}


class Interrupted:
    """A database after whose first answer, or a later one, something else happens."""

    def __init__(self, database, meanwhile, after: int = 1) -> None:
        self._database, self._meanwhile, self._left = database, [meanwhile], after

    @contextmanager
    def reading(self):
        with self._database.reading() as session:
            yield session
        self._left -= 1
        while self._left == 0 and self._meanwhile:
            self._meanwhile.pop()()


def test_an_instance_that_is_sent_again_during_the_sweep_is_not_swept(store):
    left = orphan(store)
    age(left, 5)
    database = Interrupted(store.database, lambda: store.keep(instance()))
    assert sweep(database, store.files.folder, datetime.now(UTC)) == 0
    assert objects(store) == {Path(store.row(InstanceRow).path)}


def test_a_row_that_is_committed_during_the_sweep_keeps_its_file(store):
    entry = store.archive.place(received(instance()))
    age(store.files.folder / entry.place, 5)
    database = Interrupted(store.database, lambda: store.archive._group.submit(entry))
    assert sweep(database, store.files.folder, datetime.now(UTC)) == 0
    assert store.row(InstanceRow).path == entry.place
    assert store.on_disk() >= {Path(entry.place)}
    assert not list(store.files.folder.rglob("*.swept"))


def test_a_file_that_is_replaced_during_the_sweep_stays(store):
    left = orphan(store)
    age(left, 5)
    database = Interrupted(store.database, lambda: orphan(store))
    assert sweep(database, store.files.folder, datetime.now(UTC)) == 0
    assert left.exists()


@pytest.mark.parametrize("after", [1, 2])
def test_a_sender_whose_file_is_swept_before_its_commit_has_it_written_again(
    store, monkeypatch, after
):
    """However late the commit comes: between file and row this process stood still for hours."""
    submit = store.archive._group.submit
    outcomes = []

    def late(entry):
        age(store.files.folder / entry.place, 5)
        database = Interrupted(store.database, lambda: outcomes.append(submit(entry)), after)
        sweep(database, store.files.folder, datetime.now(UTC))
        return outcomes[0]

    monkeypatch.setattr(store.archive._group, "submit", late)
    store.keep(instance())
    assert objects(store) == {Path(store.row(InstanceRow).path)}


def test_a_conflict_whose_file_is_swept_before_its_row_is_written_again(store, monkeypatch):
    def late(*_):
        assert swept(store) == 1
        return False

    store.keep(instance())
    monkeypatch.setattr("dicom_node.archive.keep.same_content", late)
    store.keep(instance(PatientID="TEST-2"))
    rows = store.row(InstanceRow), store.row(ConflictRow)
    assert objects(store) == {Path(row.path) for row in rows}


def test_what_a_worker_enters_is_not_swept_before_it_commits(store):
    store.keep(instance())
    entry = store.archive.place(received(instance(series="made"), origin=Origin.MADE))
    age(store.files.folder / entry.place, 5)
    with store.database.transaction() as session:
        store.archive.enter(session, [entry])
        assert swept(store, datetime.now(UTC)) == 0
    assert Path(entry.place) in objects(store)


def test_a_database_that_goes_away_during_the_sweep_costs_no_file(store):
    left = orphan(store)

    def gone():
        raise DatabaseAway("the database did not answer")

    database = Interrupted(store.database, gone, after=2)
    with pytest.raises(DatabaseAway):
        sweep(database, store.files.folder, datetime.now(UTC) + 2 * SAFE_AGE)
    assert left.exists()
    assert swept(store) == 1


def test_what_a_sweep_that_was_cut_off_had_moved_aside_is_put_back(store):
    store.keep(instance())
    file = store.files.folder / store.row(InstanceRow).path
    content = file.read_bytes()
    file.rename(file.with_name(f"{file.name}.0f.swept"))
    left = orphan(store, 2)
    left.rename(left.with_name(f"{left.name}.0f.swept"))
    file.with_name(f"{file.name}.1f.swept").write_bytes(content)
    assert swept(store) == 1
    assert file.read_bytes() == content
    assert in_place(store) == {Path(store.row(InstanceRow).path), Path("swept.json")}


def test_a_file_that_goes_away_during_the_sweep_is_no_error(store):
    left = orphan(store)
    database = Interrupted(store.database, left.unlink)
    assert sweep(database, store.files.folder, datetime.now(UTC) + 2 * SAFE_AGE) == 0


def test_other_files_of_the_folder_are_none_of_its_business(store):
    folder = store.files.folder
    others = [folder / "incoming" / "x.part", folder / "notes.txt", folder / "zz" / "y" / "x.dcm"]
    for path in others:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    (folder / "aa").mkdir()
    (folder / "aa" / "stray.dcm").write_text("x")
    assert swept(store) == 0
    assert all(path.exists() for path in others)
