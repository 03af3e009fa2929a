"""Which moments a node is killed at: all that clean runs of the scenes came through."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.support.matrix.points import Aim

PARTS = 12
"""What takes hours is done in so many parts: each says for itself what came of it."""


@dataclass(frozen=True)
class Moment:
    """A moment of a scene, and of the life after it where the first one is for that."""

    scene: str
    aims: tuple[Aim, ...]

    @property
    def aim(self) -> Aim:
        return self.aims[-1]


def moments(
    counts: Mapping[str, Mapping[str, int]], before: Mapping[str, tuple[Aim, ...]]
) -> Iterator[Moment]:
    """Yield moments of each kind, in the first scene that has it: first, last, and two between.

    Parameters
    ----------
    counts : mapping
        Scene to how often each kind of moment came in a clean run.
    before : mapping
        Scene to how the lives before that one end; most scenes have one life.
    """
    known: set[str] = set()
    for scene, of_scene in counts.items():
        for label in sorted(of_scene.keys() - known):
            count = of_scene[label]
            for number in sorted({1, -(-count // 3), -(-2 * count // 3), count}):
                yield Moment(scene, (*before.get(scene, ()), Aim(label, number)))
        known |= of_scene.keys()


def some(all_of_them: list[Any], count: int, seed: int) -> list[Any]:
    """Return ``count`` of them, of every scene and spread over its moments."""
    chosen = random.Random(seed).sample(all_of_them, min(count, len(all_of_them)))
    return sorted(chosen, key=all_of_them.index)


def part_of(all_of_them: list[Any], part: int) -> list[Any]:
    """Return one of :data:`PARTS` parts, spread over all of them."""
    return all_of_them[part::PARTS]
