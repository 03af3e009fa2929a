"""``python -m benchmarks.pairs``: sound pairs and spoilt ones, and which of them are left out."""

import argparse
import json
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch

from engine.volume import Grid, Volume
from train.cohort import judge
from train.phantom import Order, Template, draw_subject, read_template, scan_pair

RESULTS = Path("benchmarks/results")
FIRST = 80_000
SPACING_MM = 4.0
_ONE, _OTHER = "1.2.826.1", "1.2.826.2"
"""Frames of reference: that of the source, and another."""
_VOXELS = 3
SOUND = ("sound, one frame of reference", "sound, lying elsewhere")


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of one pair."""

    kind: str
    seed: int
    faults: tuple[str, ...]
    figures: Mapping[str, float]


def _still(source: Volume, target: Volume, _: int) -> tuple[Volume, Volume]:
    return source, target


def _elsewhere(source: Volume, target: Volume, seed: int) -> tuple[Volume, Volume]:
    """Turn and move the target with its header, as another session lies."""
    rng = np.random.default_rng([seed, 1])
    away = _pose(rng.uniform(-10, 10, 3), rng.uniform(-30, 30, 3), target)
    grid = Grid(target.shape, away @ target.affine)
    return source, replace(target, grid=grid, frame_of_reference_uid=_OTHER)


def _moved(source: Volume, target: Volume, seed: int) -> tuple[Volume, Volume]:
    """Move the target by three voxels of the source along one of its axes."""
    axis = seed % 3
    affine = target.affine.copy()
    affine[:3, 3] += _VOXELS * source.affine[:3, axis] * (-1) ** (seed // 3)
    return source, replace(target, grid=Grid(target.shape, affine))


def _flipped(axis: int) -> Callable[[Volume, Volume, int], tuple[Volume, Volume]]:
    """Return what turns the target over along a patient axis (0: left for right), header as is."""

    def change(source: Volume, target: Volume, _: int) -> tuple[Volume, Volume]:
        along = int(np.argmax(np.abs(target.affine[axis, :3])))
        voxels = np.ascontiguousarray(np.flip(np.asarray(target.voxels), along))
        return source, target.with_voxels(voxels)

    return change


def _foreign(source: Volume, _: Volume, seed: int) -> tuple[Volume, Volume]:
    """Give somebody else's target under the same name and frame of reference."""
    other = _scanned(seed + 500, "T1", "CT")[1]
    return source, replace(other, frame_of_reference_uid=_ONE)


def _mislabelled(_: Volume, target: Volume, seed: int) -> tuple[Volume, Volume]:
    """Give a T2 for the T1."""
    return _scanned(seed, "T2", "CT")[0], target


KINDS: Mapping[str, Callable[[Volume, Volume, int], tuple[Volume, Volume]]] = {
    SOUND[0]: _still,
    SOUND[1]: _elsewhere,
    "moved by three voxels": _moved,
    "left for right": _flipped(0),
    "back to front": _flipped(1),
    "upside down": _flipped(2),
    "of another person": _foreign,
    "T2 under the name of T1": _mislabelled,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pairs", description=__doc__)
    parser.add_argument("--each", type=int, default=8, help="pairs of each fault (8)")
    parser.add_argument("--sound", type=int, default=24, help="sound pairs of each kind (24)")
    parser.add_argument("--workers", type=int, default=2, help="processes (2)")
    parser.add_argument("--save", metavar="NAME", help="write benchmarks/results/NAME.json")
    wanted = parser.parse_args()
    jobs = [(kind, FIRST + number) for kind in KINDS
            for number in range(wanted.sound if kind in SOUND else wanted.each)]  # fmt: skip
    began, done = time.monotonic(), []
    with ProcessPoolExecutor(wanted.workers, mp_context=get_context("spawn")) as pool:
        for one in pool.map(judged, jobs):
            done.append(one)
            print(f"{one.kind}, {one.seed}: {', '.join(one.faults) or 'kept'}", flush=True)
    found = {**_about(), "seconds": round(time.monotonic() - began), "kinds": _table(done)}
    print(json.dumps(found, indent=1))
    if wanted.save:
        path = RESULTS / f"{wanted.save}.json"
        path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def judged(job: tuple[str, int]) -> Judged:
    """Spoil a pair in one way, and judge it."""
    torch.set_num_threads(1)
    kind, seed = job
    first, second = KINDS[kind](*_scanned(seed, "T1", "CT"), seed)
    found = judge(first, second)
    figures = {name: round(value, 3) for name, value in found.figures.items()}
    return Judged(kind, seed, tuple(str(one.fault) for one in found.against), figures)


def _scanned(seed: int, source: str, target: str) -> tuple[Volume, Volume]:
    order = Order(sources=(source,), target=target, spacing_mm=SPACING_MM)
    pair = scan_pair(draw_subject(seed, _template()), 0, order)
    first, second = (
        replace(one, frame_of_reference_uid=_ONE) for one in (pair.source, pair.target)
    )
    return first, second


@cache
def _template() -> Template:
    return read_template(SPACING_MM)


def _pose(turn_deg: np.ndarray, by_mm: np.ndarray, volume: Volume) -> np.ndarray:
    """Return a rotation about the middle of a volume, then a shift: (4, 4)."""
    middle = volume.grid.centres(np.array([volume.shape]) / 2.0)[0]
    turn = np.eye(4)
    for axis, angle in enumerate(np.deg2rad(turn_deg)):
        first, second = [one for one in range(3) if one != axis]
        step = np.eye(4)
        step[first, first] = step[second, second] = np.cos(angle)
        step[first, second], step[second, first] = -np.sin(angle), np.sin(angle)
        turn = turn @ step
    turn[:3, 3] = middle - turn[:3, :3] @ middle + by_mm
    return turn


def _table(done: Sequence[Judged]) -> dict[str, Any]:
    return {kind: dict(_row([one for one in done if one.kind == kind])) for kind in KINDS}


def _row(done: Sequence[Judged]) -> Iterator[tuple[str, Any]]:
    yield "pairs", len(done)
    yield "left out", sum(bool(one.faults) for one in done)
    yield "by", dict(Counter(fault for one in done for fault in one.faults).most_common())
    for name in sorted({name for one in done for name in one.figures}):
        values = [one.figures[name] for one in done if name in one.figures]
        low, middle, high = np.percentile(values, (0, 50, 100))
        yield name, [round(float(one), 3) for one in (low, middle, high)]


def _about() -> dict[str, Any]:
    done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True,
                          check=False)  # fmt: skip
    return {"at": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC", "commit": done.stdout.strip(),
            "seeds from": FIRST, "spacing_mm": SPACING_MM}  # fmt: skip


if __name__ == "__main__":
    main()
