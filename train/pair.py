"""A prepared pair, sources and target on one grid, and the file that holds it.

Phantoms are written as such files and learning reads them, so a machine that learns needs none of
what phantoms are made with.
"""

import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.lib.npyio import NpzFile
from numpy.typing import NDArray

from engine.errors import EngineError
from engine.volume import Grid, Volume
from train.errors import DataInvalid

__all__ = ["LAYOUT", "UNITS", "Pair", "Stored", "path_of", "read_about", "read_pair", "write_pair"]

LAYOUT = 2
"""Of the files; raised when an array of them is renamed or means something else."""
_NAMES = ("source0", "target", "body", "tissue", "affine", "about")


@dataclass(frozen=True, slots=True)
class Stored:
    """How the values of one unit lie in a file: integers of ``kind``, ``scale`` units each."""

    kind: type[np.integer[Any]]
    scale: float


UNITS: Mapping[str, Stored] = {
    "1": Stored(np.uint16, 1.0),
    "HU": Stored(np.int16, 1.0),
    "SUVR": Stored(np.uint16, 1e-4),
}
"""By unit: MR intensity, Hounsfield units, uptake beside a reference region."""
_UNREADABLE = (
    OSError, EOFError, KeyError, TypeError, ValueError, BadZipFile, NotImplementedError, zlib.error,
)  # fmt: skip
"""What comes of a file that is no pair: cut off, of another kind, or arrays of another kind."""
_FEWEST_STEPS = 255
"""MR that is darker than so many integers, and not made of integers, would lose itself in them."""


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _are_labels(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, str) for one in value)


def _are_units(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(one, str) and one in UNITS for one in value.values()
    )


_ABOUT: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    "subject": ("a whole number of 0 or more", _is_count),
    "scan": ("a whole number of 0 or more", _is_count),
    "labels": ("a list of labels", _are_labels),
    "makes": ("a label", lambda value: isinstance(value, str)),
    "units": (f"a unit of {', '.join(UNITS)} for each volume", _are_units),
}
"""What every file says of its pair: what is wanted, and whether a value is that."""


@dataclass(frozen=True, eq=False, slots=True)
class Pair:
    """Scans of one subject and what is true in the same voxels.

    Parameters
    ----------
    sources : tuple of Volume
        One per label of ``about["labels"]``, in that order, all on the target's grid. MR
        intensities from 0 (unit ``1``) or Hounsfield units.
    target : Volume
        In ``HU``, ``SUVR`` or ``1``.
    body : (Z, Y, X) bool
        The foreground: head or trunk, its air cavities included.
    tissue : (Z, Y, X) uint8
        Number of the tissue that fills most of the voxel (:class:`train.phantom.Tissue`); 0 where
        nobody knows.
    about : mapping
        At least ``subject``, ``scan``, ``labels`` and ``makes``; for phantoms also ``anatomy``,
        ``strata``, ``recipe`` and what else JSON holds.

    Raises
    ------
    DataInvalid
        When they do not lie on one grid, or there are not as many sources as labels.
    """

    sources: tuple[Volume, ...]
    target: Volume
    body: NDArray[np.bool_]
    tissue: NDArray[np.uint8]
    about: Mapping[str, Any]

    def __post_init__(self) -> None:
        if not all(source.grid.same_as(self.target.grid) for source in self.sources):
            raise DataInvalid("sources and target of a pair lie on one grid; these do not")
        if not self.target.shape == self.body.shape == self.tissue.shape:
            text = f"body {self.body.shape} and tissue {self.tissue.shape}"
            raise DataInvalid(f"{text} lie on the target's grid {self.target.shape}; these do not")
        if not self.sources or len(self.about["labels"]) != len(self.sources):
            text = f"{len(self.sources)} sources with labels {list(self.about['labels'])}"
            raise DataInvalid(f"{text}: one label for each is wanted")

    @property
    def source(self) -> Volume:
        """The first source: its grid is that of all."""
        return self.sources[0]


def path_of(folder: Path, subject: int, scan: int) -> Path:
    """Return the file in ``folder`` that holds a scan of a subject."""
    return folder / f"s{subject:05d}-{scan}.npz"


def write_pair(folder: Path, pair: Pair) -> Path:
    """Write ``<folder>/s<subject>-<scan>.npz`` and return its path; same pair, same bytes.

    Values are rounded to the integers of :data:`UNITS`. A crash leaves no half of a file.

    Raises
    ------
    DataInvalid
        When a value is no number, beyond what its unit's integers hold, or MR intensity whose
        brightest voxel leaves too few integers to tell voxels apart, such as MR in [0, 1].
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = path_of(folder, pair.about["subject"], pair.about["scan"])
    volumes = {f"source{index}": source for index, source in enumerate(pair.sources)}
    volumes["target"] = pair.target
    units = {name: volume.unit for name, volume in volumes.items()}
    about = json.dumps({**pair.about, "layout": LAYOUT, "units": units}, sort_keys=True)
    arrays: dict[str, Any] = {name: _integers(volume, name) for name, volume in volumes.items()}
    arrays |= {"body": np.packbits(pair.body), "tissue": pair.tissue}
    arrays |= {"affine": pair.target.affine, "about": np.array(about)}
    beside = path.with_suffix(".part")
    with beside.open("wb") as file:
        np.savez(file, **arrays)
    return beside.replace(path)


def read_about(path: Path) -> dict[str, Any]:
    """Return what a file says about its pair, its voxels unread.

    Raises
    ------
    DataInvalid
        When the file is no pair, or of another layout.
    """
    try:
        with path.open("rb") as file, NpzFile(file, allow_pickle=False) as arrays:
            about = json.loads(str(arrays["about"])) if "about" in arrays else {}
            missing = [name for name in _NAMES if name not in arrays]
    except _UNREADABLE as exc:
        text = f"{path.name} is no prepared pair ({_why(exc)}); make it with 'dicom-train phantom'"
        raise DataInvalid(text) from exc
    seen = about.get("layout", LAYOUT) if isinstance(about, dict) else None
    if seen != LAYOUT:
        raise DataInvalid(f"{path.name} has layout {seen}, {LAYOUT} is wanted; prepare it again")
    if missing:
        raise DataInvalid(f"{path.name} lacks {', '.join(missing)}; prepare it again")
    for key, (wanted, fits) in _ABOUT.items():
        if not fits(about.get(key)):
            seen = repr(about[key]) if key in about else "absent"
            text = f"{path.name}: {key} is {seen}; {wanted} is wanted"
            raise DataInvalid(f"{text}; prepare it again")
    return dict(about)


def read_pair(path: Path) -> Pair:
    """Return the pair in ``path``.

    Raises
    ------
    DataInvalid
        When the file is no pair, of another layout, or its arrays do not fit together.
    """
    about = read_about(path)
    try:
        units: dict[str, str] = about["units"]
        with path.open("rb") as file, NpzFile(file, allow_pickle=False) as arrays:
            z, y, x = arrays["target"].shape
            grid = Grid((z, y, x), arrays["affine"])
            volumes = {name: _volume(arrays[name], grid, unit) for name, unit in units.items()}
            body, tissue = _body(arrays["body"], (z, y, x)), arrays["tissue"].astype(np.uint8)
        target = volumes.pop("target")
        return Pair(tuple(volumes[name] for name in sorted(volumes)), target, body, tissue, about)
    except (*_UNREADABLE, EngineError, DataInvalid) as exc:
        text = f"{path.name} does not fit together: {_why(exc)}"
        raise DataInvalid(f"{text}; prepare it again") from exc


def _integers(volume: Volume, name: str) -> NDArray[np.integer[Any]]:
    """Return the voxels as integers of their unit, refusing what would wrap around."""
    if volume.unit not in UNITS:
        known = ", ".join(UNITS)
        raise DataInvalid(f"{name} has unit '{volume.unit}'; a pair holds one of {known}")
    stored = UNITS[volume.unit]
    counts = np.round(np.asarray(volume.voxels, dtype=np.float64) / stored.scale)
    low, high = float(counts.min()), float(counts.max())
    room = np.iinfo(stored.kind)
    if not room.min <= low <= high <= room.max:  # false for what is no number, too
        text = f"{name} runs from {low * stored.scale:g} to {high * stored.scale:g} {volume.unit}"
        wanted = f"{room.min * stored.scale:g} to {room.max * stored.scale:g} is what a file holds"
        raise DataInvalid(f"{text}; {wanted}: rescale or clip it")
    if volume.unit == "1" and high < _FEWEST_STEPS and not np.array_equal(counts, volume.voxels):
        text = f"{name} is MR up to {float(np.max(volume.voxels)):g}, which a file rounds to"
        wanted = f"{high + 1:g} integers; {_FEWEST_STEPS} or more are wanted"
        raise DataInvalid(f"{text} {wanted}: multiply it, so that its brightest voxel is near 4095")
    return counts.astype(stored.kind)


def _body(packed: NDArray[np.uint8], shape: tuple[int, int, int]) -> NDArray[np.bool_]:
    count = int(np.prod(shape))
    wanted = -(-count // 8)
    if packed.shape != (wanted,):  # what lacks would be taken for air
        raise DataInvalid(f"body has shape {packed.shape}, {wanted} bytes of bits are wanted")
    return np.unpackbits(packed, count=count).reshape(shape).astype(bool)


def _why(exc: Exception) -> str:
    """Return what is wrong in one line, none of it the advice of a library."""
    if isinstance(exc, OSError) and exc.strerror:
        return exc.strerror
    if isinstance(exc, KeyError):
        return f"it lacks {exc.args[0]}"
    if isinstance(exc, EngineError | DataInvalid):
        return str(exc)
    return "it is no archive of plain arrays, or one that is cut off or spoilt"


def _volume(counts: NDArray[np.integer[Any]], grid: Grid, unit: str) -> Volume:
    scale = np.float32(UNITS[unit].scale)
    return Volume(counts.astype(np.float32) * scale, grid, unit=unit)
