"""Every command: help with an example that is a command, one-line errors, exit statuses, JSON."""

import json
import logging
import re
import shlex
from datetime import UTC, datetime

import click
import pytest
from click.testing import CliRunner
from sqlalchemy import update

from dicom_node.app import open_node
from dicom_node.cli import main
from dicom_node.db import InstanceRow
from dicom_node.outbox import Outbox
from dicom_node.values import Origin
from tests.support.mr import MrSeries
from tests.support.node import NodeConf
from tests.support.scp import Scp

NEVER = "1.2.840.99999.1"


def commands(group=main, words=()):
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, (*words, name))
        yield (*words, name), command


COMMANDS = dict(commands())


@pytest.fixture
def conf(tmp_path):
    return NodeConf(tmp_path / "node")


@pytest.fixture
def call(conf):
    def called(*words: object):
        folder = conf.folder / "conf"
        if not folder.exists():
            conf.write()
        return CliRunner().invoke(main, ["--conf", str(folder), *map(str, words)])

    return called


@pytest.fixture
def begun(call):
    """A node that has nothing yet."""
    assert call("tokens", "create", "viewer", "--scope", "read").exit_code == 0
    return call


@pytest.fixture
def study(call, conf, tmp_path):
    """A study that is in the archive, not planned yet."""
    series = MrSeries(slices=4)
    series.write(tmp_path / "in")
    done = call("ingest", tmp_path / "in")
    assert done.exit_code == 0, done.output
    return series


LOOKS = ["why 1.2.3", "jobs list", "jobs retry 1", "jobs release 1 --by A", "rules explain 1.2.3",
         "request 1.2.3 ct_from_mr", "tokens list", "retention plan", "verify-archive",
         "peers resend 1.2.3 pacs"]  # fmt: skip


@pytest.mark.parametrize("words", LOOKS)
def test_where_there_is_no_node_a_look_makes_none(call, conf, words):
    """A disk that is not mounted is no empty archive that is in order."""
    done = call(*words.split())
    assert done.exit_code == 1
    assert f"Error: there is no node in {conf.folder / 'var'}; is its disk mounted" in done.output
    assert not (conf.folder / "var").exists()


def test_a_folder_without_a_file_is_said_to_be_one(call, tmp_path):
    (tmp_path / "nothing").mkdir()
    done = call("ingest", tmp_path / "nothing")
    assert (done.exit_code, "there is no file in it" in done.output) == (1, True)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_every_command_has_help_with_an_example_that_parses(words, flag):
    done = CliRunner().invoke(main, [*words, flag])
    assert done.exit_code == 0
    examples = [
        [word for word in shlex.split(line) if not word.startswith("NODE_")]
        for line in done.output.splitlines()
        if re.match(r"\s+(NODE_\w+=\S+ )?dicom-node ", line)
    ]
    assert examples, "no example"
    for _, *arguments in examples:
        command, rest = main, arguments[2:] if arguments[0] == "--conf" else arguments
        while isinstance(command, click.Group):
            command = command.commands[rest.pop(0)]
        if command.name != "ingest":  # its folder has to exist
            command.make_parser(click.Context(command)).parse_args(rest)


@pytest.mark.parametrize(
    ("words", "status", "text"),
    [
        (("why", NEVER), 1, f"study {NEVER} was never seen here"),
        (("rules", "explain", NEVER), 1, NEVER),
        (("jobs", "retry", 7), 1, "there is no job 7"),
        (("jobs", "cancel", 7), 1, "there is no job 7"),
        (("jobs", "retry", "seven"), 2, "not a valid integer"),
        (("jobs", "list", "--state", "lost"), 2, "'lost' is not one of"),
        (("peers", "echo", "nobody"), 1, "no peer 'nobody' with a port"),
        (("peers", "resend", NEVER, "nobody"), 1, "no destination 'nobody'"),
        (("ingest", "/there/is/no/such/folder"), 2, "does not exist"),
        (("dance",), 2, "No such command 'dance'"),
    ],
)
def test_an_error_is_one_line_that_says_what_was_seen(begun, words, status, text):
    done = begun(*words)
    assert done.exit_code == status
    told = [line for line in done.output.splitlines() if line.startswith("Error")]
    assert len(told) == 1
    assert text in told[0]
    assert "Traceback" not in done.output


def test_a_missing_configuration_folder_is_one_line(tmp_path):
    done = CliRunner().invoke(main, ["--conf", str(tmp_path / "gone"), "jobs", "list"])
    assert (done.exit_code, done.output.count("\n")) == (1, 1)
    assert "no such configuration folder" in done.output


def test_every_mistake_of_the_configuration_is_a_line_of_its_own(call, conf):
    folder = conf.write()
    (folder / "node.toml").write_text("[listen]\nprot = 1\n[nod]\n")
    done = call("rules", "check")
    assert done.exit_code == 1
    assert len([line for line in done.output.splitlines() if line.startswith("Error: ")]) == 2


def test_a_study_is_explained_before_it_is_planned_and_as_json(call, study):
    answer = json.loads(call("why", study.study_uid, "--json").output)
    assert set(answer) >= {"study_uid", "state", "series", "rules", "jobs", "deliveries"}
    assert (answer["state"], answer["jobs"], answer["deliveries"]) == ("receiving", [], [])
    (series,) = answer["series"]
    assert (series["series_uid"], series["instances"]) == (study.series_uid, 4)
    assert f"Study {study.study_uid}: receiving" in call("why", study.study_uid).output


def test_what_the_rules_would_do_is_explained_without_doing_it(call, study):
    told = json.loads(call("rules", "explain", study.study_uid, "--json").output)
    assert told[0]["rule"] == "sct-head"
    assert told[0]["fired"] is False
    assert "TOO_FEW_SLICES" in " ".join(told[0]["unmet"])
    assert call("jobs", "list").output == "no jobs\n"


def test_models_tell_what_they_learned_from_and_whether_they_are_whole(call, conf):
    (model,) = json.loads(call("models", "list", "--json").output)
    assert model["name"] == "tiny"
    assert "random weights" in json.dumps(model)
    weights = conf.folder / "conf" / "models" / "tiny" / "models" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    done = call("models", "list")
    assert done.exit_code == 1
    assert "Warning: MODEL_TAMPERED: the weights of tiny" in call("rules", "check").output


def test_what_is_valid_and_hardly_meant_is_warned_of(call, conf):
    conf.rules = []
    folder = conf.write()
    (folder / "node.toml").unlink()
    done = call("rules", "check")
    assert done.exit_code == 0
    assert "has no node.toml" in done.output
    assert "has no rule" in done.output


def test_a_peer_that_is_there_answers_and_one_that_is_not_is_an_error(call, conf):
    scp, loud = Scp(conf.port).start(), logging.getLogger("pynetdicom").level
    conf.peers.append({"name": "pacs", "ae_title": "PACS", "host": "127.0.0.1", "port": conf.port})
    assert call("peers", "echo", "pacs").output == "pacs answered\n"
    assert logging.getLogger("pynetdicom").level == loud
    scp.stop()
    done = call("peers", "echo", "pacs")
    assert done.exit_code == 1
    assert "does not answer" in done.output


def test_nothing_goes_to_a_clinical_destination_by_hand_either(call, conf, study):
    """Not even where it is asked for: the model that made it is not signed."""
    peer = {"name": "pacs", "ae_title": "PACS", "host": "127.0.0.1", "port": conf.port}
    conf.peers.append({**peer, "use": "clinical"})
    conf.write()
    node = open_node(conf.folder / "conf", {})
    with node.database.transaction() as session:
        session.execute(update(InstanceRow).values(origin=Origin.MADE))
        Outbox(session, node.archive.folder).add(
            study.study_uid, study.series_uid, ["elsewhere"], datetime.now(UTC)
        )
    node.database.close()
    done = call("peers", "resend", study.study_uid, "pacs")
    assert (done.exit_code, "MODEL_UNSIGNED" in done.output) == (1, True)
    assert "pacs is for clinical use" in done.output
