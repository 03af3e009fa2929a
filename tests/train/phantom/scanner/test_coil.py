import numpy as np
import pytest

from engine.volume import Grid
from train.phantom import Coil, receive
from train.phantom.scanner import gain_of

GRID = Grid((20, 60, 50), np.diag([4.0, 4.0, 8.0, 1.0])[:, [2, 1, 0, 3]])


def test_noise_of_air_is_rayleigh_and_that_of_tissue_normal():
    signal = np.zeros(GRID.shape, np.float32)
    signal[10:] = 100.0
    seen = receive(signal, 0.05, np.random.default_rng(0))
    assert seen[:10].mean() == pytest.approx(5 * np.sqrt(np.pi / 2), rel=0.02)
    assert seen[10:].std() == pytest.approx(5, rel=0.05)


def test_a_coil_is_stronger_near_its_elements():
    coil = Coil(bias=0.0, bias_mm=90.0, near=1.0, noise=0.0)
    gain = gain_of(GRID, coil, np.random.default_rng(0))
    assert gain[10, 0, 0] > 1.5 * gain[10, 30, 25]


def test_a_coil_without_bias_is_even():
    coil = Coil(bias=0.0, bias_mm=90.0, near=0.0, noise=0.0)
    np.testing.assert_allclose(gain_of(GRID, coil, np.random.default_rng(0)), 1)
