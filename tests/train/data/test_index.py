from pathlib import Path

import pytest

from tests.train.toys import toy_data
from train.data import entries_of, read_index
from train.errors import DataInvalid


def test_only_the_asked_for_are_returned(tmp_path):
    entries = read_index(toy_data(tmp_path, 4))
    assert [one.subject for one in entries_of(entries, (3, 1), tmp_path)] == [1, 3]


def test_who_is_missing_is_named(tmp_path):
    entries = read_index(toy_data(tmp_path, 2))
    with pytest.raises(DataInvalid, match=r"of 1 of 2 subjects \(7\) in .*; make them with"):
        entries_of(entries, (1, 7), tmp_path)


def test_of_many_that_are_missing_the_first_are_named():
    with pytest.raises(
        DataInvalid, match=r"of 20 of 20 subjects \(0, 1, 2, 3, 4, 5, 6, 7, \.\.\.\)"
    ):
        entries_of((), range(20), Path("data"))
