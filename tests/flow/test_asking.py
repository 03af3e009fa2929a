"""What only the PACS has, end to end: it stops a rule, it is fetched, and it is not waited for."""

from pydicom import dcmread

from tests.dicom_node.archive.objects import file_of
from tests.support.mr import MrSeries
from tests.support.need import free_port
from tests.support.node import is_sent
from tests.support.sender import send

REAL_CT = "ct/siemens_definition_kopf_h42s_papaya"


def localizer(series: MrSeries) -> list:
    found = MrSeries(seed=series.seed, plane="coronal", slices=3).datasets()
    for ds in found:
        ds.ImageType = ["ORIGINAL", "PRIMARY", "M", "LOCALIZER"]
        ds.SeriesDescription = ds.ProtocolName = "localizer"
    return found


def is_routed(answer: dict) -> bool:
    return answer["state"] == "routed"


def test_a_real_ct_that_lives_only_in_orthanc_stops_the_rule(start, orthanc, real_data):
    node = start(peers=[orthanc.peer(ask=["find"])])
    series = MrSeries(seed="real CT elsewhere")
    for path in sorted((real_data / REAL_CT).glob("*.dcm")):
        ds = dcmread(path)
        ds.StudyInstanceUID, ds.PatientID = series.study_uid, series.patient_id
        orthanc.upload(file_of(ds, ds.file_meta.TransferSyntaxUID))
    send(node.port, series.datasets())
    answer = node.until(series.study_uid, is_routed)
    (rule,) = answer["rules"]
    assert not rule["fired"]
    assert rule["unmet"][0].startswith(f"CT is not missing: pacs has series {ds.SeriesInstanceUID}")
    assert answer["jobs"] == []
    (asked,) = answer["asked"]
    assert [(one["label"], one["synthetic"]) for one in asked["series"]] == [("CT", False)]
    said = node.command("why", series.study_uid).stdout
    assert "Asked pacs: it has 1 series that were not here" in said


def test_a_t1_that_lives_only_in_orthanc_is_fetched_and_made_into_a_ct(start, orthanc):
    port = free_port()
    orthanc.know("node", port)
    pacs = orthanc.peer(ask=["find", "move", "commit"])
    rule = {"name": "sct", "task": "ct_from_mr", "destinations": ["pacs"], "fetch": True}
    node = start(peers=[pacs], port=port, rules=[rule])
    series = MrSeries(seed="T1 elsewhere")
    orthanc.upload(*(file_of(ds) for ds in series.datasets()))
    send(node.port, localizer(series))
    answer = node.until(series.study_uid, is_sent)
    (job,) = answer["jobs"]
    assert job["sources"] == [{"label": "T1", "series_uid": series.series_uid}]
    (asked,) = answer["asked"]
    assert [(one["label"], one["state"]) for one in asked["fetched"]] == [("T1", "fetched")]
    assert set(orthanc.series()) == {series.series_uid, *job["series_uids"]}


def test_while_orthanc_is_away_the_rule_waits_a_bounded_time_and_says_so(start, orthanc):
    pacs = orthanc.peer(ask=["find"])
    orthanc.stop()
    node = start(peers=[pacs], extra={"asking": {"wait_s": 5.0}})
    series = MrSeries(seed="away")
    send(node.port, series.datasets())
    answer = node.until(series.study_uid, lambda a: a["asked"] and a["asked"][0]["error"])
    assert (answer["state"], answer["jobs"]) == ("complete", [])
    assert "does not answer" in answer["asked"][0]["error"]
    answer = node.until(series.study_uid, lambda a: a["jobs"])
    assert answer["rules"][0]["fired"]
    assert answer["asked"][0]["answered_at"] is None
    said = node.command("why", series.study_uid).stdout
    assert "Asked pacs: no answer; waited for until" in said
