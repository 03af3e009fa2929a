"""Where a bundle goes: a folder that is changed for another as a whole, and holds nothing else."""

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from engine.task import read_bundle
from train.config import Recipe, checked
from train.errors import BundleInvalid

__all__ = ["FILES", "check_place", "put"]

FILES = (
    "LICENSE",
    "card.md",
    "configs/inference.json",
    "configs/metadata.json",
    "contract.json",
    "evaluation.json",
    "evaluation.png",
    "models/atlas.safetensors",
    "models/likeness.safetensors",
    "models/model.safetensors",
    "quality.json",
)
"""All that a bundle may hold."""
_OLD = "old"


def check_place(recipe: Recipe, bundle: Path) -> None:
    """Refuse, before anything is done, a folder that no bundle of ``recipe`` can go to.

    Raises
    ------
    BundleInvalid
        When it has no name of its own, or holds what is not of a bundle: that would be lost.
    SpecError
        When the engine takes no bundle of this name, or of this recipe.
    """
    if bundle.name in ("", ".."):
        text = f"'{bundle}' is no folder for a bundle, which is called as its folder is"
        raise BundleInvalid(f"{text}; give a name, as in conf/models/{recipe.name}")
    checked(recipe, bundle.name)
    if not os.path.lexists(bundle):
        return
    if not bundle.is_dir():
        raise BundleInvalid(f"{bundle} is no folder; choose another name or remove it")
    held = sorted(str(one.relative_to(bundle)) for one in bundle.rglob("*") if not _is_dir(one))
    if held and "contract.json" not in held:
        text = f"{bundle} is not empty and holds no bundle ({held[0]}, but no contract.json)"
        raise BundleInvalid(f"{text}; choose a folder of its own")
    if strange := [name for name in held if name not in FILES]:
        text = f"{bundle} holds {strange[0]}, which no bundle has and which would be lost"
        raise BundleInvalid(f"{text}; move it away or choose another folder")


def put(bundle: Path, files: Mapping[str, bytes]) -> None:
    """Write a bundle of these files, and only when all of it is on disk let it take its place.

    The bundle that was there stays whole until then, and for good where anything fails. A process
    that is killed leaves the old bundle or the new one; between two renames, which take
    microseconds, the old one lies aside, and the next call puts it back before all else.

    Raises
    ------
    SpecError, ModelMissing
        When the engine does not accept what was written. The bundle that was there stays.
    """
    place = bundle.resolve()  # what a link leads to is changed, not the link
    place.parent.mkdir(parents=True, exist_ok=True)
    _put_back(place)
    part = Path(tempfile.mkdtemp(prefix=_prefix(place), dir=place.parent))
    try:
        new = part / bundle.name
        for name, content in files.items():
            _write(new / name, content)
        read_bundle(new)
        for folder in (new, *(one for one in new.rglob("*") if one.is_dir())):
            _sync(folder)
        _swap(place, new, part / _OLD)
        _sync(place.parent)
    finally:
        if not (part / _OLD).exists() or place.exists():  # else it is all that there is
            shutil.rmtree(part, ignore_errors=True)


def _swap(place: Path, new: Path, aside: Path) -> None:
    """Let ``new`` take the place; where that fails, what was there is there again."""
    if place.exists():
        place.rename(aside)
    try:
        new.rename(place)
    except BaseException:
        if aside.exists():
            aside.rename(place)
        raise


def _put_back(place: Path) -> None:
    """Take back the bundle that a killed process had just put aside."""
    if place.exists():
        return
    for part in sorted(place.parent.glob(f"{_prefix(place)}*")):
        if (part / _OLD).is_dir():
            (part / _OLD).rename(place)
            shutil.rmtree(part)
            return


def _prefix(place: Path) -> str:
    return f".{place.name}.part-"


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    """Have the names in a folder on disk, not only what they name."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_dir(path: Path) -> bool:
    """Whether this is a folder, and no link to one, which would hide what lies behind it."""
    return path.is_dir() and not path.is_symlink()
