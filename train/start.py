"""Learning that starts from a model: the weights of its bundle into the networks that learn."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from engine.models import bake
from engine.models.blocks import SpectralConv3d
from engine.task import read_bundle
from engine.weights import read
from train.checkpoint import Checkpoint
from train.config import Recipe
from train.errors import CheckpointInvalid, RecipeInvalid
from train.systems import System

__all__ = ["check_start", "start_from"]


def check_start(recipe: Recipe, found: Checkpoint, run: Path) -> None:
    """Refuse to go on with what began from other weights than ``recipe`` names now.

    Raises
    ------
    CheckpointInvalid
    """
    start = recipe.learning.start
    wanted = read_bundle(Path(start)).weights_sha256 if start else ""
    if wanted != found.start:
        began, said = (one[:12] if one else "new weights" for one in (found.start, wanted))
        text = f"{run} began from {began}, [learning] start is {said}"
        raise CheckpointInvalid(f"{text}; fit into another folder")


def start_from(bundle: Path, recipe: Recipe, system: System) -> str:
    """Put the weights of ``bundle`` into the network that ``recipe`` serves; return their SHA-256.

    Networks that only learning needs, such as an adversary, start afresh.

    Raises
    ------
    RecipeInvalid
        When the bundle's network is not what the recipe's would be served as.
    EngineError
        When the bundle cannot be read, or its weights are not those that it names.
    """
    found, learned = read_bundle(bundle), recipe.learning
    weights = read(found.weights_path, found.weights_sha256)
    for name in dict.fromkeys((system.served, system.latest)):
        network = system.networks[name]
        _, wanted = bake(learned.network, learned.preset, learned.sizes, network.state_dict())
        if {key: one.shape for key, one in wanted.items()} != {
            key: one.shape for key, one in weights.items()
        }:
            text = f"{found.name} {found.version} is no {learned.network} of the recipe's sizes"
            raise RecipeInvalid(f"{text}; start from a model of the same network, or afresh")
        _take(network, weights)
    return found.weights_sha256


@torch.no_grad()
def _take(network: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Load what the network has of ``weights``: a spectral kernel that was divided is of norm 1."""
    network.load_state_dict(dict(weights), strict=False)
    for module in network.modules():
        if isinstance(module, SpectralConv3d):
            module.settle()
