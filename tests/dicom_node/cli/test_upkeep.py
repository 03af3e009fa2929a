"""The commands that look after what is kept: what they print, and how they end."""

import json

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from dicom_node.app import open_node
from dicom_node.cli import main
from tests.support.mr import MrSeries
from tests.support.node import NodeConf

SERIES = MrSeries(slices=4)


@pytest.fixture
def conf(tmp_path):
    return NodeConf(tmp_path / "node", extra={"retention": {"keep_days": 0.0}})


@pytest.fixture
def call(conf, tmp_path):
    folder = conf.write()

    def called(*words: object, **environ: str):
        return CliRunner().invoke(main, ["--conf", str(folder), *map(str, words)], env=environ)

    SERIES.write(tmp_path / "in")
    assert called("ingest", tmp_path / "in").exit_code == 0
    return called


@pytest.fixture
def old(call, conf):
    """The study was routed long ago."""
    node = open_node(conf.folder / "conf", {})
    with node.database.transaction() as session:
        session.execute(text("UPDATE study SET state = 'routed', last_at = '2020-01-01 00:00:00'"))
        session.execute(text("UPDATE sending SET last_at = '2020-01-01 00:00:00'"))
        session.execute(text("UPDATE instance SET received_at = '2020-01-01 00:00:00'"))
    node.database.close()
    return call


def a_file(conf):
    return min((conf.folder / "var" / "archive").glob("??/*/*.dcm"))


@pytest.mark.parametrize("place", ["var/backups", "elsewhere", "elsewhere/node.tar"])
def test_a_backup_that_is_refused_leaves_nothing(conf, place):
    """In the data folder, or where there is no node."""
    folder = conf.write()
    if place.startswith("var"):
        (conf.folder / "var" / "archive").mkdir(parents=True)
    target = conf.folder / place
    done = CliRunner().invoke(main, ["--conf", str(folder), "backup", str(target)])
    assert done.exit_code == 1
    assert not target.exists()
    assert not (conf.folder / "elsewhere").exists()


def test_where_nothing_is_to_go_that_is_said(old):
    done = old("retention", "plan")
    assert done.exit_code == 0
    assert done.output.startswith("retention is off: no key of [retention] says")
    assert "stays: no age is set for what was received (retention.received_days): 1 of 1" in (
        done.output
    )


def test_the_plan_says_what_goes_and_by_which_rule_and_nothing_goes(old, conf):
    done = old("retention", "plan", NODE_RETENTION__RECEIVED_DAYS="30")
    first, last = done.output.splitlines()
    assert first.startswith(f"goes: {SERIES.study_uid}: 4 received instances, ")
    assert first.endswith("by retention.received_days = 30")
    assert last.startswith("1 of 1 studies lose ")
    assert a_file(conf).exists()


def test_the_plan_for_scripts_names_every_study(old):
    days = {"NODE_RETENTION__RECEIVED_DAYS": "30"}
    (study,) = json.loads(old("retention", "plan", "--json", **days).output)
    assert (study["study_uid"], study["stays"]) == (SERIES.study_uid, [])
    (going,) = study["goes"]
    assert going == {
        "what": "received",
        "instances": 4,
        "bytes": study["bytes"],
        "rule": "retention.received_days = 30",
    }
    days["NODE_RETENTION__KEEP_FROM"] = '["INGEST"]'
    (study,) = json.loads(old("retention", "plan", "--json", **days).output)
    assert (study["goes"], study["stays"]) == ([], ["retention.keep_from names INGEST"])


def test_a_study_that_is_gone_is_told_of_by_why(old, conf):
    node = open_node(conf.folder / "conf", {"NODE_RETENTION__RECEIVED_DAYS": "30"})
    from dicom_node.app.clock import utc_now

    stage, _ = node.stages()["retention"]
    assert stage.tick(utc_now()) == 1
    node.database.close()
    done = old("why", SERIES.study_uid)
    assert "4 received instances, by retention.received_days = 30" in done.output.splitlines()[-1]
    assert done.output.splitlines()[-1].startswith("Deleted 20")


def test_a_backup_is_taken_and_restored_by_one_command_each(call, conf, tmp_path):
    done = call("backup", tmp_path / "backups")
    assert (done.exit_code, done.stderr) == (0, "")
    place = tmp_path / "backups" / done.output.partition(":")[0].rpartition("/")[2]
    assert "files, " in done.output
    assert "0 of them shared" in done.output
    assert call("restore", "--check", place).output.startswith("whole: ")
    refused = call("restore", place)
    assert (refused.exit_code, refused.output.count("\n")) == (1, 1)
    assert refused.output.startswith("Error: ")
    assert "is not empty" in refused.output
    (conf.folder / "var").rename(tmp_path / "lost")
    done = call("restore", place)
    assert (done.exit_code, done.stdout.endswith("start the node\n")) == (0, True)
    told = f"Warning: {SERIES.study_uid} was being received when the backup was taken; have it sent"
    assert done.stderr == f"{told} again\n"
    assert call("verify-archive").exit_code == 0
    assert call("why", SERIES.study_uid).exit_code == 0


def test_a_backup_for_scripts_is_json_and_nothing_else(call, tmp_path):
    done = call("backup", tmp_path / "node.tar", "--json")
    assert json.loads(done.stdout) == {
        "backup": str(tmp_path / "node.tar"),
        "files": json.loads(done.stdout)["files"],
        "bytes": (json.loads(done.stdout))["bytes"],
        "linked": 0,
        "lacking": [],
        "left_out": [],
        "renewed": [],
    }


def test_what_is_not_whole_is_exit_status_3_and_named(call, conf, tmp_path):
    victim = a_file(conf)
    victim.write_bytes(victim.read_bytes()[:-1])
    (conf.folder / "conf" / "node.key").write_text("x")
    name = f"{victim.parent.parent.name}/{victim.parent.name}/{victim.name}"
    done = call("backup", tmp_path / "node.tar")
    assert done.exit_code == 3
    assert f"Warning: {name} is not as it should be" in done.stderr
    assert "Warning: node.key is left out: it may be a secret" in done.stderr
    done = call("verify-archive")
    assert done.exit_code == 3
    assert done.output.splitlines()[0].startswith(f"changed: {name} (2.25.")
    assert done.output.splitlines()[-1].endswith("1 wrong, 0 orphans")
    report = json.loads(call("verify-archive", "--json").stdout)
    assert [fault["what"] for fault in report["faults"]] == ["changed"]
    (conf.folder / "var").rename(tmp_path / "lost")
    assert call("restore", tmp_path / "node.tar").exit_code == 3


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("restore", "/there/is/none"), "there is no backup /there/is/none; name its folder"),
        (("restore", "--check", "/there/is/none"), "there is no backup"),
        (("backup", "/there/is/no/folder/b.tar"), "is no folder; make it"),
        (("backup", "/proc/backups"), "no backup was made in /proc/backups: "),
    ],
)
def test_an_error_is_one_line(call, words, text):
    done = call(*words)
    assert done.exit_code == 1
    assert done.output.startswith("Error: ")
    assert text in done.output
    assert done.output.count("\n") == 1


def test_a_restored_trail_holds_and_names_who_restored_it(call, conf, tmp_path):
    before = json.loads(call("audit", "verify", "--json").stdout)
    assert call("backup", tmp_path / "backups").exit_code == 0
    (place,) = (tmp_path / "backups").glob("2*")
    (conf.folder / "var").rename(tmp_path / "lost")
    assert call("restore", place, SUDO_USER="mueller").exit_code == 0
    after = json.loads(call("audit", "verify", "--json", "--head", before["last"]).stdout)
    assert (after["holds"], after["lines"]) == (True, before["lines"] + 1)
    last = call("audit", "show").stdout.splitlines()[-2]
    assert "Use of Restricted Function" in last
    assert "mueller@" in last
