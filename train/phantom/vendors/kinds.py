"""What a header style is: one sequence as one vendor's scanner writes it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Private", "Sequence", "Style"]


@dataclass(frozen=True, slots=True)
class Sequence:
    """The numbers and names of one pulse sequence.

    Parameters
    ----------
    label : str
        What it shows: see :data:`train.phantom.order.LABELS`.
    description : str
        Series Description, and Protocol Name unless the style has its own.
    image_type : tuple of str
        (0008,0008).
    tr, te, ti : float or None
        Milliseconds.
    flip : float or None
        Degrees.
    train : int
        Echo train length.
    dimension : str
        ``2D`` or ``3D``.
    scanning, variant, options : tuple of str
        (0018,0020), (0018,0021), (0018,0022); classic objects only.
    vendor_name : str
        (0018,0024) in classic objects, (0018,9005) in Enhanced ones.
    """

    label: str
    description: str
    image_type: tuple[str, ...]
    tr: float | None = None
    te: float | None = None
    ti: float | None = None
    flip: float | None = None
    train: int = 1
    dimension: str = "3D"
    scanning: tuple[str, ...] = ()
    variant: tuple[str, ...] = ("NONE",)
    options: tuple[str, ...] = ()
    vendor_name: str = ""


@dataclass(frozen=True, slots=True)
class Private:
    """One private element: group, creator, element within the creator's block, VR and value."""

    group: int
    creator: str
    element: int
    vr: str
    value: Any


@dataclass(frozen=True, slots=True)
class Style:
    """How one vendor writes one sequence.

    Parameters
    ----------
    name : str
        What it is asked for by.
    modality : str
        ``MR``, ``CT`` or ``PT``.
    equipment : mapping
        Attributes of the scanner.
    sequence : Sequence
        What was acquired.
    enhanced : bool
        One multi-frame object instead of one object a slice.
    body_part : str
        (0018,0015); empty where the vendor leaves it out.
    protocol : str
        (0018,1030); the series description where empty.
    attributes : mapping
        What else stands at the root, by keyword.
    private : tuple of Private
        Private elements that tell a sequence.
    errors : tuple of str
        Keywords by which real objects of this kind break the standard, and these do too.
    """

    name: str
    modality: str
    equipment: Mapping[str, Any]
    sequence: Sequence
    enhanced: bool = False
    body_part: str = "HEAD"
    protocol: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    private: tuple[Private, ...] = ()
    errors: tuple[str, ...] = ()
