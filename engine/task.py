"""Tasks and bundles as values: what is needed, what is made, with which model, under which limits.

Reads TOML and JSON only; it loads no weights and no torch, so rules may ask it anything.
"""

import hashlib
import json
import math
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from engine.errors import ModelMissing, SpecError
from engine.provenance import ModelIdentity

__all__ = [
    "GRIDS",
    "LABELS_MADE",
    "LABELS_MR",
    "LABELS_TAKEN",
    "Bundle",
    "Contract",
    "Task",
    "read_bundle",
    "read_task",
]

Grid = Literal["native", "rt-axial"]
GRIDS = ("native", "rt-axial")
LABELS_TAKEN = ("T1", "T1CE", "T2", "PD", "FLAIR", "STIR", "CT", "CBCT", "PT")
LABELS_MR = ("T1", "T1CE", "T2", "PD", "FLAIR", "STIR")
LABELS_MADE = ("T1", "T1CE", "T2", "PD", "FLAIR", "STIR", "CT", "PT")
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,47}")
_TASK_KEYS = {"needs", "makes", "model", "grid", "description"}
_METADATA_KEYS = (
    "version", "monai_version", "pytorch_version", "numpy_version", "required_packages_version",
    "task", "description", "authors", "copyright", "network_data_format",
)  # fmt: skip
"""MONAI bundle specification: the mandatory attributes of metadata.json."""


@dataclass(frozen=True, slots=True)
class Contract:
    """What a model may be given, in machine-readable form.

    Parameters
    ----------
    labels : tuple of str
        Series labels that it takes, one per input channel.
    makes : str
        The label that it makes.
    anatomy : tuple of str
        Body parts (0018,0015) that it was validated for.
    body_part : str
        What is written as (0018,0015) when the source names none.
    min_slices : int
        Fewest positions along the stack.
    pixel_spacing_mm, slice_step_mm, extent_mm : (low, high)
        Limits of the in-plane spacing, the step between slices, and the field of view along each
        axis of the source.
    contrast_agent : bool
        Whether images after contrast may be given.
    """

    labels: tuple[str, ...]
    makes: str
    anatomy: tuple[str, ...]
    body_part: str
    min_slices: int
    pixel_spacing_mm: tuple[float, float]
    slice_step_mm: tuple[float, float]
    extent_mm: tuple[float, float]
    contrast_agent: bool


@dataclass(frozen=True)
class Bundle:
    """A model on disk: MONAI Bundle layout, safetensors weights, a contract.

    Everything but the weights is read and held here; the weights are named by their SHA-256.
    """

    path: Path
    name: str
    version: str
    description: str
    learned_from: str
    contract: Contract
    network: Mapping[str, Any]
    steps: Sequence[Mapping[str, Any]]
    output: Mapping[str, Any]
    weights_file: str
    weights_sha256: str
    digest: str

    @cached_property
    def identity(self) -> ModelIdentity:
        """The model as provenance names it."""
        return ModelIdentity(
            name=self.name,
            version=self.version,
            digest=f"sha256:{self.digest}",
            weights=self.weights_sha256,
            learned_from=self.learned_from,
        )

    @property
    def weights_path(self) -> Path:
        """Where the weights should be."""
        return self.path / self.weights_file


@dataclass(frozen=True, slots=True)
class Task:
    """One job that the engine can do, by name: ``conf/tasks/<name>.toml``.

    Parameters
    ----------
    name : str
        The file's stem.
    needs : tuple of str
        Labels that must be there, in the order of the network's channels.
    makes : str
        The label that is made.
    bundle : Bundle
        The model.
    grid : {"native", "rt-axial"}
        The grid of the result: the source's own, or straight axial slices for radiotherapy.
    """

    name: str
    needs: tuple[str, ...]
    makes: str
    bundle: Bundle
    grid: Grid = "native"

    def __post_init__(self) -> None:
        if self.makes != self.bundle.contract.makes or self.needs != self.bundle.contract.labels:
            raise SpecError(
                f"task {self.name} makes {self.makes} from {', '.join(self.needs)}, its model "
                f"{self.bundle.name} makes {self.bundle.contract.makes} from "
                f"{', '.join(self.bundle.contract.labels)}; name another model"
            )


def read_task(path: Path, models: Mapping[str, Bundle]) -> Task:
    """Read ``conf/tasks/<name>.toml``.

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
    )
    if len(task.needs) != 1 or task.needs[0] not in LABELS_MR or task.makes != "CT":
        raise SpecError(
            f"{path.name}: makes {task.makes} from {', '.join(task.needs)}; this version makes CT "
            f"from one of {', '.join(LABELS_MR)}"
        )
    return task


def _mistakes(raw: Mapping[str, Any], models: Mapping[str, Bundle]) -> Iterator[str]:
    """Yield what is wrong with the keys of a task's file."""
    for key in sorted(set(raw) - _TASK_KEYS):
        yield f"unknown key '{key}'; keys are {', '.join(sorted(_TASK_KEYS))}"
    if not _are_labels(raw.get("needs"), LABELS_TAKEN):
        yield f"needs = {raw.get('needs')!r}; a list of {', '.join(LABELS_TAKEN)} is wanted"
    if raw.get("makes") not in LABELS_MADE:
        yield f"makes = {raw.get('makes')!r}; one of {', '.join(LABELS_MADE)} is wanted"
    if raw.get("grid", "native") not in GRIDS:
        yield f"grid = {raw['grid']!r}; one of {', '.join(GRIDS)} is wanted"
    model = raw.get("model")
    if not isinstance(model, str) or model not in models:
        known = ", ".join(sorted(models)) or "none is installed"
        yield f"model = {model!r} is not among the models ({known})"


def _are_labels(value: Any, known: Sequence[str]) -> bool:
    return isinstance(value, list) and bool(value) and all(label in known for label in value)


def read_bundle(path: Path) -> Bundle:
    """Read the bundle in folder ``path``; nothing in it is executed.

    Raises
    ------
    ModelMissing
        When the folder or one of its three configuration files is absent.
    SpecError
        When one of them does not say what it must, naming file, key and what is wanted.
    """
    texts = {name: _text(path, name) for name in ("metadata", "inference", "contract")}
    if not _NAME.fullmatch(path.name):
        raise SpecError(
            f"{path.name}: a bundle's folder is named in lower case, digits and . _ - only"
        )
    metadata, inference, contract = (_object(path, name, text) for name, text in texts.items())
    if missing := [key for key in _METADATA_KEYS if key not in metadata.values]:
        raise SpecError(f"{metadata.where}: lacks {', '.join(missing)}")
    weights = contract.part("weights")
    return Bundle(
        path=path,
        name=path.name,
        version=metadata.text("version"),
        description=metadata.text("description"),
        learned_from=contract.text("learned_from"),
        contract=_contract(contract.part("accepts"), contract.label("makes", LABELS_MADE)),
        network=_network(inference.part("network")),
        steps=inference.objects("preprocess"),
        output=_output(inference.part("output")),
        weights_file=_inside(weights),
        weights_sha256=weights.match("sha256", _SHA256, "64 hexadecimal digits, lower case,"),
        digest=_digest(texts),
    )


@dataclass(frozen=True, slots=True)
class _Part:
    """One object of a bundle's files; what it lacks or spoils is named with ``where`` it stands."""

    where: str
    values: Mapping[str, Any]

    def text(self, key: str) -> str:
        return self.match(key, _TEXT, "a text")

    def match(self, key: str, pattern: re.Pattern[str], wanted: str) -> str:
        value = self.values.get(key)
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise self.refused(key, wanted)
        return value

    def label(self, key: str, known: Sequence[str]) -> str:
        if (value := self.text(key)) not in known:
            raise self.refused(key, f"one of {', '.join(known)}")
        return value

    def part(self, key: str) -> "_Part":
        value = self.values.get(key)
        if not isinstance(value, dict):
            raise self.refused(key, "an object")
        return _Part(f"{self.where}: {key}", value)

    def objects(self, key: str) -> tuple[Mapping[str, Any], ...]:
        value = self.values.get(key)
        if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
            raise self.refused(key, "a list of objects")
        return tuple(value)

    def number(self, key: str) -> float:
        value: Any = self.values.get(key)
        if not _is_number(value):
            raise self.refused(key, "a number")
        return float(value)

    def pair(self, key: str) -> tuple[float, float]:
        value: Any = self.values.get(key)
        is_pair = isinstance(value, list) and len(value) == 2 and all(map(_is_number, value))
        if not is_pair or value[0] > value[1]:
            raise self.refused(key, "[low, high]")
        return float(value[0]), float(value[1])

    def refused(self, key: str, wanted: str) -> SpecError:
        seen = repr(self.values[key]) if key in self.values else "absent"
        return SpecError(f"{self.where}: {key} is {seen}; {wanted} is wanted")


_TEXT = re.compile(r"(?s).*\S.*")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def _is_number(value: Any) -> bool:
    return type(value) in {int, float} and math.isfinite(value)


def _text(path: Path, name: str) -> bytes:
    try:
        return (path / _FILES[name]).read_bytes()
    except OSError as exc:
        text = f"bundle {path.name} has no readable {_FILES[name]}; put it back"
        raise ModelMissing(text) from exc


_FILES = {
    "metadata": "configs/metadata.json",
    "inference": "configs/inference.json",
    "contract": "contract.json",
}


def _object(path: Path, name: str, text: bytes) -> _Part:
    where = f"{path.name}: {_FILES[name]}"
    try:
        value = json.loads(text)
    except ValueError as exc:
        raise SpecError(f"{where}: not JSON: {exc}") from exc
    if not isinstance(value, dict):
        raise SpecError(f"{where}: holds a {type(value).__name__}, an object is wanted")
    return _Part(where, value)


def _digest(texts: Mapping[str, bytes]) -> str:
    """Over the three files, the weights standing in by the hash that the contract names."""
    whole = hashlib.sha256()
    for name in sorted(texts):
        whole.update(f"{name}:{len(texts[name])}:".encode() + texts[name])
    return whole.hexdigest()


def _contract(accepts: _Part, makes: str) -> Contract:
    if unknown := sorted(set(accepts.values) - {field.name for field in fields(Contract)}):
        raise SpecError(f"{accepts.where}: unknown key '{unknown[0]}'")
    values = accepts.values
    if not _are_labels(values.get("labels"), LABELS_TAKEN):
        raise accepts.refused("labels", f"a list of {', '.join(LABELS_TAKEN)}")
    anatomy, least = values.get("anatomy"), values.get("min_slices")
    if not isinstance(anatomy, list) or not all(isinstance(part, str) for part in anatomy):
        raise accepts.refused("anatomy", "a list of body parts")
    if type(least) is not int or least < 1:
        raise accepts.refused("min_slices", "a whole number of at least 1")
    if not isinstance(values.get("contrast_agent"), bool):
        raise accepts.refused("contrast_agent", "true or false")
    return Contract(
        labels=tuple(values["labels"]),
        makes=makes,
        anatomy=tuple(anatomy),
        body_part=accepts.text("body_part"),
        min_slices=least,
        contrast_agent=values["contrast_agent"],
        pixel_spacing_mm=accepts.pair("pixel_spacing_mm"),
        slice_step_mm=accepts.pair("slice_step_mm"),
        extent_mm=accepts.pair("extent_mm"),
    )


def _network(network: _Part) -> Mapping[str, Any]:
    network.text("name")
    if "preset" in network.values:
        network.text("preset")
    if "sizes" in network.values:
        network.part("sizes")
    return network.values


def _output(output: _Part) -> Mapping[str, Any]:
    low, high = output.pair("window")
    if not low < high:
        raise output.refused("window", "[low, high] with low below high")
    output.number("outside")
    output.text("unit")
    return output.values


def _inside(weights: _Part) -> str:
    """Return the weights' path; one that leads out of the bundle is refused."""
    file = PurePosixPath(weights.text("file"))
    if file.is_absolute() or ".." in file.parts:
        raise weights.refused("file", "a path inside the bundle")
    return str(file)
