import numpy as np
import pytest

from train.errors import DataInvalid
from train.metrics import evaluate, figures_ct

RNG = np.random.default_rng(0)
REAL = RNG.uniform(0, 1, (4, 24, 20))
EVERYWHERE = np.ones(REAL.shape, bool)


def test_the_truth_itself_is_perfect():
    figures = evaluate(REAL, REAL, None)
    assert figures["mae"] == figures["nmse"] == 0
    assert figures["ssim"] == pytest.approx(1)
    assert figures["psnr"] == pytest.approx(120)  # a mean square of 1e-12 stands for none


def test_psnr_by_hand():
    assert evaluate(REAL * 0 + 0.6, REAL * 0 + 0.5, None)["psnr"] == pytest.approx(20)


def test_nmse_of_the_mean_is_one():
    assert evaluate(np.full_like(REAL, REAL.mean()), REAL, None)["nmse"] == pytest.approx(1)


def test_ssim_falls_with_noise():
    noisy = [evaluate(REAL + s * RNG.standard_normal(REAL.shape), REAL, None)["ssim"] for s in
             (0.05, 0.2, 0.8)]  # fmt: skip
    assert 1 > noisy[0] > noisy[1] > noisy[2]


def test_ssim_of_two_constants_is_luminance_alone():
    # (2 * 0.4 * 0.6 + 1e-4) / (0.16 + 0.36 + 1e-4), the second factor being 1
    figures = evaluate(np.full((2, 20, 20), 0.4), np.full((2, 20, 20), 0.6), None)
    assert figures["ssim"] == pytest.approx((0.48 + 1e-4) / (0.52 + 1e-4))


def test_outside_the_mask_nothing_counts():
    mask = EVERYWHERE.copy()
    mask[:, :, 10:] = False
    worse = np.where(mask, REAL, 0.0)
    assert evaluate(worse, REAL, mask)["mae"] == 0
    assert evaluate(worse, REAL, None)["mae"] > 0.1


def test_figures_of_ct_by_hand():
    real = np.array([[[-1000.0, -100.0, 40.0, 1000.0]]])
    made = real + np.array([[[100.0, -10.0, 20.0, -200.0]]])
    figures = figures_ct(made, real, np.ones(real.shape, bool))
    assert figures["mae"] == pytest.approx(82.5)
    assert figures["me"] == pytest.approx(-22.5)
    assert figures["rmse"] == pytest.approx(np.sqrt((1e4 + 1e2 + 4e2 + 4e4) / 4))
    assert (figures["mae_air"], figures["mae_soft"], figures["mae_bone"]) == (100, 15, 200)


def test_a_voxel_between_two_tissues_counts_once():
    real = np.array([[[-200.0, 150.0, -201.0, 151.0]]])
    made = real + np.array([[[1.0, 3.0, 10.0, 20.0]]])
    figures = figures_ct(made, real, np.ones(real.shape, bool))
    assert (figures["mae_air"], figures["mae_soft"], figures["mae_bone"]) == (10, 2, 20)


def test_a_tissue_that_is_not_there_has_no_figure():
    figures = figures_ct(np.zeros((1, 2, 2)), np.zeros((1, 2, 2)), np.ones((1, 2, 2), bool))
    assert "mae_bone" not in figures


def test_the_challenges_psnr_is_over_its_whole_range():
    real = RNG.uniform(-1000, 2000, (9, 12, 11))
    figures = evaluate(real + 40.24, real, np.ones(real.shape, bool), "synthrad2023")
    assert figures["mae"] == pytest.approx(40.24)
    assert figures["psnr"] == pytest.approx(40.0, abs=0.01)  # 20 log10(4024 / 40.24)
    assert 0.9 < figures["ssim"] < 1


def test_ssim_in_a_mask_does_not_depend_on_what_lies_far_outside():
    real = RNG.uniform(-1000, 2000, (20, 22, 21))
    made = real + RNG.normal(0, 100, real.shape)
    mask = np.zeros(real.shape, bool)
    mask[6:12, 7:13, 5:14] = True
    whole = evaluate(made, real, mask, "synthrad2023")
    near = (slice(2, 16), slice(3, 17), slice(1, 18))
    cut = evaluate(made[near], real[near], mask[near], "synthrad2023")
    for name in ("mae", "psnr", "ssim"):
        assert whole[name] == pytest.approx(cut[name])


def test_integers_are_refused_because_they_wrap():
    with pytest.raises(DataInvalid, match="integers wrap"):
        evaluate(np.zeros((1, 4, 4), np.uint8), np.zeros((1, 4, 4), np.uint8), None)


@pytest.mark.parametrize(
    ("made", "mask", "profile", "named"),
    [
        (REAL[:2], None, "unit", "of one shape"),
        (REAL, EVERYWHERE[:2], "unit", "of one shape"),
        (REAL, ~EVERYWHERE, "unit", "mask is empty"),
        (REAL, None, "mine", "no profile 'mine'"),
    ],
)
def test_what_cannot_be_measured_is_refused(made, mask, profile, named):
    with pytest.raises(DataInvalid, match=named):
        evaluate(made, REAL, mask, profile)


@pytest.mark.parametrize(
    ("profile", "limits"),
    [("unit", [0, 1]), ("synthrad2023", [-1024, 3000]), ("synthrad2025", [-1024, 3071])],
)
def test_every_result_says_its_profile_and_range(profile, limits):
    found = evaluate(REAL, REAL, None, profile)
    assert (found["profile"], found["range"]) == (profile, limits)


def test_a_window_that_does_not_fit_gives_no_figure():
    assert "ssim" in evaluate(REAL, REAL, None)  # 24 by 20, in slices
    assert "ssim_3d" not in evaluate(REAL, REAL, None)  # 4 slices hold no cube of 7
    assert "ssim" not in evaluate(REAL[:, :10], REAL[:, :10], None)


def test_what_is_no_number_is_refused():
    made = REAL.copy()
    made[0, 0, 0] = np.nan
    with pytest.raises(DataInvalid, match="no numbers"):
        evaluate(made, REAL, None)
