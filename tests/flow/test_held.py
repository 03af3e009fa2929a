"""Results that wait for a person: nothing of them leaves, whatever happens, until one decides."""

import shutil
from io import BytesIO

import pytest
from pydicom import dcmread

from tests.support.asking import Asking
from tests.support.gated import hold, limits, refuse
from tests.support.mr import MrSeries
from tests.support.node import is_held, is_sent
from tests.support.sender import send
from tests.support.trail import told_in

VIEWER = {"name": "viewer", "ae_title": "VIEWER", "host": "127.0.0.1", "may": ["find"]}
CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"


def held(start, orthanc, **values):
    """Return a node whose results wait for a person, one of them waiting, and its answer."""
    node = start(release="by_hand", peers=[orthanc.peer(), VIEWER], **values)
    series = MrSeries(seed=f"held {values}")
    send(node.port, series.datasets())
    return node, series, node.until(series.study_uid, is_held)


def found(node) -> list[str]:
    asking = Asking(node.port, "SYNTHNODE", "VIEWER")
    try:
        return asking.uids("SERIES", {})
    finally:
        asking.close()


def acts(node) -> list[str]:
    """Return what the audit trail says that persons did, in sentences."""
    alerts = [one for one in told_in(node.data / "audit") if one.event == "Security Alert"]
    return [text for one in alerts for text in one.details.values()]


def test_nothing_leaves_before_a_person_has_looked_and_then_all_of_it(
    start, orthanc, long_database_url, tmp_path
):
    node, series, answer = held(start, orthanc, database=long_database_url)
    (job,) = answer["jobs"]
    assert [reason["code"] for reason in job["reasons"]] == ["RELEASE_WANTED"]
    assert (answer["deliveries"], orthanc.series()) == ([], {})
    assert found(node) == [series.series_uid]
    node.kill()  # whatever happens to the node
    node.start()
    assert is_held(node.why(series.study_uid))

    seen = tmp_path / "seen"
    said = node.command("jobs", "export", str(job["id"]), str(seen))
    assert "20 files" in said.stdout
    files = sorted(seen.iterdir())
    assert {dcmread(file).SOPClassUID for file in files} == {CT_IMAGE}
    again = node.command("jobs", "export", str(job["id"]), str(seen), check=False)
    assert (again.returncode, "already" in again.stderr) == (1, True)

    nobody = node.command("jobs", "release", str(job["id"]), "--by", " ", check=False)
    assert nobody.returncode == 2
    node.command("jobs", "release", str(job["id"]), "--by", "A. Physicist", "--why", "bone is fine")
    answer = node.until(series.study_uid, is_sent)
    (job,) = answer["jobs"]
    assert (job["state"], job["decided"]["by"]) == ("done", "A. Physicist")
    assert orthanc.series().keys() == set(job["series_uids"])
    sent = [orthanc.file(one) for one in orthanc.series()[job["series_uids"][0]]]
    assert {dcmread(file).PixelData for file in files} == {
        dcmread(BytesIO(content)).PixelData for content in sent
    }
    assert set(found(node)) == {series.series_uid, *job["series_uids"]}
    assert node.command("verify-archive").returncode == 0
    assert "released by A. Physicist" in node.command("why", series.study_uid).stdout
    late = node.command("jobs", "reject", str(job["id"]), "--by", "B", "--why", "no", check=False)
    assert (late.returncode, "released by A. Physicist" in late.stderr) == (1, True)


def test_what_is_rejected_never_leaves_and_says_why(start, orthanc):
    node, series, answer = held(start, orthanc)
    (job,) = answer["jobs"]
    node.command("jobs", "reject", str(job["id"]), "--by", "A. Physicist", "--why", "no skull base")
    (job,) = node.why(series.study_uid)["jobs"]
    assert (job["state"], job["series_uids"]) == ("refused", [])
    assert job["reasons"][-1] == {
        "code": "REJECTED", "text": "rejected by A. Physicist: no skull base",
    }  # fmt: skip
    assert found(node) == [series.series_uid]
    assert orthanc.series() == {}
    assert any("rejected by A. Physicist" in act for act in acts(node))
    assert node.command("verify-archive").returncode == 0


@pytest.mark.slow
def test_more_of_the_study_voids_what_waits_and_its_successor_waits_too(start, orthanc):
    node = start(release="by_hand", peers=[orthanc.peer(), VIEWER])
    series = MrSeries(seed="held, then more")
    datasets = series.datasets()
    send(node.port, datasets[:19])
    node.until(series.study_uid, is_held)
    send(node.port, datasets[19:])
    answer = node.until(series.study_uid, lambda a: states(a) == ["cancelled", "held"])
    first, second = answer["jobs"]
    assert (first["series_uids"], len(second["series_uids"])) == ([], 1)
    gone = node.command("jobs", "release", str(first["id"]), "--by", "A", check=False)
    assert (gone.returncode, "is cancelled" in gone.stderr) == (1, True)
    assert orthanc.series() == {}


def states(answer: dict) -> list[str]:
    return [job["state"] for job in answer["jobs"]]


@pytest.mark.slow
def test_what_a_person_was_given_and_sends_back_makes_no_job_and_is_released_all_the_same(
    start, orthanc, tmp_path
):
    node, series, answer = held(start, orthanc)
    (job,) = answer["jobs"]
    node.command("jobs", "export", str(job["id"]), str(tmp_path / "out"))
    back = [dcmread(path) for path in sorted((tmp_path / "out").iterdir())]
    assert set(send(node.port, back).values()) == {0}
    shutil.rmtree(tmp_path / "out")
    answer = node.until(series.study_uid, lambda a: a["state"] == "routed" and len(a["series"]) > 1)
    assert states(answer) == ["held"]
    assert orthanc.series() == {}
    node.command("jobs", "release", str(job["id"]), "--by", "A. Physicist")
    node.until(series.study_uid, is_sent)
    assert orthanc.series().keys() == set(job["series_uids"])


def test_what_the_gate_of_a_model_holds_waits_and_says_which_figure_by_which_limit(start, orthanc):
    node = start(gate=limits({"noise": hold(0.9, None)}), peers=[orthanc.peer()])
    series = MrSeries(seed="held by its gate")
    send(node.port, series.datasets())
    answer = node.until(series.study_uid, is_held)
    (job,) = answer["jobs"]
    (reason,) = job["reasons"]
    assert reason["code"] == "OUT_OF_DISTRIBUTION"
    assert "(noise) is" in reason["text"]
    assert "at least 0.9 is wanted" in reason["text"]
    assert (answer["deliveries"], orthanc.series()) == ([], {})
    node.command("jobs", "release", str(job["id"]), "--by", "A. Physicist")
    answer = node.until(series.study_uid, is_sent)
    assert orthanc.series().keys() == set(answer["jobs"][0]["series_uids"])


def test_what_the_gate_of_a_model_refuses_is_not_made(start, orthanc):
    node = start(gate=limits({"noise": refuse(0.9, None)}), peers=[orthanc.peer()])
    series = MrSeries(seed="refused by its gate")
    send(node.port, series.datasets())
    answer = node.until(
        series.study_uid, lambda found: [job["state"] for job in found["jobs"]] == ["refused"]
    )
    assert [one["code"] for one in answer["jobs"][0]["reasons"]] == ["OUT_OF_DISTRIBUTION"]
    assert (answer["deliveries"], orthanc.series()) == ([], {})


def test_what_a_model_without_limits_makes_is_held_unjudged_and_says_so(start, orthanc):
    node = start(gate=None, peers=[orthanc.peer()])
    series = MrSeries(seed="of a model without limits")
    send(node.port, series.datasets())
    answer = node.until(series.study_uid, is_held)
    (job,) = answer["jobs"]
    (reason,) = job["reasons"]
    assert reason["code"] == "QC_FAILED"
    assert "nothing is known about what results of tiny@1.0.0 look like" in reason["text"]
    assert "'dicom-train calibrate RECIPE BUNDLE --data PAIRS' sets limits" in reason["text"]
    assert (answer["deliveries"], orthanc.series()) == ([], {})
    node.command("jobs", "release", str(job["id"]), "--by", "A. Physicist")
    node.until(series.study_uid, is_sent)
    assert orthanc.series().keys() == set(job["series_uids"])


@pytest.mark.slow
def test_research_sees_what_a_model_without_limits_makes_as_a_marked_copy_alone(start, orthanc):
    node = start(gate=None, peers=[orthanc.peer(**LAB)])
    series = MrSeries(seed="of a model without limits, seen by research")
    send(node.port, series.datasets())
    answer = node.until(
        series.study_uid, lambda a: went(a) in ({("pacs", "marked"): s} for s in SENT)
    )
    (job,) = answer["jobs"]
    assert (job["state"], orthanc.series().keys()) == ("held", {job["marked"]})
    for one in orthanc.series()[job["marked"]]:
        ds = dcmread(BytesIO(orthanc.file(one)))
        assert ds.ImageComments.startswith(f"{MARK} (QC_FAILED): nothing is known about what")


SENT = ("sent", "receipted")
LAB = {"when_held": "send_marked", "ask": ["find"]}
MARK = "HELD - NOT RELEASED"


def went(answer: dict) -> dict[tuple[str, str], str]:
    """Return how far each delivery is, by destination and what it is of."""
    return {(one["destination"], one["copy"]): one["state"] for one in answer["deliveries"]}


def test_research_sees_a_marked_copy_while_it_waits_and_is_told_when_that_is_over(start, orthanc):
    ward = {"name": "ward", "kind": "folder", "path": "../ward"}
    node = start(release="by_hand", peers=[orthanc.peer(**LAB), VIEWER], destinations=[ward])
    series = MrSeries(seed="held, and seen by research")
    send(node.port, series.datasets())
    there = {("pacs", "marked"): "receipted"}
    answer = node.until(series.study_uid, lambda a: went(a) == there)
    (job,) = answer["jobs"]
    assert (job["state"], orthanc.series().keys()) == ("held", {job["marked"]})
    for one in orthanc.series()[job["marked"]]:
        ds = dcmread(BytesIO(orthanc.file(one)))
        assert ds.SeriesDescription.startswith(f"{MARK}: sCT")
        assert ds.ImageComments.startswith(f"{MARK} (RELEASE_WANTED): task ct_from_mr says")
        assert (ds.SyntheticData, ds.ContentQualification) == ("YES", "RESEARCH")
    assert found(node) == [series.series_uid]
    assert not (node.data.parent / "ward").exists()
    assert f"marked copy {job['marked']}  pacs: receipted" in node.command("jobs", "list").stdout
    assert "for research while it waits" in node.command("why", series.study_uid).stdout

    node.kill()
    node.start()
    node.command("jobs", "release", str(job["id"]), "--by", "A. Physicist")
    over = {("pacs", "result"): "receipted", ("ward", "result"): "receipted"}
    answer = node.until(
        series.study_uid, lambda a: went(a) == {**there, **over, ("pacs", "note"): "sent"}
    )
    (result,) = answer["jobs"][0]["series_uids"]
    notes = orthanc.series().keys() - {result, job["marked"]}
    (note,) = [
        dcmread(BytesIO(orthanc.file(one))) for uid in notes for one in orthanc.series()[uid]
    ]
    (study,) = note.CurrentRequestedProcedureEvidenceSequence
    assert [one.SeriesInstanceUID for one in study.ReferencedSeriesSequence] == [job["marked"]]
    assert note.ConceptNameCodeSequence[0].CodeValue == "113001"
    assert [one.name for one in (node.data.parent / "ward").iterdir()] == [result]
    assert set(found(node)) == {series.series_uid, result, str(note.SeriesInstanceUID)}
    assert node.command("verify-archive").returncode == 0
    said = node.command("why", series.study_uid).stdout
    assert f"series {job['marked']} (marked copy: {MARK})" in said
    assert f"marked copy {job['marked']}, taken back: it waits no more" in said
    assert (
        "use research, takes marked copies of what is held" in node.command("peers", "list").stdout
    )
