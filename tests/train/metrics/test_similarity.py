"""Beside scikit-image and torchmetrics, which define the same: equal to a millionth."""

import numpy as np
import pytest
import torch
from skimage.metrics import (
    mean_squared_error,
    peak_signal_noise_ratio,
    structural_similarity,
)
from torchmetrics.functional.image import (
    multiscale_structural_similarity_index_measure,
    structural_similarity_index_measure,
)
from torchmetrics.functional.image import (
    peak_signal_noise_ratio as torch_psnr,
)
from torchmetrics.functional.regression import mean_absolute_error

from train.metrics import evaluate
from train.metrics.similarity import GAUSSIAN_2D, WEIGHTS, ms_ssim

CLOSE = {"rel": 1e-6, "abs": 1e-6}
BELL = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}


def images(seed: int, shape: tuple[int, int, int]):
    """Something smooth with an error in it: neither alike nor a stranger."""
    rng = np.random.default_rng(seed)
    real = np.cumsum(rng.uniform(-1, 1, shape), axis=seed % 3)
    real = (real - real.min()) / np.ptp(real)
    return np.clip(real + rng.normal(0, 0.02 + 0.1 * (seed % 2), shape), 0, 1), real


def batch(*volumes):
    return [torch.from_numpy(volume)[None, None] for volume in volumes]


@pytest.mark.parametrize("seed", range(4))
def test_figures_of_volumes_are_those_of_others(seed):
    made, real = images(seed, (19, 24, 27))
    found = evaluate(made, real, None)
    assert found["psnr_3d"] == pytest.approx(
        peak_signal_noise_ratio(real, made, data_range=1), **CLOSE
    )
    assert found["psnr_3d"] == pytest.approx(
        float(torch_psnr(*batch(made, real), data_range=1.0)), **CLOSE
    )
    assert found["ssim_3d"] == pytest.approx(
        structural_similarity(real, made, data_range=1), **CLOSE
    )
    inner = np.zeros(real.shape, bool)
    inner[5:-5, 5:-5, 5:-5] = True
    assert evaluate(made, real, inner)["ssim_3d_gaussian"] == pytest.approx(
        structural_similarity(real, made, data_range=1, **BELL), **CLOSE
    )
    assert found["ssim_3d_gaussian"] == pytest.approx(
        float(structural_similarity_index_measure(*batch(made, real), data_range=1.0)), **CLOSE
    )
    assert found["nmse"] == pytest.approx(mean_squared_error(real, made) / real.var(), **CLOSE)
    assert found["mae"] == pytest.approx(
        float(mean_absolute_error(*(v.ravel() for v in batch(made, real)))), **CLOSE
    )


@pytest.mark.parametrize("seed", range(3))
def test_figures_of_slices_are_those_of_others(seed):
    made, real = images(seed, (3, 24, 27))
    found = evaluate(made, real, None)
    pairs = list(zip(real, made, strict=True))
    inner = np.zeros(real.shape, bool)
    inner[:, 5:-5, 5:-5] = True
    assert evaluate(made, real, inner)["ssim"] == pytest.approx(
        np.mean([structural_similarity(a, b, data_range=1, **BELL) for a, b in pairs]), **CLOSE
    )
    assert found["psnr"] == pytest.approx(
        np.mean([peak_signal_noise_ratio(a, b, data_range=1) for a, b in pairs]), **CLOSE
    )
    torches = [
        float(structural_similarity_index_measure(*(v[:, :, 0] for v in batch(b[None], a[None])),
                                                  data_range=1.0))
        for a, b in pairs
    ]  # fmt: skip
    assert found["ssim"] == pytest.approx(np.mean(torches), **CLOSE)


def test_several_scales_are_those_of_torchmetrics():
    everywhere = np.ones((1, 178, 181), bool)
    made, real = images(1, everywhere.shape)
    theirs = multiscale_structural_similarity_index_measure(
        *(v[:, :, 0] for v in batch(made, real)), data_range=1.0, normalize="relu", betas=WEIGHTS
    )
    ours = ms_ssim(made, real, everywhere, local=GAUSSIAN_2D)
    assert ours == pytest.approx(float(theirs), **CLOSE)

    everywhere = np.ones((24, 46, 48), bool)
    made, real = images(1, everywhere.shape)
    theirs = multiscale_structural_similarity_index_measure(
        *batch(made, real), data_range=1.0, normalize="relu", betas=(0.4, 0.6)
    )
    ours = ms_ssim(made, real, everywhere, weights=(0.4, 0.6))
    assert ours == pytest.approx(float(theirs), **CLOSE)


def test_a_small_image_has_as_many_scales_as_fit():
    made, real = images(1, (24, 46, 48))  # 24, then 12; 6 holds no window of 11
    everywhere = np.ones(real.shape, bool)
    raised = [sum(WEIGHTS) / sum(WEIGHTS[:2]) * weight for weight in WEIGHTS[:2]]
    assert ms_ssim(made, real, everywhere) == pytest.approx(
        ms_ssim(made, real, everywhere, weights=raised)
    )
    assert ms_ssim(made[:10], real[:10], everywhere[:10]) is None


def test_outside_the_mask_scales_see_what_lies_there_but_do_not_count_it():
    made, real = images(1, (24, 24, 26))
    mask = np.zeros(real.shape, bool)
    mask[:, :, :8] = True
    spoilt = np.where(np.arange(26) > 20, 1 - made, made)
    assert ms_ssim(made, real, mask, weights=WEIGHTS[:1]) == ms_ssim(
        spoilt, real, mask, weights=WEIGHTS[:1]
    )
