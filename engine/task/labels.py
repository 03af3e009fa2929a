"""The labels of series: what a task may need, and what it may make."""

from collections.abc import Sequence
from typing import Any

__all__ = ["LABELS_MADE", "LABELS_MR", "LABELS_TAKEN", "UNITS", "are_labels"]

LABELS_TAKEN = ("T1", "T1CE", "T2", "PD", "FLAIR", "STIR", "CT", "CBCT", "PT")
LABELS_MR = ("T1", "T1CE", "T2", "PD", "FLAIR", "STIR")
LABELS_MADE = ("T1", "T1CE", "T2", "PD", "FLAIR", "STIR", "CT", "PT")
UNITS = {"CT": ("HU",), "PT": ("SUVR",), **dict.fromkeys(LABELS_MR, ("1",))}
"""What a result of a label may count: Hounsfield units, a ratio of uptakes, or arbitrary MR
intensity. PET objects are written as a ratio, so uptake in g/ml would be called what it is not."""


def are_labels(value: Any, known: Sequence[str]) -> bool:
    """Whether ``value`` is a list of at least one of ``known``."""
    return isinstance(value, list) and bool(value) and all(label in known for label in value)
