"""Files that no row names go; every other stays, whatever happens meanwhile."""

import json
import os
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dicom_node.archive import sweep
from dicom_node.db import InstanceRow
from dicom_node.values import Origin
from tests.dicom_node.archive.objects import instance, received

HOUR = timedelta(hours=1)


def swept(store, started_at: datetime | None = None) -> int:
    """Sweep as a process that started an hour from now, so that all files are older."""
    folder = store.files.folder
    return sweep(store.database, folder, started_at or datetime.now(UTC) + HOUR)


def orphan(store, number: int = 1) -> Path:
    """Leave a file as a process does that dies before its commit."""
    entry = store.archive.place(received(instance(number=number)))
    return store.files.folder / entry.place


def age(path: Path, hours: float) -> None:
    then = datetime.now(UTC).timestamp() - hours * 3600
    os.utime(path, (then, then))


def objects(store) -> set[Path]:
    return {path for path in store.on_disk() if path.suffix == ".dcm"}


def test_a_file_without_a_row_goes_and_one_with_a_row_stays(store):
    left = orphan(store)
    store.keep(instance(number=2))
    assert swept(store) == 1
    assert not left.exists()
    assert objects(store) == {Path(store.row(InstanceRow).path)}
    assert swept(store) == 0


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


def test_a_file_that_came_after_the_start_is_left_alone(store):
    left = orphan(store)
    assert swept(store, datetime.now(UTC) - HOUR) == 0
    assert left.exists()


def test_only_folders_that_changed_since_the_last_sweep_are_read(store):
    left, now = orphan(store), datetime.now(UTC)
    assert swept(store, now - HOUR) == 0
    age(left, 5)
    age(left.parent, 5)
    assert swept(store, now - HOUR / 2) == 0
    age(left.parent, 0.25)
    assert swept(store) == 1


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
    """A database after whose first answer something else happens."""

    def __init__(self, database, meanwhile) -> None:
        self._database, self._meanwhile = database, [meanwhile]

    @contextmanager
    def reading(self):
        with self._database.reading() as session:
            yield session
        while self._meanwhile:
            self._meanwhile.pop()()


def test_an_instance_that_is_sent_again_during_the_sweep_is_not_swept(store):
    left = orphan(store)
    age(left, 5)
    database = Interrupted(store.database, lambda: store.keep(instance()))
    assert sweep(database, store.files.folder, datetime.now(UTC) - HOUR) == 0
    assert objects(store) == {Path(store.row(InstanceRow).path)}


def test_a_file_that_goes_away_during_the_sweep_is_no_error(store):
    left = orphan(store)
    database = Interrupted(store.database, left.unlink)
    assert sweep(database, store.files.folder, datetime.now(UTC) + HOUR) == 0


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
