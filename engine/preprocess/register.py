"""Where one volume lies on another: rigid between contrasts of one body, affine onto the atlas.

Only the search is SimpleITK's, on coarse copies in host memory; what it finds is a matrix, and the
voxels are moved by :func:`engine.preprocess.resample.resample_onto` on whatever array holds them.
The search draws its samples from a fixed seed and runs on one thread: same input, same matrix. A
metric takes its threads from a default of the whole process, which is set to one and left there:
to set it back would change the sums of a search that another thread has begun.
"""
# mypy: allow-untyped-calls

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import product
from math import ceil
from typing import Any

import numpy as np
import SimpleITK as sitk  # noqa: N813
from numpy.typing import NDArray

from engine.errors import InputRefused
from engine.preprocess.atlas import Atlas
from engine.preprocess.mask import air_of, foreground, quantile
from engine.preprocess.resample import Resample
from engine.preprocess.smooth import Smooth
from engine.reason import Code, Reason
from engine.volume import Grid, Volume
from engine.xp import to_numpy

__all__ = ["affine", "rigid"]

Matrix = NDArray[np.float64]

_LEAST_OVERLAP = 0.3
"""Share of the fixed body that the moving volume must see."""
_LEAST_INFORMATION = 0.15
"""In nats. What has nothing in common has 0.02, two contrasts of one head 0.3 and more."""
_BINS, _SEED = 24, 1
_EVEN_MM, _EVEN_FLOOR = 60.0, 0.3
"""Over what width brightness is evened, and what share of the mean is added to its average."""
_BRIGHT = 0.995
_SKULL_MM = 14.0
"""Skull and scalp above the brain."""
_HEAD_MM = 150.0
"""How far below the vertex the middle of the head is looked for."""
_DARK_MM, _SCALP_MM, _SEEN_MM = 9.0, 16.0, 22.0
"""Around the brain: to where fluid and skull are dark in T1, to where the scalp is bright, and how
far the search looks. The atlas is a brain alone; matched with a whole head as it is, its rim fits
the edge between scalp and air better than that between brain and skull."""
_VAULT_MM = 0.0
"""Above this height in the atlas's space a head is layered so; below are face, ears and neck."""
_BELOW_MM = 4.0
"""How far around the brain the search looks there."""
_SCALP = 1.3
"""Brightness of the scalp over that of the brain's brightest."""
_ROUNDS = 60
_SIZES = (0.92, 1.0)
"""Of a brain over that of the atlas, whose brain is larger than most."""
_STARTS = 4
"""Places and sizes that the search for the brain begins at; the best alone may lead astray."""


@dataclass(frozen=True, slots=True)
class _Level:
    """How closely is looked: spacing and smoothing of the copies, samples, and the longest step."""

    spacing_mm: float
    fwhm_mm: float
    samples: int
    step_mm: float


_RIGID = (
    _Level(6.0, 8.0, 40_000, 4.0),
    _Level(4.0, 0.0, 40_000, 1.0),
    _Level(2.0, 0.0, 80_000, 0.4),
)
_AFFINE = (_Level(4.0, 10.0, 40_000, 2.0), _Level(4.0, 5.0, 40_000, 1.0))
"""No finer: what an affine map leaves of two brains' difference is some millimetres."""


def rigid(fixed: Volume, moving: Volume) -> tuple[Matrix, float]:
    """Return where ``moving``, another contrast of the same body, lies on ``fixed``.

    Volumes of one frame of reference start from their own places, others from the middles of what
    they show.

    Returns
    -------
    matrix : (4, 4)
        Places of ``fixed`` to places of ``moving``, (L, P, S, 1) in mm.
    information : float
        Their mutual information, in nats.

    Raises
    ------
    InputRefused
        When the two share too little of their field of view, or show nothing alike.

    References
    ----------
    Mattes et al. 2003, IEEE Trans Med Imaging 22:120 (mutual information over sampled voxels).
    """
    still, moved = _evened(fixed), _evened(moving)
    body, other = _body(fixed), _body(moving)
    transform = sitk.Euler3DTransform()
    transform.SetCenter(body.mean(axis=0).tolist())
    if fixed.frame_of_reference_uid != moving.frame_of_reference_uid:
        transform.SetTranslation((other.mean(axis=0) - body.mean(axis=0)).tolist())
    _refuse_apart(body, moving.grid, _matrix(transform))
    information = 0.0
    for level in _RIGID:
        transform, information = _Search(still, moved, None, level).refined(transform)
    matrix = _matrix(transform)
    _refuse_apart(body, moving.grid, matrix)
    _refuse_strange(information, "the volumes cannot be registered")
    return matrix, information


def affine(atlas: Atlas, moving: Volume) -> tuple[Matrix, float]:
    """Return where ``moving``, a T1-weighted head, lies in the space of ``atlas``.

    The head is upright, as its header says. The search begins at the best of several places and
    sizes of the brain in it, first rigid; from where that ends best it goes on, affine.

    Returns
    -------
    matrix : (4, 4)
        Places of the atlas to places of ``moving``, (L, P, S, 1) in mm.
    information : float
        Mutual information of the two over the atlas's brain, in nats.

    Raises
    ------
    InputRefused
        When the brain is not found.
    """
    (still, seen), moved = _clothed(atlas), _evened(moving)
    search = _Search(still, moved, seen, _AFFINE[0])
    starts = sorted(_places(atlas, moving), key=search.value)[:_STARTS]
    rigidly = search.best_of(starts)
    transform = sitk.AffineTransform(3)
    transform.SetCenter(rigidly.GetCenter())
    transform.SetMatrix(rigidly.GetMatrix())
    transform.SetTranslation(rigidly.GetTranslation())
    information = 0.0
    for level in _AFFINE:
        transform, information = _Search(still, moved, seen, level).refined(transform)
    matrix = _matrix(transform)
    at = atlas.t1.grid.centres(np.argwhere(atlas.brain > 0.5).astype(np.float64))
    _refuse_apart(at, moving.grid, matrix)
    _refuse_strange(information, "no brain was found in the head")
    return matrix, information


def _places(atlas: Atlas, moving: Volume) -> Iterator[Any]:
    """Yield where the brain may be, in two sizes: below the vertex, in the middle, and around."""
    head = _body(moving)
    vertex = float(np.quantile(head[:, 2], 0.999))
    upper = head[head[:, 2] > vertex - _HEAD_MM]
    middle = np.quantile(upper, (0.01, 0.99), axis=0).mean(axis=0)
    brain = atlas.t1.grid.centres(np.argwhere(atlas.brain > 0.5).astype(np.float64))
    centre = atlas.centre_mm
    left, back, _ = middle - centre
    up = vertex - _SKULL_MM - brain[:, 2].max()
    for higher, further, size in product((-36, -24, -12, 0, 12, 24), (-16, 0, 16), _SIZES):
        transform = sitk.Similarity3DTransform()
        transform.SetCenter(centre.tolist())
        transform.SetScale(size)
        transform.SetTranslation([float(left), float(back + further), float(up + higher)])
        yield transform


class _Search:
    """Two images at one level of detail, and how far they tell of each other.

    Parameters
    ----------
    fixed, moving : Volume
        NumPy voxels.
    seen : Volume or None
        1 where the fixed one counts, else 0; None for everywhere.
    """

    def __init__(self, fixed: Volume, moving: Volume, seen: Volume | None, level: _Level) -> None:
        still = _coarse(fixed, level)
        self._fixed, self._moving = _image(still), _image(_coarse(moving, level))
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)  # of the process, see the module
        method = sitk.ImageRegistrationMethod()
        method.SetMetricAsMattesMutualInformation(_BINS)
        method.SetMetricSamplingStrategy(method.REGULAR)
        method.SetMetricSamplingPercentage(min(1.0, level.samples / still.voxels.size), _SEED)
        method.SetInterpolator(sitk.sitkLinear)
        if seen is None:
            _walk(method, level)
        else:
            _look_along(method, level)
            method.SetMetricFixedMask(_mask(seen, level))
        method.SetOptimizerScalesFromPhysicalShift()
        self._method = method

    def value(self, transform: Any) -> float:
        """Return the negative mutual information at ``transform``; 0 where nothing overlaps."""
        self._method.SetInitialTransform(transform, inPlace=False)
        try:
            return float(self._method.MetricEvaluate(self._fixed, self._moving))
        except RuntimeError:  # every sample lies outside the moving image
            return 0.0

    def refined(self, transform: Any) -> tuple[Any, float]:
        """Return the best transform near ``transform``, of its kind, and the information there."""
        found = type(transform)(transform)
        self._method.SetInitialTransform(found, inPlace=True)
        if isinstance(found, sitk.Similarity3DTransform):
            self._method.SetOptimizerWeights([1, 1, 1, 1, 1, 1, 0])  # its size stays as it is
        try:
            self._method.Execute(self._fixed, self._moving)
        except RuntimeError as exc:  # every sample lies outside the moving image
            raise _apart("nothing of one lies in the other") from exc
        return found, -float(self._method.GetMetricValue())

    def best_of(self, starts: Sequence[Any]) -> Any:
        """Return where the search ends best of those that begin at ``starts``.

        Raises
        ------
        InputRefused
            When each of them runs out of the moving image.
        """
        ends: list[tuple[float, Any]] = []
        for start in starts:
            with suppress(InputRefused):
                transform, information = self.refined(start)
                ends.append((information, transform))
        if not ends:
            raise _apart("nothing of one lies in the other")
        return max(ends, key=lambda end: end[0])[1]


def _walk(method: Any, level: _Level) -> None:
    """Go down the gradient in steps that halve where it turns."""
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=level.step_mm,
        minStep=level.step_mm / 100,
        numberOfIterations=_ROUNDS,
        gradientMagnitudeTolerance=1e-6,
    )


def _look_along(method: Any, level: _Level) -> None:
    """Go to the lowest place along each direction: walking runs away with twelve parameters."""
    method.SetOptimizerAsConjugateGradientLineSearch(
        learningRate=level.step_mm,
        numberOfIterations=_ROUNDS,
        convergenceMinimumValue=1e-6,
        convergenceWindowSize=8,
        lineSearchUpperLimit=3,
        lineSearchMaximumIterations=8,
        estimateLearningRate=method.EachIteration,
        maximumStepSizeInPhysicalUnits=level.step_mm,
    )


def _evened(volume: Volume) -> Volume:
    """Return a fine copy above air, its bright end cut, coil shading taken out."""
    volume = volume.with_voxels(to_numpy(volume.voxels).astype(np.float32))
    fine = _coarse(volume, _RIGID[-1])
    above = np.maximum(fine.voxels - np.float32(air_of(volume.unit)), 0)
    above = np.minimum(above, np.float32(quantile(above, _BRIGHT)))
    around = Smooth(_EVEN_MM).apply(fine.with_voxels(above)).voxels
    floor = np.float32(_EVEN_FLOOR * max(float(around.mean()), 1e-6))
    return fine.with_voxels(above / (around + floor))


def _coarse(volume: Volume, level: _Level) -> Volume:
    z, y, x = (max(level.spacing_mm, step) for step in volume.grid.spacing_mm)
    coarse = Resample((z, y, x)).apply(volume)
    return Smooth(level.fwhm_mm).apply(coarse) if level.fwhm_mm else coarse


def _body(volume: Volume) -> Matrix:
    """Return places (N, 3) in mm all over the body."""
    volume = volume.with_voxels(to_numpy(volume.voxels).astype(np.float32))
    coarse = _coarse(volume, _AFFINE[0])
    at = np.argwhere(foreground(coarse.voxels, volume.unit))
    if not len(at):
        raise _apart("there is nothing but air")
    return coarse.grid.centres(at.astype(np.float64))


def _clothed(atlas: Atlas) -> tuple[Volume, Volume]:
    """Return the atlas's brain under a skull and a scalp, and where of it the search looks."""
    grid = atlas.t1.grid
    more = [ceil(_SEEN_MM / step) for step in grid.spacing_mm]
    affine = grid.affine.copy()
    affine[:3, 3] -= affine[:3, :3] @ more
    shape = tuple(side + 2 * by for side, by in zip(grid.shape, more, strict=True))
    wide = Grid((shape[0], shape[1], shape[2]), affine)
    sides = [(by, by) for by in more]
    t1, brain = (np.pad(np.asarray(one), sides) for one in (atlas.t1.voxels, atlas.brain))
    inside = _image(Volume((brain > 0.5).astype(np.float32), wide))
    away = sitk.SignedMaurerDistanceMap(
        sitk.Cast(inside, sitk.sitkUInt8), squaredDistance=False, useImageSpacing=True
    )
    outward = sitk.GetArrayFromImage(away)
    height = wide.centres(np.indices(shape).reshape(3, -1).T.astype(np.float64))[:, 2]
    vault = height.reshape(shape) > _VAULT_MM
    scalp = vault & (outward > _DARK_MM) & (outward <= _SCALP_MM)
    bright = np.float32(_SCALP * quantile(t1[brain > 0.5], _BRIGHT))
    head = np.where(scalp, bright, np.where(outward > 0, 0, t1)).astype(np.float32)
    seen = outward <= np.where(vault, _SEEN_MM, _BELOW_MM)
    return Volume(head, wide), Volume(seen.astype(np.float32), wide)


def _mask(seen: Volume, level: _Level) -> Any:
    """Return where the search looks as an image."""
    coarse = Resample((level.spacing_mm,) * 3).apply(seen)
    inside = _image(coarse.with_voxels((coarse.voxels > 0.5).astype(np.float32)))
    return sitk.Cast(inside, sitk.sitkUInt8)


def _image(volume: Volume) -> Any:
    """Return the volume as SimpleITK has it: axes (x, y, z), the same LPS millimetres."""
    image = sitk.GetImageFromArray(np.ascontiguousarray(volume.voxels))
    spacing = np.array(volume.grid.spacing_mm[::-1])
    cosines = volume.affine[:3, 2::-1] / spacing
    cosines[np.abs(cosines) < 1e-12] = 0  # its decomposition fails on denormal numbers
    image.SetSpacing(spacing.tolist())
    image.SetDirection(cosines.ravel().tolist())
    image.SetOrigin(volume.affine[:3, 3].tolist())
    return image


def _matrix(transform: Any) -> Matrix:
    """Return a rigid or affine transform about its centre as one matrix."""
    matrix, centre = np.eye(4), np.array(transform.GetCenter())
    matrix[:3, :3] = np.array(transform.GetMatrix()).reshape(3, 3)
    matrix[:3, 3] = np.array(transform.GetTranslation()) + centre - matrix[:3, :3] @ centre
    return matrix


def _refuse_apart(places_mm: Matrix, grid: Grid, matrix: Matrix) -> None:
    """Refuse a pose at which ``grid`` holds too few of ``places_mm``."""
    moved = np.linalg.inv(grid.affine) @ matrix
    at = places_mm @ moved[:3, :3].T + moved[:3, 3]
    within = ((at >= -0.5) & (at <= np.array(grid.shape) - 0.5)).all(axis=1)
    if within.mean() < _LEAST_OVERLAP:
        raise _apart(f"{within.mean():.0%} of one lies in the other")


def _apart(seen: str) -> InputRefused:
    text = f"the volumes do not overlap: {seen}, {_LEAST_OVERLAP:.0%} are wanted; send the "
    return InputRefused([Reason(Code.FOV_OUTSIDE, f"{text}series of one region")])


def _refuse_strange(information: float, failed: str) -> None:
    if not information >= _LEAST_INFORMATION:
        text = f"mutual information {information:.2f}, at least {_LEAST_INFORMATION} is wanted"
        raise InputRefused([Reason(Code.QC_FAILED, f"{failed}: {text}")])
