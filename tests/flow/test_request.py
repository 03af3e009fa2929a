"""Asked for while a node serves: made, sent, kept through a crash; on both databases."""

import json

import pytest

from tests.support.mr import MrSeries
from tests.support.node import is_sent
from tests.support.sender import send

KNEES = {"name": "knees", "task": "ct_from_mr", "destinations": ["share"]}
SHARE = {"name": "share", "kind": "folder", "path": "../out"}


def is_routed(answer: dict) -> bool:
    return answer["state"] == "routed"


def never(node) -> None:
    """Have the rule of the configuration fire on no head."""
    with (node.conf / "rules" / "rules.toml").open("a") as rules:
        rules.write('when.BodyPartExamined.equals = "KNEE"\n')
    node.stop()
    node.start()


def test_what_is_asked_for_is_made_and_sent_once_and_outlives_a_crash(start, long_database_url):
    node = start(database=long_database_url, rules=[KNEES], destinations=[SHARE])
    never(node)
    series = MrSeries(seed=f"asked for {long_database_url[:6]}")
    send(node.port, series.datasets())
    answer = node.until(series.study_uid, is_routed)
    assert (answer["jobs"], [rule["fired"] for rule in answer["rules"]]) == ([], [False])
    node.kill()
    asked = json.loads(node.command("request", series.study_uid, "ct_from_mr", "--json").stdout)
    assert asked["job"]["state"] == "waiting", "nobody serves; the job waits in the database"
    node.start()
    answer = node.until(series.study_uid, is_sent)
    (job,) = answer["jobs"]
    assert (job["id"], job["state"], job["rules"]) == (
        asked["job"]["id"], "done", ["request:ct_from_mr"],
    )  # fmt: skip
    (request,) = answer["requests"]
    assert (request["by"], request["granted"]) == (asked["by"], True)
    said = node.command("request", series.study_uid, "ct_from_mr").stdout
    assert said == f"made already by job {job['id']}: series {job['series_uids'][0]}; to share\n"
    assert len(list((node.data.parent / "out").rglob("*.dcm"))) == 20


@pytest.mark.slow
def test_what_was_made_does_not_stop_what_comes_later_from_being_made_anew(start):
    node = start(rules=[KNEES], destinations=[SHARE])
    never(node)
    series = MrSeries(seed="asked for in two parts")
    datasets = series.datasets()
    send(node.port, datasets[:19])
    node.until(series.study_uid, is_routed)
    node.command("request", series.study_uid, "ct_from_mr")
    node.until(series.study_uid, is_sent)
    send(node.port, datasets[19:])
    answer = node.until(series.study_uid, lambda a: len(a["deliveries"]) == 2 and is_sent(a))
    assert [job["state"] for job in answer["jobs"]] == ["done", "done"]
    assert len(answer["requests"]) == 1
