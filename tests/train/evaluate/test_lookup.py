from dataclasses import replace

import numpy as np
import pytest

from engine.preprocess import Normalise
from tests.train.evaluate.conftest import task
from tests.train.toys import SPACING_MM, toy_pair
from train.data import truth_of
from train.evaluate.lookup import Brightness, Histogram, LookUp, copies, registered


def fitted(preparation, pairs):
    counted = Histogram(preparation, len(pairs[0].sources))
    for pair in pairs:
        counted.add(pair.sources, truth_of(pair, preparation), pair.body)
    return LookUp.fit(counted)


def error(table, pairs, preparation):
    away = [np.abs(table(p.sources) - truth_of(p, preparation).voxels)[p.body] for p in pairs]
    return float(np.concatenate(away).mean())


@pytest.mark.parametrize(
    ("sources", "makes"), [(("T1",), "CT"), (("T1", "T2"), "FLAIR"), (("T1",), "PT")]
)
def test_no_other_table_has_a_smaller_error_on_those_it_was_fitted_to(base, sources, makes):
    preparation = task(base, sources, makes).preparation
    pairs = [toy_pair(one, labels=sources, makes=makes) for one in range(3)]
    table = fitted(preparation, pairs)
    best, width = error(table, pairs, preparation), (preparation.window[1] - preparation.window[0])
    for seed in range(3):
        moved = np.random.default_rng(seed).normal(0, 0.02 * width, table.table.shape)
        other = replace(table, table=table.table + moved.astype(np.float32))
        assert error(other, pairs, preparation) > best
    flat = replace(table, table=np.full_like(table.table, table.constant))
    assert error(flat, pairs, preparation) > best


def test_two_sources_tell_what_neither_tells_alone(base):
    """The truth is where exactly one of two sources is bright."""
    preparation = task(base, ("T1", "T2"), "CT").preparation
    pair = toy_pair(0, labels=("T1", "T2"))
    rng = np.random.default_rng(0)
    one, two = (rng.random(pair.target.shape) < 0.5 for _ in range(2))
    sources = tuple(
        old.with_voxels(np.where(bright, 1000, 400).astype(np.float32))
        for old, bright in zip(pair.sources, (one, two), strict=True)
    )
    truth = pair.target.with_voxels(np.where(one ^ two, 1000, 0).astype(np.float32))
    both = replace(pair, sources=sources, target=truth)
    assert error(fitted(preparation, [both]), [both], preparation) < 10
    alone = replace(pair, sources=sources[:1], target=truth, about={**pair.about, "labels": ["T1"]})
    assert error(fitted(preparation, [alone]), [alone], preparation) > 300


@pytest.mark.parametrize("room", [1.0, 1.5])
def test_the_tables_brightness_is_the_models(room):
    source = toy_pair(0).sources[0]
    bright = Brightness.of([{"step": "normalise", "high": 0.9, "headroom": room}], 1)
    top = Normalise(0.9).fit(source).window.high * room
    expected = np.floor(np.clip(source.voxels / top, 0, 0.9999) * 128)
    np.testing.assert_allclose(bright.level(source), expected, atol=1)


def test_brightness_of_ct_is_in_the_steps_window():
    source = toy_pair(0, labels=("CBCT",)).sources[0]
    bright = Brightness.of([{"step": "window", "low": -1000.0, "high": 1000.0}], 1)
    assert set(np.unique(bright.level(source))) <= set(range(128))
    assert bright.level(source)[0, 0, 0] == 0  # air
    assert bright.level(source).max() == int((900 + 1000) / 2000 * 128)


def test_a_level_that_nobody_had_is_told_by_its_neighbours(base):
    preparation = task(base, ("T1", "T2"), "CT").preparation
    counted = Histogram(preparation, 2)
    low, high = (np.zeros(counted.counts.shape[1]) for _ in range(2))
    low[200], high[500] = 10, 30
    levels = counted.bright.levels
    counted.counts[5 * levels + 5], counted.counts[30 * levels + 30] = low, high
    table = LookUp.fit(counted)
    assert table.table[5 * levels + 6] == table.table[5 * levels + 5]
    assert table.table[45 * levels + 2] == table.constant


@pytest.mark.parametrize(("makes", "width"), [("CT", 1.0), ("PT", 2.0 / 4096)])
def test_values_are_told_to_a_hounsfield_unit_or_a_4096th_of_the_window(base, makes, width):
    preparation = task(base, ("T1",), makes).preparation
    preparation = replace(preparation, window=(-1024.0, 3000.0) if makes == "CT" else (0.0, 2.0))
    pair = toy_pair(0, makes=makes)
    value = -1000.0 if makes == "CT" else 0.7771
    flat = pair.target.with_voxels(np.full(pair.target.shape, value, np.float32))
    table = fitted(preparation, [replace(pair, target=flat)])
    assert table.constant == pytest.approx(value, abs=width / 2 + 1e-6)
    if makes == "CT":
        assert table.constant == -1000  # whole units are told as they are


def test_counts_of_two_sources_take_little_memory(base):
    counted = Histogram(task(base, ("T1", "T2"), "FLAIR").preparation, 2)
    assert counted.counts.nbytes < 96 * 2**20


def test_without_a_step_that_registers_sources_stay_as_they_are(base):
    pair = toy_pair(0, labels=("T1", "T2"), makes="FLAIR")
    assert registered(pair, task(base, ("T1", "T2"), "FLAIR").preparation) is pair


def test_a_moved_source_is_brought_back_before_its_brightness_is_taken(base, monkeypatch):
    shift = np.eye(4)
    shift[2, 3] = SPACING_MM
    monkeypatch.setattr("engine.preprocess.register.rigid", lambda *_: (shift, 1.0))
    preparation = task(base, ("T1", "T2"), "FLAIR").preparation
    steps = (*preparation.steps[:1], {"step": "register", "how": "rigid"}, *preparation.steps[1:])
    pair = toy_pair(0, labels=("T1", "T2"), makes="FLAIR")
    first, second = pair.sources
    moved = replace(pair, sources=(first, second.with_voxels(np.roll(second.voxels, 1, axis=0))))
    back = registered(moved, replace(preparation, steps=steps))
    np.testing.assert_array_equal(back.sources[0].voxels, first.voxels)
    np.testing.assert_allclose(back.sources[1].voxels[1:-1], second.voxels[1:-1], atol=1e-2)


def test_a_copy_is_scaled_as_the_truth_is_and_only_of_the_same_unit(base):
    preparation = task(base, ("T1",), "T2").preparation
    pair = toy_pair(0, labels=("T1",), makes="T2")
    copy = copies(pair, preparation)[0]
    assert np.quantile(copy.voxels[pair.body], 0.995) == pytest.approx(1, rel=0.02)
    assert copies(toy_pair(0), task(base, ("T1",), "CT").preparation) == []
