"""A small network that outlines tissues, learned from one kind of image and tested on another."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as fn
from numpy.typing import NDArray
from torch import Tensor, nn

__all__ = ["Effort", "Example", "Outliner", "classes_of", "dice", "segmented"]

_FEWEST = 50
"""Voxels of a class that a scan must have for its Dice to say something."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is spent on learning.

    Parameters
    ----------
    steps, batch : int
        Updates, and slices in each.
    width : int
        Channels at full resolution.
    seed : int
        Of the weights and of what is drawn.
    """

    steps: int = 400
    batch: int = 8
    width: int = 12
    seed: int = 0


@dataclass(frozen=True, eq=False, slots=True)
class Example:
    """One scan: the image as it is, as it was made, and what is in it.

    Shapes
    ------
    real, synthetic : (Z, H, W), in [-1, 1]
    labels : (Z, H, W) int64, numbers of :func:`classes_of`
    """

    subject: int
    real: NDArray[np.float32]
    synthetic: NDArray[np.float32]
    labels: NDArray[np.int64]


def classes_of(makes: str) -> tuple[str, ...]:
    """Return what is outlined; CT does not tell grey from white matter."""
    brain = ("brain",) if makes == "CT" else ("grey matter", "white matter")
    others = ("cord", "fat", "soft tissue", "bone", "disc", "lesion")
    return ("background", "air", "fluid", *brain, *others)


class Outliner(nn.Module):
    """A U-Net of three levels.

    Shapes
    ------
    x : (B, 1, H, W), any size
    return : (B, classes, H, W), logits

    References
    ----------
    Ronneberger et al. 2015, MICCAI, Fig. 1; group normalisation in place of none.
    """

    def __init__(self, classes: int, width: int) -> None:
        super().__init__()
        self.fine, self.middle = _twice(1, width), _twice(width, 2 * width)
        self.coarse = _twice(2 * width, 4 * width)
        self.back = _twice(6 * width, 2 * width)
        self.last = _twice(3 * width, width)
        self.head = nn.Conv2d(width, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Outline; see the class for shapes."""
        high, wide = x.shape[2:]
        x = fn.pad(x, (0, -wide % 4, 0, -high % 4), mode="replicate")
        fine = self.fine(x)
        middle = self.middle(fn.max_pool2d(fine, 2))
        coarse = self.coarse(fn.max_pool2d(middle, 2))
        middle = self.back(torch.cat([_doubled(coarse), middle], dim=1))
        fine = self.last(torch.cat([_doubled(middle), fine], dim=1))
        logits: Tensor = self.head(fine)[..., :high, :wide]
        return logits


def _doubled(x: Tensor) -> Tensor:
    return fn.interpolate(x, scale_factor=2.0, mode="nearest")


def _twice(channels_in: int, channels_out: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for seen in (channels_in, channels_out):
        layers += [nn.Conv2d(seen, channels_out, 3, padding=1), nn.GroupNorm(4, channels_out)]
        layers += [nn.ReLU()]
    return nn.Sequential(*layers)


def segmented(
    learn: Sequence[Example], test: Sequence[Example], effort: Effort
) -> dict[int, tuple[list[float], list[float]]]:
    """Learn from real and from synthetic images of ``learn``; test both on real ones of ``test``.

    Both see the same slices in the same order and begin with the same weights.

    Returns
    -------
    dice : dict
        By class that somebody in ``test`` has: one figure per subject, learned from real and
        learned from synthetic.
    """
    classes = 1 + max(int(one.labels.max()) for one in [*learn, *test])
    found: dict[int, tuple[list[float], list[float]]] = {}
    for column, kind in enumerate(("real", "synthetic")):
        network = _learned(learn, kind, classes, effort)
        by_class: dict[int, dict[int, list[float]]] = {}
        for one in test:
            for number, value in dice(_outlined(network, one.real), one.labels).items():
                by_class.setdefault(number, {}).setdefault(one.subject, []).append(value)
        for number, subjects in sorted(by_class.items()):
            values = [float(np.mean(scans)) for scans in subjects.values()]
            found.setdefault(number, ([], []))[column].extend(values)
    return found


def dice(outlined: NDArray[np.int64], labels: NDArray[np.int64]) -> dict[int, float]:
    """Return twice the overlap over the sum, by class that is there; the background is none."""
    found = {}
    for number in np.unique(labels):
        there = labels == number
        if number and int(there.sum()) >= _FEWEST:
            seen = outlined == number
            found[int(number)] = float(2 * (there & seen).sum() / (there.sum() + seen.sum()))
    return found


def _learned(learn: Sequence[Example], kind: str, classes: int, effort: Effort) -> Outliner:
    rng = np.random.default_rng(effort.seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(effort.seed)
        network = Outliner(classes, effort.width)
    rate = torch.optim.Adam(network.parameters(), lr=3e-3)
    decline = torch.optim.lr_scheduler.CosineAnnealingLR(rate, effort.steps)
    weights = _weights(learn, classes)
    for _ in range(effort.steps):
        one = learn[int(rng.integers(len(learn)))]
        chosen = rng.integers(len(one.labels), size=effort.batch)
        images: NDArray[np.float32] = getattr(one, kind)[chosen]
        logits = network(torch.from_numpy(images)[:, None])
        loss = fn.cross_entropy(logits, torch.from_numpy(one.labels[chosen]), weights)
        rate.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        rate.step()
        decline.step()
    return network.eval()


def _weights(learn: Sequence[Example], classes: int) -> Tensor:
    """Return what each class counts for: rare ones more, by the root of their share."""
    counts = sum(np.bincount(one.labels.ravel(), minlength=classes) for one in learn)
    shares = np.asarray(counts, dtype=np.float64) / np.sum(counts)
    weights = np.where(shares > 0, 1 / np.sqrt(np.maximum(shares, 1e-5)), 0.0)
    return torch.tensor(weights / weights.max(), dtype=torch.float32)


def _outlined(network: Outliner, image: NDArray[np.float32]) -> NDArray[np.int64]:
    with torch.inference_mode():
        slices = [network(torch.from_numpy(one)[None, None]).argmax(dim=1) for one in image]
    return np.asarray(torch.cat(slices).numpy(), dtype=np.int64)
