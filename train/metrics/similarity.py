"""Structural similarity: how alike two images are in brightness, contrast and structure, nearby.

What happens at the border is part of a definition. A Gaussian window sees the image mirrored there
and every voxel counts, as in torchmetrics; of the cube only windows inside the image count, as in
scikit-image and the SynthRAD challenges. Away from the border both libraries agree.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["CUBE", "GAUSSIAN_2D", "GAUSSIAN_3D", "WEIGHTS", "Local", "Moments", "ms_ssim", "ssim"]

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Scalar = TypeVar("Scalar", bound=np.generic)

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Of the scales, fine to coarse (Wang et al. 2003, Section 3.2)."""
_K1, _K2 = 0.01, 0.03


@dataclass(frozen=True, slots=True)
class Local:
    """A weighted mean over a window around each voxel.

    Parameters
    ----------
    taps : tuple of float
        The window along each of its axes; their sum is 1.
    axes : tuple of int
        Axes of (Z, Y, X) that the window spans.
    correction : float
        What makes a variance unbiased; 1 leaves it that of a population.
    mirrored : bool
        Whether windows reach over the border, the image mirrored at its last voxel.
    """

    taps: tuple[float, ...]
    axes: tuple[int, ...]
    correction: float = 1.0
    mirrored: bool = False

    @property
    def reach(self) -> int:
        """How far the window goes from its middle."""
        return len(self.taps) // 2

    def fits(self, shape: Sequence[int]) -> bool:
        """Whether at least one window lies inside an image of this shape."""
        return all(shape[axis] >= len(self.taps) for axis in self.axes)

    def mean(self, x: Floats) -> Floats:
        """Return the local mean at the middle of every window that counts."""
        if self.mirrored:
            reach = [self.reach if axis in self.axes else 0 for axis in range(3)]
            x = np.pad(x, [(one, one) for one in reach], mode="reflect")
        slide = _even if len(set(self.taps)) == 1 else _weighted
        for axis in self.axes:
            x = slide(x, self.taps, axis)
        return x

    def inner(self, x: NDArray[Scalar]) -> NDArray[Scalar]:
        """Return ``x`` at the middles of the windows that lie inside the image."""
        cut = slice(self.reach, -self.reach)
        return x[tuple(cut if axis in self.axes else slice(None) for axis in range(3))]


def _even(x: Floats, taps: Sequence[float], axis: int) -> Floats:
    """Slide a window of equal weights: running sums, whatever its length."""
    lines = np.moveaxis(x, axis, 0)
    sums = np.cumsum(lines, axis=0)
    found = sums[len(taps) - 1 :].copy()
    found[1:] -= sums[: -len(taps)]
    return np.moveaxis(found * taps[0], 0, axis)


def _weighted(x: Floats, taps: Sequence[float], axis: int) -> Floats:
    """Slide any window: a product with the matrix that holds it in every place."""
    size = x.shape[axis]
    band = np.zeros((size - len(taps) + 1, size))
    for row, line in enumerate(band):
        line[row : row + len(taps)] = taps
    return np.moveaxis(np.tensordot(band, x, axes=(1, axis)), 0, axis)


def _bell() -> tuple[float, ...]:
    shape = np.exp(-((np.arange(11) - 5) ** 2) / (2 * 1.5**2))
    return tuple(float(tap) for tap in shape / shape.sum())


GAUSSIAN_2D = Local(_bell(), (1, 2), mirrored=True)
"""11 by 11, sigma 1.5, slice by slice (Wang et al. 2004)."""
GAUSSIAN_3D = Local(_bell(), (0, 1, 2), mirrored=True)
CUBE = Local((1 / 7,) * 7, (0, 1, 2), correction=343 / 342)
"""7 by 7 by 7, every voxel alike: what scikit-image takes unless told otherwise."""


@dataclass(frozen=True, eq=False, slots=True)
class Moments:
    """Local means, variances and covariance of two images."""

    mean_x: Floats
    mean_y: Floats
    var_x: Floats
    var_y: Floats
    both: Floats
    span: float

    @classmethod
    def of(cls, x: Floats, y: Floats, local: Local, span: float) -> "Moments":
        """Take them over the windows of ``local``.

        Parameters
        ----------
        span : float
            Highest possible value less the lowest: what counts as much or little.
        """
        mx, my, k = local.mean(x), local.mean(y), local.correction
        return cls(
            mx,
            my,
            k * (local.mean(x * x) - mx * mx),
            k * (local.mean(y * y) - my * my),
            k * (local.mean(x * y) - mx * my),
            span,
        )

    @property
    def brightness(self) -> Floats:
        """Likeness of the means: Wang et al. 2004, Eq. 6."""
        one = (_K1 * self.span) ** 2
        return (2 * self.mean_x * self.mean_y + one) / (self.mean_x**2 + self.mean_y**2 + one)

    @property
    def structure(self) -> Floats:
        """Likeness of contrast and structure together: the second factor of their Eq. 13."""
        two = (_K2 * self.span) ** 2
        return (2 * self.both + two) / (self.var_x + self.var_y + two)

    @property
    def apart(self) -> tuple[Floats, Floats]:
        """Contrast and structure, each by itself: their Eq. 9 and 10, with C3 = C2 / 2."""
        two = (_K2 * self.span) ** 2
        dx, dy = np.sqrt(np.maximum(self.var_x, 0)), np.sqrt(np.maximum(self.var_y, 0))
        contrast = (2 * dx * dy + two) / (self.var_x + self.var_y + two)
        return contrast, (self.both + two / 2) / (dx * dy + two / 2)


def ssim(x: Floats, y: Floats, inside: Mask, local: Local, *, span: float = 1.0) -> float | None:
    """Return the mean similarity over the windows that count and whose middle lies ``inside``.

    A window in slices only gives the mean of the slices' means. None where no window fits.
    """
    if not local.fits(x.shape):
        return None
    moments = Moments.of(x, y, local, span)
    like = moments.brightness * moments.structure
    where = inside if local.mirrored else local.inner(inside)
    if 0 in local.axes:
        return float(like[where].mean()) if where.any() else None
    slices = [float(a[b].mean()) for a, b in zip(like, where, strict=True) if b.any()]
    return float(np.mean(slices)) if slices else None


def ms_ssim(
    x: Floats,
    y: Floats,
    inside: Mask,
    *,
    span: float = 1.0,
    weights: Sequence[float] = WEIGHTS,
    local: Local = GAUSSIAN_3D,
) -> float | None:
    """Return the similarity over several scales, each half as fine as the one before.

    Brightness counts at the coarsest scale only, and there the mirrored border counts too; at the
    others only windows inside the image do. Where an image is too small for all scales, the coarse
    ones are left out and the other weights raised to the same sum. None where no window fits.

    References
    ----------
    Wang, Simoncelli and Bovik 2003, Asilomar 37:1398, Eq. 7.
    """
    seen: list[tuple[float, float]] = []  # of structure alone, and with brightness
    for _ in weights:
        if not local.fits(x.shape) or not (where := local.inner(inside)).any():
            break
        moments = Moments.of(x, y, local, span)
        structure = moments.structure
        whole = (structure * moments.brightness)[inside]
        seen.append((float(local.inner(structure)[where].mean()), float(whole.mean())))
        x, y = (_halved(v, local.axes) for v in (x, y))
        inside = _halved(inside.astype(np.float64), local.axes) >= 0.5
    if not seen:
        return None
    values = np.maximum([*(one for one, _ in seen[:-1]), seen[-1][1]], 0)
    powers = np.array(weights[: len(seen)]) * (sum(weights) / sum(weights[: len(seen)]))
    return float(np.prod(values**powers))


def _halved(x: Floats, axes: Sequence[int]) -> Floats:
    """Mean of each two neighbours along ``axes``; an odd last one is dropped."""
    for axis in axes:
        even = np.moveaxis(x, axis, 0)[: x.shape[axis] // 2 * 2]
        x = np.moveaxis((even[::2] + even[1::2]) / 2, 0, axis)
    return x
