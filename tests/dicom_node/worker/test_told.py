"""Which images a job reads, and which it made, stands in the audit trail."""

from datetime import timedelta

from dicom_node.archive import Archive, Files, Received, Space
from dicom_node.values import Model, Origin
from dicom_node.worker import Answer
from dicom_node.worker.told import tell_made, tell_mismatch
from dicom_node.worker.work import Placed
from tests.dicom_node.worker.test_stage import T0, program, start
from tests.support.mr import MR_IMAGE, MrSeries, encoded
from tests.support.trail import Trail

__all__ = ["start"]


def test_each_try_of_a_job_is_told_before_it_reads(start, tmp_path):
    scene = start(program())
    trail = Trail(tmp_path)
    scene.stage._audit = trail.audit
    scene.stage.tick(T0 + timedelta(seconds=1))
    (read,) = trail.told()
    assert (read.event, read.action, read.outcome) == ("DICOM Instances Accessed", "R", "0")
    assert read.counts == {MR_IMAGE: 2}
    assert read.studies == [MrSeries(slices=2).study_uid]
    assert read.patients == ["TEST-1"]
    assert read.requestor == "4711"


def test_a_series_that_was_made_is_told_as_created(tmp_path):
    archive = Archive(None, Files(tmp_path / "archive"), Space(tmp_path, 0), lambda: T0)
    series, placed = MrSeries(slices=3), []
    for ds in series.datasets():
        received = Received(encoded(ds), "1.2.840.10008.1.2.1", "NODE", Origin.MADE)
        entry = archive.place(received)
        placed.append(
            Placed(entry.place, entry.sha256, entry.size, ds.SOPInstanceUID, ds.SOPClassUID)
        )
    answer = Answer("made", [], series.study_uid, series.series_uid, "CT", tuple(placed))
    trail = Trail(tmp_path)
    tell_made(trail.audit, T0, answer, archive.folder)
    (made,) = trail.told()
    assert (made.action, made.counts, made.patients) == ("C", {MR_IMAGE: 3}, ["TEST-1"])


def test_a_job_that_made_nothing_is_not_told_as_created(tmp_path):
    trail = Trail(tmp_path)
    tell_made(trail.audit, T0, Answer("refused", []), tmp_path)
    assert trail.told() == []


def test_a_model_that_is_not_what_it_should_be_raises_an_alert(tmp_path):
    trail = Trail(tmp_path)
    model = Model("tiny", "1.0.0", "sha256:00")
    reasons = [{"code": "MODEL_TAMPERED", "text": "card.md is not as it was signed"}]
    tell_mismatch(trail.audit, T0, model, Answer("failed", reasons))
    tell_mismatch(trail.audit, T0, model, Answer("failed", [{"code": "NO_MEMORY", "text": "x"}]))
    (alert,) = trail.told()
    assert (alert.event, alert.outcome) == ("Security Alert", "8")
    assert "urn:dicom-synthesis-node:model:tiny@1.0.0" in alert.xml
