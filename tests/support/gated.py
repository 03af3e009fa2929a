"""A bundle with a gate whose limits let everything pass, but those that a test sets."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save

from engine.quality import RESULT, SOURCE, Likeness
from engine.quality.likeness import BLOCKS, STEPS

QUALITY, LIKENESS = "quality.json", "models/likeness.safetensors"
ANY = [None, None]


def likeness(rank: int = 2) -> dict[str, np.ndarray]:
    """Return the space of pictures of some noise."""
    rng = np.random.default_rng(3)
    pictures = rng.random((12, BLOCKS**3), dtype=np.float32)
    return Likeness.fit(pictures, rng.random((12, STEPS), dtype=np.float32), rank).arrays()


def limits(source: Mapping[str, Any] = {}, result: Mapping[str, Any] = {}) -> dict[str, Any]:
    """Return limits of one source and its result; ``{"hold": …, "refuse": …}`` by name."""
    usual = {"hold": ANY, "refuse": ANY}
    return {
        "calibrated_on": {"subjects": 0},
        "bands": [-500, 300],
        "sources": [{name: dict(source.get(name, usual)) for name in SOURCE}],
        "result": {name: dict(result.get(name, usual)) for name in RESULT},
        "uncertainty": {"floor": 30.0, "slope": 2.0, "within": [0.68, 0.95], "bins": []},
    }


def hold(low: float | None, high: float | None) -> dict[str, Any]:
    return {"hold": [low, high], "refuse": ANY}


def refuse(low: float | None, high: float | None) -> dict[str, Any]:
    return {"hold": [low, high], "refuse": [low, high]}


def put_gate(folder: Path, values: Any, arrays: Mapping[str, np.ndarray] | None = None) -> Path:
    """Write limits and likeness into the bundle in ``folder``, named by its contract."""
    spaces = likeness() if arrays is None else arrays
    content = {
        "quality": (QUALITY, values if isinstance(values, bytes) else json.dumps(values).encode()),
        "likeness": (LIKENESS, save({f"0.{name}": one for name, one in spaces.items()})),
    }
    contract = json.loads((folder / "contract.json").read_text())
    for key, (file, text) in content.items():
        (folder / file).write_bytes(text)
        contract[key] = {"file": file, "sha256": hashlib.sha256(text).hexdigest()}
    (folder / "contract.json").write_text(json.dumps(contract))
    return folder
