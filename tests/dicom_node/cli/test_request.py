"""``dicom-node request``: what is asked for is planned, or refused in one line with its codes."""

import getpass
import json

import pytest

from dicom_node.app.build import open_node
from dicom_node.app.clock import utc_now
from dicom_node.archive import Studies
from tests.dicom_node.cli.test_commands import NEVER, call, conf
from tests.support.mr import MrSeries

__all__ = ["call", "conf"]

FOLDER = {"name": "share", "kind": "folder", "path": "out"}


@pytest.fixture
def study(call, conf, tmp_path):
    """A study that is complete and was planned by a rule that does not fire."""
    conf.destinations = [FOLDER]
    conf.rules = [{"name": "knees", "task": "ct_from_mr", "destinations": ["share"]}]
    folder = conf.write()
    with (folder / "rules" / "rules.toml").open("a") as rules:
        rules.write('when.BodyPartExamined.equals = "KNEE"\n')
    series = MrSeries()
    series.write(tmp_path / "in")
    assert call("ingest", tmp_path / "in").exit_code == 0
    return series


@pytest.fixture
def routed(study, conf):
    node = open_node(conf.folder / "conf", {})
    with node.database.transaction() as session:
        studies = Studies(session, node.archive.folder)
        (waiting,) = studies.receiving()
        studies.complete(waiting.uid, waiting.revision, "quiet")
    assert node.rules_stage().tick(utc_now()) == 1
    node.database.close()
    return study


def test_what_is_asked_for_is_a_job_and_asked_again_it_is_the_same(call, routed):
    assert call("jobs", "list").output == "no jobs\n"
    first, second = (call("request", routed.study_uid, "ct_from_mr") for _ in range(2))
    assert (first.exit_code, first.output) == (0, "job 1 is waiting: ct_from_mr, to share\n")
    assert second.output == "job 1 is waiting already: ct_from_mr, to share\n"
    assert call("jobs", "list").output.count("\n") == 1


def test_a_script_is_told_in_json(call, routed):
    told = json.loads(call("request", routed.study_uid, "ct_from_mr", "--json").output)
    assert told["job"] == {"id": 1, "state": "waiting", "series_uids": []}
    assert (told["granted"], told["new"], told["reasons"]) == (True, True, [])
    assert (told["by"], told["via"], told["destinations"]) == (
        getpass.getuser(), "command", ["share"],
    )  # fmt: skip


def test_why_tells_who_asked_when_and_what_for(call, routed):
    call("request", routed.study_uid, "ct_from_mr")
    (asked,) = json.loads(call("why", routed.study_uid, "--json").output)["requests"]
    assert set(asked) == {"task", "by", "via", "asked_at", "destinations", "granted", "reasons"}
    said = call("why", routed.study_uid).output
    assert (
        f"Request: ct_from_mr, asked for by {getpass.getuser()} (command) at {asked['asked_at']}, "
        "to share: granted\n"
    ) in said


def test_a_refusal_is_one_line_with_its_codes_and_why_remembers_it(call, study):
    done = call("request", study.study_uid, "ct_from_mr")
    assert done.exit_code == 1
    assert done.output.count("\n") == 1
    assert done.output.startswith(
        f"Error: ct_from_mr is not made of study {study.study_uid}: STUDY_RECEIVING: "
    )
    said = call("why", study.study_uid).output
    assert ": refused\n    STUDY_RECEIVING: " in said


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ((NEVER, "ct_from_mr"), "STUDY_UNKNOWN"),
        ((NEVER, "gold_from_lead"), "TASK_UNKNOWN"),
        ((NEVER, "ct_from_mr", "--to", "nobody"), "DESTINATION_UNKNOWN"),
    ],
)
@pytest.mark.parametrize("json_too", [False, True])
def test_what_this_node_does_not_know_is_refused(call, study, words, code, json_too):
    done = call("request", *words, *(["--json"] if json_too else []))
    assert done.exit_code == 1
    if json_too:
        told = json.loads(done.output)
        assert (told["granted"], code in [one["code"] for one in told["reasons"]]) == (False, True)
    else:
        assert done.output.count("\n") == 1
        assert f"{code}: " in done.output


def test_without_a_task_it_is_wrong_usage(call, study):
    assert call("request", study.study_uid).exit_code == 2
