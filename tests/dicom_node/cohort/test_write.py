"""A folder of pairs: whole series or none, the same bytes whoever was killed on the way."""

import fcntl
import hashlib
import json
import os
import signal
import time
from datetime import date
from multiprocessing import get_context
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from dicom_node.cohort import Choice, Chosen, Cohort, Exclude, Person, Seen, Why
from dicom_node.cohort.write import MANIFEST, CohortError, write_cohort
from dicom_node.values import Instance
from tests.dicom_node.cohort.series import a_series
from tests.support.mr import MrSeries, acquired_ct, part10

KEY = bytes(range(32))
COHORT = Cohort(name="head", task="ct_from_mr")
SLICES = 4


class Shelf:
    """Objects of a few people on disk, and the pairs that are chosen of them."""

    def __init__(self, folder: Path, people: int = 3) -> None:
        self.folder = folder
        self.objects: dict[str, list[Instance]] = {}
        self.choice = Choice(tuple(self._pair(number) for number in range(people)), ())

    def _pair(self, number: int) -> Chosen:
        series = MrSeries(seed=f"p{number}", slices=SLICES, patient_id=f"ID-{number:04d}-Q")
        seen = [
            self._seen("T1", series.datasets(), series.patient_id),
            self._seen("CT", acquired_ct(series), series.patient_id),
        ]
        return Chosen(Person(series.patient_id), (seen[0],), seen[1])

    def _seen(self, label: str, datasets: list[Dataset], patient: str) -> Seen:
        uid = str(datasets[0].SeriesInstanceUID)
        self.objects[uid] = [self._kept(ds) for ds in datasets]
        study = str(datasets[0].StudyInstanceUID)
        return a_series(label, patient, date(2026, 1, 2), series_uid=uid, study_uid=study)

    def _kept(self, ds: Dataset) -> Instance:
        path = self.folder / f"{ds.SOPInstanceUID}.dcm"
        path.write_bytes(part10(ds))
        syntax = str(ds.file_meta.TransferSyntaxUID)
        uids = ds.SOPInstanceUID, ds.SOPClassUID, ds.StudyInstanceUID, ds.SeriesInstanceUID
        return Instance(*map(str, uids), syntax, "", path.stat().st_size, path)

    def files(self, one: Seen) -> list[Instance]:
        return self.objects[one.series_uid]

    def write(self, out: Path, **values):
        cohort = values.pop("cohort", COHORT)
        return write_cohort(cohort, values.pop("choice", self.choice), self.files, out, KEY)


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    return Shelf(tmp_path_factory.mktemp("objects"))


def content(out: Path) -> dict[str, str]:
    """Return the SHA-256 of every file of a folder, but its lock."""
    return {
        str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(out.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


@pytest.fixture(scope="module")
def whole(shelf, tmp_path_factory):
    out = tmp_path_factory.mktemp("whole") / "out"
    return out, shelf.write(out)


def test_the_manifest_names_every_object_by_its_hash(shelf, whole):
    out, written = whole
    manifest = json.loads((out / MANIFEST).read_text())
    assert (written.pairs, written.persons, written.objects) == (3, 3, 3 * 2 * SLICES)
    assert manifest["digest"] == written.digest
    named = {}
    for pair in manifest["pairs"]:
        for one in (*pair["sources"], pair["target"]):
            for name, sha256 in one["objects"].items():
                named[f"series/{one['series']}/{name}"] = sha256
    objects = {name: sha256 for name, sha256 in content(out).items() if name.endswith(".dcm")}
    assert named == objects


def test_source_and_target_of_a_pair_still_belong_together(whole):
    out, _ = whole
    for pair in json.loads((out / MANIFEST).read_text())["pairs"]:
        one, two = (
            dcmread(out / "series" / part["series"] / "00001.dcm")
            for part in (*pair["sources"], pair["target"])
        )
        assert one.FrameOfReferenceUID == two.FrameOfReferenceUID
        assert one.PatientID == two.PatientID == pair["person"]
        assert (one.SeriesInstanceUID, one.Modality) == (pair["sources"][0]["series"], "MR")
        assert (pair["sources"][0]["label"], pair["target"]["label"]) == ("T1", "CT")


def test_nobody_is_named_in_any_file(shelf, whole):
    out, _ = whole
    secrets = [b"Test", b"Ball", b"19700101", b"20260102", b"A1\0", b"t1_mprage_head"]
    for pair in shelf.choice.pairs:
        secrets += [pair.person.patient_id.encode()]
        for one in (*pair.sources, pair.target):
            secrets += [one.study_uid.encode(), one.series_uid.encode()]
            secrets += [file.sop_instance_uid.encode() for file in shelf.files(one)]
    for path in out.rglob("*"):
        if path.is_file():
            found = path.read_bytes() + path.name.encode()
            assert not [secret for secret in secrets if secret in found], path


def test_written_again_nothing_is_written_anew(shelf, whole):
    out, written = whole
    before = {path: path.stat().st_mtime_ns for path in out.glob("series/*/*")}
    assert shelf.write(out) == written
    assert {path: path.stat().st_mtime_ns for path in out.glob("series/*/*")} == before


def test_killed_at_random_moments_it_ends_with_the_same_bytes(shelf, whole, tmp_path):
    out, kills = tmp_path / "out", 0
    for number in range(40):
        process = get_context("fork").Process(target=shelf.write, args=(out,))
        process.start()
        time.sleep(0.004 * number)
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        kills += process.exitcode == -signal.SIGKILL
        assert not [path for path in out.glob("series/*") if not is_whole(path)]
    assert kills > 5
    assert shelf.write(out) == whole[1]
    assert content(out) == content(whole[0])


def is_whole(series: Path) -> bool:
    """Whether a series that is in its place has all of its objects."""
    return series.name.endswith(".part") or len([*series.glob("*.dcm")]) == SLICES


@pytest.mark.parametrize("at", [1, 3, 9, 20, 30])
def test_a_disk_that_is_full_leaves_nothing_half_and_it_goes_on(
    shelf, whole, tmp_path, monkeypatch, at
):
    real, calls = os.fsync, iter(range(1000))

    def full(descriptor: int) -> None:
        if next(calls) == at:
            raise OSError(28, "No space left on device")
        real(descriptor)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(CohortError, match=r"No space left on device.*goes on where it was"):
            shelf.write(tmp_path / "out")
    assert not (tmp_path / "out" / MANIFEST).exists()
    assert not [*(tmp_path / "out").glob("series/*.part")]
    assert shelf.write(tmp_path / "out") == whole[1]
    assert content(tmp_path / "out") == content(whole[0])


def spoil(instance: Instance) -> None:
    instance.path.write_bytes(instance.path.read_bytes()[:200])


def cut(instance: Instance) -> None:
    instance.path.write_bytes(instance.path.read_bytes()[:-100])


def burn_in(instance: Instance) -> None:
    ds = dcmread(instance.path)
    ds.BurnedInAnnotation = "YES"
    instance.path.write_bytes(part10(ds))


def remove(instance: Instance) -> None:
    instance.path.unlink()


@pytest.mark.parametrize("harm", [spoil, cut, burn_in, remove])
def test_a_pair_that_cannot_be_read_or_parted_from_its_person_is_left_out_whole(tmp_path, harm):
    shelf = Shelf(tmp_path)
    pair = shelf.choice.pairs[1]
    harm(shelf.files(pair.target)[2])
    written = shelf.write(tmp_path / "out")
    assert (written.pairs, written.objects) == (2, 2 * 2 * SLICES)
    assert {one.series_uid for one in written.left} == {
        pair.sources[0].series_uid, pair.target.series_uid,
    }  # fmt: skip
    assert {one.why for one in written.left} == {Why.UNREADABLE}
    assert "Traceback" not in written.left[0].text


def test_compressed_objects_are_written_plain(tmp_path):
    shelf = Shelf(tmp_path, people=1)
    (pair,) = shelf.choice.pairs
    first = shelf.files(pair.target)[0]
    ds = dcmread(first.path)
    before = ds.PixelData
    ds.compress("1.2.840.10008.1.2.5", generate_instance_uid=False)
    first.path.write_bytes(part10(ds))
    shelf.objects[pair.target.series_uid][0] = Instance(
        first.sop_instance_uid, first.sop_class_uid, first.study_uid, first.series_uid,
        "1.2.840.10008.1.2.5", "", first.path.stat().st_size, first.path,
    )  # fmt: skip
    shelf.write(tmp_path / "out")
    found = [dcmread(path) for path in (tmp_path / "out").glob("series/*/00001.dcm")]
    (ct,) = [ds for ds in found if ds.Modality == "CT"]
    assert ct.PixelData == before
    assert str(ct.file_meta.TransferSyntaxUID) == "1.2.840.10008.1.2.1"


def test_a_folder_of_another_cohort_or_of_something_else_is_left_alone(shelf, whole, tmp_path):
    other = Cohort(name="head", task="ct_from_mr", exclude=Exclude(patients=("P1",)))
    with pytest.raises(CohortError, match="holds another cohort"):
        shelf.write(whole[0], cohort=other)
    (tmp_path / "holiday.jpg").touch()
    with pytest.raises(CohortError, match=r"holds holiday\.jpg and no cohort"):
        shelf.write(tmp_path)


def test_two_at_once_are_one(shelf, tmp_path):
    out = tmp_path / "out"
    shelf.write(out, choice=Choice((), ()))
    with (out / ".lock").open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(CohortError, match="another process writes there"):
            shelf.write(out)
