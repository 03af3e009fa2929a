"""Weights in: safetensors only, read once the file's hash is the one that the bundle names."""

import hashlib
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor, nn

from engine.errors import ModelMissing, ModelTampered

__all__ = ["load_into", "read"]


def read(path: Path, sha256: str, *, what: str = "weights") -> dict[str, Tensor]:
    """Return the tensors of ``path``; errors call it ``what``.

    The bytes that are hashed are the bytes that are parsed: the file is read once, so it cannot
    change between the check and the use.

    Raises
    ------
    ModelMissing
        When there is no such file.
    ModelTampered
        When its SHA-256 differs from ``sha256`` (hex), or it is not safetensors.
    """
    try:
        content = path.read_bytes()
    except OSError as exc:
        raise ModelMissing(
            f"{what} {path.name} cannot be read ({exc.strerror}); put the bundle "
            f"{path.parent.parent.name} back from its source, then retry the job"
        ) from exc
    seen = hashlib.sha256(content).hexdigest()
    if seen != sha256:
        raise ModelTampered(
            f"the SHA-256 of {what} {path.name} is {seen[:16]}…, the bundle names {sha256[:16]}…; "
            "put the file back from its source, or install it as a new version"
        )
    try:
        return load(content)
    except SafetensorError as exc:
        raise ModelTampered(f"{what} {path.name}: not a safetensors file: {exc}") from exc


def load_into(network: nn.Module, tensors: dict[str, Tensor]) -> nn.Module:
    """Put ``tensors`` into ``network``, every one and no other, and set it to evaluate.

    Raises
    ------
    ModelTampered
        When names or shapes are not the network's.
    """
    try:
        with torch.no_grad():
            network.load_state_dict(tensors, strict=True)
    except RuntimeError as exc:
        raise ModelTampered(f"the weights are those of another network: {exc}") from exc
    return network.eval()
