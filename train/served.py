"""What a checkpoint serves: the network with the steps around it, exactly as the node runs it."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import Tensor

from engine.models import bake, build
from engine.pipeline import Generator, read_atlas
from engine.preprocess import Chain
from engine.task import Generation, Output
from engine.weights import load_into
from train import checkpoint
from train.config import Preparation, Recipe
from train.data import ATLAS, check_order
from train.errors import CheckpointInvalid
from train.stand import check_split, is_over, learned_by

__all__ = ["Served", "output_of", "served"]


@dataclass(frozen=True, eq=False, slots=True)
class Served:
    """A checkpoint, ready to run.

    Parameters
    ----------
    generator : Generator
        Volumes in, a synthetic volume out.
    network : mapping
        Name, preset and sizes, as a bundle names them.
    weights : mapping
        Tensors of that network.
    step : int
        Updates that it learned from.
    atlas : Path or None
        The file that the steps need.
    finished : bool
        Whether the recipe's updates are done, or its patience was at an end.
    """

    generator: Generator
    network: Mapping[str, Any]
    weights: dict[str, Tensor]
    step: int
    atlas: Path | None
    finished: bool

    @property
    def content(self) -> bytes:
        """The weights as a bundle holds them: safetensors, the same bytes every time."""
        return save({name: one.contiguous() for name, one in self.weights.items()})

    @property
    def sha256(self) -> str:
        """SHA-256 of :attr:`content`: whatever is measured of these weights names it."""
        return hashlib.sha256(self.content).hexdigest()


def served(recipe: Recipe, run: Path, data: Path) -> Served:
    """Return what the checkpoint in ``run`` serves.

    Parameters
    ----------
    data : Path
        The folder of pairs, which holds the atlas where a step wants one.

    Raises
    ------
    CheckpointInvalid
        When there is none, it was learned by another recipe, or a weight is no number.
    DataInvalid
        When the split beside it is another, or the pairs were ordered otherwise.
    """
    found = learned_by(recipe, run)
    check_split(found, run)
    check_order(recipe.pairs, data)
    learned, prepared = recipe.learning, recipe.preparation
    learnt = checkpoint.served_weights(found)
    if odd := [name for name, one in learnt.items() if not _is_finite(one)]:
        raise CheckpointInvalid(f"{run}: {odd[0]} holds what is no number; learn it again")
    sizes, weights = bake(learned.network, learned.preset, learned.sizes, learnt)
    network = load_into(build(learned.network, learned.preset, sizes), weights)
    chain = Chain.of(prepared.steps)
    atlas = data / ATLAS if chain.wants_atlas else None
    if atlas is not None:
        chain = replace(chain, atlas=read_atlas(atlas, _sha256(atlas)))
    return Served(
        generator=Generator(network, chain, Generation.of(prepared.generate), output_of(prepared)),
        network={"name": learned.network, "preset": learned.preset, "sizes": sizes},
        weights=weights,
        step=found.step,
        atlas=atlas,
        finished=is_over(learned, found.step, found.best),
    )


def _is_finite(tensor: Tensor) -> bool:
    return not tensor.is_floating_point() or bool(tensor.isfinite().all())


def output_of(prepared: Preparation) -> Output:
    """Return what the network's answer means, as a bundle says it."""
    return Output(
        prepared.window, prepared.outside, prepared.unit, prepared.onto, prepared.relative,
        prepared.headroom,
    )  # fmt: skip


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as exc:
        text = f"the steps want an atlas, and {path} cannot be read ({exc.strerror})"
        raise CheckpointInvalid(f"{text}; make it with 'dicom-train phantom --recipe'") from exc
