"""What is released, shown or sent is what was made, byte for byte, of what the study is by now."""

import pytest

from dicom_node.app import decide
from dicom_node.app.decide import export_held, release_held
from dicom_node.db import HeldRow, RejectionRow
from dicom_node.errors import ArchiveBroken, NotPossible
from dicom_node.jobs import JobQueue
from tests.dicom_node.notes.scene import Scene, ct
from tests.dicom_node.notes.test_marked import said
from tests.support.mr import MrSeries

SERIES = MrSeries(seed="marked", slices=18, size=32, spacing_mm=6.0)
BY = ("A. Physicist", "seen")


def rot(scene: Scene, series_uid: str) -> None:
    """Change one byte of a pixel on the disk; nothing else tells of it."""
    rows = [row for row in scene.store.rows(HeldRow) if row.series_uid == series_uid]
    path = scene.store.files.folder / rows[0].path
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("harm", ["a byte", "gone"])
def test_what_is_not_what_was_made_is_not_released(scene, harm):
    job, result, _ = scene.hold(SERIES)
    if harm == "a byte":
        rot(scene, result)
    else:
        row = next(one for one in scene.store.rows(HeldRow) if one.series_uid == result)
        (scene.store.files.folder / row.path).unlink()
    with pytest.raises(ArchiveBroken, match="1 of 2 files are not what was made"):
        release_held(scene, job.id, BY, scene.store.now, said)
    assert [one["state"] for one in scene.why(SERIES)["jobs"]] == ["held"]
    assert scene.deliveries(result) == {}


def test_nor_is_a_person_shown_it(scene, tmp_path):
    job, result, _ = scene.hold(SERIES)
    rot(scene, result)
    with pytest.raises(ArchiveBroken, match="1 of 2 files are not what was made"):
        export_held(scene, job.id, tmp_path / "look", said)
    assert not (tmp_path / "look").exists()


def test_while_it_is_copied_nobody_waits_and_decided_meanwhile_nothing_is_left(
    scene, tmp_path, monkeypatch
):
    """A stick may take minutes: the database is free meanwhile."""
    job, _, _ = scene.hold(SERIES)
    real = __import__("shutil").copyfile

    def slow(source, target):
        if target.name == "00001.dcm":
            release_held(scene, job.id, BY, scene.store.now, said)
        return real(source, target)

    monkeypatch.setattr("dicom_node.app.decide.shutil.copyfile", slow)
    with pytest.raises(NotPossible, match="is done"):
        export_held(scene, job.id, tmp_path / "look", said)
    assert [*tmp_path.glob("*look*")] == []


def test_made_again_while_its_files_were_read_it_is_not_released(scene, monkeypatch):
    job, result, _ = scene.hold(SERIES)
    real = decide._whole

    def made_again_meanwhile(archive, made):
        real(archive, made)
        decide.reject_held(scene, job.id, BY, scene.store.now, said)
        with scene.database.transaction() as session:
            JobQueue(session).retry(job.id, scene.store.now)
        scene.wait(SERIES, scene.claim(), 3)

    monkeypatch.setattr(decide, "_whole", made_again_meanwhile)
    with pytest.raises(NotPossible, match="made again meanwhile"):
        release_held(scene, job.id, BY, scene.store.now, said)
    assert scene.deliveries(result) == {}


@pytest.mark.parametrize("what", ["another image", "the acquired CT"])
def test_nothing_is_released_while_more_of_its_study_was_not_looked_at(scene, what):
    job, result, _ = scene.hold(SERIES)
    scene.send(ct(SERIES, "1.2.3.4") if what == "the acquired CT" else later(SERIES))
    with pytest.raises(NotPossible, match="has come, and is looked at within moments"):
        release_held(scene, job.id, BY, scene.store.now, said)
    assert scene.deliveries(result) == {}


def later(series: MrSeries) -> list:
    found = ct(series, "1.2.3.5", 3)
    for ds in found:
        ds.PatientName = "Somebody^Else"
    return found


def part(series: MrSeries, first: int, last: int) -> list:
    return series.datasets()[first:last]


def made_of_all(scene: Scene) -> tuple[str, str]:
    """Deliver what is made of 18 slices, then make it of all 20; return both series."""
    series = MrSeries()
    scene.send(part(series, 0, 18))
    scene.plan()
    job = scene.claim()
    first = scene.placed(series, job, 2)
    scene.finish(job, first)
    scene.deliver()
    scene.send(part(series, 18, 20))
    scene.plan()
    job = scene.claim()
    second = scene.placed(series, job, 2)
    scene.finish(job, second)
    return first.series_uid, second.series_uid


def test_made_of_more_of_the_study_it_supersedes_what_was_made_of_less(scene):
    first, second = made_of_all(scene)
    assert first != second
    (row,) = scene.store.rows(RejectionRow)
    assert (row.series_uid, row.because, row.by) == (first, "superseded", second)
    scene.tell()
    scene.deliver()
    noted = scene.store.rows(RejectionRow)[0].note_series_uid
    assert {one.state for one in scene.deliveries(noted).values()} == {"sent"}
    assert {one.state for one in scene.deliveries(second).values()} == {"sent"}
    assert (scene.shown(MrSeries(), first), scene.shown(MrSeries(), second)) == (0, 2)


def test_an_image_of_somebody_else_takes_nothings_place(scene):
    uid = scene.make(SERIES, 2)
    scene.deliver()
    scene.send(later(SERIES))
    scene.plan()
    assert scene.store.rows(RejectionRow) == []
    assert scene.shown(SERIES, uid) == 2
