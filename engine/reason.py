"""Reason codes: why something was refused, in one word that stays and one sentence for people."""

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Code", "Reason"]


class Code(StrEnum):
    """Every reason the node gives. The words are a public contract: add, never rename."""

    GEOM_GAP = "GEOM_GAP"
    GEOM_SPACING = "GEOM_SPACING"
    GEOM_DUPLICATE = "GEOM_DUPLICATE"
    GEOM_TILT = "GEOM_TILT"
    GEOM_ORIENTATION = "GEOM_ORIENTATION"
    GEOM_SINGLE = "GEOM_SINGLE"
    GEOM_MISSING = "GEOM_MISSING"
    LOCALIZER = "LOCALIZER"
    DERIVED = "DERIVED"
    PHASE = "PHASE"
    MOSAIC = "MOSAIC"
    EPI = "EPI"
    DIFFUSION = "DIFFUSION"
    PERFUSION = "PERFUSION"
    COLOUR = "COLOUR"
    BURNED_IN = "BURNED_IN"
    LOSSY = "LOSSY"
    SYNTHETIC = "SYNTHETIC"
    MULTI_ECHO = "MULTI_ECHO"
    MULTI_PHASE = "MULTI_PHASE"
    CONTRAST_AGENT = "CONTRAST_AGENT"
    SEQUENCE_UNKNOWN = "SEQUENCE_UNKNOWN"
    SEQUENCE_CONFLICT = "SEQUENCE_CONFLICT"
    SEQUENCE_WRONG = "SEQUENCE_WRONG"
    ANATOMY_WRONG = "ANATOMY_WRONG"
    ANATOMY_UNKNOWN = "ANATOMY_UNKNOWN"
    ANGIOGRAPHY = "ANGIOGRAPHY"
    SUSCEPTIBILITY = "SUSCEPTIBILITY"
    FIELD_MAP = "FIELD_MAP"
    MATRIX_MIXED = "MATRIX_MIXED"
    SPECIES = "SPECIES"
    FIELD_STRENGTH = "FIELD_STRENGTH"
    DISTORTION_UNCORRECTED = "DISTORTION_UNCORRECTED"
    FOV_OUTSIDE = "FOV_OUTSIDE"
    SPACING_OUTSIDE = "SPACING_OUTSIDE"
    TOO_FEW_SLICES = "TOO_FEW_SLICES"
    AGE_OUTSIDE = "AGE_OUTSIDE"
    IDENTITY_CONFLICT = "IDENTITY_CONFLICT"
    IDENTITY_INVALID = "IDENTITY_INVALID"
    PIXELS_UNREADABLE = "PIXELS_UNREADABLE"
    NOT_AN_IMAGE = "NOT_AN_IMAGE"
    OUT_OF_DISTRIBUTION = "OUT_OF_DISTRIBUTION"
    QC_FAILED = "QC_FAILED"
    OUTPUT_INVALID = "OUTPUT_INVALID"
    MODEL_MISSING = "MODEL_MISSING"
    MODEL_UNSIGNED = "MODEL_UNSIGNED"
    MODEL_TAMPERED = "MODEL_TAMPERED"
    CHILD_DIED = "CHILD_DIED"
    NO_MEMORY = "NO_MEMORY"
    NO_SPACE = "NO_SPACE"
    SUPERSEDED = "SUPERSEDED"
    CANCELLED = "CANCELLED"


@dataclass(frozen=True, slots=True)
class Reason:
    """One code with the sentence that says what was seen and what was wanted; names no patient."""

    code: Code
    text: str

    def __str__(self) -> str:
        return f"{self.code}: {self.text}"
