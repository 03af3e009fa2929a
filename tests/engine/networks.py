"""The real generator with weights that make its answer known or lively, and bundles of it."""

import hashlib
import json
from pathlib import Path

import torch
from safetensors.torch import save
from torch import nn

from engine.models import build
from engine.models.blocks import SwitchNorm2d
from tests.support.bundle import SIZES, write_bundle

MARGIN = 2
"""Rows and columns at each edge that the 5 × 5 kernels do not see."""


def lively(seed: int = 3) -> nn.Module:
    """Random weights large enough that neighbouring voxels differ by far more than one HU."""
    network = build("hlsnc_gan", sizes=SIZES).eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim == 4:
                parameter.normal_(0, 0.2, generator=generator)
    return network


def repeating() -> nn.Module:
    """The generator as tanh of its input: every layer only moves numbers about.

    A width of four is enough to keep the 4 × 4 pixels that share a place at quarter resolution
    apart in its 16 channels. Air (-1) stands at the edges that the first kernel does not see.
    """
    network = build("hlsnc_gan", sizes=SIZES).eval()
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                module.weight.zero_()
                module.bias.zero_()
            if isinstance(module, SwitchNorm2d):  # the running statistics: mean 0, variance 1
                for weight in (module.mean_weight, module.var_weight):
                    weight.copy_(torch.tensor([0.0, 0.0, 50.0]))
        first, halve, quarter = (network.encode[i] for i in (0, 3, 6))
        twice, whole, last = (network.decode[i] for i in (0, 3, 6))
        first.weight[0, 0, 2, 2] = 1
        first.bias[0] = 1  # above 0, where ReLU changes nothing
        last.weight[0, 0, 2, 2] = 1
        last.bias[0] = -1
        for row in (0, 1):
            for column in (0, 1):
                part, place = 2 * row + column, (1 + row, 1 + column)
                halve.weight[part, 0][place] = 1
                whole.weight[part, 0][place] = 1
                for channel in range(4):
                    quarter.weight[4 * channel + part, channel][place] = 1
                    twice.weight[4 * channel + part, channel][place] = 1
    return network


def bundle_of(network: nn.Module, folder: Path, *, steps=None) -> Path:
    """Write a bundle whose weights are those of ``network``."""
    write_bundle(folder)
    weights = save(network.state_dict())
    (folder / "models" / "model.safetensors").write_bytes(weights)
    contract = json.loads((folder / "contract.json").read_text())
    contract["weights"]["sha256"] = hashlib.sha256(weights).hexdigest()
    (folder / "contract.json").write_text(json.dumps(contract))
    if steps is not None:
        inference = json.loads((folder / "configs/inference.json").read_text())
        (folder / "configs/inference.json").write_text(
            json.dumps({**inference, "preprocess": steps})
        )
    return folder
