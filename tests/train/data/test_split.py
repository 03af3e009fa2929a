import pytest

from train.data import Split, make_split, read_split, write_split
from train.errors import DataInvalid


def test_everybody_is_in_exactly_one_part():
    split = make_split(range(20), validation=3, test=5, seed=1)
    assert (len(split.train), len(split.validation), len(split.test)) == (12, 3, 5)
    assert sorted([*split.train, *split.validation, *split.test]) == list(range(20))


def test_scans_of_one_subject_are_never_parted():
    split = make_split([1, 1, 2, 2, 3, 3], validation=1, test=1, seed=0)
    assert len({*split.train, *split.validation, *split.test}) == 3
    assert len(split.train) == 1


def test_same_seed_same_split_whatever_the_order():
    one = make_split(range(9), validation=2, test=2, seed=4)
    assert one == make_split(reversed(range(9)), validation=2, test=2, seed=4)
    assert one != make_split(range(9), validation=2, test=2, seed=5)


def test_a_split_is_written_and_read(tmp_path):
    split = make_split(range(9), validation=2, test=2, seed=4)
    write_split(tmp_path / "split.json", split)
    assert read_split(tmp_path / "split.json") == split


def test_a_subject_in_two_parts_is_refused(tmp_path):
    with pytest.raises(DataInvalid, match="subject 2 is in two parts"):
        Split((1, 2), (3,), (2,))
    path = tmp_path / "split.json"
    path.write_text('{"train": [1, 2], "validation": [3], "test": [2]}')
    with pytest.raises(DataInvalid, match="subject 2 is in two parts"):
        read_split(path)


@pytest.mark.parametrize("text", ["", "[]", '{"train": [1]}', '{"train": "x", "all": 1}'])
def test_an_unreadable_split_is_refused(tmp_path, text):
    path = tmp_path / "split.json"
    path.write_text(text)
    with pytest.raises(DataInvalid, match=r"split\.json"):
        read_split(path)


def test_a_split_needs_somebody_to_learn_from():
    with pytest.raises(DataInvalid, match="nobody to learn from"):
        make_split(range(3), validation=1, test=2, seed=0)
