"""Tasks and models by name: the site's own folders, else those that come with the program."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dicom_node.errors import SettingsError
from dicom_node.settings import shipped
from engine.errors import EngineError
from engine.reason import Code
from engine.task import Bundle, Task, read_bundle, read_task

__all__ = ["Catalogue", "load_catalogue", "weights_state"]

_LONGEST = 56
"""Of a task's name: a job that was asked for is kept under 64 characters, "request:" before it."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Everything that this node can make, and with what."""

    tasks: Mapping[str, Task]
    models: Mapping[str, Bundle]


def load_catalogue(folder: Path) -> Catalogue:
    """Read ``tasks/*.toml`` and ``models/*/`` of the configuration folder.

    A folder that the site does not have is taken from the program; one that it has is taken alone.

    Raises
    ------
    SettingsError
        With every mistake of every file.
    """
    mistakes: list[str] = []
    models = {}
    for path in sorted(_own_or_shipped(folder, "models").glob("*/contract.json")):
        try:
            models[path.parent.name] = read_bundle(path.parent)
        except EngineError as exc:
            mistakes.append(f"models/{exc}")
    tasks = {}
    for path in sorted(_own_or_shipped(folder, "tasks").glob("*.toml")):
        if len(path.stem) > _LONGEST:
            text = f"its name has {len(path.stem)} characters, {_LONGEST} is the most; rename it"
            mistakes.append(f"tasks/{path.name}: {text}")
            continue
        try:
            tasks[path.stem] = read_task(path, models)
        except EngineError as exc:
            mistakes.append(f"tasks/{exc}")
    if mistakes:
        raise SettingsError(mistakes)
    return Catalogue(tasks, models)


def _own_or_shipped(folder: Path, name: str) -> Path:
    own = folder / name
    return own if own.is_dir() else shipped(name)


def weights_state(bundle: Bundle) -> str:
    """Return ``ok``, or the reason code that a job would end with: weights missing or changed."""
    try:
        seen = hashlib.sha256(bundle.weights_path.read_bytes()).hexdigest()
    except OSError:
        return Code.MODEL_MISSING
    return "ok" if seen == bundle.weights_sha256 else Code.MODEL_TAMPERED
