"""A bundle with a gate whose limits let every image pass, but those that a test sets."""

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save

from engine.quality import Likeness
from engine.quality.likeness import BLOCKS, STEPS
from engine.task import FEWEST, RESULT, SOURCE, Figure

QUALITY, LIKENESS = "quality.json", "models/likeness.safetensors"
ANY = [None, None]
WIDE = 1e11
"""No figure of an image comes to this, and a limit it is."""


@cache
def likeness(rank: int = 2) -> dict[str, np.ndarray]:
    """Return the space of pictures of some noise."""
    rng = np.random.default_rng(3)
    pictures = rng.random((12, BLOCKS**3), dtype=np.float32)
    return Likeness.fit(pictures, rng.random((12, STEPS), dtype=np.float32), rank).arrays()


def limits(
    source: Mapping[str, Any] = {}, result: Mapping[str, Any] = {}, sources: int = 1
) -> dict[str, Any]:
    """Return limits of each source and of the result; ``{"hold": …, "refuse": …}`` by name."""
    of_source = {name: dict(source.get(name, wide(one))) for name, one in SOURCE.items()}
    return {
        "calibrated_on": {},
        "bands": [-500, 300],
        "sources": [of_source] * sources,
        "result": {name: dict(result.get(name, wide(one))) for name, one in RESULT.items()},
        "uncertainty": {"floor": 30.0, "slope": 2.0, "within": [0.68, 0.95], "bins": []},
    }


def wide(figure: Figure) -> dict[str, Any]:
    """Return a limit on each side that a figure can be wrong on, far from all images."""
    return hold(None if figure.side == "high" else -WIDE, None if figure.side == "low" else WIDE)


def hold(low: float | None, high: float | None) -> dict[str, Any]:
    return {"hold": [low, high], "refuse": ANY}


def refuse(low: float | None, high: float | None) -> dict[str, Any]:
    return {"hold": [low, high], "refuse": [low, high]}


def put_gate(folder: Path, values: Any, arrays: Mapping[str, np.ndarray] | None = None) -> Path:
    """Write limits and likeness into the bundle in ``folder``, named by its contract.

    Limits that do not say on which weights, and on how many subjects, they were set were set on
    those of the bundle, and on enough.
    """
    spaces = likeness() if arrays is None else arrays
    contract = json.loads((folder / "contract.json").read_text())
    several = range(len(contract["accepts"]["labels"]))
    if not isinstance(values, bytes):
        fit = {"weights": contract["weights"]["sha256"], "subjects": FEWEST}
        about = {**fit, **values["calibrated_on"]}
        values = json.dumps({**values, "calibrated_on": about}).encode()
    content = {
        "quality": (QUALITY, values),
        "likeness": (
            LIKENESS,
            save({f"{number}.{name}": one for number in several for name, one in spaces.items()}),
        ),
    }
    for key, (file, text) in content.items():
        (folder / file).write_bytes(text)
        contract[key] = {"file": file, "sha256": hashlib.sha256(text).hexdigest()}
    (folder / "contract.json").write_text(json.dumps(contract))
    return folder


def let_pass(folder: Path) -> Path:
    """Give the bundle in ``folder`` limits that let every image pass: without, all are held."""
    labels = json.loads((folder / "contract.json").read_text())["accepts"]["labels"]
    return put_gate(folder, limits(sources=len(labels)))
