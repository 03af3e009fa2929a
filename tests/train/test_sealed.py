"""What is sealed cannot be opened, by whichever way, in any thread; afterwards it can."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tests.train.toys import toy_data
from train.data import read_index
from train.errors import DataInvalid
from train.pair import path_of, read_pair
from train.sealed import sealed


@pytest.fixture
def path(tmp_path):
    toy_data(tmp_path, 2)
    return path_of(tmp_path, 1, 0)


WAYS = {
    "as learning reads": read_pair,
    "as bytes": lambda path: path.read_bytes(),
    "by name": lambda path: np.load(str(path)),
    "to write": lambda path: path.write_bytes(b""),
    "by another name": lambda path: (path.parent / ".." / path.parent.name / path.name).open("rb"),
}


@pytest.mark.parametrize("way", WAYS)
def test_nobody_opens_what_is_sealed(path, way):
    with sealed([path]), pytest.raises(DataInvalid, match="is of somebody held out"):
        WAYS[way](path)
    assert read_pair(path).about["subject"] == 1


def test_a_link_to_it_is_sealed_too(path, tmp_path):
    link = tmp_path / "link.npz"
    link.symlink_to(path)
    with sealed([path]), pytest.raises(DataInvalid, match="held out"):
        read_pair(link)


def test_other_threads_cannot_either(path):
    with sealed([path]), ThreadPoolExecutor(1) as pool:
        assert isinstance(pool.submit(read_pair, path).exception(), DataInvalid)


def test_others_are_open_and_a_seal_within_a_seal_ends_alone(path, tmp_path):
    with sealed([path]):
        with sealed([path]):
            pass
        assert read_pair(path_of(tmp_path, 0, 0)).about["subject"] == 0
        with pytest.raises(DataInvalid):
            read_index(tmp_path)
