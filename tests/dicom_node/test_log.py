"""One JSON line per event on standard error, whoever speaks."""

import json
import subprocess
import sys

import pytest

PROGRAM = """
import logging, sys, threading, warnings
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
dying = threading.Thread(target=lambda: 1 / 0, name="doomed")
dying.start()
dying.join()
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


def test_what_ended_a_thread_is_a_line_like_any_other(said):
    told = said["thread died"]
    assert (told["thread"], told["level"]) == ("doomed", "error")
    assert "ZeroDivisionError" in told["exception"]


def test_a_warning_of_python_is_a_line_like_any_other(said):
    (told,) = (line for event, line in said.items() if "a value is odd" in event)
    assert (told["library"], told["level"]) == ("py.warnings", "warning")


def test_what_is_below_the_level_is_not_written(said):
    assert "too quiet" not in said
    assert "too quiet" in {line["event"] for line in lines("debug")}
    assert "kept" not in {line["event"] for line in lines("warning")}


DOUBTS = """
from pydicom.dataelem import DataElement
from dicom_node import log

log.configure("info")
for value in ("O'Geheim^Anna", 'Geheim"^"Anna', "Geheim\\nAnna", "Geheim" * 20):
    DataElement(0x0020000D, "UI", value)
    DataElement(0x00100020, "DA", value)
"""


def test_a_doubt_about_a_value_is_logged_without_the_value():
    done = subprocess.run(
        [sys.executable, "-c", DOUBTS], capture_output=True, check=True, text=True
    )
    found = [json.loads(line) for line in done.stderr.splitlines()]
    assert found
    assert all(line["library"] == "py.warnings" for line in found)
    assert any("Invalid value for VR UI: '…'" in line["event"] for line in found)
    assert not any(word in done.stderr for word in ("Geheim", "Anna"))
