"""Weights in: safetensors only, read once the file's hash is the one that the bundle names."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor, nn

from engine.errors import ModelTampered
from engine.task import content

__all__ = ["load_into", "read"]


def read(path: Path, sha256: str, *, what: str = "weights") -> dict[str, Tensor]:
    """Return the tensors of ``path``; errors call it ``what``.

    Raises
    ------
    ModelMissing
        When there is no such file.
    ModelTampered
        When its SHA-256 differs from ``sha256`` (hex), or it is not safetensors.
    """
    found = content(path, sha256, what=what)
    try:
        return load(found)
    except SafetensorError as exc:
        why = " ".join(str(exc).split())
        raise ModelTampered(f"{what} {path.name}: not a safetensors file: {why}") from exc


def load_into(network: nn.Module, tensors: dict[str, Tensor]) -> nn.Module:
    """Put ``tensors`` into ``network``, every one and no other, and set it to evaluate.

    Raises
    ------
    ModelTampered
        When names or shapes are not the network's.
    """
    wanted = {name: tuple(one.shape) for name, one in network.state_dict().items()}
    seen = {name: tuple(one.shape) for name, one in tensors.items()}
    if wanted != seen:
        text = "; ".join(_differences(seen, wanted))
        raise ModelTampered(f"the weights are those of another network: {text}")
    with torch.no_grad():
        network.load_state_dict(tensors, strict=True)
    return network.eval()


_Shapes = Mapping[str, tuple[int, ...]]


def _differences(seen: _Shapes, wanted: _Shapes) -> Iterator[str]:
    """Yield how many tensors lack, are too many or have another shape, each with the first."""
    if lacking := sorted(set(wanted) - set(seen)):
        yield f"{len(lacking)} of its {len(wanted)} tensors lack, first {lacking[0]}"
    if more := sorted(set(seen) - set(wanted)):
        yield f"{len(more)} tensors are not its own, first {more[0]}"
    if other := [name for name in sorted(wanted) if seen.get(name, wanted[name]) != wanted[name]]:
        first = f"{other[0]} {seen[other[0]]}, {wanted[other[0]]} is wanted"
        yield f"{len(other)} tensors have another shape, first {first}"
