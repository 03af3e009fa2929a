"""The routing of examples/: what is pasted sends studies here, and nothing comes round."""

import pytest

from tests.support.dcmtk import storescu
from tests.support.mr import MrSeries, part10
from tests.support.need import free_port
from tests.support.node import is_receipted, is_sent
from tests.support.routing import EXAMPLES, Router, example_peer, orthanc_with
from tests.support.until import until


@pytest.fixture
def hospital(tmp_path, start):
    """Return a starter of Orthanc with a script, and a node that sends to it."""
    started = []

    def starter(script):
        port = free_port()
        pacs = orthanc_with(tmp_path / "orthanc", script, port).start()
        started.append(pacs)
        return pacs, start(port=port, peers=[example_peer(pacs.dicom_port)])

    yield starter
    for pacs in started:
        pacs.stop()


def upload(pacs, series: MrSeries) -> None:
    pacs.upload(*(part10(ds) for ds in series.datasets()))


def study_of(pacs, series: MrSeries) -> set[str]:
    """Return the series of one study, as Orthanc has them."""
    (study,) = [
        one
        for one in pacs.get("studies?expand")
        if one["MainDicomTags"]["StudyInstanceUID"] == series.study_uid
    ]
    return {
        one["MainDicomTags"]["SeriesInstanceUID"]
        for one in pacs.get(f"studies/{study['ID']}/series")
    }


def sendings(pacs) -> list[int]:
    """Return how many instances each job of Orthanc has sent to the node."""
    jobs = [one for one in pacs.get("jobs?expand") if one["Type"] == "DicomModalityStore"]
    return sorted(one["Content"]["InstancesCount"] for one in jobs if one["State"] == "Success")


def stable_changes(pacs, study: str) -> int:
    """Return how often a study became stable."""
    changes = pacs.get("changes?limit=1000")["Changes"]
    return sum(one["ChangeType"] == "StableStudy" and one["ID"] == study for one in changes)


def until_stable_twice(pacs, series: MrSeries, node) -> None:
    """Wait until Orthanc has called its script for what came back.

    It calls the script for one study after the other: when a study that came later has arrived
    here, the one before was dealt with.
    """
    (study,) = pacs.get("studies")
    until(lambda: stable_changes(pacs, study) >= 2)
    after = MrSeries(seed=f"after {series.seed}")
    upload(pacs, after)
    node.until(after.study_uid, is_receipted)


def test_orthanc_sends_a_stable_study_and_what_is_made_ends_in_it_and_stays_there(hospital):
    pacs, node = hospital(EXAMPLES / "orthanc.lua")
    series = MrSeries(seed="routed by Orthanc")
    upload(pacs, series)
    answer = node.until(series.study_uid, is_receipted)
    (job,) = answer["jobs"]
    assert study_of(pacs, series) == {series.series_uid, *job["series_uids"]}
    until_stable_twice(pacs, series, node)
    assert sendings(pacs) == [20, 20], "each acquired series once, what was made never"
    assert node.why(series.study_uid) == answer


@pytest.mark.slow
def test_more_of_a_series_is_sent_when_it_comes(hospital):
    pacs, node = hospital(EXAMPLES / "orthanc.lua")
    datasets = MrSeries(seed="in two parts").datasets()
    pacs.upload(*(part10(ds) for ds in datasets[:19]))
    study_uid = str(datasets[0].StudyInstanceUID)
    node.until(study_uid, is_receipted)
    pacs.upload(part10(datasets[19]))
    answer = node.until(study_uid, lambda a: len(a["deliveries"]) == 2 and is_receipted(a))
    assert [job["state"] for job in answer["jobs"]] == ["done", "done"]
    assert sendings(pacs) == [19, 20]


def test_a_script_without_the_guard_brings_it_round_and_the_node_makes_nothing_of_it(
    hospital, tmp_path
):
    guarded = (EXAMPLES / "orthanc.lua").read_text()
    guard = "acquired(series) and not sent(series)"
    assert guarded.count(guard) == 1
    script = tmp_path / "unguarded.lua"
    script.write_text(guarded.replace(guard, "true"))
    pacs, node = hospital(script)
    series = MrSeries(seed="comes round")
    upload(pacs, series)
    answer = node.until(series.study_uid, is_receipted)
    (job,) = answer["jobs"]
    until(lambda: 40 in sendings(pacs))  # the fault: what was made is here again
    until_stable_twice(pacs, series, node)
    answer = node.until(series.study_uid, lambda a: a["state"] == "routed")
    assert [one["id"] for one in answer["jobs"]] == [job["id"]]
    assert {one["series_uid"]: one["synthetic"] for one in answer["series"]} == {
        series.series_uid: False, **dict.fromkeys(job["series_uids"], True)
    }  # fmt: skip
    assert study_of(pacs, series) == {series.series_uid, *job["series_uids"]}


@pytest.fixture
def routed(tmp_path, start):
    """A node with a folder for its results, and the router of DCMTK before it."""
    peer = {"name": "router", "ae_title": "ROUTER", "host": "127.0.0.1", "may": ["echo", "store"]}
    share = {"name": "share", "kind": "folder", "path": "../out"}
    node = start(peers=[peer], destinations=[share])
    router = Router(tmp_path, node.port).start()
    yield node, router
    router.stop()


def synthetic(series: MrSeries) -> list:
    found = MrSeries(seed=series.seed, plane="coronal").datasets()
    for ds in found:
        ds.SyntheticData = "YES"
    return found


def test_the_router_of_dcmtk_sends_what_was_acquired_and_keeps_nothing(routed, tmp_path):
    node, router = routed
    series = MrSeries(seed="routed by DCMTK")
    paths = series.write(tmp_path / "files")
    for number, ds in enumerate(synthetic(series)):
        paths.append(tmp_path / f"synthetic{number}.dcm")
        paths[-1].write_bytes(part10(ds))
    assert storescu(router.port, *paths, called="ROUTER").returncode == 0
    answer = node.until(series.study_uid, is_sent)
    received = [one for one in answer["series"] if not one["synthetic"]]
    assert [(one["series_uid"], one["instances"]) for one in received] == [(series.series_uid, 20)]
    assert len(answer["series"]) == 2, "what was acquired, and what was made of it here"
    router.until(0)


@pytest.mark.slow
def test_what_the_router_cannot_send_waits_for_the_node(routed, tmp_path):
    node, router = routed
    node.stop()
    series = MrSeries(seed="routed later")
    paths = series.write(tmp_path / "files")
    assert storescu(router.port, *paths, called="ROUTER").returncode == 0
    router.until(20)
    assert router.send().returncode == 0, "nobody there is no fault of the router's"
    assert router.waiting() == 20
    node.start()
    router.send()
    assert router.waiting() == 0
    node.until(series.study_uid, is_sent)
