"""Real studies into pairs: what is one body in one place is brought together, the rest left out."""

import hashlib
import json
import shutil
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner
from matplotlib.image import imread
from pydicom import dcmread

from engine.volume import Grid, Volume
from tests.train.conftest import COARSE_MM
from tests.train.toys import toy_pair
from train.cli import main
from train.cohort import Fault, assemble, read_dataset
from train.data import person_number, read_index
from train.errors import DataInvalid
from train.pair import read_pair, write_pair
from train.phantom import Order, draw_subject, read_template, scan_pair
from train.phantom.series import Patient, write_session

SUBJECTS = (31, 32, 33)
ORDER = Order(sources=("T1",), target="CT", spacing_mm=COARSE_MM)


@pytest.fixture(scope="module")
def scans():
    template = read_template(COARSE_MM)
    return {one: scan_pair(draw_subject(one, template), 0, ORDER) for one in SUBJECTS}


def moved(volume: Volume, by_mm: tuple[float, float, float]) -> Volume:
    affine = volume.affine.copy()
    affine[:3, 3] += by_mm
    return replace(volume, grid=Grid(volume.shape, affine))


def with_target(pair, target: Volume) -> SimpleNamespace:
    """Return a scan whose target has a grid of its own; a prepared pair cannot."""
    return SimpleNamespace(sources=pair.sources, target=target, about=pair.about)


def marked(volume: Volume, number: int) -> Volume:
    """Return a volume that is nobody else's: one voxel of the air differs."""
    voxels = np.asarray(volume.voxels).copy()
    voxels[0, 0, 0] += number + 1
    return volume.with_voxels(voxels)


def mirrored(volume: Volume) -> Volume:
    """Return a volume with left for right, its header unchanged."""
    axis = int(np.argmax(np.abs(volume.affine[0, :3])))
    return volume.with_voxels(np.ascontiguousarray(np.flip(np.asarray(volume.voxels), axis)))


class Folder:
    """A dataset as ``dicom-node cohort write`` leaves it."""

    def __init__(self, path) -> None:
        self.path, self.pairs = path, []

    def add(self, person: str, pair, *, frame: str = "") -> None:
        own = with_target(pair, marked(pair.target, len(self.pairs)))
        own.sources = tuple(marked(one, len(self.pairs)) for one in pair.sources)
        series = write_session(own, Patient(seed=person), self.path / "in" / person)
        listed = [self._series("T1", series["T1"], ""), self._series("CT", series["CT"], frame)]
        self.pairs.append({"person": person, "days_apart": 0, "one_frame": not frame,
                           "sources": listed[:-1], "target": listed[-1]})  # fmt: skip

    def _series(self, label, files, frame) -> dict:
        uid = f"2.25.{len(self.pairs)}.{('T1', 'CT').index(label)}"
        place = self.path / "series" / uid
        place.mkdir(parents=True)
        objects = {}
        for number, path in enumerate(files, start=1):
            ds = dcmread(path)
            if frame:
                ds.FrameOfReferenceUID = frame
            ds.save_as(place / f"{number:05d}.dcm")
            content = (place / f"{number:05d}.dcm").read_bytes()
            objects[f"{number:05d}.dcm"] = hashlib.sha256(content).hexdigest()
        return {"series": uid, "label": label, "scanner": "S1", "field_strength_t": 3.0,
                "objects": objects}  # fmt: skip

    def write(self):
        digest = hashlib.sha256(json.dumps(self.pairs, sort_keys=True).encode()).hexdigest()
        about = {"layout": 1, "digest": digest, "persons": 0, "pairs": self.pairs}
        (self.path / "manifest.json").write_text(json.dumps(about))
        return self.path


@pytest.fixture(scope="module")
def folder(scans, tmp_path_factory):
    made = Folder(tmp_path_factory.mktemp("cohort"))
    one, two, three = (scans[number] for number in SUBJECTS)
    made.add("SOUND-1", one)
    made.add("SOUND-2", two)
    made.add("ELSEWHERE", with_target(two, moved(two.target, (25.0, -30.0, 18.0))), frame="1.2.3.4")
    made.add("MOVED", with_target(one, moved(one.target, (0.0, 3 * COARSE_MM, 0.0))))
    made.add("MIRRORED", with_target(two, mirrored(two.target)))
    made.add("FOREIGN", with_target(two, three.target))
    return made.write()


@pytest.fixture(scope="module")
def done(folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("pairs")
    return out, {one.person: one for one in assemble(read_dataset(folder), out, 2)}


SOUND = ("SOUND-1", "SOUND-2", "ELSEWHERE")


def test_what_is_sound_is_kept_and_what_is_not_is_left_out_with_why(done):
    _, found = done
    assert {person for person, one in found.items() if not one.against} == set(SOUND)
    faults = {person: {each.fault for each in one.against} for person, one in found.items()}
    assert Fault.MOVED in faults["MOVED"]
    assert faults["MIRRORED"]
    assert faults["FOREIGN"]


def test_people_have_numbers_of_their_own_and_files_say_whose_they_are(done):
    out, found = done
    entries = read_index(out)
    assert {entry.about["person"] for entry in entries} == set(SOUND)
    assert all(entry.subject == person_number(entry.about["person"]) for entry in entries)
    assert {found[person].file for person in SOUND} == {entry.path.name for entry in entries}
    assert {entry.about["makes"] for entry in entries} == {"CT"}


def test_what_lay_elsewhere_is_brought_back(done, scans):
    out, found = done
    pair, truth = read_pair(out / found["ELSEWHERE"].file), scans[SUBJECTS[1]]
    assert pair.target.unit == "HU"
    away = np.abs(np.asarray(pair.target.voxels) - np.asarray(truth.target.voxels))[pair.body]
    kept = read_pair(out / found["SOUND-2"].file)
    still = np.abs(np.asarray(kept.target.voxels) - np.asarray(truth.target.voxels))[kept.body]
    assert still.mean() < 2  # as it was, but for what DICOM rounds
    assert away.mean() < 60  # a head that is 40 mm off differs by hundreds


def test_each_that_is_left_out_can_be_looked_at(done):
    out, found = done
    pictures = sorted((out / "left").glob("*.png"))
    assert len(pictures) == len(found) - len(SOUND)
    for path in pictures:
        assert imread(path).shape[:2] > (300, 300)


def test_again_nothing_is_judged_or_written_anew(done, folder):
    out, found = done
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.*")}
    again = {one.person: one for one in assemble(read_dataset(folder), out, 1)}
    assert again == found
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.*")} == before


def test_what_is_of_the_dataset_no_more_goes(done, folder, tmp_path):
    out, dataset = tmp_path / "out", read_dataset(folder)
    shutil.copytree(done[0], out)
    fewer = replace(dataset, pairs=dataset.pairs[1:3])
    kept = {one.person: one.file for one in assemble(fewer, out, 1)}
    assert kept == {one: done[1][one].file for one in SOUND[1:]}
    assert {path.name for path in out.glob("*.npz")} == set(kept.values())


def test_one_image_of_two_persons_is_of_neither(done, folder, tmp_path):
    out, dataset = tmp_path / "out", read_dataset(folder)
    shutil.copytree(done[0], out)
    other = replace(dataset.pairs[0], person="SOMEBODY")
    found = assemble(replace(dataset, pairs=(*dataset.pairs[:2], other)), out, 1)
    assert [[each.fault for each in one.against] for one in found] == [
        [Fault.TWICE], [], [Fault.TWICE],
    ]  # fmt: skip
    assert found[0].against[0].text == "the same image is there as of SOMEBODY"
    assert [path.name for path in out.glob("*.npz")] == [found[1].file]


def test_an_object_that_is_not_as_it_was_written_is_told(done, folder, tmp_path):
    copy, out = tmp_path / "copy", tmp_path / "out"
    shutil.copytree(done[0], out)
    shutil.copytree(folder, copy)
    dataset = read_dataset(copy)
    uid = dataset.pairs[0].target.uid
    path = copy / "series" / uid / "00005.dcm"
    path.write_bytes(path.read_bytes()[:-1] + b"\1")
    known = next((out / "judged").glob(f"{done[1]['SOUND-1'].key}*"))
    known.unlink()
    (one, _) = assemble(replace(dataset, pairs=dataset.pairs[:2]), out, 1)
    ((fault, text),) = [(each.fault, each.text) for each in one.against]
    assert fault is Fault.UNREADABLE
    assert "00005.dcm: is not as it was written; write the cohort again" in text
    assert not known.exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda path: path.unlink(), "the cohort is not whole"),
        (lambda path: path.write_text("{"), "is no manifest of a cohort"),
        (lambda path: path.write_text("[]"), "is no manifest of a cohort"),
        (lambda path: path.write_text(path.read_text().replace("SOUND-1", "SOUND-9")),
         "its pairs are not those that its digest is of"),
        (lambda path: path.write_text(path.read_text().replace('"layout": 1', '"layout": 2')),
         "layout 2; 1 is wanted"),
        (lambda path: path.write_text(path.read_text().replace("00001.dcm", "../x.dcm")),
         "is no manifest of a cohort"),
    ],
)  # fmt: skip
def test_a_folder_that_is_no_dataset_is_one_line(folder, tmp_path, change, said):
    copy = tmp_path / "copy"
    copy.mkdir()
    shutil.copy(folder / "manifest.json", copy)
    change(copy / "manifest.json")
    done = CliRunner().invoke(main, ["pairs", str(copy), str(tmp_path / "out")])
    assert (done.exit_code, done.output.count("\n")) == (1, 1)
    assert said in done.output


def test_a_folder_with_pairs_of_something_else_is_left_as_it_is(folder, tmp_path):
    path = write_pair(tmp_path, toy_pair(3))
    with pytest.raises(DataInvalid, match=r"holds s00003-0\.npz, which is not of a cohort"):
        assemble(read_dataset(folder), tmp_path, 1)
    assert path.is_file()


def test_the_command_says_what_was_left_out_and_where_to_look(done, folder):
    out, found = done
    run = CliRunner().invoke(main, ["pairs", str(folder), str(out), "--workers", "1"])
    assert run.exit_code == 3
    assert f"{out}: 3 pairs of 3 persons; 3 left out" in run.output
    assert f"to look at in {out / 'left'}" in run.output
    report = json.loads((out / "pairs.json").read_text())
    assert [one["person"] for one in report["pairs"]] == list(found)
