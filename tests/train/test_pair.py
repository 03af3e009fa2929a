import dataclasses
import json

import numpy as np
import pytest

from engine.volume import Grid, Volume
from tests.train.toys import toy_pair
from train.errors import DataInvalid
from train.pair import Pair, path_of, read_about, read_pair, write_pair


def with_target(values, unit: str) -> Pair:
    was = toy_pair(4)
    target = Volume(np.full(was.target.shape, values, np.float32), was.target.grid, unit=unit)
    return dataclasses.replace(was, target=target)


def rewritten(path, **changes) -> None:
    with np.load(path) as arrays:
        kept = {name: arrays[name] for name in arrays}
    np.savez(path, **{**kept, **changes})


@pytest.mark.parametrize("makes", ["CT", "PT", "STIR"])
def test_a_pair_comes_back_as_it_was_written(tmp_path, makes):
    was = toy_pair(4, labels=("T1", "T2", "CBCT"), makes=makes)
    path = write_pair(tmp_path, was)
    assert path == path_of(tmp_path, 4, 0)
    assert [one.name for one in tmp_path.iterdir()] == ["s00004-0.npz"]
    back = read_pair(path)
    for one, other in zip(back.sources, was.sources, strict=True):
        np.testing.assert_array_equal(one.voxels, other.voxels)
        assert one.unit == other.unit
    step = 1e-4 if makes == "PT" else 1.0
    np.testing.assert_allclose(back.target.voxels, was.target.voxels, atol=step / 2 + 1e-6)
    assert back.target.unit == was.target.unit
    np.testing.assert_array_equal(back.body, was.body)
    np.testing.assert_array_equal(back.tissue, was.tissue)
    np.testing.assert_array_equal(back.source.affine, was.source.affine)
    assert read_about(path)["labels"] == ["T1", "T2", "CBCT"]


def test_same_pair_same_bytes(tmp_path):
    one, two = (write_pair(tmp_path / name, toy_pair(4)) for name in ("a", "b"))
    assert one.read_bytes() == two.read_bytes()


def test_sources_and_target_on_two_grids_are_refused():
    was = toy_pair(4)
    moved = was.target.affine.copy()
    moved[0, 3] += 0.5
    elsewhere = Volume(was.target.voxels, Grid(was.target.shape, moved), unit="HU")
    with pytest.raises(DataInvalid, match="lie on one grid"):
        dataclasses.replace(was, target=elsewhere)
    with pytest.raises(DataInvalid, match=r"tissue .* these do not"):
        dataclasses.replace(was, tissue=was.tissue[:2])


def test_every_source_has_its_label():
    was = toy_pair(4, labels=("T1", "T2"))
    with pytest.raises(DataInvalid, match=r"2 sources with labels .*one label for each"):
        dataclasses.replace(was, about={**was.about, "labels": ["T1"]})


@pytest.mark.parametrize(
    ("values", "unit", "said"),
    [
        (np.nan, "HU", r"target runs from nan to nan HU; -32768 to 32767 is what"),
        (40000.0, "HU", "target runs from 40000 to 40000 HU"),
        (-1.0, "1", r"target runs from -1 to -1 1; 0 to 65535"),
        (7.0, "SUVR", "target runs from 7 to 7 SUVR; 0 to 6.5535"),
        (1.0, "g/ml", "target has unit 'g/ml'; a pair holds one of 1, HU, SUVR"),
    ],
)
def test_what_no_file_can_hold_is_refused_and_nothing_is_written(tmp_path, values, unit, said):
    with pytest.raises(DataInvalid, match=said):
        write_pair(tmp_path, with_target(values, unit))
    assert not list(tmp_path.iterdir())


def test_what_is_no_archive_is_refused(tmp_path):
    path = tmp_path / "s00001-0.npz"
    path.write_bytes(b"not a zip file")
    with pytest.raises(DataInvalid, match="is no prepared pair"):
        read_pair(path)


def test_a_cut_file_is_refused(tmp_path):
    path = write_pair(tmp_path, toy_pair(4))
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(DataInvalid, match="is no prepared pair"):
        read_pair(path)


def test_data_without_its_truth_is_named(tmp_path):
    path = tmp_path / "s00001-0.npz"
    np.savez(path, source0=np.zeros(3))
    with pytest.raises(DataInvalid, match="lacks target, body, tissue, affine, about"):
        read_about(path)


def test_another_layout_is_refused(tmp_path):
    path = write_pair(tmp_path, toy_pair(4))
    rewritten(path, about=np.array(json.dumps({"subject": 1, "scan": 0, "layout": 99})))
    with pytest.raises(DataInvalid, match="layout 99, 2 is wanted"):
        read_pair(path)


def test_arrays_that_do_not_fit_together_are_refused(tmp_path):
    path = write_pair(tmp_path, toy_pair(4))
    with np.load(path) as arrays:
        target = arrays["target"]
    rewritten(path, target=target[:2])
    with pytest.raises(DataInvalid, match="does not fit together"):
        read_pair(path)


def test_mr_that_rounding_would_destroy_is_refused(tmp_path):
    was = toy_pair(4)
    share = was.source.with_voxels(was.source.voxels / np.float32(was.source.voxels.max()))
    with pytest.raises(
        DataInvalid, match=r"source0 is MR up to 1, which .* 2 integers; .*near 4095"
    ):
        write_pair(tmp_path, dataclasses.replace(was, sources=(share,)))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("scale", [255.0, 1.0])
def test_mr_that_integers_hold_is_written(tmp_path, scale):
    """In enough steps, or made of integers: a mask, or an image of few colours."""
    was = toy_pair(4)
    share = was.source.voxels / np.float32(was.source.voxels.max()) * np.float32(scale)
    source = was.source.with_voxels(np.round(share) if scale == 1 else share)
    back = read_pair(write_pair(tmp_path, dataclasses.replace(was, sources=(source,))))
    np.testing.assert_allclose(back.source.voxels, source.voxels, atol=0.5)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("subject", "x", "subject is 'x'; a whole number"),
        ("subject", True, "subject is True; a whole number"),
        ("scan", None, "scan is None; a whole number"),
        ("labels", "T1", "labels is 'T1'; a list of labels"),
        ("makes", 5, "makes is 5; a label"),
        ("units", {"source0": "g/ml"}, ".*; a unit of 1, HU, SUVR for each volume"),
        ("units", {"source0": ["1"]}, ".*; a unit of 1, HU, SUVR for each volume"),
    ],
)
def test_what_a_file_says_of_its_pair_is_checked(tmp_path, key, value, said):
    path = write_pair(tmp_path, toy_pair(4))
    about = read_about(path)
    rewritten(path, about=np.array(json.dumps({**about, key: value})))
    with pytest.raises(
        DataInvalid, match=rf"^s00004-0\.npz: {said}.* is wanted; prepare it again$"
    ):
        read_about(path)
    del about[key]
    rewritten(path, about=np.array(json.dumps(about)))
    with pytest.raises(DataInvalid, match=rf"^s00004-0\.npz: {key} is absent; "):
        read_about(path)


def test_a_volume_without_a_unit_is_named(tmp_path):
    path = write_pair(tmp_path, toy_pair(4))
    about = {**read_about(path), "units": {"source0": "1"}}
    rewritten(path, about=np.array(json.dumps(about)))
    with pytest.raises(DataInvalid, match="does not fit together: it lacks target; prepare"):
        read_pair(path)


@pytest.mark.parametrize("content", [b"", b"junk", b"\x93NUMPY", b"\x80\x04K\x01."])
def test_junk_is_refused_without_the_advice_to_trust_it(tmp_path, content):
    path = tmp_path / "s00001-0.npz"
    path.write_bytes(content)
    with pytest.raises(DataInvalid, match=r"is no prepared pair .*cut off or spoilt") as refused:
        read_about(path)
    assert "pickle" not in str(refused.value)


@pytest.mark.parametrize("body", [np.zeros(3, np.uint8), np.zeros((5, 120), np.uint8)])
def test_a_body_of_too_few_bits_is_not_filled_with_air(tmp_path, body):
    path = write_pair(tmp_path, toy_pair(4))
    rewritten(path, body=body)
    with pytest.raises(DataInvalid, match="600 bytes of bits are wanted"):
        read_pair(path)
