"""What is ordered: whose scans, which contrasts go in and which one is to be made."""

from dataclasses import dataclass
from typing import Self

from train.config import Phantoms
from train.errors import RecipeInvalid

__all__ = ["ANATOMIES", "LABELS", "Order"]

LABELS = ("T1", "T2", "PD", "FLAIR", "STIR", "CT", "CBCT", "PT")
ANATOMIES = ("head", "spine")


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Pairs of one kind.

    Parameters
    ----------
    sources : tuple of str
        Contrasts that go in, of :data:`LABELS`; the first gives the grid of all.
    target : str
        The contrast to be made.
    anatomy : str
        Of :data:`ANATOMIES`.
    scans : int
        Of each subject, every one by protocols of its own.
    spacing_mm : float
        Of the body that is scanned: 1 is fine, 1.5 is four times faster.
    shift_mm : float
        How far each source but the first may be moved against the rest, as a subject moves between
        acquisitions.

    Raises
    ------
    RecipeInvalid
        When a contrast or an anatomy is unknown, or a figure cannot be.
    """

    sources: tuple[str, ...] = ("T1",)
    target: str = "CT"
    anatomy: str = "head"
    scans: int = 1
    spacing_mm: float = 1.5
    shift_mm: float = 0.0

    @classmethod
    def of(cls, made: Phantoms) -> Self:
        """Return what the section [phantoms] of a recipe orders."""
        return cls(
            sources=made.sources,
            target=made.target,
            anatomy=made.anatomy,
            scans=made.scans,
            spacing_mm=made.spacing_mm,
            shift_mm=made.shift_mm,
        )

    def __post_init__(self) -> None:
        if unknown := [label for label in (*self.sources, self.target) if label not in LABELS]:
            text = f"no phantom shows {', '.join(unknown)}; there are {', '.join(LABELS)}"
            raise RecipeInvalid(text)
        if not self.sources or len(set(self.sources)) < len(self.sources):
            text = f"sources are {list(self.sources)}; one or more different ones are wanted"
            raise RecipeInvalid(text)
        if self.anatomy not in ANATOMIES:
            text = f"no phantom of anatomy '{self.anatomy}'; there are {', '.join(ANATOMIES)}"
            raise RecipeInvalid(text)
        if self.anatomy == "spine" and "PT" in (*self.sources, self.target):
            raise RecipeInvalid("uptake is known of heads, not of spines; order a head")
        if self.scans < 1 or not 0.5 <= self.spacing_mm <= 8 or not 0 <= self.shift_mm <= 20:
            figures = f"scans {self.scans}, spacing {self.spacing_mm} mm, shift {self.shift_mm} mm"
            raise RecipeInvalid(f"{figures}; from 1, 0.5 to 8, and 0 to 20 are wanted")
