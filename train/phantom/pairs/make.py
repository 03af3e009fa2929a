"""Files of many subjects, made by several processes."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

import torch

from train.pair import write_pair
from train.phantom.order import Order
from train.phantom.pairs.scan import scan_pair
from train.phantom.subject import Subject, draw_spine, draw_subject
from train.phantom.template import read_template

__all__ = ["draw_subjects", "make_phantoms"]

_AT_ONCE = 6  # subjects per job: the template is read once for them


def make_phantoms(
    folder: Path, seeds: Sequence[int], order: Order, workers: int = 1
) -> Iterator[Path]:
    """Write the scans of each subject into ``folder``, yielding their paths as they are done.

    A subject follows from its seed alone, so neither order nor number of workers matters.

    Parameters
    ----------
    seeds : sequence of int
        One subject each.
    order : Order
        What is scanned, how often and how finely.
    workers : int
        Processes.

    Raises
    ------
    TemplateMissing
        When the template's maps are not installed.
    """
    shares = [list(seeds[start::workers]) for start in range(workers) if seeds[start::workers]]
    if len(shares) <= 1:
        for subject in draw_subjects(seeds, order):
            for index in range(order.scans):
                yield write_pair(folder, scan_pair(subject, index, order))
        return
    with ProcessPoolExecutor(len(shares), mp_context=get_context("spawn")) as pool:
        jobs = [
            pool.submit(_some, folder, share[start : start + _AT_ONCE], order)
            for share in shares
            for start in range(0, len(share), _AT_ONCE)
        ]
        for job in as_completed(jobs):
            yield from job.result()


def draw_subjects(seeds: Sequence[int], order: Order) -> Iterator[Subject]:
    """Yield the subject of each seed, of the order's anatomy."""
    if order.anatomy == "spine":
        yield from (draw_spine(seed, order.spacing_mm) for seed in seeds)
        return
    template = read_template(order.spacing_mm)
    yield from (draw_subject(seed, template) for seed in seeds)


def _some(folder: Path, seeds: Sequence[int], order: Order) -> list[Path]:
    """Make some subjects in a process of their own, with one thread."""
    torch.set_num_threads(1)
    return list(make_phantoms(folder, seeds, order))
