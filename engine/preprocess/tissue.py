"""Grey matter: where it is, by brightness and by what an atlas knows of its place."""

from dataclasses import dataclass, replace
from itertools import product
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from engine.errors import InputRefused, SpecError
from engine.preprocess.atlas import Atlas
from engine.preprocess.intensity import InPlace
from engine.preprocess.resample import resample_onto
from engine.preprocess.smooth import Smooth
from engine.reason import Code, Reason
from engine.volume import Array, Volume
from engine.xp import namespace, to_numpy

__all__ = ["GreyMatter"]

_ROUNDS = 30
_PRIOR_FWHM_MM = 6.0
"""How far tissues of one head lie from those of the atlas after an affine registration."""
_BRAIN = 0.5
"""Least share of brain by the atlas: elsewhere there is no grey matter."""
_STRAY = 0.03
"""Least share of voxels that are none of the three: vessels, membranes, skull."""
_DARK, _SPAN = 0.1, 4.0
"""Values below this share of the brain's median count as it; the logarithms of all span so much."""
_LEAST_VOXELS = 500
"""Fewer voxels of brain than this tell nothing of three tissues."""
_LEAST_SPREAD = 0.04
"""Least standard deviation of a tissue, as a share of its brightness: noise is never less."""
_LEAST_GAP, _MOST_GAP, _MOST_SPREAD, _LEAST_GREY = 0.02, 1.2, 0.6, 0.33
"""Between grey and white, and how far one of them scatters, in logarithms of brightness; and the
share of the brain that is grey. A mixture finds three classes in anything: it parts even stuff in
two (gaps up to 0.006 in ellipsoid, box and bottle of one brightness), takes air for grey matter
(gaps from 2.3), or lets one class hold what is alien to both (spreads from 0.66 in slopes and
shells; a ball has 0.55, and 0.23 of it grey). Real heads have gaps of 0.19 to 0.32, spreads up to
0.21 and shares from 0.43; phantoms of all protocols gaps of 0.036, where the echoes hardly tell the
tissues apart, to 0.70, spreads up to 0.51 and shares from 0.38. How dark fluid is tells nothing:
inversion may leave it as black as air."""
_DEGREES = tuple(term for term in product(range(4), repeat=3) if 1 <= sum(term) <= 3)
"""Powers of (z, y, x) whose sum is the shading of a coil: smooth over the whole head."""
_STIFF = 1e-3
"""Keeps the shading flat where the brain's voxels do not tell: a share of their own weight."""

_Moments = tuple[float, ...]


@dataclass(frozen=True, eq=False, slots=True)
class GreyMatter(InPlace):
    """Turn a T1-weighted head on the atlas's grid into the probability of grey matter.

    The brain is where the atlas has it. Within, the logarithm of brightness is a mixture of three
    normal distributions (fluid, grey, white) under a smooth shading; each voxel's shares start from
    the atlas, and what is far from all three is no tissue. Shares, moments and shading are
    estimated in turns, a fixed number of times. In T1 fluid is darker than grey matter, so brighter
    voxels tell nothing of fluid.

    Parameters
    ----------
    atlas : Atlas or None
        None before the step is fitted.
    level : float
        Median of the brain, in the volume's unit.
    means, spreads : tuple of float
        Of fluid, grey and white: logarithm of their brightness over ``level``.
    shading : tuple of float
        Coefficient of each power of place.

    References
    ----------
    Van Leemput et al. 1999, IEEE Trans Med Imaging 18:885 (mixture, atlas priors, polynomial
    shading). Ashburner and Friston 2005, NeuroImage 26:839.
    """

    atlas: Atlas | None = None
    level: float = 1.0
    means: _Moments = ()
    spreads: _Moments = ()
    shading: tuple[float, ...] = ()

    def fit(self, volume: Volume, atlas: Atlas) -> Self:
        """Learn the brightness of each tissue of ``volume``, which lies in the atlas's space.

        Raises
        ------
        InputRefused
            When there is no brain, its tissues are equally bright, or one of them is anything.
        """
        xp = namespace(volume.voxels)
        priors = _priors(atlas, volume)
        brain = xp.sum(priors, axis=0) > _BRAIN
        x = xp.astype(volume.voxels[brain], xp.float64)
        if x.shape[0] < _LEAST_VOXELS:
            raise _refused(f"{x.shape[0]} voxels of brain in view, {_LEAST_VOXELS} are wanted")
        level = float(xp.sort(x)[x.shape[0] // 2])
        if level <= 0:
            raise _refused("the brain is black")
        y = _logarithm(x, level)
        shares = xp.stack([xp.astype(priors[k, ...][brain], xp.float64) for k in range(3)])
        powers = xp.stack([one[brain] for one in _powers(volume)])
        means, spreads, shading = _estimated(y, shares, powers)
        fluid, grey, white = (float(np.exp(mean)) * level for mean in means)
        if not fluid < grey < white:
            text = f"fluid {fluid:.4g}, grey {grey:.4g} and white matter {white:.4g}"
            raise _refused(f"{text} are not each brighter than the one before, as T1 has them")
        even = y - _sum_of(np.asarray(shading), powers)
        _refuse_alien(means, spreads, _belongs(even, shares, means, spreads)[1, ...])
        return replace(
            self, atlas=atlas, level=level, means=means, spreads=spreads, shading=shading
        )

    def apply(self, volume: Volume) -> Volume:
        """Return the probability of grey matter, 0 to 1; 0 outside the brain."""
        if self.atlas is None:
            raise SpecError("grey_matter was not fitted to a volume before it was applied")
        xp = namespace(volume.voxels)
        priors = _priors(self.atlas, volume)
        y = _logarithm(xp.astype(volume.voxels, xp.float64), self.level)
        for coefficient, power in zip(self.shading, _powers(volume), strict=True):
            y = y - coefficient * power
        grey = _belongs(y, xp.astype(priors, xp.float64), self.means, self.spreads)[1, ...]
        inside = xp.sum(priors, axis=0) > _BRAIN
        made = xp.where(inside, grey, xp.zeros_like(grey))
        return volume.with_voxels(xp.astype(made, volume.voxels.dtype), unit="1")

    def record(self) -> dict[str, Any]:
        """Return the numbers, for provenance."""
        moments = {"means": list(self.means), "spreads": list(self.spreads)}
        shading = list(self.shading)
        return {"step": "grey_matter", "level": self.level, **moments, "shading": shading}


def _refuse_alien(means: _Moments, spreads: _Moments, grey: Array) -> None:
    """Refuse classes that are no tissues: see :data:`_LEAST_GAP`."""
    gap, spread, share = means[2] - means[1], max(spreads[1:]), float(namespace(grey).mean(grey))
    if not _LEAST_GAP <= gap <= _MOST_GAP:
        least, most = np.exp(_LEAST_GAP), np.exp(_MOST_GAP)
        text = f"white matter is {np.exp(gap):.3g} times as bright as grey"
        raise _refused(f"{text}, {least:.3g} to {most:.3g} is what T1 shows")
    if spread > _MOST_SPREAD:
        text = f"the brightness of one tissue scatters by a factor of {np.exp(spread):.3g}"
        raise _refused(f"{text}, {np.exp(_MOST_SPREAD):.3g} at most is what a brain shows")
    if share < _LEAST_GREY:
        text = f"{share:.0%} of the brain is as bright as grey matter"
        raise _refused(f"{text}, {_LEAST_GREY:.0%} at least is wanted")


def _priors(atlas: Atlas, volume: Volume) -> Array:
    """Return the atlas's shares of fluid, grey and white (3, Z, Y, X) on the grid of ``volume``."""
    xp = namespace(volume.voxels)
    maps = (Smooth(_PRIOR_FWHM_MM).apply(one) for one in (atlas.fluid, atlas.grey, atlas.white))
    parts = [resample_onto(one, volume.grid, seen=one.grid, outside=0.0)[0].voxels for one in maps]
    return xp.asarray(np.stack(parts), device=volume.voxels.device)


def _powers(volume: Volume) -> list[Array]:
    """Return each power of place (Z, Y, X), from -1 to 1 over the volume."""
    xp, device = namespace(volume.voxels), volume.voxels.device
    z, y, x = (np.linspace(-1, 1, count) for count in volume.shape)
    whole = (z[:, None, None] ** i * y[:, None] ** j * x**k for i, j, k in _DEGREES)
    return [xp.asarray(np.ascontiguousarray(one), device=device) for one in whole]


def _logarithm(x: Array, level: float) -> Array:
    xp = namespace(x)
    return xp.log(xp.clip(x, _DARK * level, None) / level)


def _estimated(
    y: Array, shares: Array, powers: Array
) -> tuple[_Moments, _Moments, tuple[float, ...]]:
    """Return means and spreads of the tissues, and the shading, of voxels (N,)."""
    belongs, even, shading = shares, y, np.zeros(len(_DEGREES))
    means, spreads = _moments(even, belongs)
    for _ in range(_ROUNDS):
        belongs = _belongs(even, shares, means, spreads)
        shading = _shading(y, belongs, powers, (means, spreads))
        even = y - _sum_of(shading, powers)
        means, spreads = _moments(even, belongs)
    return means, spreads, tuple(float(one) for one in shading)


def _moments(y: Array, belongs: Array) -> tuple[_Moments, _Moments]:
    """Return mean and standard deviation of each tissue, voxels weighted by their share."""
    xp = namespace(y)
    grey = _mean(y, belongs[1, ...])
    fluid = xp.where(y < grey, belongs[0, ...], xp.zeros_like(y))
    parts = (fluid, belongs[1, ...], belongs[2, ...])
    means = tuple(_mean(y, part) for part in parts)
    spreads = tuple(
        max(_mean((y - mean) ** 2, part) ** 0.5, _LEAST_SPREAD)
        for mean, part in zip(means, parts, strict=True)
    )
    return means, spreads


def _mean(y: Array, share: Array) -> float:
    xp = namespace(y)
    return float(xp.sum(share * y)) / (float(xp.sum(share)) + 1e-9)


def _belongs(y: Array, shares: Array, means: _Moments, spreads: _Moments) -> Array:
    """Return how far each voxel belongs to each tissue: (3, ...), summing to at most 1."""
    xp = namespace(y)
    fitting = [
        shares[k, ...] * xp.exp(-(((y - means[k]) / spreads[k]) ** 2) / 2) / spreads[k]
        for k in range(3)
    ]
    stray = xp.clip(1 - xp.sum(shares, axis=0), _STRAY, None) * ((2 * np.pi) ** 0.5 / _SPAN)
    total = fitting[0] + fitting[1] + fitting[2] + stray
    return xp.stack([one / total for one in fitting])


def _shading(
    y: Array, belongs: Array, powers: Array, moments: tuple[_Moments, _Moments]
) -> NDArray[np.float64]:
    """Return the coefficients that explain best by how much grey and white differ from their mean.

    Weighted least squares: each voxel counts by how sure its tissue is and how narrow that is.
    """
    xp, (means, spreads) = namespace(y), moments
    weights = [belongs[k, ...] / spreads[k] ** 2 for k in (1, 2)]
    weight = weights[0] + weights[1]
    pull = weights[0] * (y - means[1]) + weights[1] * (y - means[2])
    square = to_numpy((powers * weight) @ xp.permute_dims(powers, (1, 0)))
    stiff = np.eye(len(_DEGREES)) * _STIFF * float(xp.sum(weight))
    return np.asarray(np.linalg.solve(square + stiff, to_numpy(powers @ pull)))


def _sum_of(shading: NDArray[np.float64], powers: Array) -> Array:
    xp = namespace(powers)
    return xp.asarray(shading, device=powers.device) @ powers


def _refused(text: str) -> InputRefused:
    return InputRefused([Reason(Code.OUT_OF_DISTRIBUTION, f"no grey matter found: {text}")])
