"""What a bundle says of the model that a recipe makes, and whether the engine would take it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from engine.task import Bundle, Generation, Output, read_bundle
from train.config.values import Accepts, Recipe

__all__ = ["checked", "contract", "inference", "metadata"]

_LAYOUT_OF_MONAI = "1.6.1"
_ANY_SHA256 = "0" * 64
"""Of weights that are not learned yet."""


def checked(recipe: Recipe, name: str) -> Bundle:
    """Return what the engine would read of a bundle ``name`` of this recipe, before any learning.

    The files are written to a folder of their own, which is gone afterwards: the engine reads
    bundles in one way alone.

    Raises
    ------
    SpecError
        When the engine would refuse it, be it for its name.
    """
    learned = recipe.learning
    network = {"name": learned.network, "preset": learned.preset, "sizes": dict(learned.sizes)}
    weights = {"file": "models/model.safetensors", "sha256": _ANY_SHA256}
    with TemporaryDirectory() as folder:
        bundle = Path(folder) / name
        for file, values in (
            ("configs/metadata.json", metadata(recipe, {})),
            ("configs/inference.json", inference(recipe, network)),
            ("contract.json", contract(recipe, {"weights": weights})),
        ):
            (bundle / file).parent.mkdir(parents=True, exist_ok=True)
            (bundle / file).write_text(json.dumps(values), encoding="utf-8")
        return read_bundle(bundle)


def metadata(recipe: Recipe, formats: Mapping[str, Any]) -> dict[str, Any]:
    """Return what MONAI's bundle specification wants to be told.

    Parameters
    ----------
    formats : mapping
        Of what goes into the network and comes out: ``network_data_format``.
    """
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
        "task": f"{made} from {', '.join(source)} of the {recipe.pairs.anatomy}, for research",
        "description": model.description,
        "authors": model.authors,
        "copyright": model.copyright,
        "data_source": model.learned_from,
        "intended_use": model.intended_use,
        "references": list(model.references),
        "network_data_format": dict(formats),
    }


def inference(recipe: Recipe, network: Mapping[str, Any]) -> dict[str, Any]:
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
        "network": dict(network),
        "preprocess": [dict(step) for step in prepared.steps],
        **({} if generation == Generation() else {"generate": generation.record()}),
        "output": output,
    }


def contract(recipe: Recipe, files: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """Return what the model may be given, what it makes, and its binary files.

    Parameters
    ----------
    files : mapping
        ``weights`` and, where a step wants one, ``atlas``: each with its ``file`` and ``sha256``.
    """
    usual = {one.name: one.default for one in fields(Accepts)}
    accepts = {  # what is absent is as usual
        key: value for key, value in asdict(recipe.accepts).items() if value != usual[key]
    }
    return {
        "makes": recipe.model.makes,
        "accepts": accepts,
        "learned_from": recipe.model.learned_from,
        "intended_use": recipe.model.intended_use,
        "limits": list(recipe.model.limits),
        **{key: dict(one) for key, one in files.items()},
    }
