"""One JSON line per event on standard error, whoever speaks."""

import json
import subprocess
import sys

import pytest

PROGRAM = """
import logging, sys, warnings
from pathlib import Path
from dicom_node import log

log.configure({level!r})
ours, theirs = log.get("archive"), logging.getLogger("pynetdicom.acse")
ours.debug("too quiet")
ours.info("kept", study_uid="1.2", path=Path("a/b"), word="Ä \\n line")
try:
    raise ValueError("first line\\nsecond line")
except ValueError:
    ours.error("tripped", exc_info=True)
    theirs.exception("tick %s failed", "completion")
theirs.info("a chatty library")
theirs.warning("two\\nlines")
warnings.warn("a value is odd")
"""


def lines(level: str) -> list[dict]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(level=level)],
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "", "standard output belongs to what a command prints"
    return [json.loads(line) for line in done.stderr.splitlines()]


@pytest.fixture(scope="module")
def said():
    return {line["event"]: line for line in lines("info")}


def test_an_event_is_one_json_object_with_its_room_level_and_time(said):
    kept = said["kept"]
    assert (kept["room"], kept["level"], kept["study_uid"]) == ("archive", "info", "1.2")
    assert kept["timestamp"].endswith("Z")
    assert kept["word"] == "Ä \n line"


def test_a_value_that_json_does_not_know_does_not_lose_the_event(said):
    assert "a/b" in said["kept"]["path"]


def test_an_exception_stays_on_its_line(said):
    assert "ValueError: first line\nsecond line" in said["tripped"]["exception"]


def test_libraries_speak_in_the_same_shape_from_warning_up(said):
    assert said["two\nlines"] == {
        "library": "pynetdicom.acse",
        "event": "two\nlines",
        "level": "warning",
    }
    assert "a chatty library" not in said


def test_an_exception_in_a_library_is_told_whole(said):
    told = said["tick completion failed"]
    assert told["level"] == "error"
    assert "Traceback" in told["exception"]
    assert "second line" in told["exception"]


def test_a_warning_of_python_is_a_line_like_any_other(said):
    (told,) = (line for event, line in said.items() if "a value is odd" in event)
    assert (told["library"], told["level"]) == ("py.warnings", "warning")


def test_what_is_below_the_level_is_not_written(said):
    assert "too quiet" not in said
    assert "too quiet" in {line["event"] for line in lines("debug")}
    assert "kept" not in {line["event"] for line in lines("warning")}
