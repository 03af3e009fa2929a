"""Taken back from a real PACS: what the node says of it is what the PACS says."""

import json
from io import BytesIO

import pytest
from pydicom import dcmread

from dicom_node.dicom import derive_uid
from dicom_node.notes import KEY_OBJECT
from tests.support.asking import Asking
from tests.support.dciodvfy import dciodvfy
from tests.support.mr import MrSeries, acquired_ct, part10
from tests.support.node import is_sent
from tests.support.sender import send

BY = ("--by", "A. Physicist", "--why", "shifted by a slice")
OLD = {"name": "oldpacs", "ae_title": "OLDPACS", "host": "127.0.0.1", "may": ["store"]}
SHARE = {"name": "share", "kind": "folder", "path": "../out"}


def listed_by(orthanc, series_uid: str) -> set[str]:
    """Ask the PACS by C-FIND, as anybody would."""
    asking = Asking(orthanc.dicom_port, orthanc.ae_title)
    try:
        return set(asking.uids("IMAGE", {"SeriesInstanceUID": series_uid}))
    finally:
        asking.close()


def objects(orthanc, sop_class_uid: str) -> list:
    found = [orthanc.file(one) for uids in orthanc.series().values() for one in uids]
    read = [dcmread(BytesIO(content)) for content in found]
    return [ds for ds in read if ds.SOPClassUID == sop_class_uid]


def is_noted(answer: dict) -> bool:
    """Whether every note there is has arrived."""
    notes = [one["note_series_uid"] for series in answer["series"] for one in series["rejected"]]
    arrived = {one["series_uid"] for one in answer["deliveries"]
               if one["state"] in ("sent", "receipted")}  # fmt: skip
    return bool(notes) and set(notes) <= arrived


@pytest.fixture
def served(start, orthanc, long_database_url):
    """A node that has made a series which the PACS holds."""
    node = start(database=long_database_url, peers=[orthanc.peer(ask=["find"]), OLD])
    series = MrSeries(seed=f"taken back {long_database_url[:6]}")
    send(node.port, series.datasets())
    answer = node.until(series.study_uid, is_sent)
    return node, series, answer["jobs"][0]["series_uids"][0]


def test_the_real_ct_comes_late_and_the_pacs_is_told(served, orthanc, tmp_path):
    node, series, made = served
    send(node.port, acquired_ct(series))
    answer = node.until(series.study_uid, is_noted)
    assert [job["state"] for job in answer["jobs"]] == ["done"]
    (told,) = [one for one in answer["series"] if one["series_uid"] == made]
    assert told["rejected"][0]["because"] == "superseded"
    (note,) = objects(orthanc, KEY_OBJECT)
    (study,) = note.CurrentRequestedProcedureEvidenceSequence
    named = {one.ReferencedSOPInstanceUID
             for one in study.ReferencedSeriesSequence[0].ReferencedSOPSequence}  # fmt: skip
    assert named == listed_by(orthanc, made)
    path = tmp_path / "note.dcm"
    path.write_bytes(orthanc.file(orthanc.series()[note.SeriesInstanceUID][0]))
    assert dciodvfy(path) == ([], [])
    said = node.command("why", series.study_uid).stdout
    assert "superseded by" in said
    assert node.command("verify-archive").returncode == 0


def test_sent_back_renamed_and_by_another_title_it_makes_no_job(served, orthanc):
    """From the PACS as it is, and once more with every mark lost that a PACS may lose."""
    node, series, made = served
    orthanc.know("node", node.port)
    round_trip = orthanc.get("series?expand")
    (identifier,) = [one["ID"] for one in round_trip
                     if one["MainDicomTags"]["SeriesInstanceUID"] == made]  # fmt: skip
    orthanc.send("node", identifier)
    back = [dcmread(BytesIO(orthanc.file(one))) for one in orthanc.series()[made]]
    uid = derive_uid("renamed", made)
    for z, ds in enumerate(back):
        ds.SeriesInstanceUID, ds.SOPInstanceUID = uid, f"{uid}.{z}"
        ds.SeriesDescription, ds.ImageComments = "CT head", ""
        ds.StudyInstanceUID = derive_uid("another study", made)
        del ds.SyntheticData
    send(node.port, back, calling="OLDPACS")
    answer = node.until(derive_uid("another study", made), lambda a: a["state"] == "routed")
    (renamed,) = answer["series"]
    assert (renamed["synthetic"], answer["jobs"]) == (True, [])
    answer = node.until(series.study_uid, lambda a: a["state"] == "routed")
    assert [job["state"] for job in answer["jobs"]] == ["done"]
    assert [one["rejected"] for one in answer["series"]] == [[], []]


@pytest.mark.slow
def test_a_note_that_comes_back_from_the_pacs_makes_no_job(served, orthanc):
    node, series, _ = served
    send(node.port, acquired_ct(series))
    node.until(series.study_uid, is_noted)
    orthanc.know("node", node.port)
    before = node.why(series.study_uid)
    for identifier in [one["ID"] for one in orthanc.get("series?expand")]:
        orthanc.send("node", identifier)
    answer = node.until(series.study_uid, lambda a: a["state"] == "routed")
    assert answer["jobs"] == before["jobs"]
    assert sum(len(one["rejected"]) for one in answer["series"]) == 1


def test_a_recall_lists_exactly_what_the_pacs_lists(start, orthanc, long_database_url):
    there = orthanc.peer(ask=["find"])
    node = start(database=long_database_url, peers=[there], destinations=[SHARE])
    many = [MrSeries(seed=f"recalled {n} {long_database_url[:6]}") for n in range(2)]
    for series in many:
        send(node.port, series.datasets())
    made = {node.until(one.study_uid, is_sent)["jobs"][0]["series_uids"][0] for one in many}
    orthanc.upload(*map(part10, acquired_ct(MrSeries(seed="not ours"))))
    version = json.loads(node.command("models", "list", "--json").stdout)[0]["version"]
    done = node.command("models", "recall", f"tiny@{version}", *BY, "--json", check=False)
    about = json.loads(done.stdout)
    assert {one["series_uid"] for one in about["series"]} == made
    for one in about["series"]:
        assert set(one["instances"]) == listed_by(orthanc, one["series_uid"])
        assert one["here"] == 20
        places = {place["destination"]: place for place in one["destinations"]}
        assert {name: (place["answered"], place["found"]) for name, place in places.items()} == {
            "pacs": (True, 20), "share": (True, 20),
        }  # fmt: skip
    assert (done.returncode, about["confirmed"]) == (3, False), "Orthanc applies no notes"
    titles = {note.ConceptNameCodeSequence[0].CodeValue for note in objects(orthanc, KEY_OBJECT)}
    assert (titles, len(objects(orthanc, KEY_OBJECT))) == ({"113037"}, 2)
    for uid in made:  # somebody removes it there, as the report asks for
        (identifier,) = [one["ID"] for one in orthanc.get("series?expand")
                         if one["MainDicomTags"]["SeriesInstanceUID"] == uid]  # fmt: skip
        orthanc.delete(f"series/{identifier}")
        for file in (node.data.parent / "out" / uid).iterdir():
            file.unlink()
    done = node.command("models", "recall", f"tiny@{version}", *BY)
    assert "Confirmed: every note was answered" in done.stdout
    later = MrSeries(seed="after the recall")
    send(node.port, later.datasets())
    answer = node.until(later.study_uid, lambda a: a["state"] == "routed")
    assert answer["jobs"] == []
    assert "MODEL_RECALLED" in answer["rules"][0]["unmet"][0]
