"""A model on disk, read into a value: nothing in it is executed."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from engine.errors import ModelMissing, SpecError
from engine.provenance import ModelIdentity
from engine.task.labels import LABELS_MADE, LABELS_MR, LABELS_TAKEN, UNITS, are_labels
from engine.task.parts import Part, object_of
from engine.task.serving import Generation, NamedFile, Output

__all__ = ["PLANES", "Bundle", "Contract", "read_bundle"]

PLANES = ("axial", "sagittal", "coronal")
"""Of slices: across the patient's third axis, the first, and the second (L, P, S)."""
Unstated = Literal["refuse", "accept"]
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,47}")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+_-]{0,47}")
_UID = re.compile(r"[0-9]+(\.[0-9]+)+")
_METADATA_KEYS = (
    "version", "monai_version", "pytorch_version", "numpy_version", "required_packages_version",
    "task", "description", "authors", "copyright", "network_data_format",
)  # fmt: skip
"""MONAI bundle specification: the mandatory attributes of metadata.json."""
_INFERENCE_KEYS = ("network", "preprocess", "generate", "output")
_CONTRACT_KEYS = (
    "makes", "accepts", "learned_from", "intended_use", "limits", "weights", "atlas", "quality",
    "likeness",
)  # fmt: skip
"""What stands at the top of the two files that the engine acts on."""


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
    planes : tuple of str
        Of the slices that it was made for, of :data:`PLANES`; empty for any.
    age_years, field_strength_t : (low, high) or None
        Limits of the patient's age and of the magnet, in years and tesla.
    unstated : {"refuse", "accept"}
        What becomes of a source that does not state its age or field where there are limits.
    sop_classes : tuple of str
        SOP Class UIDs that it may be given; empty for any that holds images.
    distortion_corrected : bool
        Whether gradient distortion has to be corrected, whatever the grid of the result.
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
    planes: tuple[str, ...] = ()
    age_years: tuple[float, float] | None = None
    field_strength_t: tuple[float, float] | None = None
    unstated: Unstated = "refuse"
    sop_classes: tuple[str, ...] = ()
    distortion_corrected: bool = False


@dataclass(frozen=True)
class Bundle:
    """A model on disk: MONAI Bundle layout, safetensors weights, a contract.

    Everything but weights, atlas and what its gates go by is read and held here; those are named by
    their SHA-256. A bundle has limits and likeness both (:mod:`engine.quality`), or neither.
    """

    path: Path
    name: str
    version: str
    description: str
    learned_from: str
    contract: Contract
    network: Mapping[str, Any]
    steps: Sequence[Mapping[str, Any]]
    generation: Generation
    output: Output
    weights_file: str
    weights_sha256: str
    atlas: NamedFile | None
    quality: NamedFile | None
    likeness: NamedFile | None
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


def read_bundle(path: Path) -> Bundle:
    """Read the bundle in folder ``path``; nothing in it is executed.

    The folder has the model's name; where several versions lie side by side, ``name@version``.

    Raises
    ------
    ModelMissing
        When the folder or one of its three configuration files is absent.
    SpecError
        When one of them does not say what it must, naming file, key and what is wanted.
    """
    texts = {name: _text(path, name) for name in ("metadata", "inference", "contract")}
    name, _, said = path.name.partition("@")
    if not _NAME.fullmatch(name):
        raise SpecError(
            f"{path.name}: a bundle's folder is named in lower case, digits and . _ - only, and "
            "may have @ and its version behind that"
        )
    metadata, inference, contract = (
        object_of(f"{path.name}: {_FILES[name]}", text) for name, text in texts.items()
    )
    if missing := [key for key in _METADATA_KEYS if key not in metadata.values]:
        raise SpecError(f"{metadata.where}: lacks {', '.join(missing)}")
    inference.only(_INFERENCE_KEYS)
    contract.only(_CONTRACT_KEYS)
    if ("quality" in contract.values) != ("likeness" in contract.values):
        raise SpecError(f"{contract.where}: quality and likeness go together; one is absent")
    weights = contract.part("weights")
    makes = contract.label("makes", LABELS_MADE)
    return Bundle(
        path=path,
        name=name,
        version=_version(metadata, said),
        description=metadata.text("description"),
        learned_from=contract.text("learned_from"),
        contract=_contract(contract.part("accepts"), makes),
        network=_network(inference.part("network")),
        steps=_steps(inference),
        generation=_generation(inference),
        output=_output(inference.part("output"), makes),
        weights_file=weights.file("file"),
        weights_sha256=weights.sha256("sha256"),
        atlas=_file(contract, "atlas"),
        quality=_file(contract, "quality"),
        likeness=_file(contract, "likeness"),
        digest=_digest(texts),
    )


_FILES = {
    "metadata": "configs/metadata.json",
    "inference": "configs/inference.json",
    "contract": "contract.json",
}


def _text(path: Path, name: str) -> bytes:
    try:
        return (path / _FILES[name]).read_bytes()
    except OSError as exc:
        text = f"bundle {path.name} has no readable {_FILES[name]}; put it back"
        raise ModelMissing(text) from exc


def _digest(texts: Mapping[str, bytes]) -> str:
    """Over the three files, weights and atlas standing in by the hashes that the contract names."""
    whole = hashlib.sha256()
    for name in sorted(texts):
        whole.update(f"{name}:{len(texts[name])}:".encode() + texts[name])
    return whole.hexdigest()


def _version(metadata: Part, said: str) -> str:
    version = metadata.text("version")
    if not _VERSION.fullmatch(version):
        raise metadata.refused("version", "letters, digits and . + _ - only, 48 at most,")
    if said and said != version:
        raise metadata.refused("version", f"{said}, as its folder says,")
    return version


def _contract(accepts: Part, makes: str) -> Contract:
    accepts.only(sorted({field.name for field in fields(Contract)} - {"makes"}))
    values = accepts.values
    if not are_labels(values.get("labels"), LABELS_TAKEN):
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
        planes=_planes(accepts),
        age_years=_limits(accepts, "age_years"),
        field_strength_t=_limits(accepts, "field_strength_t"),
        unstated=_unstated(accepts),
        sop_classes=_sop_classes(accepts),
        distortion_corrected=_truth(accepts, "distortion_corrected"),
    )


def _limits(accepts: Part, key: str) -> tuple[float, float] | None:
    return accepts.pair(key) if key in accepts.values else None


def _unstated(accepts: Part) -> Unstated:
    value = accepts.values.get("unstated", "refuse")
    if value == "refuse":
        return "refuse"
    if value == "accept":
        return "accept"
    raise accepts.refused("unstated", '"refuse" or "accept"')


def _sop_classes(accepts: Part) -> tuple[str, ...]:
    value = accepts.values.get("sop_classes", [])
    is_list = isinstance(value, list) and (value or "sop_classes" not in accepts.values)
    if not is_list or not all(isinstance(one, str) and _UID.fullmatch(one) for one in value):
        raise accepts.refused("sop_classes", "a list of SOP Class UIDs")
    return tuple(value)


def _truth(accepts: Part, key: str) -> bool:
    value = accepts.values.get(key, False)
    if not isinstance(value, bool):
        raise accepts.refused(key, "true or false")
    return value


def _planes(accepts: Part) -> tuple[str, ...]:
    if "planes" not in accepts.values:
        return ()
    planes = accepts.values["planes"]
    if not are_labels(planes, PLANES):
        raise accepts.refused("planes", f"a list of {', '.join(PLANES)}")
    return tuple(planes)


def _network(network: Part) -> Mapping[str, Any]:
    network.only(("name", "preset", "sizes"))
    network.text("name")
    if "preset" in network.values:
        network.text("preset")
    if "sizes" in network.values:
        network.part("sizes")
    return network.values


def _steps(inference: Part) -> tuple[Mapping[str, Any], ...]:
    steps = inference.objects("preprocess")
    if not steps:  # no scanner's values are in a network's range by themselves
        raise inference.refused("preprocess", "a list of one step or more")
    return steps


def _generation(inference: Part) -> Generation:
    if "generate" not in inference.values:
        return Generation()
    part = inference.part("generate")
    return Generation.of(part.values, part.where)


def _output(part: Part, makes: str) -> Output:
    output = Output.of(part.values, part.where)
    if output.unit not in UNITS[makes]:
        raise part.refused("unit", f"for a result that is {makes} {' or '.join(UNITS[makes])}")
    if makes in LABELS_MR and output.window[0] != 0:  # stored values of MR have no intercept
        raise part.refused("window", f"for a result that is {makes} a window from 0")
    return output


def _file(contract: Part, key: str) -> NamedFile | None:
    if key not in contract.values:
        return None
    part = contract.part(key)
    part.only(("file", "sha256"))
    return NamedFile(part.file("file"), part.sha256("sha256"))
