"""Faults that no header tells of: what the pixels of a source show.

Each takes the voxels of one acquired series (Z, Y, X), slices in their order along the normal, with
the way to the patient's axes, and returns others of that shape. How strong a fault is stands here
and was set before any of them was tried.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

__all__ = ["PIXEL_FAULTS", "Scan"]

Voxels = NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True)
class Scan:
    """Stored values of a series, and where the patient is in them.

    Parameters
    ----------
    voxels : (Z, Y, X) float64
        From 0.
    ways : (3,) int
        For each of the patient's axes (S, P, L) the array axis that runs along it.
    spacing_mm : (3,) float
        Of the array axes.
    others : mapping
        What else may lie under such a header, brought to this shape and brightness: another
        ``person``, ``weighting`` and ``anatomy``.
    rng : numpy.random.Generator
        The case's own.
    """

    voxels: Voxels
    ways: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    others: Mapping[str, Voxels]
    rng: np.random.Generator

    @property
    def bright(self) -> float:
        """The bright end."""
        return float(np.percentile(self.voxels, 99.5))

    @property
    def body(self) -> NDArray[np.bool_]:
        """Roughly what is not air."""
        return self.voxels > 0.15 * self.bright

    @property
    def middle(self) -> tuple[int, int, int]:
        """The centre of the body."""
        z, y, x = (int(one) for one in ndimage.center_of_mass(self.body))
        return z, y, x


Fault = Callable[[Scan], Voxels]


def _flipped(*axes: int) -> Fault:
    return lambda scan: np.flip(scan.voxels, [scan.ways[axis] for axis in axes])


def _empty_slice(scan: Scan) -> Voxels:
    voxels = scan.voxels.copy()
    voxels[scan.middle[0]] = 0
    return voxels


def _doubled(scan: Scan) -> Voxels:
    voxels = scan.voxels.copy()
    voxels[scan.middle[0]] = voxels[scan.middle[0] + 1]
    return voxels


def _exchanged(scan: Scan) -> Voxels:
    """Two slices an eighth of the stack apart, each in the other's place."""
    voxels, middle = scan.voxels.copy(), scan.middle[0]
    away = max(3, len(voxels) // 8)
    voxels[[middle, middle + away]] = voxels[[middle + away, middle]]
    return voxels


def _shuffled(scan: Scan) -> Voxels:
    return scan.voxels[scan.rng.permutation(len(scan.voxels))]


def _closed_up(scan: Scan) -> Voxels:
    """Lose a tenth of the slices in the middle and close up the rest; air follows the last."""
    count = len(scan.voxels)
    lost, middle = max(3, count // 10), scan.middle[0]
    kept = np.concatenate([scan.voxels[:middle], scan.voxels[middle + lost :]])
    air = np.minimum(kept[-1], 0.02 * scan.bright)
    noise = scan.rng.normal(0, 0.01 * scan.bright, (lost, *air.shape))
    return np.concatenate([kept, np.abs(air + noise)])


def _rotated(scan: Scan) -> Voxels:
    """Turn the head by 40 degrees to one side."""
    spacing = np.array(scan.spacing_mm)
    first, second = scan.ways[0], scan.ways[2]
    turn = np.eye(3)
    angle = np.radians(40)
    turn[first, first] = turn[second, second] = np.cos(angle)
    turn[first, second], turn[second, first] = -np.sin(angle), np.sin(angle)
    matrix = turn * spacing[None, :] / spacing[:, None]
    centre = np.array(scan.middle, dtype=float)
    return np.asarray(
        ndimage.affine_transform(scan.voxels, matrix, centre - matrix @ centre, order=1)
    )


def _cropped(axis: int, share: float, *, end: bool) -> Fault:
    """Air where so much of the body's extent along a patient's axis was."""

    def fault(scan: Scan) -> Voxels:
        way = scan.ways[axis]
        along = scan.body.any(axis=tuple(other for other in range(3) if other != way))
        first, last = np.flatnonzero(along)[[0, -1]]
        count = int(share * (last - first))
        part = [slice(None)] * 3
        part[way] = slice(int(last) - count, None) if end else slice(0, int(first) + count)
        voxels = scan.voxels.copy()
        voxels[tuple(part)] = np.abs(
            scan.rng.normal(0, 0.01 * scan.bright, voxels[tuple(part)].shape)
        )
        return voxels

    return fault


def _brighter(scan: Scan) -> Voxels:
    return scan.voxels + 0.3 * scan.bright


def _inverted(scan: Scan) -> Voxels:
    return np.where(scan.body, np.maximum(1.1 * scan.bright - scan.voxels, 0), scan.voxels)


def _saturated(scan: Scan) -> Voxels:
    return np.minimum(scan.voxels, 0.5 * scan.bright)


def _ball(scan: Scan, radius_mm: float) -> NDArray[np.bool_]:
    """Return a ball halfway from the body's centre to its front."""
    away = np.zeros(scan.voxels.shape)
    for axis, spacing in enumerate(scan.spacing_mm):
        shape = [1, 1, 1]
        shape[axis] = -1
        index = np.arange(scan.voxels.shape[axis]).reshape(shape)
        away = away + ((index - scan.middle[axis]) * spacing) ** 2
    return away < radius_mm**2


def _void(scan: Scan) -> Voxels:
    return np.where(_ball(scan, 20.0), 0.0, scan.voxels)


def _flare(scan: Scan) -> Voxels:
    """Metal: a void, and a bright rim around it."""
    hole, rim = _ball(scan, 18.0), _ball(scan, 26.0)
    return np.where(hole, 0.0, np.where(rim, 2.5 * scan.bright, scan.voxels))


def _wrapped(axis: int) -> Fault:
    """Move the body by a third of the field of view: what leaves on one side enters on the other.

    An array axis of the slices' plane is the one that aliases.
    """

    def fault(scan: Scan) -> Voxels:
        return np.roll(scan.voxels, scan.voxels.shape[axis] // 3, axis=axis)

    return fault


def _folded(scan: Scan) -> Voxels:
    """Make the field of view 30 % too small: both ends lie over each other."""
    count = scan.voxels.shape[2]
    kept = int(0.7 * count)
    wide = np.zeros_like(scan.voxels)
    start = (count - kept) // 2
    for column in range(count):
        wide[:, :, start + (column - start) % kept] += scan.voxels[:, :, column]
    return wide


def _ghosts(scan: Scan) -> Voxels:
    """Motion between odd and even lines: a quarter of the signal half a field of view away."""
    away = scan.voxels.shape[1] // 2
    return 0.75 * scan.voxels + 0.25 * np.roll(scan.voxels, away, axis=1)


def _motion(scan: Scan) -> Voxels:
    """Nod twice by 8 mm while lines are acquired: k-space of three poses."""
    spectrum = np.fft.fft2(scan.voxels)
    lines = np.fft.fftfreq(scan.voxels.shape[1])
    moved = np.zeros_like(spectrum)
    for pose, part in ((0.0, lines < -0.17), (8.0, (lines >= -0.17) & (lines < 0.05)),
                       (-8.0, lines >= 0.05)):  # fmt: skip
        shift = np.exp(-2j * np.pi * lines * pose / scan.spacing_mm[1])[None, :, None]
        moved += np.where(part[None, :, None], spectrum * shift, 0)
    return np.abs(np.fft.ifft2(moved))


def _noisy(scan: Scan) -> Voxels:
    sigma = 0.15 * scan.bright
    shape = scan.voxels.shape
    return np.hypot(
        scan.voxels + scan.rng.normal(0, sigma, shape), scan.rng.normal(0, sigma, shape)
    )


def _noisy_slab(scan: Scan) -> Voxels:
    voxels, middle = scan.voxels.copy(), scan.middle[0]
    voxels[middle - 1 : middle + 2] += scan.rng.normal(0, 0.2 * scan.bright, voxels[:3].shape)
    return np.maximum(voxels, 0)


def _spikes(scan: Scan) -> Voxels:
    """One wrong point of k-space: stripes over every slice."""
    _, rows, columns = np.indices(scan.voxels.shape)
    return np.maximum(scan.voxels + 0.25 * scan.bright * np.cos(0.9 * rows + 0.5 * columns), 0)


def _shaded(scan: Scan) -> Voxels:
    """Lose coil elements at one side of the patient: a sixth of the signal there."""
    way = scan.ways[2]
    shape = [1, 1, 1]
    shape[way] = -1
    ramp = np.linspace(1, 0.15, scan.voxels.shape[way]).reshape(shape)
    return scan.voxels * ramp


def _blurred(scan: Scan) -> Voxels:
    return np.asarray(ndimage.gaussian_filter(scan.voxels, [4 / one for one in scan.spacing_mm]))


def _other_half(scan: Scan) -> Voxels:
    """Slices of two persons in one series: the same name, the same places."""
    voxels = scan.voxels.copy()
    voxels[len(voxels) // 2 :] = scan.others["person"][len(voxels) // 2 :]
    return voxels


def _only_noise(scan: Scan) -> Voxels:
    return np.abs(scan.rng.normal(0, 0.1 * scan.bright, scan.voxels.shape))


def _another(what: str) -> Fault:
    return lambda scan: scan.others[what]


PIXEL_FAULTS: Mapping[str, Fault] = {
    "upside down": _flipped(0),
    "back to front": _flipped(1),
    "turned by half a turn": _flipped(0, 1),
    "turned by 40 degrees": _rotated,
    "an empty slice": _empty_slice,
    "a slice twice": _doubled,
    "two slices exchanged": _exchanged,
    "slices shuffled": _shuffled,
    "slices lost, the rest closed up": _closed_up,
    "the upper 40 % cut off": _cropped(0, 0.4, end=True),
    "the front third cut off": _cropped(1, 0.33, end=False),
    "brighter by 30 % all over": _brighter,
    "inverted": _inverted,
    "saturated": _saturated,
    "a void of 40 mm": _void,
    "metal": _flare,
    "wrapped around along rows": _wrapped(2),
    "wrapped around along columns": _wrapped(1),
    "folded over": _folded,
    "ghosts": _ghosts,
    "motion": _motion,
    "noise": _noisy,
    "a slab of noise": _noisy_slab,
    "stripes": _spikes,
    "one side dark": _shaded,
    "blurred": _blurred,
    "half of another person": _other_half,
    "another weighting": _another("weighting"),
    "another anatomy": _another("anatomy"),
    "noise alone": _only_noise,
}
