"""A model so small that a job takes a blink: the real network, random weights."""

import hashlib
import json
from pathlib import Path

import torch
from safetensors.torch import save

from engine.models import build

SIZES = {"width": 4, "blocks": 1}


def write_bundle(folder: Path, *, seed: int = 7, version: str = "1.0.0", **accepts) -> Path:
    """Write a bundle that engine.task.read_bundle reads."""
    (folder / "configs").mkdir(parents=True, exist_ok=True)
    (folder / "models").mkdir(exist_ok=True)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        weights = save(build("hlsnc_gan", sizes=SIZES).state_dict())
    (folder / "models" / "model.safetensors").write_bytes(weights)
    metadata = {
        "version": version,
        "monai_version": "1.6.1",
        "pytorch_version": "2.13.0",
        "numpy_version": "2.4.6",
        "required_packages_version": {},
        "task": "ct_from_mr",
        "description": "A tiny network with random weights, for tests",
        "authors": "test",
        "copyright": "test",
        "network_data_format": {"inputs": {}, "outputs": {}},
    }
    inference = {
        "network": {"name": "hlsnc_gan", "preset": "paper", "sizes": SIZES},
        "preprocess": [
            {"step": "orient"},
            {"step": "resample", "spacing_mm": [4.0, 3.0, 3.0]},
            {"step": "crop_pad", "multiple": 4, "minimum": [64, 64], "margin_mm": 8},
            {"step": "normalise", "high": 0.995},
        ],
        "output": {"window": [-1000, 2000], "outside": -1000, "unit": "HU"},
    }
    limits = {
        "labels": ["T1"],
        "anatomy": ["HEAD", "BRAIN", "SKULL"],
        "body_part": "HEAD",
        "min_slices": 16,
        "pixel_spacing_mm": [0.3, 6.0],
        "slice_step_mm": [0.3, 12.0],
        "extent_mm": [100, 500],
        "contrast_agent": False,
    }
    contract = {
        "makes": "CT",
        "learned_from": "nothing: random weights for tests",
        "weights": {
            "file": "models/model.safetensors",
            "sha256": hashlib.sha256(weights).hexdigest(),
        },
        "accepts": {**limits, **accepts},
    }
    (folder / "configs" / "metadata.json").write_text(json.dumps(metadata))
    (folder / "configs" / "inference.json").write_text(json.dumps(inference))
    (folder / "contract.json").write_text(json.dumps(contract))
    return folder
