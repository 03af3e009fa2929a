"""Everything needed to go on exactly where learning stopped, in one safetensors file."""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from train.errors import CheckpointInvalid

__all__ = ["FILE", "Best", "Checkpoint", "load", "restore", "save", "served_weights"]

FILE = "checkpoint.safetensors"
"""Its name in the folder of a run."""
_LAYOUT = "2"
_NOT_READ = (AttributeError, KeyError, OSError, SafetensorError, TypeError, ValueError)


@dataclass(frozen=True, eq=False, slots=True)
class Best:
    """The smallest error on others' scans so far, and the weights that made it.

    Parameters
    ----------
    error : float
        Infinite before the first look.
    step : int
        Updates done then.
    weights : mapping
        Of the served network; empty where nobody will stop early.
    """

    error: float = float("inf")
    step: int = 0
    weights: Mapping[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True, eq=False, slots=True)
class Checkpoint:
    """A file, read.

    Parameters
    ----------
    step : int
        Updates done.
    recipe : str
        SHA-256 of the recipe that was learned by.
    served : str
        Which of the networks the node runs.
    tensors : mapping
        ``net/<network>/<name>``, ``optim/<optimiser>/<parameter>/<name>`` and ``best/<name>``.
    groups : mapping
        Numbers of each optimiser.
    best : Best
        Where learning may stop early.
    split : mapping or None
        Who was learned from, by the parts of the split; None in a checkpoint of before it was kept.
    start : str
        SHA-256 of the weights that were learned on from; empty where they were drawn.
    """

    step: int
    recipe: str
    served: str
    tensors: Mapping[str, Tensor]
    groups: Mapping[str, Any]
    best: Best
    split: Mapping[str, list[int]] | None = None
    start: str = ""


def save(
    path: Path,
    networks: Mapping[str, nn.Module],
    optimisers: Mapping[str, torch.optim.Optimizer],
    about: Mapping[str, Any],
    best: Best | None = None,
) -> None:
    """Write a checkpoint; a crash leaves the old one or the new one, never half of one.

    Parameters
    ----------
    about : mapping
        ``step``, ``recipe``, ``served`` and ``start``, as text; ``split`` by its parts.
    best : Best, optional
        What early stopping has to remember.

    Raises
    ------
    OSError
        When the disk does not take it; the old one is there then, and nothing beside it.
    """
    best = best or Best()
    tensors = {f"best/{key}": value.cpu().contiguous() for key, value in best.weights.items()}
    groups: dict[str, Any] = {}
    for name, network in networks.items():
        for key, value in network.state_dict().items():
            tensors[f"net/{name}/{key}"] = value.detach().cpu().contiguous()
    for name, optimiser in optimisers.items():
        state = optimiser.state_dict()
        groups[name] = state["param_groups"]
        for index, values in state["state"].items():
            for key, value in values.items():
                tensors[f"optim/{name}/{index}/{key}"] = torch.as_tensor(value).cpu().contiguous()
    beside = path.with_suffix(".part")
    looked = [best.error, best.step] if best.weights else []  # JSON has no infinity
    facts = {**about, "layout": _LAYOUT, "groups": groups, "best": looked}
    said = json.dumps({**facts, "tensors": _digest(tensors)}, sort_keys=True)
    try:
        save_file(tensors, beside, {"about": said})  # one entry: their order in a file is by chance
        with beside.open("rb+") as file:
            os.fsync(file.fileno())
        beside.replace(path)
    except (OSError, SafetensorError) as exc:
        beside.unlink(missing_ok=True)
        code = exc.errno if isinstance(exc, OSError) else None
        why = exc.strerror if isinstance(exc, OSError) else str(exc)
        raise OSError(code, f"{why}; free some room and fit again", str(path)) from exc


def load(path: Path) -> Checkpoint:
    """Read a checkpoint; no code in it is run.

    Raises
    ------
    CheckpointInvalid
        When it is absent, no safetensors file, or lacks what a checkpoint says of itself.
    """
    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads((file.metadata() or {})["about"])
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        if about.get("layout") != _LAYOUT:
            raise CheckpointInvalid(f"{path.name} is no checkpoint of layout {_LAYOUT}; fit again")
        if about.get("tensors", "") not in ("", _digest(tensors)):
            raise ValueError("its tensors are not what was written")
        return Checkpoint(
            step=int(about["step"]),
            recipe=about["recipe"],
            served=about["served"],
            tensors=tensors,
            groups=about["groups"],
            best=_best(about["best"], tensors),
            split=about.get("split"),
            start=about.get("start", ""),
        )
    except FileNotFoundError as exc:
        text = f"no checkpoint at {path}; run 'dicom-train fit' first"
        raise CheckpointInvalid(text) from exc
    except _NOT_READ as exc:
        text = f"no readable checkpoint at {path}: it is cut off or of another kind ({exc})"
        raise CheckpointInvalid(f"{text}; delete it and run 'dicom-train fit'") from exc


def restore(
    checkpoint: Checkpoint,
    networks: Mapping[str, nn.Module],
    optimisers: Mapping[str, torch.optim.Optimizer],
) -> None:
    """Put a checkpoint back into networks and optimisers.

    Raises
    ------
    CheckpointInvalid
        When names or shapes are those of other networks.
    """
    try:
        for name, network in networks.items():
            network.load_state_dict(_under(checkpoint.tensors, f"net/{name}/"), strict=True)
        for name, optimiser in optimisers.items():
            state: dict[int, dict[str, Tensor]] = {}
            for key, value in _under(checkpoint.tensors, f"optim/{name}/").items():
                index, word = key.split("/")
                state.setdefault(int(index), {})[word] = value
            groups = checkpoint.groups[name]
            optimiser.load_state_dict({"state": state, "param_groups": groups})
    except (RuntimeError, KeyError, ValueError, TypeError, AttributeError) as exc:
        said = " ".join(str(exc).split())  # torch lists keys on many lines
        text = f"the checkpoint holds other networks: {said}; fit into another folder"
        raise CheckpointInvalid(text) from exc


def served_weights(checkpoint: Checkpoint) -> dict[str, Tensor]:
    """Return the tensors of the network that the node runs: the best, where best were kept."""
    return dict(checkpoint.best.weights) or _under(checkpoint.tensors, f"net/{checkpoint.served}/")


def _best(looked: list[Any], tensors: Mapping[str, Tensor]) -> Best:
    if not looked:
        return Best()
    error, step = looked
    return Best(float(error), int(step), _under(tensors, "best/"))


def _digest(tensors: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 of names and values: a flipped bit is no weight that was learned."""
    found = hashlib.sha256()
    for name in sorted(tensors):
        found.update(name.encode())
        found.update(tensors[name].contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return found.hexdigest()


def _under(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Tensors whose names begin with ``prefix``, without it."""
    return {
        key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)
    }
