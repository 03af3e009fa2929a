"""One subject that nothing was learned from, as the gates see it."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.device import Device
from engine.pipeline import Generator
from engine.quality import Mirror, Seen, picture_of, source_figures
from engine.volume import Volume
from engine.xp import to_numpy
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
    figures : tuple of mapping
        Of each source, but for its likeness.
    pictures : tuple of (P,) float32
        Of each source.
    source, made, again, truth : Seen
        The first source, the result, that of the mirrored sources, and what is true.
    """

    number: int
    scan: int
    figures: tuple[Mapping[str, float], ...]
    pictures: tuple[NDArray[np.float32], ...]
    source: Seen
    made: Seen
    again: Seen
    truth: Seen


def look(pair: Pair, generator: Generator, device: Device) -> Subject:
    """Return what the gates see of ``pair`` on its way through the node.

    Raises
    ------
    InputRefused
        When the model's own steps refuse it.
    """
    sent = as_sent(pair)
    seen = [Seen.of(volume) for volume in sent]
    mirror = Mirror.through(sent[0])
    made = _plain(generator(sent, device).volume)
    again = mirror.of(_plain(generator([mirror.of(one) for one in sent], device).volume))
    return Subject(
        number=int(pair.about["subject"]),
        scan=int(pair.about["scan"]),
        figures=tuple(source_figures(one, small) for one, small in zip(sent, seen, strict=True)),
        pictures=tuple(picture_of(small) for small in seen),
        source=seen[0],
        made=Seen.of(made),
        again=Seen.of(again),
        truth=Seen.of(pair.target),
    )


def _plain(volume: Volume) -> Volume:
    return volume.with_voxels(to_numpy(volume.voxels))
