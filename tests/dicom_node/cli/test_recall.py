"""``dicom-node models recall``: done once, told in the end, honest about what is left."""

import json

import pytest
from sqlalchemy import update

from dicom_node.app import open_node
from dicom_node.db import JobRow, SeriesRow
from dicom_node.values import JobState, Origin
from tests.dicom_node.archive.objects import instance, received
from tests.dicom_node.cli.test_commands import call, conf
from tests.dicom_node.cli.test_request import routed, study
from tests.support.bundle import write_bundle
from tests.support.need import free_port

__all__ = ["call", "conf", "routed", "study"]

BY = ("--by", "A. Physicist", "--why", "shifted", "--wait", "0")


def test_what_is_no_version_or_was_never_here_is_not_recalled(call, routed):
    wrong = call("models", "recall", "tiny", *BY)
    assert (wrong.exit_code, "NAME@VERSION is wanted" in wrong.output) == (2, True)
    unknown = call("models", "recall", "tiny@9.9", *BY)
    assert (unknown.exit_code, "no model tiny 9.9 is installed" in unknown.output) == (1, True)


def test_a_version_that_has_left_nothing_anywhere_is_confirmed_at_once(call, routed):
    assert call("request", routed.study_uid, "ct_from_mr").exit_code == 0
    version = json.loads(call("models", "list", "--json").output)[0]["version"]
    told = call("models", "recall", f"tiny@{version}", *BY, "--json")
    about = json.loads(told.output)
    assert (told.exit_code, about["confirmed"], about["series"]) == (0, True, [])
    (job,) = about["jobs"]
    assert (job["state"], job["reasons"][0]["code"]) == ("refused", "MODEL_RECALLED")
    refused = call("request", routed.study_uid, "ct_from_mr")
    assert (refused.exit_code, "MODEL_RECALLED" in refused.output) == (1, True)
    again = call("models", "recall", f"tiny@{version}", "--by", "B", "--why", "x", "--wait", "0")
    assert "is recalled by A. Physicist" in again.output


@pytest.mark.parametrize("used", [False, True], ids=["beside another", "activated"])
def test_a_version_that_has_done_nothing_yet_is_recalled(call, tmp_path, routed, used):
    """Before its first job is the best moment of all."""
    newer = write_bundle(tmp_path / "stick" / "tiny", seed=8, version="2.0.0")
    assert call("models", "add", newer).exit_code == 0
    if used:
        assert call("models", "activate", "tiny@2.0.0").exit_code == 0
    told = call("models", "recall", "tiny@2.0.0", *BY, "--json")
    assert told.exit_code == 0, told.output
    assert json.loads(told.output)["jobs"] == []
    asked = call("request", routed.study_uid, "ct_from_mr")
    assert ("MODEL_RECALLED" in asked.output) is used


@pytest.fixture
def recall(call, conf, routed):
    """Recall the model by which one series of the study was made, which nobody was sent."""
    assert call("request", routed.study_uid, "ct_from_mr").exit_code == 0
    uid = "2.25.71"
    values = {"StudyInstanceUID": routed.study_uid, "SeriesInstanceUID": uid,
              "SOPInstanceUID": f"{uid}.1"}  # fmt: skip
    node = open_node(conf.folder / "conf", {})
    entry = node.archive.place(received(instance(**values), origin=Origin.MADE))
    with node.database.transaction() as session:
        node.archive.enter(session, [entry])
        session.execute(update(JobRow).values(state=JobState.DONE, series_uids=[uid]))
        session.execute(update(SeriesRow).where(SeriesRow.uid == uid).values(label="CT"))
    node.database.close()
    version = json.loads(call("models", "list", "--json").output)[0]["version"]
    return lambda *words: call("models", "recall", f"tiny@{version}", *BY, *words)


def test_it_is_confirmed_when_whoever_may_be_asked_lists_none_of_it(recall, conf):
    (conf.folder / "conf" / "out").mkdir()
    told = recall("--json")
    about = json.loads(told.output)
    assert (told.exit_code, about["confirmed"]) == (0, True)
    assert [one["destinations"] for one in about["series"]] == [[]]


def test_nothing_is_confirmed_while_a_folder_is_not_mounted(recall):
    told = recall("--json")
    about = json.loads(told.output)
    assert (told.exit_code, about["confirmed"]) == (3, False)
    (place,) = about["series"][0]["destinations"]
    assert (place["destination"], place["found"], place["silent"]) == ("share", None, True)
    said = recall().output
    assert "could not be asked what it lists" in said
    assert "is it mounted?" in said
    assert "Confirmed in part" in said


@pytest.mark.parametrize("spoilt", ["out", "out/2.25.71"])
def test_nothing_is_confirmed_by_a_folder_that_cannot_be_read(recall, conf, spoilt):
    """Something else lies in its place: what is there is not known."""
    path = conf.folder / "conf" / spoilt
    path.parent.mkdir(exist_ok=True)
    path.touch()
    told = recall("--json")
    assert told.exit_code == 3
    (place,) = json.loads(told.output)["series"][0]["destinations"]
    assert (place["found"], place["silent"]) == (None, True)
    assert f"{path} cannot be read: Not a directory" in recall().output


def test_nothing_is_confirmed_while_an_archive_that_may_be_asked_is_away(recall, conf):
    (conf.folder / "conf" / "out").mkdir()
    away = {"name": "pacs", "ae_title": "PACS", "host": "127.0.0.1", "port": free_port(),
            "ask": ["find"]}  # fmt: skip
    conf.peers.append(away)
    conf.write()
    told = recall()
    assert told.exit_code == 3
    assert "pacs: 0 of 0 were sent; no note to it; could not be asked what it lists" in told.output
