"""What is known of one series once it has been looked at."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

from engine.io import Stack
from engine.reason import Reason

__all__ = ["Findings", "Label", "Verdict"]

Verdict = Literal["accept", "refuse"]


class Label(StrEnum):
    """What a series shows, in one word. The first nine are those that a task may take.

    Fat-suppressed weightings have words of their own: no task that takes ``T1`` was taught on an
    image whose fat is dark. ``MIXED`` is a series with two weightings in it, ``MAPPING`` the images
    and maps of a measurement of relaxation.
    """

    T1 = "T1"
    T1CE = "T1CE"
    T2 = "T2"
    PD = "PD"
    FLAIR = "FLAIR"
    STIR = "STIR"
    CT = "CT"
    CBCT = "CBCT"
    PT = "PT"
    T1_FS = "T1_FS"
    T2_FS = "T2_FS"
    PD_FS = "PD_FS"
    MIXED = "MIXED"
    DWI = "DWI"
    ADC = "ADC"
    EPI = "EPI"
    PERFUSION = "PERFUSION"
    MRA = "MRA"
    SWI = "SWI"
    FIELD_MAP = "FIELD_MAP"
    PHASE = "PHASE"
    MAPPING = "MAPPING"
    LOCALIZER = "LOCALIZER"
    DERIVED = "DERIVED"
    SR = "SR"
    OTHER = "OTHER"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, eq=False, slots=True)
class Findings:
    """A series understood.

    Parameters
    ----------
    label : Label
        What it shows.
    synthetic : bool
        Whether any instance was made, not acquired, as far as its header tells.
    modality, description : str
        (0008,0060) and (0008,103E) as they stand; they decide nothing.
    instances : int
        Files that were looked at.
    reasons : tuple of Reason
        Why it is not one sound volume of acquired grey-scale pixels; empty when it is one.
    chosen : Stack or None
        The one stack of its slices, where these lie on one lattice.
    header : mapping
        Keyword to plain value, of the first slice; for the conditions of rules.
    kinds : tuple of mapping
        The headers of the stack, one for each kind of slice: a contract is held against all.
    slices : int
        Different places along the stack; of the largest part where the series falls into several.
    contrast_agent : bool
        Whether an agent was given, or may have been.
    """

    label: Label
    synthetic: bool
    modality: str
    description: str
    instances: int
    reasons: tuple[Reason, ...]
    chosen: Stack | None
    header: Mapping[str, Any]
    slices: int
    contrast_agent: bool
    kinds: tuple[Mapping[str, Any], ...] = ()

    @property
    def verdict(self) -> Verdict:
        """About the series itself; what a task thinks of it is another matter."""
        return "refuse" if self.reasons else "accept"

    @property
    def pixel_spacing_mm(self) -> tuple[float, float] | None:
        """Between rows, and between columns; None without a lattice."""
        if self.chosen is None or self.chosen.grid is None:
            return None
        return self.chosen.grid.spacing_mm[1], self.chosen.grid.spacing_mm[2]

    @property
    def slice_step_mm(self) -> float | None:
        """From slice to slice; None without a lattice."""
        if self.chosen is None or self.chosen.grid is None:
            return None
        return self.chosen.grid.spacing_mm[0]

    @property
    def extent_mm(self) -> tuple[float, float, float] | None:
        """Field of view along the stack, down the columns and along the rows; None without one."""
        if self.chosen is None or self.chosen.grid is None:
            return None
        return self.chosen.grid.extent_mm
