"""Tasks and models by name: the site's own folders, else those that come with the program."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from dicom_node.errors import NotKnown, SettingsError
from dicom_node.settings import shipped
from engine.errors import EngineError
from engine.reason import Code
from engine.task import Bundle, Task, read_bundle, read_task

__all__ = ["Catalogue", "load_catalogue", "load_models", "models_folder", "weights_state"]

_LONGEST = 56
"""Of a task's name: a job that was asked for is kept under 64 characters, "request:" before it."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Everything that this node can make, and with what.

    Parameters
    ----------
    tasks : mapping
        By name.
    models : mapping
        By name: the version that is used where nobody chose one.
    versions : tuple of Bundle
        Every version of every model.
    """

    tasks: Mapping[str, Task]
    models: Mapping[str, Bundle]
    versions: tuple[Bundle, ...] = ()

    @property
    def by_digest(self) -> Mapping[str, Bundle]:
        """Every version of every model, by the digest that jobs are planned with."""
        return {one.identity.digest: one for one in self.versions or self.models.values()}

    @property
    def named(self) -> Mapping[str, Bundle]:
        """Every name that a model may be called by: its own, ``name@version``, its digest."""
        known = self.versions or self.models.values()
        return {
            **self.by_digest,
            **{f"{one.name}@{one.version}": one for one in known},
            **self.models,
        }

    def version(self, name: str) -> Bundle:
        """Return the model that ``name@version`` names, or its digest.

        Raises
        ------
        NotKnown
        """
        found = self.named.get(name)
        if found is None or name in self.models:
            known = ", ".join(sorted(one for one in self.named if "@" in one)) or "none"
            raise NotKnown(f"there is no model '{name}' in models/; NAME@VERSION of: {known}")
        return found


def load_catalogue(folder: Path) -> Catalogue:
    """Read ``tasks/*.toml`` and ``models/*/`` of the configuration folder.

    A folder that the site does not have is taken from the program; one that it has is taken alone.

    Raises
    ------
    SettingsError
        With every mistake of every file.
    """
    mistakes: list[str] = []
    versions = _versions(folder, mistakes)
    found = Catalogue({}, _used(versions), versions)
    named, tasks = found.named, {}
    for path in sorted(_own_or_shipped(folder, "tasks").glob("*.toml")):
        if len(path.stem) > _LONGEST:
            text = f"its name has {len(path.stem)} characters, {_LONGEST} is the most; rename it"
            mistakes.append(f"tasks/{path.name}: {text}")
            continue
        try:
            tasks[path.stem] = read_task(path, named)
        except EngineError as exc:
            mistakes.append(f"tasks/{exc}")
    if mistakes:
        raise SettingsError(mistakes)
    return Catalogue(tasks, found.models, versions)


def load_models(folder: Path) -> Mapping[str, Bundle]:
    """Return every version of every model by its digest, as they lie there now; no other files."""
    return {one.identity.digest: one for one in _versions(folder, [])}


def models_folder(folder: Path) -> Path:
    """Return where the models of a configuration folder are: its own, or the program's."""
    return _own_or_shipped(folder, "models")


def _versions(folder: Path, mistakes: list[str]) -> tuple[Bundle, ...]:
    found: dict[str, Bundle] = {}
    for path in sorted(models_folder(folder).glob("*/contract.json")):
        try:
            bundle = read_bundle(path.parent)
        except EngineError as exc:
            mistakes.append(f"models/{exc}")
            continue
        name = f"{bundle.name}@{bundle.version}"
        if name in found:
            both = f"{found[name].path.name} and {bundle.path.name}"
            mistakes.append(f"models/: {both} are both {name}; take one of them out")
        found.setdefault(name, bundle)
    return tuple(found.values())


def _used(versions: Iterable[Bundle]) -> dict[str, Bundle]:
    """Return by name what is used where nobody chose: adding a version switches nothing.

    The bundle whose folder has the name alone; where there is none, the first of those that have a
    version behind it.
    """
    found: dict[str, Bundle] = {}
    for one in versions:
        if one.path.name == one.name or one.name not in found:
            found[one.name] = one
    return found


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
