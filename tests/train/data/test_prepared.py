import dataclasses

import numpy as np
import pytest

from engine.errors import InputRefused
from engine.preprocess import Chain
from engine.reason import Code, Reason
from engine.volume import Volume
from tests.train.toys import toy_data, toy_pair
from train.config import Phantoms, Preparation
from train.data import Entry, Prepared, Shelf, prepare, read_index, span_of, truth_of
from train.errors import DataInvalid
from train.pair import Pair, read_pair, write_pair

STEPS = (
    {"step": "orient"},
    {"step": "resample", "spacing_mm": [6.0, 6.0, 6.0]},
    {"step": "crop_pad", "multiple": 4, "minimum": [24, 20], "margin_mm": 8},
    {"step": "normalise", "high": 0.995},
)
CT = Preparation(steps=STEPS, window=(-1000, 2000), outside=-1000, unit="HU")
MADE = Phantoms("head", ("T1",), "CT", 0, 5, 1, 4.0, 1, 1)


def prepared_of(pair: Pair, folder, preparation: Preparation = CT) -> Prepared:
    about = pair.about
    made = dataclasses.replace(MADE, sources=tuple(about["labels"]), target=about["makes"])
    entry = Entry(write_pair(folder, pair), about["subject"], about)
    return prepare([entry], made, preparation, None)[0]


def test_an_empty_folder_says_how_to_fill_it(tmp_path):
    with pytest.raises(DataInvalid, match="make some with 'dicom-train phantom"):
        read_index(tmp_path)


def test_the_index_knows_whose_each_pair_is(tmp_path):
    entries = read_index(toy_data(tmp_path, 3))
    assert [entry.subject for entry in entries] == [0, 1, 2]


def test_the_target_follows_the_first_source_through_the_bundles_own_steps(tmp_path):
    pair = toy_pair(1, labels=("T1", "T2"))
    got = prepared_of(pair, tmp_path)
    stored = read_pair(next(tmp_path.iterdir()))
    sources, trace = Chain.of(STEPS).apply(stored.sources)
    assert got.source.dtype == got.target.dtype == np.float16
    for channel, source in zip(got.source, sources, strict=True):
        np.testing.assert_allclose(channel, source.voxels, atol=1e-3)  # half precision
    hu = (got.target.astype(np.float32) + 1) / 2 * 3000 - 1000
    followed = trace.follow(stored.target, outside=-1000).voxels
    np.testing.assert_allclose(hu, np.clip(followed, -1000, 2000), atol=2)
    body = trace.follow(stored.target.with_voxels(stored.body.astype(float)), outside=0).voxels
    np.testing.assert_array_equal(got.inside, body > 0.5)


def test_the_target_goes_onto_the_networks_range(tmp_path):
    got = prepared_of(toy_pair(1), tmp_path, dataclasses.replace(CT, onto=(0.0, 1.0)))
    assert got.target.min() == 0
    assert got.target.max() == pytest.approx((900 + 1000) / 3000, abs=1e-3)


def test_truth_that_has_a_unit_stays_as_it_is():
    pair = toy_pair(1)
    assert truth_of(pair, CT) is pair.target


def test_headroom_leaves_room_above_what_scales():
    pair = toy_pair(1, makes="STIR")
    mr = Preparation(STEPS, (0.0, 2.0), 0.0, "1", relative=0.9)
    plain, roomy = (truth_of(pair, one).voxels for one in (mr, dataclasses.replace(mr, headroom=4)))
    np.testing.assert_allclose(4 * roomy, plain, rtol=1e-6)


@pytest.mark.parametrize("brighter", [1.0, 3.0])
def test_truth_of_mr_is_scaled_by_its_body(brighter):
    pair = toy_pair(1, makes="STIR")
    target = pair.target.with_voxels(pair.target.voxels * np.float32(brighter))
    mr = Preparation(STEPS, (0.0, 2.0), 0.0, "1", relative=0.9)
    truth = truth_of(dataclasses.replace(pair, target=target), mr).voxels
    assert np.mean(truth[pair.body] <= 2.0) == pytest.approx(0.9, abs=0.03)
    np.testing.assert_allclose(truth / truth.max(), pair.target.voxels / pair.target.voxels.max(),
                               rtol=1e-5)  # fmt: skip


def test_a_dark_body_has_no_scale(tmp_path):
    pair = toy_pair(1, makes="STIR")
    outside = np.where(pair.body, 0, 100).astype(np.float32)
    dark = dataclasses.replace(pair, target=pair.target.with_voxels(outside))
    mr = Preparation(STEPS, (0.0, 2.0), 0.0, "1", relative=0.9)
    with pytest.raises(DataInvalid, match=r"s00001-0\.npz: the target's body is dark"):
        prepared_of(dark, tmp_path, mr)


@pytest.mark.parametrize(
    ("steps", "span"),
    [
        (STEPS, (-1.0, 1.0)),
        ([{"step": "normalise", "high": 0.995, "onto": [0, 1]}], (0.0, 1.0)),
        ([{"step": "window", "low": -1000, "high": 2000, "onto": [0, 2]}], (0.0, 2.0)),
        ([{"step": "smooth", "fwhm_mm": 8}, {"step": "min_max"}], (0.0, 1.0)),
    ],
)
def test_the_range_of_a_source_is_that_of_its_last_step(steps, span):
    assert span_of(steps) == span


def test_a_source_that_is_constant_is_named_with_its_file(tmp_path):
    pair = toy_pair(1)
    flat = Volume(np.full(pair.source.shape, 37.0, np.float32), pair.source.grid)
    with pytest.raises(
        DataInvalid, match=r"s00001-0\.npz: T1 is constant: every voxel is 37; prepare"
    ):
        prepared_of(dataclasses.replace(pair, sources=(flat,)), tmp_path)


def test_a_target_that_is_constant_is_named_with_its_file(tmp_path):
    pair = toy_pair(1)
    flat = pair.target.with_voxels(np.full(pair.target.shape, 37.0, np.float32))
    with pytest.raises(DataInvalid, match=r"s00001-0\.npz: the target is constant"):
        prepared_of(dataclasses.replace(pair, target=flat), tmp_path)


@pytest.mark.parametrize(
    ("which", "unit", "said"),
    [
        ("source", "HU", "T1 has the unit 'HU'; '1' is"),
        ("target", "1", "CT has the unit '1'; 'HU'"),
    ],
)
def test_a_unit_that_is_not_its_labels_is_refused(tmp_path, which, unit, said):
    pair = toy_pair(1)
    above = np.maximum(getattr(pair, which).voxels, 0)
    other = getattr(pair, which).with_voxels(above, unit=unit)
    changed = {"sources": (other,)} if which == "source" else {"target": other}
    with pytest.raises(DataInvalid, match=said):
        prepared_of(dataclasses.replace(pair, **changed), tmp_path)


def test_what_does_not_fit_together_is_said_once(tmp_path):
    path = write_pair(tmp_path, toy_pair(1))
    with np.load(path) as arrays:
        kept = {**arrays, "target": arrays["target"][:2]}
    np.savez(path, **kept)
    with pytest.raises(DataInvalid) as refused:
        prepare(read_index(tmp_path), MADE, CT, None)
    assert str(refused.value).count("s00001-0.npz") == 1
    assert str(refused.value).count("prepare it again") == 1


def test_a_body_that_the_chain_cuts_away_is_refused(tmp_path):
    pair = toy_pair(1)
    nobody = dataclasses.replace(pair, body=np.zeros_like(pair.body))
    with pytest.raises(DataInvalid, match=r"s00001-0\.npz: no voxel of the body"):
        prepared_of(nobody, tmp_path)


def test_pairs_of_other_contrasts_are_refused(tmp_path):
    entries = read_index(toy_data(tmp_path, 1, labels=("T1", "T2"), makes="STIR"))
    with pytest.raises(DataInvalid, match=r"holds T1, T2 and STIR; the recipe makes CT from T1"):
        prepare(entries, MADE, CT, None)


def test_no_pairs_are_refused():
    with pytest.raises(DataInvalid, match="no pair to learn from"):
        prepare([], MADE, CT, None)


def test_every_voxel_of_the_body_is_found_once(tmp_path):
    got = prepared_of(toy_pair(1), tmp_path)
    count = int(got.inside.sum())
    found = [got.voxel((index + 0.5) / count) for index in range(count)]
    np.testing.assert_array_equal(found, np.argwhere(got.inside))


def test_a_small_volume_is_continued_as_the_node_continues_it(tmp_path):
    got = prepared_of(toy_pair(1), tmp_path)
    z, y, x = got.target.shape
    grown = got.grown((z + 3, y - 2, x + 1))
    assert grown.source.shape == (1, z + 3, y, x + 1)
    np.testing.assert_array_equal(grown.target[1 : z + 1, :, :x], got.target)
    np.testing.assert_array_equal(grown.target[0, :, :x], got.target[0])
    np.testing.assert_array_equal(grown.target[-1, :, :x], got.target[-1])
    assert grown.inside.sum() == got.inside.sum()
    assert got.grown((z, y, x)) is got


def test_a_pair_on_the_shelf_is_prepared_once(tmp_path):
    def taken(preparation=CT):
        return prepare(read_index(tmp_path), MADE, preparation, None, shelf)[0]

    write_pair(tmp_path, toy_pair(1))
    shelf = Shelf(tmp_path)
    first = taken()
    assert taken() is first
    darker = taken(dataclasses.replace(CT, window=(-1000, 1000)))
    assert darker.target.max() > first.target.max()
    assert taken() is first


def test_a_pair_that_was_written_again_is_prepared_again(tmp_path):
    write_pair(tmp_path, toy_pair(1))
    shelf = Shelf(tmp_path)
    first = prepare(read_index(tmp_path), MADE, CT, None, shelf)[0]
    other = dataclasses.replace(toy_pair(2), about=toy_pair(1).about)
    write_pair(tmp_path, other)
    second = prepare(read_index(tmp_path), MADE, CT, None, shelf)[0]
    assert not np.array_equal(first.source, second.source)


def refusing(*subjects):
    """Return an apply that refuses some subjects for what they show."""
    plain = Chain.apply

    def apply(chain, volumes):
        if int(np.asarray(volumes[0].voxels).max()) in subjects:
            raise InputRefused([Reason(Code.OUT_OF_DISTRIBUTION, "no grey matter found")])
        return plain(chain, volumes)

    return apply


def brightest(subject):
    return int(np.asarray(toy_pair(subject).sources[0].voxels).max())


def test_the_odd_scan_that_the_steps_refuse_is_left_out_and_named(tmp_path, monkeypatch, caplog):
    for subject in range(11):
        write_pair(tmp_path, toy_pair(subject))
    monkeypatch.setattr(Chain, "apply", refusing(brightest(3)))
    found = prepare(read_index(tmp_path), MADE, CT, None)
    assert [one.subject for one in found] == [n for n in range(11) if n != 3]
    assert "1 of 11 scans are refused" in caplog.text
    assert "s00003-0.npz: OUT_OF_DISTRIBUTION: no grey matter found" in caplog.text


def test_many_scans_that_the_steps_refuse_are_an_error(tmp_path, monkeypatch):
    for subject in range(11):
        write_pair(tmp_path, toy_pair(subject))
    monkeypatch.setattr(Chain, "apply", refusing(brightest(3), brightest(4)))
    with pytest.raises(
        DataInvalid, match=r"2 of 11 scans are refused .* at most 10% may be, or one"
    ):
        prepare(read_index(tmp_path), MADE, CT, None)


def test_one_of_two_may_be_left_out_and_two_of_two_may_not(tmp_path, monkeypatch):
    for subject in range(2):
        write_pair(tmp_path, toy_pair(subject))
    monkeypatch.setattr(Chain, "apply", refusing(brightest(0)))
    assert [one.subject for one in prepare(read_index(tmp_path), MADE, CT, None)] == [1]
    monkeypatch.setattr(Chain, "apply", refusing(brightest(0), brightest(1)))
    with pytest.raises(DataInvalid, match="2 of 2 scans are refused"):
        prepare(read_index(tmp_path), MADE, CT, None)
