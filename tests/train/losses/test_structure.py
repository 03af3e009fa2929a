import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from engine.errors import ShapeError
from train.losses import MS_SSIM_WEIGHTS, gradient_difference, ms_ssim, ssim


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def by_scipy(x: np.ndarray, y: np.ndarray, span: float) -> float:
    """The mean of Wang's map where the window of 11 fits."""

    def mean(values: np.ndarray) -> np.ndarray:
        return gaussian_filter(values, 1.5, truncate=5 / 1.5)[(slice(5, -5),) * values.ndim]

    mx, my = mean(x), mean(y)
    vx, vy, cxy = mean(x * x) - mx**2, mean(y * y) - my**2, mean(x * y) - mx * my
    c1, c2 = (0.01 * span) ** 2, (0.03 * span) ** 2
    top = (2 * mx * my + c1) * (2 * cxy + c2)
    return float((top / ((mx**2 + my**2 + c1) * (vx + vy + c2))).mean())


@pytest.mark.parametrize("shape", [(24, 20), (16, 14, 12)])
@pytest.mark.parametrize("span", [1.0, 2.0])
def test_ssim_is_the_published_formula(shape, span):
    x, y = noise(1, 1, *shape) * span, noise(1, 1, *shape, seed=1) * span
    expected = by_scipy(x[0, 0].double().numpy(), y[0, 0].double().numpy(), span)
    assert ssim(x, y, span=span).item() == pytest.approx(expected, abs=1e-5)


def test_images_and_channels_count_alike():
    x, y = noise(2, 3, 16, 16), noise(2, 3, 16, 16, seed=1)
    each = [ssim(x[b, c][None, None], y[b, c][None, None]) for b in range(2) for c in range(3)]
    assert ssim(x, y).item() == pytest.approx(float(torch.stack(each).mean()), abs=1e-6)


def test_equal_images_are_alike_at_every_scale():
    x = noise(2, 1, 64, 48, 44)
    assert ssim(x, x).item() == pytest.approx(1.0, abs=1e-5)
    assert ms_ssim(x, x.clone()).item() == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("flat", [True, False])
def test_it_can_be_differentiated_where_images_are_equal(flat):
    target = torch.full((1, 1, 32, 32, 32), 0.5) if flat else noise(1, 1, 32, 32, 32)
    made = target.clone().requires_grad_()
    (1 - ms_ssim(made, target, window=7)).backward()
    assert torch.isfinite(made.grad).all()
    assert made.grad.abs().max() < 1e-3


def test_noise_is_as_unlike_noise_as_the_weights_say():
    """The weights sum to 0.63, so the score of independent noise is 0.22, not 0.09."""
    x, y = noise(1, 1, 64, 64, 64), noise(1, 1, 64, 64, 64, seed=1)
    assert sum(MS_SSIM_WEIGHTS) == pytest.approx(0.6305)
    score = ms_ssim(x, y).item()
    assert score == pytest.approx(0.217, abs=0.02)
    scaled = [weight / sum(MS_SSIM_WEIGHTS) for weight in MS_SSIM_WEIGHTS]
    assert ms_ssim(x, y, weights=scaled).item() == pytest.approx(0.091, abs=0.02)


def test_luminance_is_looked_at_on_the_coarsest_scale_alone():
    """Brighter by a constant: contrast and structure stay, luminance falls."""
    x = noise(1, 1, 48, 48)
    brighter = ms_ssim(x + 0.5, x).item()
    luminance = ssim(*(torch.nn.functional.avg_pool2d(one, 4) for one in (x + 0.5, x))).item()
    assert brighter == pytest.approx(luminance ** MS_SSIM_WEIGHTS[2], rel=2e-3)


def test_images_that_oppose_each_other_have_a_score_and_no_nan():
    x = noise(1, 1, 44, 44)
    made = (1 - x).requires_grad_()
    score = ms_ssim(made, x)
    score.backward()
    assert 0 < score.item() < 0.1
    assert torch.isfinite(made.grad).all()


def test_a_window_that_does_not_fit_the_coarsest_scale_is_refused():
    x = noise(1, 1, 64, 64, 40)
    with pytest.raises(ShapeError, match="window of 11 does not fit 10 voxels at scale 3"):
        ms_ssim(x, x)
    assert ms_ssim(x, x, window=9).item() == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("window", [13, 4])
def test_a_window_larger_than_the_image_or_even_is_refused(window):
    with pytest.raises(ShapeError, match="odd and no larger"):
        ssim(noise(1, 1, 12, 20), noise(1, 1, 12, 20), window=window)


def test_steps_are_compared_by_their_size():
    """Rows step by 1 and by 3, columns not at all: (2 + 0) / 2; the sign of a step is free."""
    rows = torch.arange(4.0)[:, None].expand(4, 4)[None, None]
    assert gradient_difference(3 * rows, rows) == pytest.approx(1.0)
    assert gradient_difference(-rows, rows) == 0
    assert gradient_difference(rows + 7, rows) == 0
    volume = rows[:, :, None].expand(1, 1, 3, 4, 4)
    assert gradient_difference(3 * volume, volume) == pytest.approx(2 / 3)
