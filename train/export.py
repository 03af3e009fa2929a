"""A checkpoint into the bundle that the engine loads: MONAI's layout, safetensors, a contract."""

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from engine.task import LABELS_MR, Bundle, Generation, Output, read_bundle
from train.card import card
from train.config import Recipe
from train.data import span_of
from train.errors import CheckpointInvalid
from train.served import Served, served

__all__ = ["export"]

_EVALUATION, _PICTURE = "evaluation.json", "evaluation.png"
_WEIGHTS, _ATLAS = "models/model.safetensors", "models/atlas.safetensors"
_LAYOUT_OF_MONAI = "1.6.1"


def export(recipe: Recipe, run: Path, bundle: Path, data: Path | None = None) -> Bundle:
    """Write the bundle of the checkpoint in ``run`` into the folder ``bundle``.

    Same checkpoint and same evaluation, same bytes. Figures stand in the card only once they are
    measured: evaluate first.

    Parameters
    ----------
    data : Path, optional
        The prepared pairs, for the atlas where a step wants one; ``run/data`` unless said.

    Returns
    -------
    bundle : Bundle
        Read back from disk by the engine.

    Raises
    ------
    CheckpointInvalid
        When there is no checkpoint, or it was learned by another recipe; or when the evaluation in
        ``run`` is of another recipe or of other weights. Nothing is written then.
    SpecError, ModelMissing
        When the engine does not accept what was written.
    """
    found = served(recipe, run, data or run / "data")
    files = {_WEIGHTS: found.content}
    if found.atlas is not None:
        files[_ATLAS] = found.atlas.read_bytes()
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    measured = _evaluation(run, recipe.digest, digests[_WEIGHTS])
    (bundle / "models").mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (bundle / name).write_bytes(content)
    _write(bundle / "configs/metadata.json", _metadata(recipe))
    _write(bundle / "configs/inference.json", _inference(recipe, found))
    _write(bundle / "contract.json", _contract(recipe, digests))
    for name in (_EVALUATION, _PICTURE):
        (bundle / name).unlink(missing_ok=True)  # of weights that lay here before
    if measured:
        _write(bundle / _EVALUATION, measured)
        shutil.copyfile(run / _PICTURE, bundle / _PICTURE)
    facts = {
        "updates": found.step,
        "parameters_bytes": len(files[_WEIGHTS]),
        "sha256": digests[_WEIGHTS],
        "network": found.network,
    }
    (bundle / "card.md").write_text(card(recipe, measured, facts), encoding="utf-8")
    (bundle / "LICENSE").write_text(recipe.model.licence.strip() + "\n", encoding="utf-8")
    return read_bundle(bundle)


def _write(path: Path, values: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _evaluation(run: Path, recipe: str, weights: str) -> dict[str, Any]:
    """Return what was measured of this recipe and these weights; nothing where nothing was."""
    path = run / _EVALUATION
    if not path.is_file():
        return {}
    again = "run 'dicom-train evaluate' again"
    try:
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        seen = {"recipe": values["recipe"], "weights": values["weights"]["model"]}
    except (OSError, ValueError, KeyError, TypeError) as exc:
        text = f"{path} does not say of which recipe and weights it is ({exc!r})"
        raise CheckpointInvalid(f"{text}; {again}") from exc
    for what, wanted in (("recipe", recipe), ("weights", weights)):
        if seen[what] != wanted:
            text = (
                f"{path} is of {what} {str(seen[what])[:12]}…, what is exported of {wanted[:12]}…"
            )
            raise CheckpointInvalid(f"{text}; {again}")
    if not (run / _PICTURE).is_file():
        raise CheckpointInvalid(f"{run / _PICTURE} is not there, but {_EVALUATION} is; {again}")
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
        "task": f"{made} from {', '.join(source)} of the {recipe.phantoms.anatomy}, for research",
        "description": model.description,
        "authors": model.authors,
        "copyright": model.copyright,
        "data_source": model.learned_from,
        "intended_use": model.intended_use,
        "references": list(model.references),
        "network_data_format": {
            "inputs": {"image": _image(source, _shape(recipe), span_of(recipe.preparation.steps))},
            "outputs": {"pred": _image((made,), _shape(recipe), recipe.preparation.onto)},
        },
    }


def _shape(recipe: Recipe) -> list[Any]:
    """Return what MONAI wants to be told of sizes: fixed, or a multiple."""
    generation = Generation.of(recipe.preparation.generate)
    if generation.how == "windows":
        return list(generation.size)
    named = {str(step["step"]): step for step in recipe.preparation.steps}
    if generation.how == "whole":
        return list(named["template"]["shape"]) if "template" in named else ["n", "n", "n"]
    multiple = f"{named['crop_pad']['multiple']} * n" if "crop_pad" in named else "n"
    return [multiple, multiple]


def _image(
    channels: tuple[str, ...], shape: list[Any], span: tuple[float, float]
) -> dict[str, Any]:
    modality, kind = _KINDS.get(channels[0], ("MR", "magnitude"))
    return {
        "type": "image",
        "format": kind,
        "modality": modality,
        "num_channels": len(channels),
        "spatial_shape": shape,
        "dtype": "float32",
        "value_range": list(span),
        "is_patch_data": len(shape) == 3 and "n" not in shape,
        "channel_def": {str(index): name for index, name in enumerate(channels)},
    }


_KINDS = {
    "CT": ("CT", "hounsfield"),
    "CBCT": ("CT", "hounsfield"),
    "PT": ("PT", "uptake"),
    **dict.fromkeys(LABELS_MR, ("MR", "magnitude")),
}


def _inference(recipe: Recipe, found: Served) -> dict[str, Any]:
    """Return the network and the steps around it, as they were learned with."""
    prepared = recipe.preparation
    output: dict[str, Any] = {
        "window": list(prepared.window),
        "outside": prepared.outside,
        "unit": prepared.unit,
    }
    usual = Output(prepared.window, prepared.outside, prepared.unit)
    if prepared.onto != usual.onto:
        output["onto"] = list(prepared.onto)
    if prepared.relative:
        output["relative"] = prepared.relative
    if prepared.headroom != usual.headroom:
        output["headroom"] = prepared.headroom
    generation = Generation.of(prepared.generate)
    return {
        "network": dict(found.network),
        "preprocess": [dict(step) for step in prepared.steps],
        **({} if generation == Generation() else {"generate": generation.record()}),
        "output": output,
    }


def _contract(recipe: Recipe, digests: Mapping[str, str]) -> dict[str, Any]:
    named = {"weights": _WEIGHTS, "atlas": _ATLAS}
    accepts = asdict(recipe.accepts)
    if not recipe.accepts.planes:  # absent means any
        del accepts["planes"]
    return {
        "makes": recipe.model.makes,
        "accepts": accepts,
        "learned_from": recipe.model.learned_from,
        "intended_use": recipe.model.intended_use,
        "limits": list(recipe.model.limits),
        **{
            key: {"file": file, "sha256": digests[file]}
            for key, file in named.items()
            if file in digests
        },
    }
