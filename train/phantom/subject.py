"""A subject from a seed: its head, its scans with the truth beside them, and files of many."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch

from engine.volume import Volume
from train.pair import Pair, write_pair
from train.phantom.anatomy import Head, build_head
from train.phantom.contrasts import Values, mixed, of_ct, of_mr
from train.phantom.fields import Floats, Placement, smooth_noise
from train.phantom.scanner import Protocol, draw_protocol, grid_of, receive, scan
from train.phantom.template import Template, read_template
from train.phantom.tissues import HU, Tissue

__all__ = ["Subject", "draw_subject", "make_phantoms", "scan_pair"]

_BRIGHTEST = 4000.0


@dataclass(frozen=True, eq=False, slots=True)
class Subject:
    """One phantom person.

    Parameters
    ----------
    seed : int
        Same seed, same person.
    head : Head
        Tissue fractions in the template's space.
    placement : Placement
        Shape, size and pose.
    hu : (Z, Y, X)
        The truth, on the head's axes.
    texture : (Z, Y, X)
        By what signal differs within a tissue, about 1.
    relaxation : mapping
        By what the person's T1 and T2 of each tissue are multiplied.
    """

    seed: int
    head: Head
    placement: Placement
    hu: Floats
    texture: Floats
    relaxation: Mapping[Tissue, float]


def draw_subject(seed: int, template: Template) -> Subject:
    """Return the person of ``seed``."""
    rng = np.random.default_rng([seed, 0])
    head = build_head(template, rng)
    placement = Placement.draw(rng, template.axes)
    denser = {Tissue.CORTICAL: rng.normal(0, 90), Tissue.SPONGY: rng.normal(0, 110)}
    softer = {tissue: rng.normal(0, 3) for tissue in Tissue if -200 < HU[tissue] < 200}
    texture = 1 + 0.05 * smooth_noise(rng, head.axes, 7.0) + 0.04 * smooth_noise(rng, head.axes, 25)
    relaxation = {tissue: float(np.exp(rng.normal(0, 0.07))) for tissue in Tissue}
    hu = mixed(head.fractions, of_ct({**denser, **softer}))
    return Subject(seed, head, placement, hu, texture.astype(np.float32), relaxation)


def scan_pair(subject: Subject, index: int, protocol: Protocol | None = None) -> Pair:
    """Return scan ``index`` of a subject with its truth; by ``protocol``, or one that is drawn."""
    rng = np.random.default_rng([subject.seed, 1, index])
    protocol = protocol or draw_protocol(rng)
    grid = grid_of(protocol, subject.placement)
    values = _as_seen(of_mr(protocol.sequence, protocol.field_t, subject.relaxation), rng)
    signal = mixed(subject.head.fractions, values) * subject.texture
    outside = subject.head.fractions[Tissue.OUTSIDE]
    images = np.stack([signal, subject.hu, 1 - outside])
    seen = scan(images, subject.head.axes, subject.placement, grid, protocol.thickness_mm)
    source = receive(seen[0], grid, protocol.coil, rng)
    source = source * np.float32(rng.uniform(600, _BRIGHTEST) / source.max())
    about = {
        "subject": subject.seed,
        "scan": index,
        "label": "T1",
        "protocol": asdict(protocol),
    }
    return Pair(
        source=Volume(np.round(source), grid),
        target=Volume(np.round(seen[1]), grid, unit="HU"),
        body=seen[2] > 0.5,
        about=about,
    )


_UNEQUAL = {Tissue.SPONGY: 0.25, Tissue.FAT: 0.15, Tissue.MUSCLE: 0.10}
_VOID = 0.5


def _as_seen(values: Values, rng: np.random.Generator) -> Values:
    """Draw what the equations leave out: magnetisation transfer, fat's shift, flow.

    Blood that flows out before its echo gives nothing; blood that flows in gives more than at rest.
    """
    seen = {
        tissue: value * float(np.exp(rng.normal(0, _UNEQUAL.get(tissue, 0.05))))
        for tissue, value in values.items()
    }
    inflow = 0.0 if rng.uniform() < _VOID else rng.uniform(1.0, 2.0)
    return {**seen, Tissue.BLOOD: values[Tissue.BLOOD] * inflow}


def make_phantoms(
    folder: Path, seeds: Sequence[int], *, scans: int, spacing_mm: float, workers: int = 1
) -> Iterator[Path]:
    """Write the scans of each subject into ``folder``, yielding their paths as they are done.

    A subject follows from its seed alone, so neither order nor number of workers matters.

    Parameters
    ----------
    seeds : sequence of int
        One subject each.
    scans : int
        Of each subject, every one by another protocol.
    spacing_mm : float
        Of the head that is scanned: 1 is fine, 1.5 is four times faster.
    workers : int
        Processes.

    Raises
    ------
    TemplateMissing
        When the template's maps are not installed.
    """
    shares = [list(seeds[start::workers]) for start in range(workers) if seeds[start::workers]]
    if len(shares) <= 1:
        template = read_template(spacing_mm)
        for seed in seeds:
            subject = draw_subject(seed, template)
            for index in range(scans):
                yield write_pair(folder, scan_pair(subject, index))
        return
    with ProcessPoolExecutor(len(shares), mp_context=get_context("spawn")) as pool:
        jobs = [
            pool.submit(_some, folder, share[start : start + _AT_ONCE], scans, spacing_mm)
            for share in shares
            for start in range(0, len(share), _AT_ONCE)
        ]
        for job in as_completed(jobs):
            yield from job.result()


_AT_ONCE = 6  # subjects per job: the template is read once for them


def _some(folder: Path, seeds: Sequence[int], scans: int, spacing_mm: float) -> list[Path]:
    """Make some subjects in a process of their own, with one thread."""
    torch.set_num_threads(1)
    return list(make_phantoms(folder, seeds, scans=scans, spacing_mm=spacing_mm))
