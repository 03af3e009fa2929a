"""The main job over real sockets: DCMTK sends, Orthanc holds the synthetic series."""

import random
import threading
import time
from io import BytesIO

import pytest
from pydicom import dcmread

from tests.support.dcmtk import storescu
from tests.support.mr import MrSeries, acquired_ct
from tests.support.node import is_sent
from tests.support.sender import send


def test_a_study_sent_comes_back_at_the_pacs_as_a_synthetic_series(
    start, orthanc, tmp_path, database_url
):
    node = start(database=database_url, peers=[orthanc.peer()])
    series = MrSeries()
    sent = storescu(node.port, *series.write(tmp_path / "files"))
    assert sent.returncode == 0, sent.stdout
    answer = node.until(series.study_uid, is_sent)
    (job,) = answer["jobs"]
    assert job["state"] == "done"
    held = orthanc.series()
    assert list(held) == job["series_uids"]
    assert len(held[job["series_uids"][0]]) == series.slices


def test_sent_three_times_at_once_and_shuffled_it_is_one_job_and_one_series(start, orthanc):
    node = start(peers=[orthanc.peer()], quiet_s=1.5)
    series = MrSeries()
    shuffled = series.datasets()
    random.Random(1).shuffle(shuffled)
    rounds = [series.datasets(), series.datasets()[::-1], shuffled]
    threads = [threading.Thread(target=send, args=(node.port, each)) for each in rounds[:2]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(send(node.port, rounds[2]).values()) == {0}
    answer = node.until(series.study_uid, is_sent)
    send(node.port, shuffled)  # once more, after all is done
    node.until(series.study_uid, lambda a: a["state"] == "routed")
    answer = node.why(series.study_uid)
    assert [job["state"] for job in answer["jobs"]] == ["done"]
    assert sum(one["instances"] for one in answer["series"] if not one["synthetic"]) == 20
    assert list(orthanc.series()) == answer["jobs"][0]["series_uids"]


def test_a_straggler_plans_again_and_is_not_lost(shared_node, shared_orthanc):
    series = MrSeries("straggler", slices=20)
    datasets = series.datasets()
    send(shared_node.port, datasets[:19])
    shared_node.until(series.study_uid, is_sent)
    send(shared_node.port, datasets[19:])
    answer = shared_node.until(series.study_uid, lambda a: len(a["deliveries"]) == 3 and is_sent(a))
    assert [job["state"] for job in answer["jobs"]] == ["done", "done"]
    held = shared_orthanc.series()
    (first,), (second,) = (job["series_uids"] for job in answer["jobs"])
    assert len(held[second]) == 20
    (told,) = [one["rejected"] for one in answer["series"] if one["series_uid"] == first]
    assert [(one["because"], one["by"]) for one in told] == [("superseded", second)]


def renamed(made, _series):
    """As an archive that renames on the way would send it."""
    for ds in made:
        ds.SeriesInstanceUID += ".1"
        ds.SOPInstanceUID += ".1"
        ds.SeriesDescription = "CT head"
        del ds.SyntheticData
    return made


def stripped(made, series):
    """As a tool that keeps nothing but geometry and pixels would send it."""
    acquired = acquired_ct(series, f"{made[0].SeriesInstanceUID}.1")
    there = {tuple(ds.ImagePositionPatient): ds for ds in made}
    for ds in acquired:
        one = there[tuple(ds.ImagePositionPatient)]
        for word in ("PixelData", "PixelRepresentation", "BitsStored", "HighBit"):
            ds[word] = one[word]
    return acquired


@pytest.mark.parametrize("on_the_way", [renamed, stripped])
def test_the_nodes_own_series_sent_back_makes_no_job(shared_node, shared_orthanc, on_the_way):
    series = MrSeries(f"sent back {on_the_way.__name__}")
    send(shared_node.port, series.datasets())
    answer = shared_node.until(series.study_uid, is_sent)
    (made,) = answer["jobs"][0]["series_uids"]
    instances = shared_orthanc.series()[made]
    back = on_the_way([dcmread(BytesIO(shared_orthanc.file(one))) for one in instances], series)
    assert set(send(shared_node.port, back).values()) == {0}
    answer = shared_node.until(
        series.study_uid, lambda a: len(a["series"]) == 3 and a["state"] == "routed"
    )
    assert len(answer["jobs"]) == 1
    copy = next(s for s in answer["series"] if s["series_uid"] == f"{made}.1")
    assert copy["synthetic"]
    assert "SYNTHETIC" in {reason["code"] for reason in copy["reasons"]}
    assert not any(one["rejected"] for one in answer["series"])
    assert [rule["fired"] for rule in answer["rules"]] == [True]


def test_an_acquired_ct_in_the_study_stops_the_rule(shared_node):
    mr, ct = MrSeries("acquired"), []
    for ds in MrSeries("acquired", plane="coronal").datasets():
        for word in ("ScanningSequence", "SequenceVariant", "ScanOptions", "MRAcquisitionType",
                     "SequenceName", "RepetitionTime", "EchoTime", "InversionTime", "FlipAngle",
                     "EchoTrainLength", "MagneticFieldStrength"):  # fmt: skip
            delattr(ds, word)
        ds.Modality, ds.SOPClassUID = "CT", "1.2.840.10008.5.1.4.1.1.2"
        ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        ds.SeriesDescription = ds.ProtocolName = "Head 5.0 H30s"
        ds.KVP, ds.RescaleSlope, ds.RescaleIntercept = "120", "1", "-1024"
        ct.append(ds)
    send(shared_node.port, [*mr.datasets(), *ct])
    answer = shared_node.until(mr.study_uid, lambda a: a["state"] == "routed")
    (rule,) = answer["rules"]
    assert not rule["fired"]
    assert "CT is not missing" in rule["unmet"][0]
    assert answer["jobs"] == []


def test_a_peer_that_keeps_its_association_open_does_not_block(shared_node):
    from pynetdicom import AE, build_context

    from tests.support.mr import MR_IMAGE

    series = MrSeries("kept open")
    ae = AE(ae_title="SCANNER")
    assoc = ae.associate(
        "127.0.0.1", shared_node.port, contexts=[build_context(MR_IMAGE)], ae_title="SYNTHNODE"
    )
    for ds in series.datasets():
        assert assoc.send_c_store(ds).Status == 0
    shared_node.until(series.study_uid, is_sent)
    assert assoc.is_established
    assoc.release()


def test_the_senders_count_decides_where_it_can_be_asked(start, orthanc):
    """Orthanc sends half a series, is asked, has more: the node waits for the rest."""
    peer = orthanc.peer(ask=["find"])
    node = start(peers=[peer], quiet_s=0.5)
    series = MrSeries()
    datasets = series.datasets()
    send(orthanc.dicom_port, datasets, calling="ANY", called="ORTHANC")
    send(node.port, datasets[:10], calling="ORTHANC")
    time.sleep(3)
    assert node.why(series.study_uid)["state"] == "receiving"
    send(node.port, datasets[10:], calling="ORTHANC")
    answer = node.until(series.study_uid, is_sent)
    assert "the sender has 20 instances, 20 are here" in answer["evidence"]


def test_ingested_files_are_planned_like_those_that_were_sent(shared_node, tmp_path):
    series = MrSeries("ingested")
    series.write(tmp_path / "files")
    said = shared_node.command("ingest", str(tmp_path / "files"))
    assert "20 new" in said.stdout
    shared_node.until(series.study_uid, is_sent)


@pytest.mark.slow  # among other tests a clock tells how busy the machine is
def test_the_node_is_listening_within_five_seconds_and_stops_within_ten(start, orthanc):
    began = time.monotonic()
    node = start(peers=[orthanc.peer()])
    assert time.monotonic() - began < 5
    began = time.monotonic()
    assert node.stop() == 0
    assert time.monotonic() - began < 10
