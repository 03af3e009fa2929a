"""Faults planted in what a network made of a clean study, and what its gate makes of them."""

from collections.abc import Iterator, Sequence
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

    A study that the model's own steps refuse yields that alone.

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
    turned = Orient.fit(made).apply(made)
    inside = study.pair.target.with_voxels(study.pair.body.astype(np.float32))
    body = np.asarray(Orient.fit(made).apply(inside).voxels) > 0
    yield CLEAN, of_checks("result", gate.of_result(sources[0], made, again))
    for fault in faults:
        rng = np.random.default_rng([study.seed, crc32(fault.encode())])
        result = Result(turned, body, task.bundle.output.outside, rng)
        wrong = turned.with_voxels(RESULT_FAULTS[fault](result))
        yield fault, of_checks("result", gate.of_result(sources[0], wrong, again))


def _made(generator: Generator, sources: Sequence[Volume], device: Device) -> Volume:
    volume = generator(sources, device).volume
    return volume.with_voxels(to_numpy(volume.voxels))
