"""A cohort file: one TOML file that says which series may teach a model."""

from datetime import date, time
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from dicom_node.sections import Section
from dicom_node.toml import read_file

__all__ = ["Between", "Cohort", "Draw", "Exclude", "Scanners", "read_cohort"]

_Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,47}$")]
_Word = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
_HERE = "here"


def _time(text: object) -> object:
    """Return the time of day that a text is: TOML has one of its own, with seconds."""
    found = time.fromisoformat(text) if isinstance(text, str) else text
    if isinstance(found, time) and found.tzinfo is not None:
        raise ValueError("a local time is wanted, without a zone")
    return found


_Time = Annotated[time, BeforeValidator(_time)]


class Between(Section):
    """``[between]``: when the studies were made, and how far apart a pair may lie."""

    first: date = date.min
    last: date = date.max
    days_apart: Annotated[int, Field(ge=0, le=36_500)] = 30

    @model_validator(mode="after")
    def _ordered(self) -> "Between":
        if self.first > self.last:
            text = f"first = {self.first} is later than last = {self.last}"
            raise ValueError(f"{text}; exchange them")
        return self


class Scanners(Section):
    """``[scanners]``: whose images; what a scanner leaves out counts as another's."""

    manufacturers: tuple[_Word, ...] = ()
    models: tuple[_Word, ...] = ()
    field_strength_t: tuple[float, float] | None = None

    @model_validator(mode="after")
    def _a_range(self) -> "Scanners":
        limits = self.field_strength_t
        if limits is not None and not 0 < limits[0] <= limits[1]:
            text = f"field_strength_t = {list(limits)} is no range"
            raise ValueError(f"{text}; [lowest, highest] in tesla is wanted")
        return self


class Draw(Section):
    """``[draw]``: when a PACS is drawn from, and how gently.

    Parameters
    ----------
    hours : (time, time) or None
        From when until when, local time; the second may be the next morning's. None: at any time.
    pause_s : float
        Between one question or retrieval and the next.
    series_s : float
        How long one retrieval may take.
    """

    hours: tuple[_Time, _Time] | None = None
    pause_s: Annotated[float, Field(ge=0, le=3600)] = 0.2
    series_s: Annotated[float, Field(ge=1, le=86_400)] = 600.0

    @model_validator(mode="after")
    def _some_time(self) -> "Draw":
        if self.hours is not None and self.hours[0] == self.hours[1]:
            text = f"hours begin and end at {self.hours[0]:%H:%M}"
            raise ValueError(f"{text}; leave hours out for any time")
        return self


class Exclude(Section):
    """``[exclude]``: what is left out whatever it shows."""

    patients: tuple[_Word, ...] = ()
    studies: tuple[_Word, ...] = ()
    words: tuple[_Word, ...] = ()


class Cohort(Section):
    """Which series may teach a model.

    Parameters
    ----------
    name : str
        Of the cohort; small letters, digits, ``-`` and ``_``.
    task : str
        A task of the configuration: the labels that it needs are the sources, what it makes is the
        target, and its model's contract says what a source may be, anatomy included.
    archive : str
        ``here``, or the name of a peer that is drawn from: of the days of ``between``, both of
        which have to be said then.
    contrast_agent : bool
        Whether a series may be taken for which an agent was given, or may have been.
    """

    name: _Name
    task: _Word
    archive: _Word = _HERE
    contrast_agent: bool = False
    between: Between = Between()
    scanners: Scanners = Scanners()
    exclude: Exclude = Exclude()
    draw: Draw = Draw()

    @model_validator(mode="after")
    def _drawn_by_days(self) -> "Cohort":
        if self.is_here and self.draw != Draw():
            raise ValueError("[draw] is of an archive elsewhere; name it with archive = …")
        open_ended = date.min == self.between.first or date.max == self.between.last
        if not self.is_here and open_ended:
            text = f"archive = '{self.archive}' is drawn from day by day"
            raise ValueError(f"{text}; say first and last of [between]")
        return self

    @property
    def is_here(self) -> bool:
        """Whether it is chosen from this node's own archive."""
        return self.archive == _HERE


def read_cohort(path: Path) -> Cohort:
    """Read a cohort file.

    Raises
    ------
    SettingsError
        With every mistake of the file; each names key and remedy.
    """
    return read_file(path, Cohort)
