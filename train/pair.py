"""A prepared pair, source and target on one grid, and the file that holds it.

Phantoms are written as such files and learning reads them, so a machine that learns needs none of
what phantoms are made with.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from engine.errors import EngineError
from engine.volume import Grid, Volume
from train.errors import DataInvalid

__all__ = ["LAYOUT", "Pair", "read_about", "read_pair", "write_pair"]

LAYOUT = 1
"""Of the files; raised when an array of them is renamed or means something else."""
_NAMES = ("source", "target", "body", "affine", "about")


@dataclass(frozen=True, eq=False, slots=True)
class Pair:
    """A scan and what is true in the same voxels.

    Parameters
    ----------
    source : Volume
        MR intensities from 0.
    target : Volume
        Hounsfield units, on the same grid.
    body : (Z, Y, X) bool
        The head, its air cavities included.
    about : mapping
        At least ``subject`` and ``scan``; for phantoms also label and protocol, as JSON holds them.
    """

    source: Volume
    target: Volume
    body: NDArray[np.bool_]
    about: Mapping[str, Any]

    def __post_init__(self) -> None:
        if not self.source.grid.same_as(self.target.grid) or self.body.shape != self.source.shape:
            raise DataInvalid("source, target and body of a pair lie on one grid; these do not")


def write_pair(folder: Path, pair: Pair) -> Path:
    """Write ``<folder>/s<subject>-<scan>.npz`` and return its path; same pair, same bytes.

    Values are rounded: MR to unsigned, HU to signed integers of 16 bits.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"s{pair.about['subject']:05d}-{pair.about['scan']}.npz"
    about = json.dumps({**pair.about, "layout": LAYOUT}, sort_keys=True)
    np.savez(
        path,
        source=np.round(pair.source.voxels).astype(np.uint16),
        target=np.round(pair.target.voxels).astype(np.int16),
        body=np.packbits(pair.body),
        affine=pair.source.affine,
        about=np.array(about),
    )
    return path


def read_about(path: Path) -> dict[str, Any]:
    """Return what a file says about its pair, its voxels unread.

    Raises
    ------
    DataInvalid
        When the file is no pair, or of another layout.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            if missing := [name for name in _NAMES if name not in arrays]:
                raise DataInvalid(f"{path.name} lacks {', '.join(missing)}; prepare it again")
            about = json.loads(str(arrays["about"]))
    except (OSError, ValueError, BadZipFile) as exc:
        text = f"{path.name} is no prepared pair ({exc}); make it with 'dicom-train phantom'"
        raise DataInvalid(text) from exc
    if not isinstance(about, dict) or about.get("layout") != LAYOUT:
        seen = about.get("layout") if isinstance(about, dict) else None
        raise DataInvalid(f"{path.name} has layout {seen}, {LAYOUT} is wanted; prepare it again")
    return about


def read_pair(path: Path) -> Pair:
    """Return the pair in ``path``.

    Raises
    ------
    DataInvalid
        When the file is no pair, of another layout, or its arrays do not fit together.
    """
    about = read_about(path)
    try:
        with np.load(path, allow_pickle=False) as arrays:
            source, target = arrays["source"].astype(np.float32), arrays["target"]
            z, y, x = source.shape
            body = np.unpackbits(arrays["body"], count=z * y * x).reshape(z, y, x).astype(bool)
            grid = Grid((z, y, x), arrays["affine"])
        truth = Volume(target.astype(np.float32), grid, unit="HU")
        return Pair(Volume(source, grid), truth, body, about)
    except (OSError, ValueError, BadZipFile, EngineError) as exc:
        raise DataInvalid(f"{path.name} does not fit together: {exc}; prepare it again") from exc
