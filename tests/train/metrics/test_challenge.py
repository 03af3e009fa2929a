"""The challenges' figures, by hand and by a second writing of their definitions."""

import numpy as np
import pytest
from scipy.ndimage import uniform_filter
from scipy.signal import fftconvolve
from skimage.metrics import structural_similarity

from train.metrics import evaluate

RNG = np.random.default_rng(3)


def pair(shape, noise=150.0):
    real = uniform_filter(RNG.uniform(-3000, 5000, shape), 5)
    return real + RNG.normal(0, noise, shape), real


def test_by_hand_an_even_shift():
    real = np.full((9, 9, 9), 100.0)
    for profile, span in (("synthrad2023", 4024), ("synthrad2025", 4095)):
        found = evaluate(real + span / 100, real, None, profile)
        assert found["mae"] == pytest.approx(span / 100)
        assert found["psnr"] == pytest.approx(40)  # 20 log10 100


def test_by_hand_ssim_of_2023_of_two_constants_is_brightness_alone():
    # from -1024: 1024 and 2024; C1 = (0.01 * 4024)^2
    found = evaluate(np.full((9, 9, 9), 1000.0), np.zeros((9, 9, 9)), None, "synthrad2023")
    c1 = 40.24**2
    assert found["ssim"] == pytest.approx(
        (2 * 1024 * 2024 + c1) / (1024**2 + 2024**2 + c1), abs=1e-9
    )


def test_the_range_of_2025_alone_gives_152_thousandths_of_a_decibel():
    made, real = pair((12, 12, 12))
    one, two = (evaluate(made, real, None, f"synthrad{year}")["psnr"] for year in (2023, 2025))
    assert two - one == pytest.approx(0.152, abs=5e-4)


def test_the_error_is_not_clipped_but_the_rest_is():
    real = np.zeros((10, 10, 13))
    made = real.copy()
    made[5, 5, 5] = 1e6
    for profile, top in (("synthrad2023", 3000), ("synthrad2025", 3071)):
        found = evaluate(made, real, None, profile)
        assert found["mae"] == pytest.approx(1e6 / 1300)
        assert found["psnr"] == pytest.approx(20 * np.log10((top + 1024) / top * 1300**0.5))


def test_the_truth_itself_is_perfect_at_every_scale():
    _, real = pair((20, 21, 22))
    assert evaluate(real, real, None, "synthrad2025")["ms_ssim"] == pytest.approx(1)


def test_ssim_of_2023_is_scikit_images_map_in_the_mask():
    made, real = pair((16, 18, 20))
    mask = np.zeros(real.shape, bool)
    mask[2:12, 4:16, 1:19] = True
    x, y = (np.where(mask, np.clip(v, -1024, 3000), -1024) + 1024 for v in (made, real))
    _, like = structural_similarity(x, y, data_range=4024, full=True)
    cut = (slice(3, -3),) * 3
    found = evaluate(made, real, mask, "synthrad2023")
    assert found["ssim"] == pytest.approx(like[cut][mask[cut]].mean(), abs=1e-9)


def second_writing(made, real, mask):
    """MS-SSIM of 2025 with SciPy's filters, step by step as it is defined."""
    x, y = (np.where(mask, np.clip(v, -1024, 3071), -1024) + 1024 for v in (made, real))
    lacking = [max(0, 97 - n) for n in x.shape]
    around = [(n // 2, n - n // 2) for n in lacking]
    x, y, mask = (np.pad(v, around, mode="edge") for v in (x, y, mask))
    c1, c2 = (0.01 * 4095) ** 2, (0.03 * 4095) ** 2
    cut, product = (slice(3, -3),) * 3, 1.0
    for weight in (0.0448, 0.2856, 0.3001, 0.2363, 0.1333):
        mx, my = uniform_filter(x, 7), uniform_filter(y, 7)
        vx = (uniform_filter(x * x, 7) - mx**2) * 343 / 342
        vy = (uniform_filter(y * y, 7) - my**2) * 343 / 342
        both = (uniform_filter(x * y, 7) - mx * my) * 343 / 342
        sx, sy = np.sqrt(np.maximum(vx, 0)), np.sqrt(np.maximum(vy, 0))
        light = (2 * mx * my + c1) / (mx**2 + my**2 + c1)
        contrast = (2 * sx * sy + c2) / (vx + vy + c2)
        structure = np.maximum((both + c2 / 2) / (sx * sy + c2 / 2), 0)
        like = light**weight * contrast**weight * structure**weight
        product *= like[cut][mask[cut]].mean()
        box = np.full((2, 2, 2), 1 / 8)
        x, y = (fftconvolve(v, box, mode="same")[::2, ::2, ::2] for v in (x, y))
        mask = mask[::2, ::2, ::2]
    return product


@pytest.mark.parametrize("shape", [(30, 40, 50), (98, 40, 101)])
def test_several_scales_of_2025_are_as_defined(shape):
    made, real = pair(shape)
    mask = np.ones(shape, bool)
    mask[:, :7], mask[-4:] = False, False
    found = evaluate(made, real, mask, "synthrad2025")
    assert found["ms_ssim"] == pytest.approx(second_writing(made, real, mask), abs=1e-8)


def test_a_mask_that_no_scale_sees_gives_no_similarity():
    made, real = pair((110, 98, 97))
    mask = np.zeros(real.shape, bool)
    mask[1, 1, 1] = True
    found = evaluate(made, real, mask, "synthrad2025")
    assert found["mae"] > 0
    assert "ms_ssim" not in found
