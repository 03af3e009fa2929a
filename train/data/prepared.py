"""Pairs brought through the very steps that a bundle declares, held in memory."""

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from engine.errors import InputRefused
from engine.preprocess import Chain, Window
from engine.preprocess.mask import quantile
from engine.reason import Code
from engine.task.labels import UNITS
from engine.volume import Volume
from train.config import Cohort, Phantoms, Preparation
from train.data.index import Entry
from train.errors import DataInvalid
from train.pair import Pair, read_pair

if TYPE_CHECKING:
    from engine.preprocess import Atlas

__all__ = ["ATLAS", "Prepared", "Shelf", "is_strange", "prepare", "span_of", "truth_of"]

log = logging.getLogger(__name__)
ATLAS = "atlas.safetensors"
"""Its name in a folder of pairs, where a step wants one."""
_REFUSED_SHARE = 0.1


@dataclass(frozen=True, eq=False, slots=True)
class Prepared:
    """One pair after the chain; half precision, to save memory.

    Shapes
    ------
    source : (K, Z, H, W), in the range of the last step
    target : (Z, H, W), in the range of ``[preparation] onto``
    inside : (Z, H, W) bool, the foreground; never empty
    """

    subject: int
    source: NDArray[np.float16]
    target: NDArray[np.float16]
    inside: NDArray[np.bool_]

    def __post_init__(self) -> None:
        if not self.inside.any():
            raise DataInvalid("no voxel of the body is left by the chain; see its crop and spacing")

    def voxel(self, share: float) -> tuple[int, int, int]:
        """Return the foreground voxel that has ``share`` (0 to below 1) of them before it."""
        planes = self.inside.sum(axis=(1, 2)).cumsum()
        index = int(share * planes[-1])
        z = int(np.searchsorted(planes, index, side="right"))
        within = np.flatnonzero(self.inside[z])
        last = index - planes[z]  # from the end: below 0
        y, x = divmod(int(within[last]), self.inside.shape[2])
        return z, y, x

    def grown(self, least: tuple[int, int, int]) -> "Prepared":
        """Return the pair, axes shorter than ``least`` continued on both sides by their ends.

        The node does the same with a volume smaller than a window
        (:func:`engine.generate.generate_windows`); slices it serves whole, so what a small one is
        continued by is for learning alone. What is added is no foreground.
        """
        missing = [max(0, n - have) for n, have in zip(least, self.target.shape, strict=True)]
        if not any(missing):
            return self
        sides = [(lack // 2, lack - lack // 2) for lack in missing]
        source = np.pad(self.source, [(0, 0), *sides], mode="edge")
        target = np.pad(self.target, sides, mode="edge")
        return Prepared(self.subject, source, target, np.pad(self.inside, sides))


class Shelf:
    """A folder of pairs for several runs of one process: each pair is prepared once.

    Registering dozens of heads takes longer than the first hundred updates. A pair is known by its
    file as it lies there and by all that it is prepared with.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._pairs: dict[tuple[object, ...], Prepared] = {}

    def take(self, path: Path, how: tuple[object, ...], make: Callable[[], Prepared]) -> Prepared:
        """Return what lies here for ``path`` prepared by ``how``; else make it and keep it."""
        seen = path.stat()
        key = (path, seen.st_mtime_ns, seen.st_size, how)
        if key not in self._pairs:
            self._pairs[key] = make()
        return self._pairs[key]


def truth_of(pair: Pair, preparation: Preparation) -> Volume:
    """Return the target in the unit of the result.

    MR has no unit: it is scaled so that the window holds ``preparation.headroom`` times what the
    share ``preparation.relative`` of the body's voxels lie below. Hounsfield units and uptake stay
    as they are.

    Raises
    ------
    DataInvalid
        When the body is dark: there is nothing to scale by.
    """
    if preparation.relative == 0:
        return pair.target
    voxels = np.asarray(pair.target.voxels)
    top = quantile(voxels[pair.body], preparation.relative) if pair.body.any() else 0.0
    if top <= 0:
        text = f"the target's body is dark: its {preparation.relative} quantile is {top:g}"
        raise DataInvalid(f"{text}, above 0 is wanted")
    scaled = voxels * np.float32(preparation.window[1] / (top * preparation.headroom))
    return pair.target.with_voxels(scaled, unit=preparation.unit)


def span_of(steps: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
    """Return the range that the chain ``steps`` leaves a source in."""
    low, high = -1.0, 1.0
    for step in steps:
        if step["step"] == "min_max":
            low, high = 0.0, 1.0
        elif step["step"] in ("normalise", "window"):
            low, high = step.get("onto", (-1.0, 1.0))
    return float(low), float(high)


def prepare(
    entries: Sequence[Entry],
    made: Phantoms | Cohort,
    preparation: Preparation,
    atlas: "Atlas | None",
    shelf: Shelf | None = None,
) -> list[Prepared]:
    """Read pairs and apply the steps that the bundle will hold.

    The target follows its first source through the same orientation, resampling and box
    (:meth:`engine.preprocess.Trace.follow`), so what is learned is what is served. What lies on
    ``shelf`` already is taken from there.

    Raises
    ------
    DataInvalid
        When there is no pair, one holds other labels than the recipe learns from, a unit that is
        not its label's, or values that nothing can be learned from: not finite, or all the same;
        when the steps refuse more than a
        tenth of the scans, and more than one, for what they show. Fewer are left out, with a
        warning.
    """
    if not entries:
        raise DataInvalid("no pair to learn from in this part of the split")
    chain = Chain.of(preparation.steps, atlas)
    how = (repr((made, preparation)), *_marks(atlas))

    def ready(entry: Entry) -> Prepared | str:
        named = partial(_named, entry, made, preparation, chain)
        try:
            return shelf.take(entry.path, how, named) if shelf else named()
        except InputRefused as exc:
            return f"{entry.path.name}: {exc}"

    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        found = list(pool.map(ready, entries))
    _few([one for one in found if isinstance(one, str)], len(found))
    return [one for one in found if isinstance(one, Prepared)]


def is_strange(exc: Exception) -> bool:
    """Return whether the steps refused a scan for what it shows and not for a fault in it.

    The node would refuse it too, so nothing is learned from it, and nothing is measured on it.
    """
    return isinstance(exc, InputRefused) and all(
        reason.code is Code.OUT_OF_DISTRIBUTION for reason in exc.reasons
    )


def _few(refused: Sequence[str], entries: int) -> None:
    """Say what is left out; refuse to learn where that is more than the odd scan."""
    if not refused:
        return
    text = f"{len(refused)} of {entries} scans are refused by the model's own steps"
    if len(refused) == entries or len(refused) > max(1, _REFUSED_SHARE * entries):
        most = f"at most {_REFUSED_SHARE:.0%} may be, or one of a few"
        raise DataInvalid(f"{text}, {most}; the first is {refused[0]}: other scans are wanted")
    log.warning("%s and left out: %s", text, "; ".join(refused))


def _marks(atlas: "Atlas | None") -> tuple[int, ...]:
    """Return what tells one atlas from another."""
    maps = () if atlas is None else (atlas.t1, atlas.grey, atlas.white, atlas.fluid)
    return tuple(hash(np.asarray(one.voxels).tobytes()) for one in maps)


def _named(
    entry: Entry, made: Phantoms | Cohort, preparation: Preparation, chain: Chain
) -> Prepared:
    """Prepare one pair; what is wrong with it is said with its file."""
    _labels(entry, made)
    pair = read_pair(entry.path)  # names the file itself
    try:
        return _prepared(pair, preparation, chain)
    except (DataInvalid, InputRefused) as exc:
        if is_strange(exc):
            raise
        raise DataInvalid(f"{entry.path.name}: {exc}; prepare it again or remove it") from exc


def _prepared(pair: Pair, preparation: Preparation, chain: Chain) -> Prepared:
    labels = [str(label) for label in pair.about["labels"]]
    for label, volume in zip([*labels, "the target"], [*pair.sources, pair.target], strict=True):
        _sound(label, volume.voxels, "")
    for label, volume in zip([*labels, str(pair.about["makes"])], [*pair.sources, pair.target],
                             strict=True):  # fmt: skip
        _of_its_kind(label, volume.unit)
    sources, trace = chain.apply(pair.sources)
    followed = trace.follow(truth_of(pair, preparation), outside=preparation.outside)
    target = Window(*preparation.window, onto=preparation.onto).apply(followed.voxels)
    body = trace.follow(pair.target.with_voxels(pair.body.astype(np.float32)), outside=0.0)
    made = [*(source.voxels for source in sources), target]
    for label, voxels in zip([*labels, "the target"], made, strict=True):
        _sound(label, voxels, " after the chain")
    *channels, target = (np.asarray(voxels, dtype=np.float16) for voxels in made)
    inside = np.asarray(body.voxels) > 0.5
    return Prepared(int(pair.about["subject"]), np.stack(channels), target, inside)


def _labels(entry: Entry, made: Phantoms | Cohort) -> None:
    seen = (tuple(entry.about["labels"]), entry.about["makes"])
    if seen != (made.sources, made.target):
        text = f"{entry.path.name} holds {', '.join(seen[0])} and {seen[1]}"
        wanted = f"the recipe makes {made.target} from {', '.join(made.sources)}"
        raise DataInvalid(f"{text}; {wanted}: give it a folder of its own with --data")


def _of_its_kind(label: str, unit: str) -> None:
    wanted = UNITS.get("CT" if label == "CBCT" else label, ())
    if unit not in wanted:
        text = f"{label} has the unit '{unit}'; '{' or '.join(wanted)}' is what {label} counts"
        raise DataInvalid(text)


def _sound(label: str, voxels: NDArray[np.floating[Any]], when: str) -> None:
    low, high = float(np.min(voxels)), float(np.max(voxels))
    if not np.isfinite([low, high]).all():
        raise DataInvalid(f"{label} holds values that are no numbers{when}")
    if low == high:
        raise DataInvalid(f"{label} is constant{when}: every voxel is {low:g}")
