"""A checkpoint into the bundle that the engine loads: MONAI's layout, safetensors, a contract."""

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from safetensors.torch import save

from engine.task import Bundle, read_bundle
from train import checkpoint
from train.card import card
from train.config import Recipe
from train.errors import CheckpointInvalid

__all__ = ["export"]

_EVALUATION = "evaluation.json"
_WEIGHTS = "models/model.safetensors"
_LAYOUT_OF_MONAI = "1.6.1"


def export(recipe: Recipe, run: Path, bundle: Path) -> Bundle:
    """Write the bundle of the checkpoint in ``run`` into the folder ``bundle``.

    Same checkpoint and same evaluation, same bytes. Figures stand in the card only once they are
    measured: evaluate first.

    Returns
    -------
    bundle : Bundle
        Read back from disk by the engine.

    Raises
    ------
    CheckpointInvalid
        When there is no checkpoint, or it was learned by another recipe.
    SpecError, ModelMissing
        When the engine does not accept what was written.
    """
    found = checkpoint.load(run / checkpoint.FILE)
    if found.recipe != recipe.digest:
        text = f"the checkpoint in {run} was learned by another recipe; fit again"
        raise CheckpointInvalid(text)
    weights = save(checkpoint.served_weights(found))
    digest = hashlib.sha256(weights).hexdigest()
    (bundle / "models").mkdir(parents=True, exist_ok=True)
    (bundle / _WEIGHTS).write_bytes(weights)
    _write(bundle / "configs/metadata.json", _metadata(recipe))
    _write(bundle / "configs/inference.json", _inference(recipe))
    _write(bundle / "contract.json", _contract(recipe, digest))
    measured = _evaluation(run)
    if measured:
        _write(bundle / _EVALUATION, measured)
        shutil.copyfile(run / "evaluation.png", bundle / "evaluation.png")
    facts = {"updates": found.step, "parameters_bytes": len(weights), "sha256": digest}
    (bundle / "card.md").write_text(card(recipe, measured, facts), encoding="utf-8")
    (bundle / "LICENSE").write_text(recipe.model.licence.strip() + "\n", encoding="utf-8")
    return read_bundle(bundle)


def _write(path: Path, values: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _evaluation(run: Path) -> dict[str, Any]:
    path = run / _EVALUATION
    if not path.is_file():
        return {}
    values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return values


def _metadata(recipe: Recipe) -> dict[str, Any]:
    """Return what MONAI's bundle specification wants to be told."""
    model = recipe.model
    packages = {
        "safetensors": version("safetensors"),
        "array-api-compat": version("array-api-compat"),
    }
    source, made = recipe.accepts.labels, model.makes
    return {
        "schema": "MONAI bundle specification; weights are safetensors, nothing is executed",
        "version": model.version,
        "monai_version": _LAYOUT_OF_MONAI,
        "pytorch_version": version("torch").partition("+")[0],
        "numpy_version": version("numpy"),
        "required_packages_version": packages,
        "task": f"{made} from {', '.join(source)} of the head, for research",
        "description": model.description,
        "authors": model.authors,
        "copyright": model.copyright,
        "data_source": model.learned_from,
        "intended_use": model.intended_use,
        "references": list(model.references),
        "network_data_format": {
            "inputs": {"image": _image("MR", source)},
            "outputs": {"pred": _image("CT", (made,))},
        },
    }


def _image(modality: str, channels: tuple[str, ...]) -> dict[str, Any]:
    return {
        "type": "image",
        "format": "magnitude" if modality == "MR" else "hounsfield",
        "modality": modality,
        "num_channels": len(channels),
        "spatial_shape": ["4 * n", "4 * n"],
        "dtype": "float32",
        "value_range": [-1, 1],
        "is_patch_data": False,
        "channel_def": {str(index): name for index, name in enumerate(channels)},
    }


def _inference(recipe: Recipe) -> dict[str, Any]:
    """Return the network and the steps around it, as they were learned with."""
    learned, prepared = recipe.learning, recipe.preparation
    return {
        "network": {
            "name": learned.system,
            "preset": learned.preset,
            "sizes": dict(learned.sizes),
        },
        "preprocess": [dict(step) for step in prepared.steps],
        "output": {
            "window": list(prepared.window),
            "outside": prepared.outside,
            "unit": prepared.unit,
        },
    }


def _contract(recipe: Recipe, digest: str) -> dict[str, Any]:
    return {
        "makes": recipe.model.makes,
        "accepts": asdict(recipe.accepts),
        "learned_from": recipe.model.learned_from,
        "intended_use": recipe.model.intended_use,
        "limits": list(recipe.model.limits),
        "weights": {"file": _WEIGHTS, "sha256": digest},
    }
