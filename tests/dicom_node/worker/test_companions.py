"""What a rule wants beside a result shares its fate: made, held, released, taken back with it."""

import shutil
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from pydicom import dcmread

from dicom_node.app import explain_study, open_node
from dicom_node.app.clock import utc_now
from dicom_node.db import HeldRow, InstanceRow, RejectionRow
from dicom_node.results.companions import KINDS
from dicom_node.results.companions.build import MAKERS
from dicom_node.values import Companion, Origin
from tests.dicom_node.notes.scene import KEY_OBJECT, ct
from tests.dicom_node.worker.test_remake import SERIES, Site, live
from tests.support.dciodvfy import dciodvfy
from tests.support.gated import limits
from tests.support.mr import part10

ALL = [str(one) for one in Companion]
RULES = [{"name": "sct-head", "task": "ct_from_mr", "destinations": ["out"], "companions": ALL}]
CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"


@dataclass
class Node(Site):
    """A node with one study, whose result has companions."""

    @property
    def job(self) -> dict:
        (job,) = self.why()["jobs"]
        return job

    @property
    def out(self) -> dict[str, list[Path]]:
        """What was delivered, by series."""
        folder = self.folder / "out"
        series = folder.iterdir() if folder.exists() else ()
        return {one.name: sorted(one.iterdir()) for one in series}

    def why(self) -> dict:
        node = open_node(self.conf, {})
        try:
            return explain_study(node.database, SERIES.study_uid)
        finally:
            node.database.close()

    def tick(self, *names: str, days: int = 0) -> None:
        node = open_node(self.conf, {})
        stages = {name: stage for name, (stage, _) in node.stages().items()}
        for name in names:
            stages[name].tick(utc_now() + timedelta(days=days))
        node.database.close()

    def rows(self, kind, *where) -> list:
        node = open_node(self.conf, {})
        with node.database.reading() as session:
            found = list(session.query(kind).filter(*where))
            session.expunge_all()
        node.database.close()
        return found


@pytest.fixture(scope="module")
def homes(tmp_path_factory) -> dict[str, Path]:
    """Return a node that has sent its result on, and one whose result waits for a person."""
    ways = {"sent": {}, "held": {"release": "by_hand"}}
    return {
        name: live(tmp_path_factory.mktemp(name), rules=RULES, gate=limits(), **values).folder
        for name, values in ways.items()
    }


@pytest.fixture
def sent(homes, tmp_path) -> Node:
    shutil.copytree(homes["sent"], tmp_path / "node")
    return Node(tmp_path / "node")


@pytest.fixture
def held(homes, tmp_path) -> Node:
    shutil.copytree(homes["held"], tmp_path / "node")
    return Node(tmp_path / "node")


def test_a_result_leaves_with_all_four_each_in_a_series_of_its_own_and_valid(sent):
    assert sent.job["companions"] == ALL
    assert set(sent.out) == set(sent.job["series_uids"])
    images, *beside = sent.job["series_uids"]
    assert len(sent.out[images]) == 20
    kinds = []
    for uid in beside:
        (path,) = sent.out[uid]
        kinds.append(str(dcmread(path).SOPClassUID))
        assert dciodvfy(path) == ([], [])
    assert kinds == [KINDS[name].sop_class_uid for name in Companion]
    assert {one["state"] for one in sent.why()["deliveries"]} == {"sent"}
    labels = {one["series_uid"]: (one["modality"], one["label"], one["synthetic"])
              for one in sent.why()["series"]}  # fmt: skip
    assert [labels[uid] for uid in beside] == [
        ("OT", "OTHER", True), ("SR", "SR", True), ("PR", "OTHER", True), ("DOC", "OTHER", True),
    ]  # fmt: skip


def test_the_rule_says_so_where_rules_are_shown(sent):
    assert "out, beside it uncertainty, report, overlay, pdf" in sent.call("rules", "check").stdout


def test_the_record_makes_them_again_too_byte_for_byte(sent, tmp_path):
    record = sent.record()
    assert list(record["result"]["companions"]) == ALL
    assert record["software"]["highdicom"]
    said = sent.remake("--into", tmp_path / "again")
    assert "24 of 24 objects are the same, byte for byte" in said.stdout, said.output
    assert (said.exit_code, "otherwise" in said.stdout) == (0, False)
    kept = {path.read_bytes() for path in (sent.data / "archive").rglob("*") if path.is_file()}
    assert {path.read_bytes() for path in (tmp_path / "again").iterdir()} <= kept


def test_what_waits_for_a_person_waits_with_all_four_and_is_released_with_them(held, tmp_path):
    assert (held.job["state"], held.out) == ("held", {})
    assert {row.label for row in held.rows(HeldRow)} == {"CT", *ALL}
    exported = held.call("jobs", "export", 1, tmp_path / "seen")
    assert "24 files" in exported.stdout, exported.output
    released = held.call("jobs", "release", 1, "--by", "A. Physicist")
    assert released.exit_code == 0, released.output
    held.tick("destination out")
    assert set(held.out) == set(held.job["series_uids"])
    assert (len(held.job["series_uids"]), held.rows(HeldRow)) == (5, [])


def test_what_is_rejected_goes_with_all_four(held):
    done = held.call("jobs", "reject", 1, "--by", "A. Physicist", "--why", "no skull base")
    assert done.exit_code == 0, done.output
    assert (held.rows(HeldRow), held.job["series_uids"]) == ([], [])
    held.tick("destination out")
    assert held.out == {}
    assert held.rows(InstanceRow, InstanceRow.origin == Origin.MADE) == []


def told_of(node: Node) -> dict[str, set[str]]:
    """Return what each note that was delivered rejects, by the type of its references."""
    found: dict[str, set[str]] = {}
    for paths in node.out.values():
        note = dcmread(paths[0])
        if note.SOPClassUID == KEY_OBJECT:
            (study,) = note.CurrentRequestedProcedureEvidenceSequence
            kinds = {one.ValueType for one in note.ContentSequence if one.ValueType in
                     ("IMAGE", "COMPOSITE")}  # fmt: skip
            found[study.ReferencedSeriesSequence[0].SeriesInstanceUID] = kinds
    return found


def is_taken_back(node: Node, made: list[str], because: str) -> None:
    node.tick("notes", "destination out", days=2)
    rejected = node.rows(RejectionRow)
    assert {(row.series_uid, row.because) for row in rejected} == {(uid, because) for uid in made}
    images = {"IMAGE"}, {"IMAGE"}, {"COMPOSITE"}, {"COMPOSITE"}, {"COMPOSITE"}
    assert told_of(node) == dict(zip(made, images, strict=True))
    here = node.rows(InstanceRow, InstanceRow.origin == Origin.MADE)
    assert {row.sop_class_uid for row in here} == {KEY_OBJECT}
    assert len(node.rows(HeldRow)) == 24


def test_an_acquired_series_that_comes_late_takes_all_of_them_back(sent, tmp_path):
    made = sent.job["series_uids"]
    folder = tmp_path / "acquired"
    folder.mkdir()
    for number, ds in enumerate(ct(SERIES, "1.2.3.4")):
        (folder / f"{number}.dcm").write_bytes(part10(ds))
    done = sent.call("ingest", folder)
    assert done.exit_code == 0, done.output
    sent.tick("completion", "rules", days=1)
    is_taken_back(sent, made, "superseded")


def test_a_recalled_model_takes_all_of_them_back(sent):
    made = sent.job["series_uids"]
    done = sent.call("models", "recall", "tiny@1.0.0", "--by", "A. Physicist", "--why", "wrong HU",
                     "--wait", "0")  # fmt: skip
    assert done.exit_code in (0, 3), done.output
    is_taken_back(sent, made, "recalled")


def test_what_came_of_it_is_input_to_nothing_when_it_is_sent_back(sent):
    """From another archive, where it was renamed: other UIDs, no mark, no description."""
    folder = sent.folder / "back"
    folder.mkdir()
    for uid in sent.job["series_uids"][1:]:
        ds = dcmread(sent.out[uid][0])
        ds.SOPInstanceUID, ds.SeriesInstanceUID = f"{ds.SOPInstanceUID}.1", f"{uid}.1"
        ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
        del ds.SyntheticData
        ds.SeriesDescription, ds.Modality = "CT HEAD", "CT"
        ds.save_as(folder / f"{uid}.dcm")
    done = sent.call("ingest", folder)
    assert done.exit_code == 0, done.output
    sent.tick("completion", "rules", days=1)
    answer = sent.why()
    back = [one for one in answer["series"] if one["series_uid"].endswith(".1")]
    assert (len(back), len(answer["jobs"]), sent.rows(RejectionRow)) == (4, 1, [])
    assert {one["verdict"] for one in back} == {"refuse"}
    assert not {one["label"] for one in back} & {"CT", "T1"}
    assert answer["rules"][0]["fired"]  # CT is missing still


def test_a_model_without_limits_makes_all_but_the_map_and_says_why_and_all_of_it_waits(tmp_path):
    node = Node(live(tmp_path, rules=RULES, gate=None).folder)
    assert {row.label for row in node.rows(HeldRow)} == {"CT", "report", "overlay", "pdf"}
    codes = [reason["code"] for reason in node.job["reasons"]]
    assert (node.job["state"], codes) == ("held", ["QC_FAILED", "COMPANION_MISSING"])
    assert node.out == {}
    assert "no map of the uncertainty" in node.call("why", SERIES.study_uid).stdout
    assert "23 of 23 objects are the same" in node.remake().stdout


def test_of_a_result_whose_companion_is_wrong_nothing_leaves(tmp_path, monkeypatch):
    def without_its_mark(making, made):
        ds = right(making, made)
        del ds.SyntheticData
        return ds

    right = MAKERS[Companion.OVERLAY]
    monkeypatch.setitem(MAKERS, Companion.OVERLAY, without_its_mark)
    with pytest.raises(AssertionError):  # the job does not end as it should
        live(tmp_path, rules=RULES)
    node = Node(tmp_path)
    assert "companion overlay: SyntheticData is absent" in node.job["reasons"][0]["text"]
    assert (node.job["state"], node.job["series_uids"], node.out) == ("failed", [], {})
    assert node.rows(InstanceRow, InstanceRow.origin == Origin.MADE) == []
