"""Structural similarity, at one scale and at several, and edges: all differentiable."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, avg_pool3d, conv2d, conv3d

from engine.errors import ShapeError

__all__ = ["MS_SSIM_WEIGHTS", "gradient_difference", "ms_ssim", "ssim"]

MS_SSIM_WEIGHTS = (0.0448, 0.2856, 0.3001)
"""Mao et al. (PCSA-GAN), below Eq. 10: the first three of the usual five, not scaled to 1."""
_SIGMA, _K1, _K2 = 1.5, 0.01, 0.03
_LEAST = 1e-6


def ssim(made: Tensor, target: Tensor, *, span: float = 1.0, window: int = 11) -> Tensor:
    """Return the mean structural similarity, 1 for equal images.

    Parameters
    ----------
    made, target : (B, C, H, W) or (B, C, D, H, W)
        Images; the Gaussian (sigma 1.5) stays inside them.
    span : float
        From the lowest to the highest possible value.
    window : int
        Width of the Gaussian in voxels, odd.

    Raises
    ------
    ShapeError
        When the window is larger than the image.

    References
    ----------
    Wang et al. 2004, IEEE Trans. Image Process. 13:600, Eq. 13.
    """
    luminance, structure = _terms(made, target, span, window)
    return (luminance * structure).mean()


def ms_ssim(
    made: Tensor,
    target: Tensor,
    *,
    span: float = 1.0,
    window: int = 11,
    weights: Sequence[float] = MS_SSIM_WEIGHTS,
) -> Tensor:
    """Return the structural similarity over scales, 1 for equal images; mean over the batch.

    Contrast and structure at every scale, luminance at the coarsest alone, each mean raised to its
    weight; means below 1e-6, which have no root, count as 1e-6.

    Parameters
    ----------
    made, target : (B, C, H, W) or (B, C, D, H, W)
        Images; each scale halves them by means of 2 x 2 (x 2) voxels.
    span, window
        See :func:`ssim`.
    weights : sequence of float
        One per scale, the finest first.

    Raises
    ------
    ShapeError
        When the window is larger than the image at the coarsest scale.

    References
    ----------
    Mao et al. (PCSA-GAN), Eq. 10; Wang et al. 2003, Asilomar, Eq. 7.
    """
    coarsest = min(made.shape[2:]) >> (len(weights) - 1)
    if coarsest < window:
        text = f"a window of {window} does not fit {coarsest} voxels at scale {len(weights)} of "
        raise ShapeError(f"{text}{tuple(made.shape)}; give larger images or a smaller window")
    halve = {4: avg_pool2d, 5: avg_pool3d}[made.ndim]
    product = torch.ones(made.shape[0], device=made.device)
    for index, weight in enumerate(weights):
        luminance, structure = _terms(made, target, span, window)
        last = index == len(weights) - 1
        values = luminance * structure if last else structure
        product = product * values.flatten(1).mean(dim=1).clamp_min(_LEAST) ** weight
        if not last:
            made, target = halve(made, 2), halve(target, 2)
    return product.mean()


def gradient_difference(made: Tensor, target: Tensor) -> Tensor:
    """Return the mean difference of the sizes of steps from voxel to voxel, mean over the axes.

    Parameters
    ----------
    made, target : (B, C, H, W) or (B, C, D, H, W)
        Images.

    References
    ----------
    Mathieu et al. 2016, ICLR, Eq. 6, with alpha = 1.
    """
    axes = range(2, made.ndim)
    each = [(made.diff(dim=n).abs() - target.diff(dim=n).abs()).abs().mean() for n in axes]
    return torch.stack(each).mean()


def _terms(made: Tensor, target: Tensor, span: float, window: int) -> tuple[Tensor, Tensor]:
    """Return luminance, and contrast times structure, at every place where the window fits."""
    if min(made.shape[2:]) < window or window % 2 == 0:
        text = f"a window of {window} does not fit {tuple(made.shape)}"
        raise ShapeError(f"{text}; it is odd and no larger than the image")
    first, second = (_K1 * span) ** 2, (_K2 * span) ** 2
    x, y = made.float(), target.float()
    x_mean, y_mean, xx, yy, xy = _blurred(torch.stack((x, y, x * x, y * y, x * y)), window)
    both, squares = x_mean * y_mean, x_mean.square() + y_mean.square()
    luminance = (2 * both + first) / (squares + first)
    return luminance, (2 * (xy - both) + second) / (xx + yy - squares + second)


def _blurred(maps: Tensor, window: int) -> Tensor:
    """Return weighted means of (5, B, C, ...) over a Gaussian, one axis after the other."""
    away = torch.arange(window, device=maps.device, dtype=maps.dtype) - window // 2
    bell = torch.exp(-away.square() / (2 * _SIGMA**2))
    bell = bell / bell.sum()
    spatial = maps.ndim - 3
    convolve = {2: conv2d, 3: conv3d}[spatial]
    flat = maps.flatten(0, 2)[:, None]
    for axis in range(spatial):
        shape = [1] * (spatial + 2)
        shape[2 + axis] = window
        flat = convolve(flat, bell.view(shape))
    return flat.view(*maps.shape[:3], *flat.shape[2:])
