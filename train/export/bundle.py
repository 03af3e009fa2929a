"""A checkpoint into the bundle that the engine loads: MONAI's layout, safetensors, a contract."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.task import LABELS_MR, Bundle, Generation, read_bundle
from train.card import card
from train.config import Recipe, contract, inference, metadata
from train.data import span_of
from train.errors import CheckpointInvalid
from train.export.place import check_place, put
from train.served import served

__all__ = ["export"]

_EVALUATION, _PICTURE = "evaluation.json", "evaluation.png"
_WEIGHTS, _ATLAS = "models/model.safetensors", "models/atlas.safetensors"


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

    A bundle that is there is changed for the new one as a whole, and stays where anything fails.

    Raises
    ------
    BundleInvalid
        When no bundle can go to that folder: see :func:`check_place`. Nothing is done then.
    CheckpointInvalid
        When there is no checkpoint, or it was learned by another recipe; or when the evaluation in
        ``run`` is of another recipe or of other weights, or lacks figures.
    SpecError, ModelMissing
        When the engine does not accept the folder's name, or what was written.
    """
    check_place(recipe, bundle)
    found = served(recipe, run, data or run / "data")
    files = {_WEIGHTS: found.content}
    if found.atlas is not None:
        files[_ATLAS] = found.atlas.read_bytes()
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    measured = _evaluation(run, recipe.digest, digests[_WEIGHTS])
    facts = {
        "updates": found.step,
        "parameters_bytes": len(files[_WEIGHTS]),
        "sha256": digests[_WEIGHTS],
        "network": found.network,
    }
    named = {
        key: {"file": file, "sha256": digests[file]}
        for key, file in (("weights", _WEIGHTS), ("atlas", _ATLAS))
        if file in digests
    }
    files |= {
        "configs/metadata.json": _json(metadata(recipe, _formats(recipe))),
        "configs/inference.json": _json(inference(recipe, found.network)),
        "contract.json": _json(contract(recipe, named)),
        "card.md": _card(recipe, measured, facts, run).encode(),
        "LICENSE": f"{recipe.model.licence.strip()}\n".encode(),
    }
    if measured:  # figures of weights that lay here before do not stay
        files |= {_EVALUATION: _json(measured), _PICTURE: (run / _PICTURE).read_bytes()}
    put(bundle, files)
    return read_bundle(bundle)


def _json(values: Mapping[str, Any]) -> bytes:
    return (json.dumps(values, indent=2, ensure_ascii=False) + "\n").encode()


def _card(recipe: Recipe, measured: Mapping[str, Any], facts: Mapping[str, Any], run: Path) -> str:
    """Return the card; figures that are not all there are the evaluation's fault."""
    try:
        return card(recipe, measured, facts)
    except (LookupError, TypeError, ValueError, AttributeError) as exc:
        if not measured:
            raise
        text = f"{run / _EVALUATION} lacks what the card shows ({exc!r})"
        raise CheckpointInvalid(f"{text}; run 'dicom-train evaluate' again") from exc


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


def _formats(recipe: Recipe) -> dict[str, Any]:
    """Return what goes into the network and comes out, as MONAI's specification wants it."""
    source, made, shape = recipe.accepts.labels, recipe.model.makes, _shape(recipe)
    return {
        "inputs": {"image": _image(source, shape, span_of(recipe.preparation.steps))},
        "outputs": {"pred": _image((made,), shape, recipe.preparation.onto)},
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
