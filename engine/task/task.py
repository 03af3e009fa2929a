"""One job that the engine can do, by name."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from engine.errors import SpecError
from engine.task.bundle import Bundle
from engine.task.labels import LABELS_MADE, LABELS_TAKEN, are_labels

__all__ = ["GRIDS", "Task", "is_pin", "read_task"]

Grid = Literal["native", "rt-axial"]
GRIDS = ("native", "rt-axial")
_KEYS = {"needs", "makes", "model", "grid", "release", "description"}
_RELEASES = ("at_once", "by_hand")
_SOURCES = tuple(label for label in LABELS_TAKEN if label != "PT")
"""What this version reads in its unit; stored values of PET are not brought to uptake yet."""


@dataclass(frozen=True, slots=True)
class Task:
    """One job that the engine can do, by name: ``conf/tasks/<name>.toml``.

    Parameters
    ----------
    name : str
        The file's stem.
    needs : tuple of str
        Labels that must be there, in the order of the network's channels. The first is the one
        whose grid the result has.
    makes : str
        The label that is made.
    bundle : Bundle
        The model.
    grid : {"native", "rt-axial"}
        The grid of the result: the source's own, or straight axial slices for radiotherapy.
    released_by_hand : bool
        Whether every result waits until a person has released it.
    pinned : bool
        Whether it takes this very version of its model, whichever is active.
    """

    name: str
    needs: tuple[str, ...]
    makes: str
    bundle: Bundle
    grid: Grid = "native"
    released_by_hand: bool = False
    pinned: bool = False

    def __post_init__(self) -> None:
        if self.makes != self.bundle.contract.makes or self.needs != self.bundle.contract.labels:
            raise SpecError(
                f"task {self.name} makes {self.makes} from {', '.join(self.needs)}, its model "
                f"{self.bundle.name} makes {self.bundle.contract.makes} from "
                f"{', '.join(self.bundle.contract.labels)}; name another model"
            )


def is_pin(model: str) -> bool:
    """Whether ``model`` names one version for ever: ``name@version``, or ``sha256:`` and digits."""
    return "@" in model or model.startswith("sha256:")


def read_task(path: Path, models: Mapping[str, Bundle]) -> Task:
    """Read ``conf/tasks/<name>.toml``.

    Parameters
    ----------
    models : mapping
        By every name that a model may be called by: its own, ``name@version``, its digest.

    Raises
    ------
    SpecError
        With every mistake of the file, each naming key and remedy; and for a task without mistakes
        that this version cannot do, naming what it can.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise SpecError(f"{path.name}: not readable as TOML: {exc}") from exc
    if mistakes := list(_mistakes(raw, models)):
        raise SpecError(f"{path.name}: {'; '.join(mistakes)}")
    task = Task(
        name=path.stem,
        needs=tuple(raw["needs"]),
        makes=raw["makes"],
        bundle=models[raw["model"]],
        grid=raw.get("grid", "native"),
        released_by_hand=raw.get("release", "at_once") == "by_hand",
        pinned=is_pin(raw["model"]),
    )
    if len({*task.needs, task.makes}) <= len(task.needs) or not set(task.needs) <= set(_SOURCES):
        raise SpecError(
            f"{path.name}: makes {task.makes} from {', '.join(task.needs)}; this version makes one "
            f"label from others, each needed once, of {', '.join(_SOURCES)}"
        )
    return task


def _mistakes(raw: Mapping[str, Any], models: Mapping[str, Bundle]) -> Iterator[str]:
    """Yield what is wrong with the keys of a task's file."""
    for key in sorted(set(raw) - _KEYS):
        yield f"unknown key '{key}'; keys are {', '.join(sorted(_KEYS))}"
    if not are_labels(raw.get("needs"), LABELS_TAKEN):
        yield f"needs = {raw.get('needs')!r}; a list of {', '.join(LABELS_TAKEN)} is wanted"
    if raw.get("makes") not in LABELS_MADE:
        yield f"makes = {raw.get('makes')!r}; one of {', '.join(LABELS_MADE)} is wanted"
    if raw.get("grid", "native") not in GRIDS:
        yield f"grid = {raw['grid']!r}; one of {', '.join(GRIDS)} is wanted"
    if raw.get("release", "at_once") not in _RELEASES:
        yield f"release = {raw['release']!r}; one of {', '.join(_RELEASES)} is wanted"
    model = raw.get("model")
    if not isinstance(model, str) or model not in models:
        known = ", ".join(sorted(n for n in models if ":" not in n)) or "none is installed"
        yield f"model = {model!r} is not among the models ({known})"
