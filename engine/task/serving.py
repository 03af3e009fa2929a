"""What stands around a network, as values: how it goes over a volume, and what its answer means."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Any, Literal, Self, cast

from engine.task.parts import Part, is_number

__all__ = ["Generation", "NamedFile", "Output"]

How = Literal["slices", "windows", "whole"]
_HOWS = ("slices", "windows", "whole")


@dataclass(frozen=True, slots=True)
class NamedFile:
    """Where a bundle keeps a file, and the SHA-256 (hex) of that file."""

    file: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Generation:
    """How a network goes over a volume.

    Parameters
    ----------
    how : {"slices", "windows", "whole"}
        A 2D network slice by slice; a 3D network in overlapping windows, or over all at once.
    size : (Z, Y, X)
        Of a window, in voxels; empty unless there are windows.
    overlap : float
        Share of a window that the next one covers again, 0 to below 1.
    """

    how: How = "slices"
    size: tuple[int, ...] = ()
    overlap: float = 0.0

    @classmethod
    def of(cls, values: Mapping[str, Any], where: str = "generate") -> Self:
        """Check ``{"how": "slices"}``, or ``whole``, or ``windows`` with a size and an overlap.

        Raises
        ------
        SpecError
            Naming ``where`` the mapping stands, the key and what is wanted.
        """
        part = Part(where, values)
        how = cast(How, part.label("how", _HOWS))
        if how != "windows":
            part.only(("how",))
            return cls(how)
        part.only(("how", "size", "overlap"))
        size, overlap = values.get("size"), part.number("overlap")
        if not isinstance(size, list | tuple) or len(size) != 3 or not all(map(_is_size, size)):
            raise part.refused("size", "three whole numbers of voxels (Z, Y, X)")
        if not 0 <= overlap < 1:
            raise part.refused("overlap", "a share from 0 to below 1")
        return cls(how, tuple(size), overlap)

    def record(self) -> dict[str, Any]:
        """Return the numbers, as JSON would hold them."""
        if self.how != "windows":
            return {"how": self.how}
        return {"how": self.how, "size": list(self.size), "overlap": self.overlap}


@dataclass(frozen=True, slots=True)
class Output:
    """What a network's answer means.

    Parameters
    ----------
    window : (low, high)
        Of the result, in ``unit``.
    onto : (low, high)
        The network's range: what the ends of the window were learned as.
    outside : float
        The result, in ``unit``, where the network never looked.
    unit : str
        Of the result: ``HU``, ``1`` for arbitrary MR intensity, ``SUVR``.
    relative : float
        Where intensity is arbitrary: the quantile of the body that true images were scaled by
        before learning. 0: values are absolute.
    headroom : float
        The window's high end is this many times that quantile; 1 unless said.
    """

    window: tuple[float, float]
    outside: float
    unit: str
    onto: tuple[float, float] = (-1.0, 1.0)
    relative: float = 0.0
    headroom: float = 1.0

    @classmethod
    def of(cls, values: Mapping[str, Any], where: str = "output") -> Self:
        """Check ``{"window": [low, high], "outside": value, "unit": text}``.

        ``"onto"``, ``"relative"`` and ``"headroom"`` are said where they differ from the usual.

        Raises
        ------
        SpecError
            Naming ``where`` the mapping stands, the key and what is wanted.
        """
        part = Part(where, values)
        part.only(("window", "onto", "outside", "unit", "relative", "headroom"))
        relative = values.get("relative", 0.0)
        if not is_number(relative) or not (relative == 0 or 0.5 <= relative <= 1):
            raise part.refused("relative", "a share from 0.5 to 1, or 0,")
        headroom = values.get("headroom", 1.0)
        if not is_number(headroom) or not 1 <= headroom < inf:
            raise part.refused("headroom", "a number of 1 or more")
        if headroom != 1 and relative == 0:
            raise part.refused("headroom", "relative beside it, or no headroom,")
        return cls(
            window=part.range("window"),
            outside=part.number("outside"),
            unit=part.text("unit"),
            onto=part.range("onto") if "onto" in values else (-1.0, 1.0),
            relative=float(relative),
            headroom=float(headroom),
        )


def _is_size(value: Any) -> bool:
    return type(value) is int and value >= 1
