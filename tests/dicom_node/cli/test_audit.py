"""The commands of the audit trail, and what other commands leave in it."""

import json
import shutil
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from dicom_node.app import open_node
from dicom_node.archive import Received
from dicom_node.audit.journal.head import files_in
from dicom_node.cli import main
from dicom_node.jobs import JobPlan, JobQueue, job_key
from dicom_node.outbox import Outbox
from dicom_node.values import Model, Origin, Priority, Source
from tests.support.mr import MR_IMAGE, MrSeries, encoded
from tests.support.node import NodeConf
from tests.support.scp import Scp
from tests.support.trail import told_in


class Scene:
    """A configured node, its commands, and what they told."""

    def __init__(self, folder) -> None:
        self.conf = NodeConf(folder / "node")
        self.conf.peers.append(
            {"name": "pacs", "ae_title": "PACS", "host": "127.0.0.1", "port": self.conf.port}
        )
        self.folder = self.conf.write()
        self.trail = folder / "node" / "var" / "audit"

    def call(self, *words: object, environ=None):
        arguments = ["--conf", str(self.folder), *map(str, words)]
        return CliRunner().invoke(main, arguments, env=environ)

    def told(self, event: str = "") -> list:
        return [one for one in told_in(self.trail) if event in (one.event, "")]

    def job(self, series: MrSeries) -> int:
        """Enter a job, as a rule would."""
        node = open_node(self.folder, {})
        uids = tuple(ds.SOPInstanceUID for ds in series.datasets())
        source = Source("T1", series.series_uid, uids)
        plan = JobPlan(
            series.study_uid, "sct-head", "ct_from_mr", "native", Priority.ROUTINE, ("pacs",),
            Model("tiny", "1", "sha256:0"), (source,), 1, "c" * 64,
        )  # fmt: skip
        with node.database.transaction() as session:
            JobQueue(session).add(job_key("2.25.9", plan), plan, datetime.now(UTC))
            (job,) = JobQueue(session).list()
        node.database.close()
        return job.id


@pytest.fixture
def scene(tmp_path):
    return Scene(tmp_path)


@pytest.fixture
def study(scene, tmp_path):
    series = MrSeries(slices=3)
    series.write(tmp_path / "in")
    assert scene.call("ingest", tmp_path / "in").exit_code == 0
    return series


def test_what_was_added_from_disk_is_told_as_an_import_by_a_person(scene, study, tmp_path):
    (told,) = scene.told()
    assert (told.event, told.action, told.outcome) == ("Import", "C", "0")
    assert told.studies == [study.study_uid]
    assert told.patients == ["TEST-1"]
    assert told.counts == {MR_IMAGE: 3}
    assert told.requestor in told.people[0]
    assert "@" in told.requestor
    assert told.roles["Source Media"] == (tmp_path / "in").as_uri()


def test_an_import_of_many_studies_is_several_messages_that_receivers_can_take(scene, tmp_path):
    for number in range(45):
        MrSeries(seed=str(number), slices=1, size=2).write(tmp_path / "many" / str(number))
    assert scene.call("ingest", tmp_path / "many").exit_code == 0
    found = scene.told("Import")
    assert [len(one.studies) for one in found] == [20, 20, 5]
    assert all(len(one.xml.encode()) < 32_768 for one in found)


def test_who_acts_under_sudo_is_named(scene, tmp_path):
    MrSeries(slices=1).write(tmp_path / "in")
    scene.call("ingest", tmp_path / "in", environ={"SUDO_USER": "mueller"})
    assert scene.told()[0].requestor.startswith("mueller@")


def test_cancelling_and_retrying_a_job_is_told_with_who_did_it_and_to_which_study(scene, study):
    number = scene.job(study)
    assert scene.call("jobs", "cancel", number).exit_code == 0
    assert scene.call("jobs", "retry", number).exit_code == 0
    cancelled, retried = scene.told("Security Alert")
    for told, word in ((cancelled, "was cancelled"), (retried, "is to run again")):
        assert (told.kind, told.outcome) == ("Use of Restricted Function", "0")
        assert told.things == [f"urn:dicom-synthesis-node:job:{number}"]
        assert told.studies == [study.study_uid]
        assert "@" in told.people[1]
        assert word in told.details["Alert Description"]


def test_a_command_that_changed_nothing_is_not_told(scene, study):
    number = scene.job(study)
    assert scene.call("jobs", "retry", number).exit_code == 1
    assert scene.call("jobs", "cancel", number + 1).exit_code == 1
    assert scene.call("peers", "resend", study.study_uid, "pacs").exit_code == 1
    assert scene.told("Security Alert") == []


def test_who_is_let_in_and_out_over_the_web_is_told_and_never_the_secret(scene, study):
    secret = scene.call("tokens", "create", "viewer", "--scope", "read").output.split()[0]
    (told,) = scene.told("Security Alert")
    assert told.details["Alert Description"].endswith("for viewer was made: read")
    assert secret not in told.xml
    number = told.things[0].rpartition(":")[2]
    scene.call("tokens", "revoke", number)
    assert "was revoked" in scene.told("Security Alert")[-1].details["Alert Description"]


def test_a_copy_of_everything_is_told_with_where_it_went(scene, study, tmp_path):
    assert scene.call("backup", tmp_path / "backups").exit_code == 0
    (told,) = scene.told("Security Alert")
    (place,) = (tmp_path / "backups").glob("2*")
    assert told.things == [place.as_uri()]
    assert "a backup of the archive was written" in told.details["Alert Description"]


def test_who_asked_for_a_series_is_told_with_what_became_of_it(scene, study):
    scene.call("request", study.study_uid, "ct_from_mr")
    (told,) = scene.told("Security Alert")
    assert told.studies == [study.study_uid]
    assert "ct_from_mr was asked for by" in told.details["Alert Description"]
    assert told.details["Alert Description"].endswith(": refused")


def test_sending_again_by_hand_is_told(scene, study):
    node = open_node(scene.folder, {})
    for ds in MrSeries(seed="made", slices=1).datasets():
        ds.StudyInstanceUID = study.study_uid
        series_uid = ds.SeriesInstanceUID
        received = Received(encoded(ds), "1.2.840.10008.1.2.1", "NODE", Origin.MADE)
        node.archive.keep(received)
    with node.database.transaction() as session:
        outbox = Outbox(session, node.archive.folder)
        outbox.add(study.study_uid, series_uid, ["pacs"], datetime.now(UTC))
    node.database.close()
    assert scene.call("peers", "resend", study.study_uid, "pacs").exit_code == 0
    (told,) = scene.told("Security Alert")
    assert told.things == ["urn:dicom-synthesis-node:destination:pacs"]
    assert told.studies == [study.study_uid]


def test_a_trail_that_holds_is_said_with_its_last_link(scene, study):
    done = scene.call("audit", "verify")
    assert done.exit_code == 0
    assert "1 lines hold" in done.output
    link = json.loads(scene.call("audit", "verify", "--json").output)["last"]
    assert link in done.output
    assert scene.call("audit", "verify", "--head", link).exit_code == 0
    assert scene.call("audit", "verify", "--head", link[:-32]).exit_code == 0


def test_a_trail_that_does_not_hold_is_exit_status_1_and_the_line_is_named(scene, study):
    name = files_in(scene.trail)[0]
    path = scene.trail / name
    path.write_bytes(path.read_bytes().replace(b"TEST-1", b"TEST-2"))
    done = scene.call("audit", "verify")
    assert done.exit_code == 1
    assert f"{name}, line 1: its content" in done.output
    assert json.loads(scene.call("audit", "verify", "--json").output)["holds"] is False


def test_a_link_that_is_not_there_any_more_is_exit_status_1_and_no_link_is_wrong_usage(
    scene, study
):
    done = scene.call("audit", "verify", "--head", "7:" + "0" * 64)
    assert done.exit_code == 1
    assert "line 7 is not here" in done.output
    assert scene.call("audit", "verify", "--head", "7").exit_code == 2


def test_a_trail_that_was_never_begun_holds_and_shows_nothing(scene):
    done = scene.call("audit", "verify")
    assert (done.exit_code, "0 lines hold" in done.output) == (0, True)
    off = scene.call("audit", "show", environ={"NODE_AUDIT__ON": "false"})
    assert (off.exit_code, off.output) == (0, "")


def known_by_the_node(scene) -> None:
    """Open the node as 'serve' does, and let it look at the trail."""
    node = open_node(scene.folder, {})
    node.hold_trail(datetime.now(UTC))
    node.database.close()


def test_a_trail_that_was_deleted_is_exit_status_1_and_the_next_start_tells_it(scene, study):
    known_by_the_node(scene)
    assert scene.call("audit", "verify").exit_code == 0
    shutil.rmtree(scene.trail)
    done = scene.call("audit", "verify")
    assert (done.exit_code, "0 lines hold, then: line 1 is not here" in done.output) == (1, True)
    assert json.loads(scene.call("audit", "verify", "--json").output)["known"].startswith("1:")
    known_by_the_node(scene)
    (line,) = scene.call("audit", "show", environ={"NODE_AUDIT__ON": "false"}).output.splitlines()
    assert line.split()[0] == "2"
    assert "Audit Recording Stopped), E, outcome 8" in line
    assert scene.call("audit", "verify").exit_code == 1


def test_a_database_that_does_not_answer_is_a_warning_and_the_chain_is_judged(scene, study):
    nowhere = {"NODE_DATABASE__URL": "postgresql://node@127.0.0.1:1/node"}
    done = scene.call("audit", "verify", environ=nowhere)
    assert (done.exit_code, "1 lines hold" in done.stdout) == (0, True)
    assert "Warning: not compared with what the database knows" in done.stderr


def test_who_reads_the_trail_stands_in_it(scene, study):
    shown = scene.call("audit", "show")
    assert shown.exit_code == 0
    lines = shown.output.splitlines()
    assert len(lines) == 2
    assert "Import, C, " in lines[0]
    assert study.study_uid in lines[0]
    assert "Audit Log Used, R" in lines[1]
    (told,) = scene.told("Audit Log Used")
    assert told.things == [scene.trail.as_uri()]
    assert "@" in told.requestor


def test_each_line_is_an_object_for_scripts(scene, study):
    first, second = map(json.loads, scene.call("audit", "show", "--json").output.splitlines())
    assert (first["seq"], first["event"], first["outcome"]) == (1, "Import", "0")
    assert study.study_uid in first["things"]
    assert first["message"].startswith("<AuditMessage>")
    assert second["event"] == "Audit Log Used"


def test_only_what_was_written_since_a_time_is_shown(scene, study):
    now = datetime.now(UTC)
    for since in (now.isoformat(), (now + timedelta(days=1)).date().isoformat()):
        assert "Import" not in scene.call("audit", "show", "--since", since).output
    yesterday = (now - timedelta(days=1)).date().isoformat()
    assert "Import" in scene.call("audit", "show", "--since", yesterday).output
    wrong = scene.call("audit", "show", "--since", "yesterday")
    assert wrong.exit_code == 2
    assert "is no time" in wrong.output


def test_a_line_that_somebody_changed_is_warned_of_and_the_rest_is_shown(scene, study):
    path = scene.trail / files_in(scene.trail)[0]
    path.write_bytes(path.read_bytes().replace(b"TEST-1", b"TEST-2"))
    shown = scene.call("audit", "show")
    assert shown.exit_code == 0
    assert "Warning: not shown: audit-000000000001.jsonl" in shown.output
    assert "Audit Log Used" in shown.output


def test_with_the_audit_off_nothing_is_written(scene, tmp_path):
    MrSeries(slices=1).write(tmp_path / "in")
    off = {"NODE_AUDIT__ON": "false"}
    assert scene.call("ingest", tmp_path / "in", environ=off).exit_code == 0
    assert not scene.trail.exists()


def test_an_echo_by_hand_changes_nothing_and_is_not_told(scene):
    scp = Scp(scene.conf.port).start()
    assert scene.call("peers", "echo", "pacs").exit_code == 0
    scp.stop()
    assert not scene.trail.exists()
