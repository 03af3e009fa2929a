import json
from types import SimpleNamespace

import numpy as np
import pytest

from engine.preprocess import Normalise
from train.data import read_index
from train.errors import CheckpointInvalid
from train.evaluate import EVALUATION, FIGURE, LookUp, Server, measure
from train.pair import read_pair
from train.run import fit


@pytest.fixture
def run(recipe, data, tmp_path):
    fit(recipe, data, tmp_path / "run", until=2)
    return tmp_path / "run"


def test_it_writes_figures_of_model_and_baselines_with_intervals(recipe, data, run):
    found = measure(recipe, data, run)
    assert json.loads((run / EVALUATION).read_text(encoding="utf-8")) == found
    assert (run / FIGURE).read_bytes().startswith(b"\x89PNG")
    assert found["subjects"] == {"learned_from": 3, "measured": 1}
    assert "phantom" in found["learned_from"]
    assert "says nothing of patients" in found["measured_on"]
    for method in ("model", "look_up_table", "constant"):
        mae = found["figures"][method]["mae"]
        assert mae["low"] <= mae["mean"] <= mae["high"]
    assert (
        found["figures"]["look_up_table"]["mae"]["mean"]
        < found["figures"]["constant"]["mae"]["mean"]
    )
    gain = found["mae_below"]["look_up_table"]["mean"]
    expected = (
        found["figures"]["look_up_table"]["mae"]["mean"] - found["figures"]["model"]["mae"]["mean"]
    )
    assert gain == pytest.approx(expected, abs=0.02)


def test_measuring_twice_gives_the_same(recipe, data, run):
    one = measure(recipe, data, run)
    picture = (run / FIGURE).read_bytes()
    assert measure(recipe, data, run) == one
    assert (run / FIGURE).read_bytes() == picture


def test_a_perfect_server_is_measured_as_perfect(recipe, data, run, monkeypatch):
    truth = {}
    for entry in read_index(data):
        pair = read_pair(entry.path)
        truth[pair.source.voxels.tobytes()] = pair.target

    monkeypatch.setattr(Server, "of", lambda *_: lambda source: truth[source.voxels.tobytes()])
    found = measure(recipe, data, run)
    assert found["figures"]["model"]["mae"]["mean"] == 0
    assert found["figures"]["model"]["ssim"]["mean"] == 1


def test_no_other_table_has_a_smaller_error_on_those_it_was_fitted_to(data):
    entries = read_index(data)[:3]
    table = LookUp.fit(entries, 0.995)

    def error(levels):
        total, count = 0.0, 0
        for entry in entries:
            pair = read_pair(entry.path)
            made = LookUp(0.995, levels, 0.0)(pair.source)[pair.body]
            total += float(np.abs(made - pair.target.voxels[pair.body]).sum())
            count += int(pair.body.sum())
        return total / count

    best = error(table.levels)
    for seed in range(3):
        moved = table.levels + np.random.default_rng(seed).normal(0, 60, table.levels.shape)
        assert error(moved.astype(np.float32)) > best
    assert error(np.full_like(table.levels, table.constant)) > best


def test_the_tables_brightness_is_the_models(data):
    pair = read_pair(read_index(data)[0].path)
    top = Normalise(0.995).fit(pair.source).window.high
    levels = np.arange(128, dtype=np.float32)
    seen = LookUp(0.995, levels, 0.0)(pair.source)
    np.testing.assert_allclose(
        seen, np.floor(np.clip(pair.source.voxels / top, 0, 0.9999) * 128), atol=1
    )


def test_a_checkpoint_of_another_recipe_is_not_measured(run):
    other = SimpleNamespace(digest="f" * 64)
    with pytest.raises(CheckpointInvalid, match="another recipe"):
        Server.of(other, run)
