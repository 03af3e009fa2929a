import numpy as np
import pytest

from train.metrics import asymmetry, figures_pet, uptake_by_region

LEFT, RIGHT, MIDDLE = np.eye(3, dtype=bool)[:, None, None, :]
REGIONS = {"left_parietal": LEFT, "right_parietal": RIGHT, "pons": MIDDLE}
REAL = np.array([[[0.9, 1.1, 1.0]]])


def test_uptake_is_a_mean_by_region():
    assert uptake_by_region(REAL, REGIONS) == pytest.approx(
        {"left_parietal": 0.9, "right_parietal": 1.1, "pons": 1.0}
    )
    assert uptake_by_region(REAL, {"none": ~(LEFT | ~LEFT)}) == {}


def test_asymmetry_by_hand():
    # of left and right the mean is 1, the difference a fifth
    assert asymmetry(uptake_by_region(REAL, REGIONS)) == pytest.approx({"parietal": -20.0})


def test_errors_by_hand():
    made = np.array([[[1.0, 1.0, 1.3]]])
    figures = figures_pet(made, REAL, np.ones(REAL.shape, bool), REGIONS)
    assert figures["suvr_left_parietal"] == pytest.approx(0.1)
    assert figures["suvr_right_parietal"] == pytest.approx(-0.1)
    assert figures["suvr_pons"] == pytest.approx(0.3)
    assert figures["mae_regions"] == pytest.approx(0.5 / 3)
    assert figures["asymmetry_parietal"] == pytest.approx(20)  # 0 instead of -20
    assert figures["mae"] == pytest.approx(0.5 / 3)
    assert figures["me"] == pytest.approx(0.1)


def test_without_regions_there_are_voxels_still():
    assert set(figures_pet(REAL, REAL, np.ones(REAL.shape, bool), {})) == {"mae", "me", "rmse"}
