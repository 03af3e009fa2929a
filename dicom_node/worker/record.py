"""The provenance record as values: written where a series is made, read where it is made again."""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from math import isfinite
from typing import Any, Self

import numpy as np

from dicom_node import __version__
from dicom_node.dicom import is_uid
from dicom_node.errors import NotPossible
from dicom_node.jobs import FORMAT
from dicom_node.results import Making, Site
from dicom_node.values import Companion, Model, Source

__all__ = ["Record", "Result", "recorded"]

_DECODERS = ("pydicom", "pylibjpeg-openjpeg", "pylibjpeg-rle", "pyjpegls", "python-gdcm", "pillow")
"""What reads headers and unpacks pixels."""


@dataclass(frozen=True, slots=True)
class Result:
    """What was made: its series, how many objects, and one SHA-256 over all of them.

    ``companions`` says the same of each, by name.
    """

    series_uid: str
    objects: int
    sha256: str
    companions: Mapping[Companion, "Result"] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Record:
    """All that is needed to make a series again: see :class:`dicom_node.jobs.Records`.

    Parameters
    ----------
    key : str
        The job's, from which all UIDs are derived.
    sources : tuple of Source
        In the order of the task's needs.
    digests : tuple of str
        SHA-256 over the objects of each source.
    run : mapping
        What ran, on what, with which versions: the parts engine, device and software.
    """

    key: str
    created_at: datetime
    study_uid: str
    task: str
    makes: str
    grid: str
    model: Model
    sources: tuple[Source, ...]
    digests: tuple[str, ...]
    site: Site
    run: Mapping[str, Mapping[str, Any]]
    result: Result

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        """Return the record in a document.

        Raises
        ------
        NotPossible
            When it is none, or one of another version.
        """
        said = document.get("format")
        if said != FORMAT:
            text = f"no provenance record: its format is {said!r}, {FORMAT} is wanted"
            raise NotPossible(f"{text}; 'dicom-node jobs provenance' writes one")
        try:
            return cls(**_values(document))
        except (AttributeError, KeyError, TypeError, ValueError) as exc:
            text = f"the provenance record is damaged: {type(exc).__name__} {exc}"
            raise NotPossible(f"{text}; 'dicom-node jobs provenance' writes a new one") from exc


def recorded(making: Making, companions: Sequence[Companion]) -> dict[str, Any]:
    """Return what the process that makes a series knows of it, as JSON has it."""
    provenance = making.synthesis.provenance
    versions = {"dicom-node": __version__, "python": platform.python_version()}
    if Companion.REPORT in companions:  # it builds the tree
        versions["highdicom"] = version("highdicom")
    return {
        "makes": making.task.makes,
        "site": asdict(making.site),
        "engine": {
            "system": provenance.system,
            "pipeline_version": provenance.pipeline_version,
            "weights": provenance.model.weights,
            "steps": _plain(provenance.steps),
            "generation": _plain(provenance.generation),
        },
        "device": _plain(provenance.where),
        "software": {**versions, **_decoders(), **provenance.software},
    }


def _decoders() -> dict[str, str]:
    found = {}
    for name in _DECODERS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # it is not needed for every source
            continue
    return found


def _plain(value: Any) -> Any:
    """Return numbers as every database takes them in JSON: Python's own, and finite."""
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, np.generic | np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, float) and not isfinite(value):
        return str(value)
    return value


def _values(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a record, each of its type.

    Raises
    ------
    AttributeError, KeyError, TypeError, ValueError
        When something is absent or is not what it should be.
    """
    job, task, model, site = (document[part] for part in ("job", "task", "model", "site"))
    sources, result = document["sources"], document["result"]
    created_at = datetime.fromisoformat(job["created_at"])
    if created_at.tzinfo is None:
        raise ValueError("job.created_at has no zone")
    return {
        "key": _uid(job["key"]),
        "created_at": created_at,
        "study_uid": _uid(job["study_uid"]),
        "task": _text(task["name"]),
        "makes": _text(task["makes"]),
        "grid": _text(task["grid"]),
        "model": Model(*(_text(model[word]) for word in ("name", "version", "digest"))),
        "sources": tuple(_source(one) for one in sources),
        "digests": tuple(_text(one["sha256"]) for one in sources),
        "site": Site(*(_text(site[word]) for word in ("node_uid", "institution", "qualification"))),
        "run": {part: dict(document[part]) for part in ("engine", "device", "software")},
        "result": _result(result),
    }


def _result(values: Mapping[str, Any]) -> Result:
    return Result(
        _uid(values["series_uid"]),
        int(values["objects"]),
        _text(values["sha256"]),
        {Companion(name): _result(one) for name, one in values.get("companions", {}).items()},
    )


def _source(values: Mapping[str, Any]) -> Source:
    instances = tuple(_uid(uid) for uid in values["instances"])
    return Source(_text(values["label"]), _uid(values["series_uid"]), instances)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _uid(value: Any) -> str:
    if not is_uid(_text(value)):
        raise ValueError(f"{value!r} is no UID")
    return str(value)
