"""The engine alone: preprocessing on NumPy and, where there is one, on the GPU; the generator."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from benchmarks.report import line, median
from engine.device import choose
from engine.generate import generate_slices
from engine.pipeline import load_network
from engine.preprocess import Chain
from engine.task import read_bundle
from engine.volume import Grid, Volume
from engine.xp import has_cupy, put

BUNDLE = Path(__file__).parents[1] / "conf" / "models" / "hlsnc-head-ct"


def run(runs: int) -> Iterator[str]:
    """Yield ``preprocess``, CuPy against NumPy, and ``generate``, all threads against one."""
    bundle, source = read_bundle(BUNDLE), _ball()
    chain = Chain.of(bundle.steps)
    on_cpu = median(_timed(lambda: chain.apply([source]), runs))
    if has_cupy():
        on_gpu = source.with_voxels(put(source.voxels, on_gpu=True))
        yield line("preprocess", median(_timed(lambda: _synced(chain, on_gpu), runs)),
                   ("numpy", on_cpu), "s", runs)  # fmt: skip
    else:
        yield line("preprocess", on_cpu, ("numpy", on_cpu), "s", runs)
    normalised, _ = chain.apply([source])
    network = load_network(bundle)
    one, all_of_them = choose("cpu", threads=1), choose("cpu")
    single = median(_timed(lambda: generate_slices(network, normalised, one), runs))
    several = median(_timed(lambda: generate_slices(network, normalised, all_of_them), runs))
    yield line("generate", several, ("one-thread", single), "s", runs)


def _synced(chain: Chain, volume: Volume) -> None:
    import cupy

    chain.apply([volume])
    cupy.cuda.Device().synchronize()


def _timed(work: Callable[[], object], runs: int) -> list[float]:
    work()
    seconds = []
    for _ in range(runs):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return seconds


def _ball() -> Volume:
    shape = (160, 256, 256)
    place = np.indices(shape) - (np.array(shape) / 2)[:, None, None, None]
    radius = np.sqrt((place**2).sum(axis=0))
    voxels = np.where(radius < 75, 800.0, 0.0).astype(np.float32)
    affine = np.array(
        [[0, 0, 1, -128], [0, 1, 0, -128], [1.2, 0, 0, -96], [0, 0, 0, 1]], dtype=float
    )
    return Volume(voxels, Grid(shape, affine))
