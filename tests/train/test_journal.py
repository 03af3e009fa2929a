import csv

import numpy as np
import pytest
import torch

from train.data import Look
from train.errors import CheckpointInvalid
from train.journal import LOG, Journal, picture


def rows(folder):
    with (folder / LOG).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_line_is_the_mean_since_the_last(tmp_path):
    journal = Journal(tmp_path, 0)
    for value in (1.0, 2.0):
        journal.note({"voxel": value})
    journal.note({"voxel": 6.0, "cycle": 4.0})
    journal.write(3, 0.25)
    journal.note({"voxel": 5.0})
    journal.write(6, 0.125)
    first, second = rows(tmp_path)
    assert (first["step"], first["validation"], first["cycle"], first["voxel"]) == (
        "3", "0.25", "4.0", "3.0",
    )  # fmt: skip
    assert (second["voxel"], second["cycle"]) == ("5.0", "")


def test_lines_of_a_process_that_was_cut_off_are_taken_out(tmp_path):
    journal = Journal(tmp_path, 0)
    for step in (2, 4, 6):
        journal.note({"voxel": float(step)})
        journal.write(step, 0.5)
    Journal(tmp_path, 4)
    assert [row["step"] for row in rows(tmp_path)] == ["2", "4"]
    assert rows(tmp_path)[1]["voxel"] == "4.0"
    Journal(tmp_path, 0)
    assert not (tmp_path / LOG).exists()


def test_seconds_go_on_where_they_stopped(tmp_path):
    (tmp_path / LOG).write_text("step,seconds,validation\n2,100,0.5\n", encoding="utf-8")
    journal = Journal(tmp_path, 2)
    journal.write(4, 0.5)
    assert int(rows(tmp_path)[1]["seconds"]) >= 100


def look(shape: tuple[int, ...]) -> Look:
    source = torch.zeros(1, 2, *shape)
    return Look(source, torch.ones(1, 1, *shape), torch.ones(1, 1, *shape))


def test_a_picture_has_a_row_per_channel_result_and_truth_and_a_column_per_look():
    looks = [look((4, 6)), look((5, 3))]
    made = [one.target / 2 for one in looks]
    sheet = picture(looks, made, ((-1.0, 1.0), (0.0, 1.0)))
    assert sheet.shape == (4 * 5, 2 * 6)
    assert sheet[0, 0] == sheet[5, 0] == 128  # both sources: the middle of their range
    assert sheet[10, 0] == 128  # the result: the middle of its own
    assert sheet[15, 0] == 255  # the truth
    assert sheet[4, 0] == 0  # what pads a smaller slice
    np.testing.assert_array_equal(sheet[:, 9:], 0)


def test_of_a_volume_the_middle_is_shown():
    one = look((3, 4, 6))
    made = torch.zeros(1, 1, 3, 4, 6)
    made[0, 0, 1] = 1
    assert picture([one], [made], ((-1.0, 1.0), (0.0, 1.0)))[2 * 4, 0] == 255


@pytest.mark.parametrize("cut", ["10", "1050,", "1050,210,0.2", "6,250,0.5,9.0"])
def test_a_last_line_that_was_cut_off_is_dropped(tmp_path, cut):
    journal = Journal(tmp_path, 0)
    for step in (2, 4):
        journal.note({"voxel": 1.0})
        journal.write(step, 0.5)
    with (tmp_path / LOG).open("a", encoding="utf-8") as file:
        file.write(cut)
    journal = Journal(tmp_path, 1050)
    journal.note({"voxel": 3.0})
    journal.write(1100, 0.25)
    assert [row["step"] for row in rows(tmp_path)] == ["2", "4", "1100"]
    assert rows(tmp_path)[2]["voxel"] == "3.0"


def test_a_head_that_was_cut_off_is_written_anew(tmp_path):
    (tmp_path / LOG).write_text("step,seco", encoding="utf-8")
    Journal(tmp_path, 2).write(4, 0.5)
    assert rows(tmp_path)[0]["validation"] == "0.5"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"time,loss\n1,2\n", "step is None"),
        (b"step,seconds\ntwo,3\n", "step is 'two'"),
        (b"step,seconds\n2,-3.5\n", "seconds is '-3.5'"),
        (b"step,seconds\n2\n", "seconds is None"),
        (b"\xff\xfe\x00\n", "it is no table of text"),
    ],
)
def test_a_file_that_is_no_log_is_named_and_left_alone(tmp_path, content, said):
    (tmp_path / LOG).write_bytes(content)
    with pytest.raises(CheckpointInvalid, match=rf"log\.csv is no log of a run: {said}.*move it"):
        Journal(tmp_path, 2)
    assert (tmp_path / LOG).read_bytes() == content
