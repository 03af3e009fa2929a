from dataclasses import replace

import numpy as np
import pytest

from engine.preprocess import Chain
from tests.train.evaluate.conftest import task
from tests.train.toys import SPACING_MM, toy_pair
from train.evaluate.lookup import there_and_back


@pytest.fixture
def lost(base):
    """How far the truth of a toy is from itself after steps that say so much of resampling."""

    def measured(spacing_mm: float, window=(-1000.0, 2000.0), labels=("T1",), **more) -> float:
        prepared = task(base, labels, "CT").preparation
        steps = [
            {"step": "resample", "spacing_mm": [spacing_mm] * 3, **more},
            {"step": "crop_pad", "multiple": 8, "minimum": [24, 24], "margin_mm": 2 * SPACING_MM},
        ]
        if len(labels) > 1:
            steps.insert(0, {"step": "register", "how": "rigid"})
        pair = toy_pair(1, labels=labels)
        made = there_and_back(pair, replace(prepared, window=window), Chain.of(steps))
        return float(np.abs(made - pair.target.voxels)[pair.body].mean())

    return measured


def test_at_the_sources_spacing_nothing_is_lost(lost):
    assert lost(SPACING_MM) < 1e-2


def test_what_resampling_blurs_is_told(lost):
    assert lost(2 * SPACING_MM) > 50
    assert lost(SPACING_MM / 1.7) > 20
    assert lost(SPACING_MM / 1.7, nested=True) < 1e-2


def test_what_lies_outside_the_window_is_lost(lost):
    assert lost(SPACING_MM, window=(-1000.0, 500.0)) > 100  # the shell has 900 HU


def test_nobody_registers_twice(lost, monkeypatch):
    monkeypatch.setattr("engine.preprocess.chain.Register.fit", lambda *_: pytest.fail("again"))
    assert lost(SPACING_MM, labels=("T1", "T2")) < 1e-2
