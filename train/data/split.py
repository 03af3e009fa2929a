"""Who is learned from and who is measured on: by subject, never by scan, and written down."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from train.errors import DataInvalid

__all__ = ["SPLIT", "Split", "make_split", "read_split", "write_split"]


SPLIT = "split.json"
"""Its name in the folder of a run."""


@dataclass(frozen=True, slots=True)
class Split:
    """Subjects by what they are for.

    Raises
    ------
    DataInvalid
        When a subject is in two parts, or nobody is learned from.
    """

    train: tuple[int, ...]
    validation: tuple[int, ...]
    test: tuple[int, ...]

    def __post_init__(self) -> None:
        everyone = self.everyone
        twice = sorted({one for one in everyone if everyone.count(one) > 1})
        if twice:
            text = f"subject {twice[0]} is in two parts of the split; measured on what was learned"
            raise DataInvalid(f"{text} is not measured: delete split.json and fit again")
        if not self.train:
            raise DataInvalid("the split has nobody to learn from; prepare more subjects")

    @property
    def everyone(self) -> tuple[int, ...]:
        """All subjects of all parts."""
        return (*self.train, *self.validation, *self.test)


def make_split(subjects: Sequence[int], *, validation: int, test: int, seed: int) -> Split:
    """Deal ``subjects`` out, the same way for the same seed.

    Parameters
    ----------
    validation, test : int
        How many of each; the others are learned from.
    """
    dealt = [int(one) for one in np.random.default_rng(seed).permutation(sorted(set(subjects)))]
    held = validation + test
    return Split(
        train=tuple(sorted(dealt[held:])),
        validation=tuple(sorted(dealt[test:held])),
        test=tuple(sorted(dealt[:test])),
    )


def write_split(path: Path, split: Split) -> None:
    """Write ``split`` as JSON; who reads meanwhile finds all of it or nothing."""
    beside = path.with_suffix(".part")
    beside.write_text(json.dumps(asdict(split), indent=1) + "\n", encoding="utf-8")
    beside.replace(path)


def read_split(path: Path) -> Split:
    """Return the split in ``path``.

    Raises
    ------
    DataInvalid
        When it cannot be read, or a subject is in two parts.
    """
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        if not all(type(one) is int for part in raw.values() for one in part):
            raise ValueError("a subject is a whole number")
        return Split(**{name: tuple(part) for name, part in raw.items()})
    except FileNotFoundError as exc:
        text = f"no {SPLIT} in {path.parent}"
        raise DataInvalid(f"{text}; run 'dicom-train fit' first: it says who is held out") from exc
    except (AttributeError, OSError, ValueError, TypeError) as exc:
        text = f"{path} is not readable as a split ({exc}); delete it and fit again"
        raise DataInvalid(text) from exc
