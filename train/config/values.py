"""What a recipe says, as frozen values."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from train.errors import RecipeInvalid

__all__ = [
    "Accepts",
    "Baseline",
    "Cohort",
    "Gate",
    "Learning",
    "Model",
    "Phantoms",
    "Preparation",
    "Recipe",
]


@dataclass(frozen=True, slots=True)
class Phantoms:
    """Who is made, and what is made of them.

    Parameters
    ----------
    anatomy : {"head", "spine"}
    sources : tuple of str
        Labels of what the network is given, one channel each, in this order.
    target : str
        Label of what it makes.
    first_seed, subjects, scans : int
        Seeds count up from the first, one per subject; scans of each.
    spacing_mm : float
        Of the subjects that are scanned.
    validation, test : int
        How many subjects are not learned from.
    shift_mm : float
        Longest way that one source lies beside another: patients move between series.
    """

    anatomy: str
    sources: tuple[str, ...]
    target: str
    first_seed: int
    subjects: int
    scans: int
    spacing_mm: float
    validation: int
    test: int
    shift_mm: float = 0.0

    @property
    def seeds(self) -> range:
        """One seed per subject."""
        return range(self.first_seed, self.first_seed + self.subjects)


@dataclass(frozen=True, slots=True)
class Cohort:
    """Who of an archive is learned from: persons whose pairs ``dicom-train pairs`` has written.

    Which part a person belongs to follows from the salt and the pseudonym alone, so that nobody
    changes sides when others join.

    Parameters
    ----------
    anatomy : str
        For people.
    sources, target
        As of :class:`Phantoms`.
    salt : str
        Another one deals persons out another way.
    held_out : float
        Share of the persons who are measured on; learning cannot open their files.
    watched : float
        Share who are only looked at while learning, and whom limits are set on.
    """

    anatomy: str
    sources: tuple[str, ...]
    target: str
    salt: str
    held_out: float = 0.2
    watched: float = 0.1


@dataclass(frozen=True, slots=True)
class Preparation:
    """What happens between a scan and the network: written into the bundle word for word.

    Parameters
    ----------
    steps : tuple of mapping
        As :class:`engine.preprocess.Chain` takes them.
    window : (low, high)
        Of the result, in ``unit``, onto the network's range.
    outside : float
        The result where the network never looked, in ``unit``.
    unit : str
        Of the result.
    onto : (low, high)
        The network's range.
    relative : float
        For MR, which has no unit: the truth is scaled by what this share of the body's voxels lie
        below; 0 leaves it.
    headroom : float
        The window's high end is this many times that brightness.
    generate : mapping
        How slices or windows become a volume: ``{"how": "slices"}``, ``{"how": "whole"}`` or
        ``{"how": "windows", "size": [z, y, x], "overlap": 0.5}``.
    """

    steps: tuple[Mapping[str, Any], ...]
    window: tuple[float, float]
    outside: float
    unit: str
    onto: tuple[float, float] = (-1.0, 1.0)
    relative: float = 0.0
    headroom: float = 1.0
    generate: Mapping[str, Any] = field(default_factory=lambda: {"how": "slices"})


@dataclass(frozen=True, slots=True)
class Learning:
    """The network and the loop.

    Parameters
    ----------
    system, preset : str
        See :mod:`train.systems`.
    seed : int
        Of the weights, of what is drawn and how it is changed.
    steps, batch : int
        Updates, and slices, tiles, patches or volumes in each, all processes together.
    network : str
        The generator, as :func:`engine.models.build` knows it; the system's own unless said.
    threads : int
        Of the CPU; sums depend on it in the last bit.
    report_every, save_every : int
        Updates from one line of the log to the next, and from one checkpoint and picture.
    patience : int
        Stop after so many updates without a smaller error on others' scans, and serve the weights
        of the smallest; 0 for never.
    precision : {"fp32", "bf16"}
        Of what the networks compute; losses, norms and weights stay fp32.
    start : str
        Folder of a bundle whose weights are learned on from, beside the recipe's file; afresh where
        empty. Which weights they were stands in the checkpoint.
    draw : {"slices", "tiles", "patches", "volumes"}
        What a batch is made of.
    patch : (Z, Y, X)
        Size of a patch, or of a tile of one slice (Z = 1), in voxels.
    paired : bool
        Whether source and target of a batch are of one scan; False learns from unpaired sets.
    sizes, settings : mapping
        Of the generator; what differs from the preset.
    augment : mapping
        See :class:`train.data.Augment`.
    """

    system: str
    preset: str
    seed: int
    steps: int
    batch: int
    network: str = ""
    threads: int = 2
    report_every: int = 50
    save_every: int = 250
    patience: int = 0
    precision: str = "fp32"
    start: str = ""
    draw: str = "slices"
    patch: tuple[int, int, int] = (48, 48, 48)
    paired: bool = True
    sizes: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    augment: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.network:
            object.__setattr__(self, "network", self.system)


@dataclass(frozen=True, slots=True)
class Baseline:
    """The regression that a system is held against: same network, sizes and data, no adversary.

    Parameters
    ----------
    preset : str
        Of the system ``regression``; the learning's own unless said.
    steps : int
        Updates; as many as the system's where 0.
    settings : mapping
        What differs from the preset of the system ``regression``.
    """

    preset: str = ""
    steps: int = 0
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Gate:
    """Who the limits of the model's gate are set on: subjects that nothing is learned from.

    Parameters
    ----------
    first_seed, subjects : int
        Seeds count up from the first, one per subject.
    """

    first_seed: int
    subjects: int

    @property
    def seeds(self) -> range:
        """One seed per subject."""
        return range(self.first_seed, self.first_seed + self.subjects)


@dataclass(frozen=True, slots=True)
class Accepts:
    """What the model may be given: see :class:`engine.task.Contract`; no limits where empty."""

    labels: tuple[str, ...]
    anatomy: tuple[str, ...]
    body_part: str
    min_slices: int
    pixel_spacing_mm: tuple[float, float]
    slice_step_mm: tuple[float, float]
    extent_mm: tuple[float, float]
    contrast_agent: bool
    planes: tuple[str, ...] = ()
    age_years: tuple[float, ...] = ()
    field_strength_t: tuple[float, ...] = ()
    unstated: str = "refuse"
    distortion_corrected: bool = False


@dataclass(frozen=True, slots=True)
class Model:
    """What the bundle says of the model."""

    version: str
    description: str
    makes: str
    learned_from: str
    authors: str
    copyright: str
    licence: str
    intended_use: str
    limits: tuple[str, ...]
    references: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Recipe:
    """One file of ``conf/train``, read and checked."""

    name: str
    pairs: Phantoms | Cohort
    preparation: Preparation
    learning: Learning
    accepts: Accepts
    model: Model
    baseline: Baseline | None = None
    gate: Gate | None = None

    @property
    def section(self) -> str:
        """What the section is called that says what is learned from."""
        return "cohort" if isinstance(self.pairs, Cohort) else "phantoms"

    @property
    def phantoms(self) -> Phantoms:
        """Who is made for it.

        Raises
        ------
        RecipeInvalid
            When it learns from the persons of a cohort.
        """
        if isinstance(self.pairs, Cohort):
            text = f"{self.name} learns from the persons of a cohort"
            raise RecipeInvalid(f"{text}: no phantoms are made for it; name its pairs with --data")
        return self.pairs

    @property
    def digest(self) -> str:
        """SHA-256 over all that decides what is learned; words about the model do not."""
        parts = {key: asdict(getattr(self, key)) for key in ("preparation", "learning")}
        del parts["learning"]["start"]  # a folder; the checkpoint has the weights
        parts[self.section] = asdict(self.pairs)
        if self.preparation.headroom == 1:  # came later: recipes without it are what they were
            del parts["preparation"]["headroom"]
        text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def regression(self) -> "Recipe":
        """Return the recipe of ``[baseline]``: all as here, but learned without an adversary.

        Raises
        ------
        RecipeInvalid
            When there is no such section.
        """
        if self.baseline is None:
            raise RecipeInvalid(f"{self.name}: no section [baseline]; add one to learn it")
        learning = replace(
            self.learning,
            system="regression",
            preset=self.baseline.preset or self.learning.preset,
            steps=self.baseline.steps or self.learning.steps,
            settings=self.baseline.settings,
            paired=True,
        )
        return replace(self, name=f"{self.name}-regression", learning=learning, baseline=None)
