"""What a model makes of a scan, of the same scan with lesions, and what its own limits say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.device import choose
from engine.errors import InputRefused, ResultRefused
from engine.pipeline import Generator
from engine.quality import Gate, Mirror, Verdict, read_gate
from engine.task import read_bundle
from engine.volume import Volume
from engine.xp import to_numpy
from train.config import Preparation
from train.data import truth_of
from train.pair import Pair
from train.phantom.series import as_sent
from train.verdict.figures import figures_beside
from train.verdict.planted import Planted, plant, responses

__all__ = ["Answer", "Seen", "ask", "look", "look_at"]

Voxels = NDArray[np.float32]


@dataclass(frozen=True, eq=False, slots=True)
class Answer:
    """What one model made of one scan.

    Parameters
    ----------
    made, planted : (Z, Y, X)
        Of the sources, and of the sources with lesions, in the unit of the result.
    stopped : str
        Name of the first check of the model's own limits that holds or refuses the result;
        ``no limits`` where it has none; empty where it passes.
    spoilt : tuple of bool
        Whether its limits stop sources that are spoilt: upside down, and of noise alone. Without
        limits a node holds everything.
    """

    made: Voxels
    planted: Voxels
    stopped: str = ""
    spoilt: tuple[bool, ...] = (True, True)


@dataclass(frozen=True, slots=True)
class Seen:
    """One scan, as one model did it.

    Parameters
    ----------
    subject, scan : int
    group : {"held out", "watched", "phantoms"}
        Which subjects it is one of.
    strata : mapping
    figures : mapping
        See :func:`train.verdict.figures.figures_beside`.
    lesions : tuple of float
        By how much the result changes in each planted lesion.
    stopped : str
        See :class:`Answer`; ``refused: why`` where the model refuses the scan.
    spoilt : tuple of bool
        See :class:`Answer`.
    """

    subject: int
    scan: int
    group: str
    strata: Mapping[str, str]
    figures: Mapping[str, float] = field(default_factory=dict)
    lesions: tuple[float, ...] = ()
    stopped: str = ""
    spoilt: tuple[bool, ...] = ()


def ask(bundle: Path, pair: Pair, planted: Planted) -> Answer:
    """Let the model in ``bundle`` make its result of a scan, on one thread of the CPU.

    Raises
    ------
    InputRefused, ResultRefused
        When its own steps refuse the scan, or it answers what is no number.
    """
    generator, gate = _loaded(bundle)
    device, sent = choose("cpu", threads=1), as_sent(pair)

    def made(sources: Sequence[Volume]) -> Volume:
        volume = generator(sources, device).volume
        return volume.with_voxels(to_numpy(volume.voxels))

    result = made(sent)
    plain = result if sent is pair.sources else made(pair.sources)
    return Answer(
        made=np.asarray(plain.voxels, dtype=np.float32),
        planted=np.asarray(made(planted.sources).voxels, dtype=np.float32),
        stopped=_stopped(gate, sent, result, made),
        spoilt=tuple(gate is None or not _passes(gate, one) for one in _spoilt(sent)),
    )


def look(
    answer: Answer, pair: Pair, planted: Planted, preparation: Preparation, group: str
) -> Seen:
    """Return what is to be said of an answer, beside the truth."""
    truth = truth_of(pair, preparation)
    low, high = preparation.window
    span = high - low if preparation.unit == "1" else 1.0
    changes = responses(answer.made, answer.planted, planted.cores)
    return Seen(
        subject=int(pair.about["subject"]), scan=int(pair.about["scan"]), group=group,
        strata=_strata(pair),
        figures=figures_beside(answer.made, truth, pair, span),
        lesions=tuple(one / (high - low) for one in changes),
        stopped=answer.stopped,
        spoilt=answer.spoilt,
    )  # fmt: skip


def look_at(
    bundles: Sequence[Path], pair: Pair, preparation: Preparation, group: str
) -> list[Seen]:
    """Return what each model makes of a scan; one that its own steps refuse has no figures."""
    planted, found = plant(pair.sources, int(pair.about["subject"])), []
    for bundle in bundles:
        try:
            found.append(look(ask(bundle, pair, planted), pair, planted, preparation, group))
        except (InputRefused, ResultRefused) as exc:
            who, scan = int(pair.about["subject"]), int(pair.about["scan"])
            why = f"refused: {exc}"
            found.append(Seen(who, scan, group, _strata(pair), stopped=why))
    return found


def _strata(pair: Pair) -> dict[str, str]:
    return {str(key): str(value) for key, value in pair.about.get("strata", {}).items()}


@cache
def _loaded(bundle: Path) -> tuple[Generator, Gate | None]:
    """Return a model and its limits; a process looks at many scans with it."""
    read = read_bundle(bundle)
    return Generator.of(read), read_gate(read)


def _stopped(gate: Gate | None, sources: Sequence[Volume], result: Volume, made: Any) -> str:
    if gate is None:
        return "no limits"
    mirror = Mirror.through(sources[0])
    again = mirror.of(made([mirror.of(one) for one in sources]))
    checks = (*gate.of_sources(sources), *gate.of_result(sources[0], result, again))
    return next((one.name for one in checks if one.verdict is not Verdict.PASS), "")


def _passes(gate: Gate, sources: Sequence[Volume]) -> bool:
    return all(one.verdict is Verdict.PASS for one in gate.of_sources(sources))


def _spoilt(sources: Sequence[Volume]) -> list[list[Volume]]:
    """Return the sources upside down, and noise as bright as they are."""
    over, noise = [], []
    for number, one in enumerate(sources):
        voxels = np.asarray(one.voxels, dtype=np.float32)
        along = int(np.argmax(np.abs(one.affine[2, :3])))
        over.append(one.with_voxels(np.ascontiguousarray(np.flip(voxels, along))))
        drawn = np.random.default_rng(number).permutation(voxels.ravel())
        noise.append(one.with_voxels(drawn.reshape(voxels.shape)))
    return [over, noise]
