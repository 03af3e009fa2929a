import json

import numpy as np
import pytest

from engine.volume import Grid, Volume
from train.errors import DataInvalid
from train.pair import Pair, read_about, read_pair, write_pair


def pair(**about) -> Pair:
    rng = np.random.default_rng(0)
    grid = Grid((3, 5, 7), np.diag([2.0, 1.0, 1.0, 1.0])[[2, 1, 0, 3]])
    source = Volume(np.round(rng.uniform(0, 4000, grid.shape)).astype(np.float32), grid)
    target = Volume(np.round(rng.uniform(-1000, 2000, grid.shape)), grid, unit="HU")
    return Pair(
        source, target, rng.uniform(size=grid.shape) > 0.5, {"subject": 4, "scan": 1, **about}
    )


def test_a_pair_comes_back_as_it_was_written(tmp_path):
    path = write_pair(tmp_path, pair(label="T1"))
    assert path.name == "s00004-1.npz"
    back, was = read_pair(path), pair()
    np.testing.assert_array_equal(back.source.voxels, was.source.voxels)
    np.testing.assert_array_equal(back.target.voxels, was.target.voxels)
    np.testing.assert_array_equal(back.body, was.body)
    np.testing.assert_array_equal(back.source.affine, was.source.affine)
    assert read_about(path)["label"] == "T1"


def test_source_and_target_on_two_grids_are_refused():
    was = pair()
    moved = was.target.affine.copy()
    moved[0, 3] += 0.5
    elsewhere = Grid(was.target.shape, moved)
    with pytest.raises(DataInvalid, match="lie on one grid"):
        Pair(was.source, Volume(was.target.voxels, elsewhere, unit="HU"), was.body, was.about)


def test_what_is_no_archive_is_refused(tmp_path):
    path = tmp_path / "s00001-0.npz"
    path.write_bytes(b"not a zip file")
    with pytest.raises(DataInvalid, match="is no prepared pair"):
        read_pair(path)


def test_a_missing_array_is_named(tmp_path):
    path = tmp_path / "s00001-0.npz"
    np.savez(path, source=np.zeros(3))
    with pytest.raises(DataInvalid, match="lacks target, body, affine, about"):
        read_about(path)


def test_another_layout_is_refused(tmp_path):
    path = write_pair(tmp_path, pair())
    with np.load(path) as arrays:
        changed = {name: arrays[name] for name in arrays}
    changed["about"] = np.array(json.dumps({"subject": 1, "scan": 0, "layout": 99}))
    np.savez(path, **changed)
    with pytest.raises(DataInvalid, match="layout 99, 1 is wanted"):
        read_pair(path)


def test_arrays_that_do_not_fit_together_are_refused(tmp_path):
    path = write_pair(tmp_path, pair())
    with np.load(path) as arrays:
        changed = {name: arrays[name] for name in arrays}
    changed["target"] = changed["target"][:2]
    np.savez(path, **changed)
    with pytest.raises(DataInvalid, match="does not fit together"):
        read_pair(path)
