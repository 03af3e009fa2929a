"""The folder that a cohort was written into: its manifest, and series as volumes."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import EngineError
from engine.io import read_frames, read_voxels, split, stack
from engine.volume import Volume
from train.errors import DataInvalid

__all__ = ["Dataset", "Listed", "Series", "read_dataset"]

_MANIFEST, _SERIES, _LAYOUT = "manifest.json", "series", 1
_AGAIN = "write the cohort again with 'dicom-node cohort write'"


@dataclass(frozen=True, slots=True)
class Series:
    """One series of a dataset.

    Parameters
    ----------
    uid : str
        Its name there.
    label : str
        What it shows.
    scanner : str
        One word for one kind of scanner.
    field_strength_t : float or None
        Of MR.
    objects : mapping
        File name to SHA-256, hex.
    """

    uid: str
    label: str
    scanner: str
    field_strength_t: float | None
    objects: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Listed:
    """A pair as the manifest lists it: its person goes by a pseudonym."""

    person: str
    days_apart: int
    one_frame: bool
    sources: tuple[Series, ...]
    target: Series


@dataclass(frozen=True, slots=True)
class Dataset:
    """A folder, the digest of its pairs, and the pairs."""

    folder: Path
    digest: str
    pairs: tuple[Listed, ...]

    def volume_of(self, series: Series) -> Volume:
        """Read a series whose objects are as they were written.

        Raises
        ------
        DataInvalid
            When an object is gone or is another, or the series is no volume.
        """
        paths = [self.folder / _SERIES / series.uid / name for name in sorted(series.objects)]
        for path in paths:
            try:
                seen = hashlib.sha256(path.read_bytes()).hexdigest()
            except OSError as exc:
                raise DataInvalid(f"{path}: cannot be read: {exc.strerror}; {_AGAIN}") from exc
            if seen != series.objects[path.name]:
                raise DataInvalid(f"{path}: is not as it was written; {_AGAIN}")
        try:
            candidates, _ = split(read_frames(paths))
            if len(candidates) != 1:
                text = f"series {series.uid} is {len(candidates)} volumes; one is wanted"
                raise DataInvalid(text)
            return read_voxels(stack(candidates[0].frames))
        except EngineError as exc:
            raise DataInvalid(f"series {series.uid}: {exc}") from exc


def read_dataset(folder: Path) -> Dataset:
    """Read the manifest of a dataset.

    Raises
    ------
    DataInvalid
        When there is none, or it is none: a folder without one was not written to its end.
    """
    path = folder / _MANIFEST
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if values["layout"] != _LAYOUT:
            raise DataInvalid(f"{path}: layout {values['layout']}; {_LAYOUT} is wanted; {_AGAIN}")
        pairs = tuple(_listed(one) for one in values["pairs"])
        seen = hashlib.sha256(json.dumps(values["pairs"], sort_keys=True).encode()).hexdigest()
        digest = str(values["digest"])
    except FileNotFoundError as exc:
        raise DataInvalid(f"{path} is not there: the cohort is not whole; {_AGAIN}") from exc
    except (OSError, KeyError, TypeError, ValueError, RecursionError) as exc:
        raise DataInvalid(f"{path} is no manifest of a cohort; {_AGAIN}") from exc
    if seen != digest:
        raise DataInvalid(f"{path}: its pairs are not those that its digest is of; {_AGAIN}")
    return Dataset(folder, digest, pairs)


def _listed(one: Mapping[str, Any]) -> Listed:
    return Listed(
        person=str(one["person"]),
        days_apart=int(one["days_apart"]),
        one_frame=bool(one["one_frame"]),
        sources=tuple(_series(source) for source in one["sources"]),
        target=_series(one["target"]),
    )


def _series(one: Mapping[str, Any]) -> Series:
    objects = {str(name): str(digest) for name, digest in one["objects"].items()}
    if not objects or any("/" in name or name.startswith(".") for name in objects):
        raise ValueError("its objects are no file names")
    uid, strength = str(one["series"]), one["field_strength_t"]
    if "/" in uid or uid.startswith("."):
        raise ValueError("its name is no name of a folder")
    return Series(
        uid, str(one["label"]), str(one["scanner"]), None if strength is None else float(strength),
        objects,
    )  # fmt: skip
