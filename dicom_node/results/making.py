"""What a result is made of, as values."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Self

import numpy as np
from pydicom.dataset import Dataset

from dicom_node.results.uids import held_kind
from engine.reason import Reason
from engine.task import Task
from engine.volume import FrameRef

if TYPE_CHECKING:
    from engine.pipeline import Synthesis

__all__ = ["Making", "Plane", "SeriesMade", "Site", "SourceSeries"]


@dataclass(frozen=True, slots=True)
class Plane:
    """Where one slice lies, in the numbers that are written.

    Parameters
    ----------
    position_mm : (x, y, z)
        Image Position (Patient), centre of the first voxel.
    orientation : six cosines
        Of a row, then of a column.
    spacing_mm : (between rows, between columns)
    """

    position_mm: tuple[float, ...]
    orientation: tuple[float, ...]
    spacing_mm: tuple[float, ...]

    def is_at(self, other: Self) -> bool:
        """Whether two slices are the same in place, orientation and spacing, over a usual width."""
        place = np.abs(np.subtract(self.position_mm, other.position_mm)).max()
        turn = np.abs(np.subtract(self.orientation, other.orientation)).max()
        size = np.abs(np.subtract(self.spacing_mm, other.spacing_mm)).max()
        return bool(max(place, _WIDTH_MM * turn, _VOXELS * size) < _NEAR_MM)


_NEAR_MM, _WIDTH_MM, _VOXELS = 0.01, 250.0, 256
"""The same place; over the width and the voxels of a usual slice."""


@dataclass(frozen=True, slots=True)
class Site:
    """What results say of the place that makes them.

    Parameters
    ----------
    node_uid : str
        The installation's device UID.
    institution : str
        Institution Name; empty for none.
    qualification : str
        Content Qualification: RESEARCH, SERVICE; PRODUCT only for what was released as one.
    """

    node_uid: str
    institution: str = ""
    qualification: str = "RESEARCH"


@dataclass(frozen=True, slots=True)
class SourceSeries:
    """One series that the result was made from.

    Parameters
    ----------
    label : str
        What it shows.
    header : Dataset
        One instance of it, pixels aside.
    frames : sequence of FrameRef
        Every slice, in the order of the volume.
    planes : sequence of Plane
        Where each slice lies, as the source says it.
    """

    label: str
    header: Dataset
    frames: Sequence[FrameRef]
    planes: Sequence[Plane]


@dataclass(frozen=True, eq=False, slots=True)
class Making:
    """Everything that a result's bytes depend on.

    Parameters
    ----------
    job_key : str
        From which every UID is derived.
    created_at : datetime
        The job's, in any zone; it is written in that of the source, else in UTC.
    task : Task
        With the grid of the result.
    recognizable : bool
        Whether a person may be recognised by it, as by a face; so it is unless it is told apart.
    held : tuple of Reason
        Why it waits for a person, where a copy of it is made that says so; empty for the result.
    """

    job_key: str
    created_at: datetime
    task: Task
    grid: str
    site: Site
    sources: Sequence[SourceSeries]
    synthesis: "Synthesis"
    recognizable: bool = True
    held: tuple[Reason, ...] = ()

    @property
    def kind(self) -> str:
        """The kind of output that UIDs are derived of."""
        return held_kind(self.task.makes) if self.held else self.task.makes


@dataclass(frozen=True, slots=True)
class SeriesMade:
    """A finished series: its UID, and its objects in slice order."""

    series_uid: str
    datasets: tuple[Dataset, ...]
