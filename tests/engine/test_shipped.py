"""The shipped model makes what it made when it was shipped."""

from pathlib import Path

import numpy as np
import pytest

from engine.device import choose
from engine.pipeline import synthesise
from engine.quality import read_gate
from engine.task import RESULT, SOURCE, Generation, Output, Task, lacking, read_bundle
from tests.engine.test_pipeline import MARKERS_MM, phantom

ROOT = Path(__file__).parents[2]
BUNDLE = ROOT / "conf" / "models" / "hlsnc-head-ct"
MODELS = sorted(path.parent.name for path in BUNDLE.parent.glob("*/contract.json"))
MADE = Path(__file__).parent / "shipped" / "hlsnc-head-ct.npz"


@pytest.fixture(scope="module")
def bundle():
    return read_bundle(BUNDLE)


def test_a_bundle_of_the_first_form_still_says_what_it_said(bundle):
    assert bundle.generation == Generation("slices")
    assert bundle.output == Output((-1000.0, 2000.0), -1000.0, "HU", (-1.0, 1.0), 0.0)
    assert bundle.atlas is None


@pytest.mark.parametrize("name", MODELS)
def test_each_shipped_model_has_limits_of_its_own_and_one_for_every_figure(name):
    bundle = read_bundle(BUNDLE.parent / name)
    assert lacking(bundle) is None
    gate = read_gate(bundle)
    for known, limits in ((SOURCE, gate.sources), (RESULT, (gate.result,))):
        for one in limits:
            assert [key for key, figure in known.items() if not one[key].is_on(figure.side)] == []


def made_now(bundle) -> np.ndarray:
    source = phantom((0.2, -0.15, 0.3), markers=MARKERS_MM)
    task = Task("sct", ("T1",), "CT", bundle)
    return synthesise([source], task, choose("cpu", threads=1)).stored.pixels


def record() -> None:
    """Keep what the bundle makes now: to be run when the model is made again, and only then."""
    bundle = read_bundle(BUNDLE)
    np.savez_compressed(MADE, pixels=made_now(bundle), weights=bundle.weights_sha256)


def test_the_pixels_are_those_that_were_made_before(bundle):
    """Another CPU may round a value that lies between two integers the other way."""
    with np.load(MADE) as before:
        assert before["weights"] == bundle.weights_sha256, "another model: run record() above"
        pixels, made = before["pixels"], made_now(bundle)
    away = np.abs(made.astype(int) - pixels)
    assert away.max() <= 1
    assert (away > 0).mean() < 0.01
    assert len(np.unique(made)) > 700, "hardly an image"
