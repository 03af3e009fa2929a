"""What the node is configured with is told at each start, file by file where it changed."""

import json

import pytest

from dicom_node.audit import Inventory
from dicom_node.settings import load_settings
from tests.support.audit_samples import AT
from tests.support.trail import Trail

MODELS = {"tiny 1.0.0": "sha256:aa"}


@pytest.fixture
def start(tmp_path):
    """Return a start of a node: what it tells of its configuration."""
    conf, trail = tmp_path / "conf", Trail(tmp_path)
    (conf / "rules").mkdir(parents=True)
    (conf / "node.toml").write_text("[completion]\nquiet_s = 5\n")
    (conf / "peers.toml").write_text("")
    (conf / "rules" / "a.toml").write_text("")

    def started(models=MODELS, **environ):
        inventory = Inventory.of(load_settings(conf, environ), models)
        before = len(trail.told())
        trail.audit.record(*inventory.events(AT, trail.journal.folder))
        inventory.keep(trail.journal.folder)
        return trail.told()[before:]

    started.conf, started.trail = conf, trail
    return started


def said(told) -> str:
    return "; ".join(told.details.values())


def test_the_first_start_tells_one_digest_over_all(start):
    (told,) = start()
    assert told.kind == "Software Configuration"
    assert told.things == [start.conf.as_uri()]
    assert "no earlier start is known" in said(told)


def test_a_start_with_the_same_configuration_says_so(start):
    first, again = said(*start()), said(*start())
    assert "as before" in again
    assert first.split(",")[0] == again.split(",")[0], "the digest is the same"


def test_a_changed_file_is_named_and_so_is_one_that_came_or_went(start):
    start()
    (start.conf / "node.toml").write_text("[completion]\nquiet_s = 6\n")
    (start.conf / "rules" / "a.toml").unlink()
    (start.conf / "rules" / "b.toml").write_text("")
    (told,) = start()
    assert "not as before" not in told.xml  # texts are base64 in the message
    assert {uri.rsplit("/", 1)[-1] for uri in told.things if uri.endswith(".toml")} == {
        "node.toml", "a.toml", "b.toml",
    }  # fmt: skip


def test_who_may_call_and_what_is_written_down_is_configuration_of_security(start):
    start()
    (start.conf / "peers.toml").write_text(
        '[[peer]]\nname = "x"\nae_title = "X"\nhost = "h"\nmay = ["store"]\n'
    )
    (told,) = start()
    assert told.kind == "Security Configuration"
    assert any(uri.endswith("/peers.toml") for uri in told.things)
    security, software = start(NODE_AUDIT__KEEP_DAYS="7")
    assert (security.kind, software.kind) == ("Security Configuration", "Software Configuration")
    assert security.things[1:] == ["urn:dicom-synthesis-node:audit"]
    assert software.things[1:] == ["urn:dicom-synthesis-node:settings"]


def test_a_change_by_the_environment_and_another_model_are_changes(start):
    start()
    (told,) = start(NODE_LISTEN__PORT="11113")
    assert told.things[1:] == ["urn:dicom-synthesis-node:settings"]
    (told,) = start({"tiny 1.0.0": "sha256:bb"}, NODE_LISTEN__PORT="11113")
    assert told.things[1:] == ["urn:dicom-synthesis-node:model%20tiny%201.0.0"]


def test_nothing_that_was_told_or_kept_depends_on_the_password_of_the_database(start):
    start(NODE_DATABASE__URL="postgresql://node:first@h/n")
    kept = (start.trail.journal.folder / "configuration.json").read_text()
    (told,) = start(NODE_DATABASE__URL="postgresql://node:second@h/n")
    assert len(told.things) == 1, "no change"
    assert (start.trail.journal.folder / "configuration.json").read_text() == kept


def test_a_record_of_before_that_cannot_be_read_counts_as_none(start):
    start()
    path = start.trail.journal.folder / "configuration.json"
    assert "node.toml" in json.loads(path.read_text())
    for content in ("[1]", "{", ""):
        path.write_text(content)
        (told,) = start()
        assert "no earlier start is known" in said(told)
