"""A node that is lost with all its data, and is there again; and what retention lets go of."""

import os
import shutil
import threading
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from dicom_node.db import Database
from dicom_node.db.refill import clear
from tests.support.mr import MrSeries, encoded
from tests.support.node import is_receipted, is_sent
from tests.support.orthanc import Orthanc
from tests.support.sender import send

SIZE = {"slices": 18, "size": 32, "spacing_mm": 6.0}


def series_of(*seeds: str) -> list[MrSeries]:
    return [MrSeries(seed=seed, **SIZE) for seed in seeds]


def waits_for_its_peer(answer: dict) -> bool:
    """Made, and not delivered: the destination is away."""
    return [d["state"] for d in answer["deliveries"]] == ["waiting"] and bool(
        answer["deliveries"][0]["error"]
    )


def lose(node, url: str) -> None:
    """Destroy data folder and database."""
    database = Database(url, node.data)
    clear(database)
    database.close()
    shutil.rmtree(node.data)


def kept(node, url: str) -> dict[str, Path]:
    """Return the file of each instance that a row names."""
    database = Database(url, node.data)
    with database.reading() as session:
        rows = session.execute(text("SELECT sop_instance_uid, path FROM instance")).all()
    database.close()
    return {uid: node.data / "archive" / path for uid, path in rows}


def holds(pacs: Orthanc, study_uid: str) -> dict[str, int]:
    """Return the instances of each series of a study."""
    return {
        one["MainDicomTags"]["SeriesInstanceUID"]: len(one["Instances"])
        for one in pacs.get("series?expand")
        if pacs.get(f"studies/{one['ParentStudy']}")["MainDicomTags"]["StudyInstanceUID"]
        == study_uid
    }


def whole(answer: dict, pacs: Orthanc) -> bool:
    """Whether the PACS has a series of all slices; one of those that came before may be there."""
    return is_sent(answer) and SIZE["slices"] in holds(pacs, answer["study_uid"]).values()


@pytest.mark.timeout(600)
def test_a_node_that_is_lost_is_restored_and_goes_on_where_it_was(
    start, long_database_url, tmp_path
):
    pacs = Orthanc(tmp_path / "orthanc")  # away until the end: deliveries are in flight
    node = start(database=long_database_url, peers=[pacs.peer()])
    early, late = series_of("first", "second"), series_of(*(f"late {n}" for n in range(3)))
    for series in early:
        assert set(send(node.port, series.datasets()).values()) == {0}
    before = [node.until(series.study_uid, waits_for_its_peer) for series in early]
    sender = threading.Thread(
        target=lambda: [send(node.port, series.datasets()) for series in late]
    )
    sender.start()
    done = node.command("backup", str(tmp_path / "backups"))
    sender.join()
    (place,) = (tmp_path / "backups").glob("2*Z")
    refused = node.command("restore", str(place), check=False)
    assert refused.returncode == 1
    assert refused.stderr.startswith("Error: another node serves")
    node.kill()
    lose(node, long_database_url)

    assert done.returncode == 0
    assert "start the node" in node.command("restore", str(place)).stdout
    assert node.command("verify-archive").returncode == 0
    files = kept(node, long_database_url)
    for ds in (ds for series in early for ds in series.datasets()):
        assert files[ds.SOPInstanceUID].read_bytes().endswith(encoded(ds))
    after = [node.why(series.study_uid) for series in early]
    for one, other in zip(before, after, strict=True):
        assert (one["series"], one["rules"], one["jobs"]) == (
            other["series"], other["rules"], other["jobs"],
        )  # fmt: skip

    pacs.start()
    try:
        node.start()
        for answer in before:
            told = node.until(answer["study_uid"], is_sent)
            (made,) = answer["jobs"][0]["series_uids"]
            assert holds(pacs, answer["study_uid"]) == {made: SIZE["slices"]}
            assert len(told["deliveries"]) == 1
        for series in late:  # what came too late for the backup, or half of it, is sent again
            assert set(send(node.port, series.datasets()).values()) == {0}
            node.until(series.study_uid, lambda answer: whole(answer, pacs))
    finally:
        pacs.stop()


def grow_old(node, url: str) -> None:
    """Let a year go by, for rows and files."""
    resolved = url.replace("sqlite:///", f"sqlite:///{node.data}/")
    engine = create_engine(resolved)
    past = "2020-01-01 00:00:00+00:00" if "postgres" in url else "2020-01-01 00:00:00.000000"
    with engine.begin() as connection:
        for table in ("study SET last_at", "sending SET last_at", "instance SET received_at"):
            connection.execute(text(f"UPDATE {table} = :past"), {"past": past})
    engine.dispose()
    for path in (node.data / "archive").glob("??/*/*.dcm"):
        os.utime(path, (0, 0))


def weights(url: str, node) -> tuple[bool, ...]:
    """Whether each study weighs what its instances do, those that were made too."""
    database = Database(url, node.data)
    with database.reading() as session:
        found = session.execute(
            text(
                "SELECT stored_bytes = (SELECT SUM(size) FROM instance WHERE study_uid = study.uid)"
                " FROM study"
            )
        ).all()
    database.close()
    return tuple(bool(same) for (same,) in found)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_an_old_study_goes_and_comes_again_without_a_second_series(
    start, orthanc, long_database_url
):
    node = start(
        database=long_database_url,
        peers=[orthanc.peer(ask=["find"])],
        extra={"retention": {"received_days": 30.0, "made_days": 30.0, "keep_days": 0.0}},
    )
    (series,) = series_of("old")
    assert set(send(node.port, series.datasets()).values()) == {0}
    before = node.until(series.study_uid, is_receipted)
    assert weights(long_database_url, node) == (True,)
    grow_old(node, long_database_url)
    gone = node.until(series.study_uid, lambda answer: len(answer["deleted"]) == 2)
    node.wait_for("objects deleted", study_uid=series.study_uid)
    assert (gone["jobs"], gone["deliveries"]) == (before["jobs"], before["deliveries"])
    assert kept(node, long_database_url) == {}
    node.stop()  # a tick that is under way ends before
    assert not list((node.data / "archive").glob("??/*"))
    node.start()
    assert set(send(node.port, series.datasets()).values()) == {0}
    again = node.until(series.study_uid, lambda answer: answer["state"] == "routed")
    assert again["jobs"] == before["jobs"]
    assert len(kept(node, long_database_url)) == SIZE["slices"]
    (made,) = before["jobs"][0]["series_uids"]
    assert holds(orthanc, series.study_uid) == {made: SIZE["slices"]}
    assert node.command("verify-archive").returncode == 0
