"""Faults planted in what a network made of a clean study, and what its gate makes of them."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from zlib import crc32

import numpy as np

from benchmarks.battery.cases import CLEAN, Study
from benchmarks.battery.judge import Outcome, of_checks, refused_by
from benchmarks.battery.results import RESULT_FAULTS, Result
from engine.device import Device
from engine.errors import InputRefused
from engine.pipeline import Generator, choose
from engine.preprocess import Orient
from engine.quality import Mirror, read_gate
from engine.task import Task
from engine.volume import Volume
from engine.xp import to_numpy
from train.phantom.series import as_sent

__all__ = ["judge_results"]


def judge_results(study: Study, task: Task, faults: Sequence[str]) -> Iterator[tuple[str, Outcome]]:
    """Yield what the gate makes of each fault, and of the result without one.

    What is wrong with a network or with what comes after it is wrong both times that it runs: the
    same fault lies in the result and in that of the mirrored source. A study that the model's own
    steps refuse, and a result that is held without a fault, yields that alone.

    Raises
    ------
    ValueError
        When the model has no limits.
    """
    gate = read_gate(task.bundle)
    if gate is None:
        raise ValueError(f"{task.bundle.name} has no limits; run dicom-train calibrate first")
    sources = as_sent(study.pair)
    generator, device = Generator.of(task.bundle), choose("cpu", threads=1)
    try:
        made = _made(generator, sources, device)
    except InputRefused as exc:
        yield CLEAN, refused_by("pixels", exc.reasons)
        return
    mirror = Mirror.through(sources[0])
    again = mirror.of(_made(generator, [mirror.of(one) for one in sources], device))
    orient = Orient.fit(made)
    inside = study.pair.target.with_voxels(study.pair.body.astype(np.float32))
    body = np.asarray(orient.apply(inside).voxels) > 0
    sound = of_checks("result", gate.of_result(sources[0], made, again))
    yield CLEAN, sound
    if sound.gate != "none":  # what is held without a fault tells nothing of faults
        return
    outside = task.bundle.output.outside
    for fault in faults:
        wrong, wrong_again = (
            _spoilt(
                one,
                fault,
                orient,
                partial(Result, body=body, outside=outside, rng=_drawn(study, fault)),
            )
            for one in (made, again)
        )
        yield fault, of_checks("result", gate.of_result(sources[0], wrong, wrong_again))


def _drawn(study: Study, fault: str) -> np.random.Generator:
    """Return the generator of a fault: what is drawn from it is the same each time."""
    return np.random.default_rng([study.seed, crc32(fault.encode())])


def _made(generator: Generator, sources: Sequence[Volume], device: Device) -> Volume:
    volume = generator(sources, device).volume
    return volume.with_voxels(to_numpy(volume.voxels))


def _spoilt(one: Volume, fault: str, orient: Orient, result: Callable[..., Result]) -> Volume:
    """Return a result with a fault in it, on its own grid."""
    turned = orient.apply(one)
    wrong = RESULT_FAULTS[fault](result(turned, sliced=orient.axes.index(0)))
    return orient.undo(turned.with_voxels(wrong), one, outside=0.0)
