"""One subject that nothing was learned from, as the gates see it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.device import Device
from engine.pipeline import Generator
from engine.quality import (
    Mirror,
    Seen,
    compare,
    grain_of,
    picture_of,
    slice_figures,
    source_figures,
)
from engine.volume import Volume
from engine.xp import to_numpy
from train.calibrate.spread import Errors, errors_of
from train.pair import Pair
from train.phantom.series import as_sent

__all__ = ["Subject", "look"]


@dataclass(frozen=True, eq=False, slots=True)
class Subject:
    """What was seen of one scan.

    Parameters
    ----------
    number, scan : int
        Whose it is, and which.
    sources : tuple of mapping
        Figures of each source, but for its likeness.
    pictures : tuple of (P,) float32
        Of each source.
    grains : tuple of (G,) float32
        Of each source.
    result : mapping
        Figures of the result.
    planes : tuple of str
        Which plane the slices of each source are nearest to.
    errors : Errors
        How far two answers are apart, and how far one is off.
    """

    number: int
    scan: int
    sources: tuple[Mapping[str, float], ...]
    pictures: tuple[NDArray[np.float32], ...]
    grains: tuple[NDArray[np.float32], ...]
    result: Mapping[str, float]
    planes: tuple[str, ...]
    errors: Errors


def look(pair: Pair, generator: Generator, device: Device, bands: Sequence[float]) -> Subject:
    """Return what the gates see of ``pair`` on its way through the node.

    Parameters
    ----------
    bands : sequence of float
        Values of the result that part its lowest, middle and highest band.

    Raises
    ------
    InputRefused
        When the model's own steps refuse it.
    """
    sent = as_sent(pair)
    seen = [Seen.of(volume) for volume in sent]
    mirror = Mirror.through(sent[0])
    result = _plain(generator(sent, device).volume)
    made = Seen.of(result)
    other = generator([mirror.of(one) for one in sent], device).volume
    again, number = Seen.of(mirror.of(_plain(other))), int(pair.about["subject"])
    return Subject(
        number=number,
        scan=int(pair.about["scan"]),
        sources=tuple(source_figures(one, small) for one, small in zip(sent, seen, strict=True)),
        pictures=tuple(picture_of(small) for small in seen),
        grains=tuple(grain_of(one) for one in sent),
        planes=tuple(one.grid.plane[0] for one in sent),
        result={**compare(seen[0], made, again, bands), **slice_figures(result)},
        errors=errors_of(made, again, Seen.of(pair.target), number),
    )


def _plain(volume: Volume) -> Volume:
    return volume.with_voxels(to_numpy(volume.voxels))
