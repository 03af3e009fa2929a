"""The one loop: batches in, checkpoints, a log and pictures out."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from engine.device import Choice, choose
from engine.errors import ShapeError
from train import checkpoint, processes, systems
from train.checkpoint import Best
from train.config import Recipe
from train.data import Look, Pool, Shelf, span_of
from train.errors import OutOfMemory, RecipeInvalid
from train.journal import Journal, picture
from train.metrics import write_png
from train.sealed import sealed
from train.stand import Stand, entries_for, left_by, only_one, pools_of, split_of
from train.start import check_start, start_from
from train.systems import System, build_system

__all__ = ["SAMPLES", "Report", "fit"]

SAMPLES = "samples"
"""Folder of the pictures of a run."""
_SHOWN = 4
_VOLUME_KERNEL = 5  # axes: out, in, Z, Y, X

Report = Callable[[int, Mapping[str, float]], None]
"""Called after every update with the number of updates done and the losses of the last."""


def fit(
    recipe: Recipe,
    data: Path | Shelf,
    out: Path,
    *,
    until: int | None = None,
    device: Choice = "cpu",
    report: Report | None = None,
) -> Path:
    """Learn by ``recipe`` from the pairs in ``data``; go on where ``out`` stopped.

    Where torchrun started several processes, they learn together: see :mod:`train.processes`.

    Parameters
    ----------
    data : Path or Shelf
        Folder of prepared pairs; on a shelf they stay for the next run of this process.
    out : Path
        Gets ``checkpoint.safetensors``, ``split.json``, ``log.csv`` and ``samples/``.
    until : int, optional
        Stop, with a checkpoint, after so many updates; the schedule stays that of the recipe.
    device : {"cpu", "cuda", "auto"}
        Where to compute. The same recipe gives the same bytes on one CPU; a GPU gives others.
    report : callable, optional
        See :data:`Report`.

    Returns
    -------
    checkpoint : Path
        As it lies there, where all of it was learned before: nothing is read or prepared then.

    Raises
    ------
    CheckpointInvalid
        When ``out`` holds a checkpoint of another recipe, or one that began from other weights.
    DataInvalid
        When there is nothing to learn from, or a subject of the recipe is not in ``data`` (others
        that are there are passed over); when ``data`` was ordered otherwise, the split is not the
        checkpoint's, or another process works in ``out``.
    DeviceMissing
        When CUDA is asked for by name and is not there.
    NotFinite
        When a loss is no number.
    OutOfMemory
        When networks and a batch do not fit the device.
    RecipeInvalid
        When the system refuses a setting, or processes cannot share a batch evenly.
    """
    steps = min(recipe.learning.steps, until or recipe.learning.steps)
    shelf = data if isinstance(data, Shelf) else Shelf(data)
    with processes.joined(choose(device)) as place, _steady(recipe.learning.threads):
        if recipe.learning.batch % processes.world():
            text = f"a batch of {recipe.learning.batch} for {processes.world()} processes"
            raise RecipeInvalid(f"{text}: each takes as many; set [learning] batch to a multiple")
        with _explained(recipe, place):
            system = _built(recipe, place)
            with only_one(out):
                stand = _restored(recipe, system, out, shelf.folder)
                if not stand.over(recipe, steps):
                    entries = entries_for(recipe, shelf.folder, stand.split)
                    held = {one.path for one in entries if one.subject in stand.split.test}
                    with sealed(held):
                        pools = pools_of(recipe, shelf, stand.split, entries)
                        _Loop(recipe, system, pools, out, stand).run(steps, report)
    return out / checkpoint.FILE


def _built(recipe: Recipe, place: torch.device) -> System:
    """Return new networks and their optimisers, where they learn; refuse what cannot be learned."""
    system = build_system(_chosen(recipe))
    _ranges(recipe)
    _precision(recipe, system, place)
    for network in system.networks.values():
        _place(network, place)
    return system


def _restored(recipe: Recipe, system: System, out: Path, data: Path) -> Stand:
    """Put back what lies in ``out``, if anything does; return how far it is."""
    found, start = left_by(recipe, out), recipe.learning.start
    split = split_of(recipe, out, found, data)
    if found is None:
        begun = start_from(Path(start), recipe, system) if start else ""
        return Stand(0, 0, Best(), split, begun)
    check_start(recipe, found, out)
    checkpoint.restore(found, system.networks, system.optimisers)
    return Stand(found.step, found.step, found.best, split, found.start)


def _place(network: nn.Module, place: torch.device) -> None:
    """Put weights where they are learned; on a CPU kernels of volumes with their channels last.

    oneDNN then learns twice as fast with the few channels that reduced widths have: 0.22 s in place
    of 0.45 s for forth and back through 3D-mDAUNet of width 4, two patches of 32 voxels a side.
    """
    network.to(place)
    if place.type == "cpu":
        for parameter in network.parameters():
            if parameter.ndim == _VOLUME_KERNEL:
                parameter.data = parameter.data.contiguous(memory_format=torch.channels_last_3d)


def _precision(recipe: Recipe, system: System, place: torch.device) -> None:
    """Refuse half precision where it was seen to give no numbers: volumes on a CPU.

    With torch 2.13 the gradient of a 3D kernel (24 to 8 channels, volumes of 2 voxels a side) holds
    what memory held before: NaN in 47 of 60 tries. Flat images and whole precision gave none.
    """
    if recipe.learning.precision == "fp32" or place.type != "cpu":
        return
    modules = (one for network in system.networks.values() for one in network.modules())
    if any(isinstance(one, nn.Conv3d) for one in modules):
        text = "[learning] precision = 'bf16' with 3D convolutions on a CPU"
        raise RecipeInvalid(f"{text} may give no numbers; set 'fp32', or learn on a GPU")


class _Loop:
    """One run in memory."""

    def __init__(
        self, recipe: Recipe, system: System, pools: tuple[Pool, Pool], out: Path, stand: Stand
    ) -> None:
        self.recipe, self.system, self.out, self.stand = recipe, system, out, stand
        self.place = next(system.networks[system.served].parameters()).device
        self.pool, others = pools
        self.looks = others.looks()
        self.spans = (others.span, recipe.preparation.onto)
        self.journal = Journal(out, stand.done) if processes.rank() == 0 else None

    @property
    def done(self) -> int:
        """Updates done."""
        return self.stand.done

    def run(self, steps: int, report: Report | None) -> None:
        """Learn until ``steps`` updates are done or patience ends; leave a checkpoint."""
        while not self.stand.over(self.recipe, steps):
            losses = self.update()
            if report is not None:
                report(self.done, losses)
        self.save()

    def update(self) -> dict[str, float]:
        """Learn from the next batch; log, look and save where they are due."""
        learned, step = self.recipe.learning, self.done
        _chance(learned.seed, step)
        batch = self.pool.draw(step).part(processes.share(learned.batch))
        losses = self.system.update(batch.to(self.place), step)
        losses = processes.average_losses(losses, self.place)
        self.stand.done = step + 1
        if self.journal is not None:
            self.journal.note(losses)
        if self.done % learned.report_every == 0:
            losses |= {"validation": self._look()}
        if self.done % learned.save_every == 0:
            self.save()
        return losses

    def save(self) -> None:
        """Write checkpoint and picture, unless they are there."""
        if self.stand.saved == self.done or self.journal is None:
            return
        about = {
            "step": str(self.done),
            "recipe": self.recipe.digest,
            "served": self.system.served,
            "split": asdict(self.stand.split),
            "start": self.stand.start,
        }
        networks, optimisers = self.system.networks, self.system.optimisers
        path = self.out / SAMPLES / f"step-{self.done:06d}.png"
        write_png(path, self._picture())
        checkpoint.save(self.out / checkpoint.FILE, networks, optimisers, about, self.stand.best)
        self.stand.saved = self.done

    def _look(self) -> float:
        """Return the error on others' scans, logged; remember the weights if they are the best."""
        error = float("nan")
        if self.journal is not None:
            error = float(np.mean([_error(self.system, look) for look in self.looks]))
            self.journal.write(self.done, error)
        error = processes.said(error, self.place)
        if self.recipe.learning.patience and error < self.stand.best.error:
            served = self.system.networks[self.system.served].state_dict()
            weights = {name: value.detach().cpu().clone() for name, value in served.items()}
            self.stand.best = Best(error, self.done, weights)
        return error

    def _picture(self) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
        """Return a few looks at somebody not learned from."""
        shown = self.looks[:: max(1, len(self.looks) // _SHOWN)][:_SHOWN]
        made = [_served(self.system, look.source) for look in shown]
        return picture(shown, made, self.spans)


def _served(system: System, source: Tensor) -> Tensor:
    """Run the network that the node would run, one sample at a time as the node does."""
    network: nn.Module = system.networks[system.served]
    learning = network.training
    with torch.no_grad():
        network.eval()
        place = next(network.parameters()).device
        made: Tensor = network(source.to(place)).float().cpu()
    network.train(learning)
    return made


def _error(system: System, look: Look) -> float:
    """Return the mean absolute error inside the body, in the network's range."""
    away = (_served(system, look.source) - look.target).abs()
    return float(away[look.inside > 0].mean())


def _chosen(recipe: Recipe) -> systems.Choice:
    learned, prepared = recipe.learning, recipe.preparation
    return systems.Choice(
        name=learned.system,
        preset=learned.preset,
        steps=learned.steps,
        seed=learned.seed,
        sizes=learned.sizes,
        settings=learned.settings,
        network=learned.network,
        precision=learned.precision,
        window=prepared.window if prepared.unit == "HU" else None,
    )


def _ranges(recipe: Recipe) -> None:
    """Refuse images of another range than the network's."""
    wanted, prepared = _chosen(recipe).onto, recipe.preparation
    seen = {"what the steps leave": span_of(prepared.steps), "onto": prepared.onto}
    for name, span in seen.items():
        if span != wanted:
            text = f"[preparation] {name} is {list(span)}; {recipe.learning.network} wants"
            raise RecipeInvalid(f"{text} {list(wanted)}: set onto")


def _chance(seed: int, step: int) -> None:
    """Let what a system draws follow from seed and step, apart in every process."""
    mixed = np.random.SeedSequence([seed, step, processes.rank()]).generate_state(1)
    torch.manual_seed(int(mixed[0]))


@contextmanager
def _steady(threads: int) -> Iterator[None]:
    """Compute the same way every time, and leave torch as it was.

    Sums depend on the number of threads, so it belongs to the recipe. cuDNN has kernels whose sums
    depend on chance; others are taken.
    """
    before, chosen = torch.get_num_threads(), torch.backends.cudnn.deterministic
    torch.set_num_threads(threads)
    torch.backends.cudnn.deterministic = True
    try:
        with torch.random.fork_rng():
            yield
    finally:
        torch.set_num_threads(before)
        torch.backends.cudnn.deterministic = chosen


@contextmanager
def _explained(recipe: Recipe, place: torch.device) -> Iterator[None]:
    """Say what to do where torch found no memory, or channels that the network does not take."""
    try:
        yield
    except (MemoryError, RuntimeError) as exc:
        learned, said = recipe.learning, str(exc)
        if isinstance(exc, MemoryError) or any(word in said for word in _NO_MEMORY):
            text = f"no memory left on {place} for {learned.network} with a batch of"
            advice = "lower [learning] batch, patch or sizes, or take fewer subjects"
            raise OutOfMemory(f"{text} {learned.batch} {learned.draw}; {advice}") from exc
        if _OTHER_CHANNELS in said:
            raise _other_sources(recipe) from exc
        raise
    except ShapeError as exc:
        if (seen := _CHANNELS.search(str(exc))) and seen["wanted"] != seen["given"]:
            raise _other_sources(recipe) from exc
        raise


def _other_sources(recipe: Recipe) -> RecipeInvalid:
    network, sources = recipe.learning.network, len(recipe.pairs.sources)
    text = f"{network} was given {sources} sources and takes another number"
    advice = f"set sizes.channels_in = {sources} where it has that, or change sources"
    return RecipeInvalid(f"[learning] {text}; {advice}")


_NO_MEMORY = ("out of memory", "can't allocate memory", "ALLOC_FAILED")
"""What torch, its CPU allocator and the libraries of CUDA say."""
_OTHER_CHANNELS = "channels, but got"
"""What a convolution of torch says."""
_CHANNELS = re.compile(r"\(B, (?P<wanted>\d+), .* got \(\d+, (?P<given>\d+),")
"""What our networks say."""
