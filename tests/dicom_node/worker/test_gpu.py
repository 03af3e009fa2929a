"""What graphics cards have in use is told where there are some, and never stands in the way."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from dicom_node.tally import Count
from dicom_node.worker import Gpus

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def driver(folder: Path, *lines: str, ends: int = 0) -> str:
    """Return a program that answers as the driver's does."""
    program = folder / "driver"
    said = "\n".join(lines)
    program.write_text(f"#!/bin/sh\necho \"$@\" > '{folder}/asked'\necho '{said}'\nexit {ends}\n")
    program.chmod(0o755)
    return str(program)


def test_memory_and_use_of_each_card_are_told(tmp_path):
    program = driver(tmp_path, "0, 1024, 81559, 37", "1, 0, 24576, 0")
    assert Gpus(program).levels(NOW) == [
        Count("gpu_memory_used_bytes", {"device": "0"}, 2**30),
        Count("gpu_memory_size_bytes", {"device": "0"}, 81559 * 2**20),
        Count("gpu_busy_ratio", {"device": "0"}, pytest.approx(0.37)),
        Count("gpu_memory_used_bytes", {"device": "1"}, 0),
        Count("gpu_memory_size_bytes", {"device": "1"}, 24576 * 2**20),
        Count("gpu_busy_ratio", {"device": "1"}, 0),
    ]
    asked = (tmp_path / "asked").read_text()
    assert "index,memory.used,memory.total,utilization.gpu" in asked
    assert "csv,noheader,nounits" in asked


def test_what_a_card_does_not_tell_is_left_out(tmp_path):
    program = driver(tmp_path, "0, [N/A], 81559, [Not Supported]")
    assert [one.name for one in Gpus(program).levels(NOW)] == ["gpu_memory_size_bytes"]


def test_where_there_is_no_driver_nothing_is_measured(tmp_path):
    assert Gpus(str(tmp_path / "nothing")).levels(NOW) == []


def test_a_driver_that_does_not_answer_is_said_once_and_the_beat_goes_on(tmp_path, capsys):
    gpus = Gpus(driver(tmp_path, "it has failed", ends=9))
    assert gpus.levels(NOW) == gpus.levels(NOW) == []
    told = capsys.readouterr()
    assert (told.out + told.err).count("no figures of the graphics card") == 1
    driver(tmp_path, "0, 1, 2, 3")
    assert len(gpus.levels(NOW)) == 3
