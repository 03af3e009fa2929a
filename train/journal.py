"""What a run leaves for people to look at: a log of losses, and sample pictures."""

import csv
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from train.data import Look
from train.errors import CheckpointInvalid
from train.metrics import tiles

__all__ = ["LOG", "Journal", "picture"]

LOG = "log.csv"
"""Its name in the folder of a run."""
Span = tuple[float, float]


class Journal:
    """The log of one run.

    Parameters
    ----------
    folder : Path
        Gets ``log.csv``: a line for every so many updates.
    done : int
        Updates that the run goes on from. Lines after them are of a process that was cut off, and
        are taken out: they come again. So is a last line without its end.

    Raises
    ------
    CheckpointInvalid
        When what is there under its name is no log of a run.
    """

    def __init__(self, folder: Path, done: int) -> None:
        self.path = folder / LOG
        self.seen: dict[str, list[float]] = {}
        lines, cut = _lines(self.path)
        kept = [line for line in lines if _count(self.path, line, "step") <= done]
        if cut or len(kept) < len(lines):
            beside = self.path.with_suffix(".part")
            beside.unlink(missing_ok=True)
            for line in kept:
                _append(beside, line)
            if kept:
                beside.replace(self.path)
            else:
                self.path.unlink()
        self.began = time.monotonic() - (_count(self.path, kept[-1], "seconds") if kept else 0)

    def note(self, losses: Mapping[str, float]) -> None:
        """Remember the losses of one update until the next line."""
        for name, value in losses.items():
            self.seen.setdefault(name, []).append(value)

    def write(self, step: int, error: float) -> None:
        """Add a line: the mean of every loss since the last, and the error on others' scans."""
        row: dict[str, Any] = {"step": step, "seconds": round(time.monotonic() - self.began)}
        row["validation"] = round(error, 6)
        row |= {name: round(float(np.mean(self.seen[name])), 5) for name in sorted(self.seen)}
        self.seen.clear()
        _append(self.path, row)


def picture(
    looks: Sequence[Look], made: Sequence[Tensor], spans: tuple[Span, Span]
) -> NDArray[np.uint8]:
    """Return sources, synthetic and truth row under row, a column for each look.

    Of volumes the middle slice is shown.

    Parameters
    ----------
    made : sequence of (1, 1, ...)
        What the network makes of each look.
    spans : ((low, high), (low, high))
        Black and white, of the sources and of the targets.
    """
    columns = [
        [_grey(channel, spans[0]) for channel in look.source[0]]
        + [_grey(one[0, 0], spans[1]) for one in (image, look.target)]
        for look, image in zip(looks, made, strict=True)
    ]
    sides = np.array([column[0].shape for column in columns]).max(axis=0)
    return tiles([[_padded(image, sides) for image in row] for row in zip(*columns, strict=True)])


def _lines(path: Path) -> tuple[list[dict[str, str]], bool]:
    """Return the lines that were written to their end, and whether there was one more."""
    if not path.is_file():
        return [], False
    try:
        text = path.read_bytes().decode("utf-8")
        lines = text.splitlines(keepends=True)
        whole = [line for line in lines if line.endswith("\n")]
        rows = csv.DictReader(whole, strict=True)
        return list(rows), len(whole) < len(lines)
    except (UnicodeDecodeError, csv.Error) as exc:
        raise _foreign(path, "it is no table of text") from exc


def _count(path: Path, line: Mapping[str, Any], column: str) -> int:
    seen = line.get(column)
    if not isinstance(seen, str) or not seen.isdecimal():
        raise _foreign(path, f"{column} is {seen!r} in a line of it, a whole number is wanted")
    return int(seen)


def _foreign(path: Path, why: str) -> CheckpointInvalid:
    text = f"{path} is no log of a run: {why}"
    return CheckpointInvalid(f"{text}; move it away, and learning goes on with a new one")


def _append(path: Path, row: Mapping[str, Any]) -> None:
    """Add ``row``; the first one of a file says what its columns are."""
    with path.open("a+", newline="", encoding="utf-8") as file:
        file.seek(0)
        names = next(csv.reader(file), [])
        writer = csv.DictWriter(file, names or list(row), extrasaction="ignore", restval="")
        if not names:
            writer.writeheader()
        writer.writerow(row)


def _grey(image: Tensor, span: Span) -> NDArray[np.float32]:
    """Return a slice, or the middle one of a volume, with ``span`` from -1 to 1."""
    flat = image if image.ndim == 2 else image[image.shape[0] // 2]
    low, high = span
    return np.asarray((flat.numpy() - low) / (high - low) * 2 - 1, dtype=np.float32)


def _padded(image: NDArray[np.float32], sides: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return ``image`` on black of a common size."""
    rows, columns = sides - image.shape
    return np.pad(image, ((0, rows), (0, columns)), constant_values=-1)
