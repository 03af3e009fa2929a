"""The second program that fits what is made: a segmenter, or for PET a classifier of disease."""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from engine.device import Choice, Device, choose
from engine.errors import InputRefused
from engine.postprocess import restore
from engine.preprocess import Trace, Window
from engine.volume import Volume
from engine.xp import to_numpy
from train.config import Preparation, Recipe
from train.data import SPLIT, Entry, entries_of, is_strange, read_index, read_split, truth_of
from train.downstream.classify import Patient, classified
from train.downstream.segment import Effort, Example, classes_of, segmented
from train.errors import DataInvalid
from train.metrics import bootstrap
from train.pair import Pair, read_pair
from train.phantom import Tissue
from train.phantom.series import as_sent
from train.served import Served, served

__all__ = ["DOWNSTREAM", "assess"]

log = logging.getLogger(__name__)
DOWNSTREAM = "downstream.json"
_SICK = "alzheimer"
_BLOCKS = 8
"""Along each axis of the template's grid: the classifier sees the mean of each."""


def assess(
    recipe: Recipe, data: Path, run: Path, device: Choice = "cpu", effort: Effort | None = None
) -> dict[str, Any]:
    """Let a second program judge the checkpoint in ``run``, on its held-out subjects alone.

    Sources are given as the node reads them, as for the evaluation, and scans that the model's own
    steps refuse are passed over and named. Writes ``downstream.json`` into ``run``.

    Returns
    -------
    found : dict
        ``question``, ``how``, and a table: ``of``, ``columns``, ``rows``; ``recipe`` and
        ``weights`` (SHA-256) of what was judged; ``refused``, where scans were.

    Raises
    ------
    CheckpointInvalid, DataInvalid
        When checkpoint, split or the pairs of a subject are not there, or too few are held out;
        when the model's own steps refuse all that is.
    """
    split, model = read_split(run / SPLIT), served(recipe, run, data)
    held = entries_of(read_index(data), split.test, data)
    place = choose(device, threads=recipe.learning.threads)
    refused: list[dict[str, Any]] = []
    made = _made(model, held, place, refused)
    if recipe.pairs.target == "PT":
        found = _disease(recipe, model, made)
    else:
        found = _segmentation(recipe, model, made, effort or Effort())
    found = {"recipe": recipe.digest, "weights": model.sha256, **found}
    if refused:
        log.warning("the model's own steps refused %d scans; left out: %s", len(refused), refused)
        found["refused"] = refused
    part = run / f"{DOWNSTREAM}.part"  # a crash leaves the old file or the new one
    part.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    part.replace(run / DOWNSTREAM)
    return found


Made = Iterator[tuple[Pair, Entry, Any]]


def _made(
    model: Served, held: Sequence[Entry], place: Device, refused: list[dict[str, Any]]
) -> Made:
    """Yield every scan with its sources as sent and what was made of them.

    Which scans the steps refused, and why, is added to ``refused``.
    """
    for entry in held:
        pair = read_pair(entry.path)
        pair = replace(pair, sources=as_sent(pair))
        try:
            made = model.generator(pair.sources, place).volume.voxels
        except InputRefused as exc:
            if not is_strange(exc):
                raise
            refused.append({"subject": entry.subject, "scan": entry.about["scan"], "why": str(exc)})
            continue
        yield pair, entry, np.asarray(to_numpy(made))
    if held and len(refused) == len(held):
        why = refused[0]["why"]
        raise DataInvalid(f"the model's own steps refuse every scan held out; the first: {why}")


def _segmentation(recipe: Recipe, model: Served, made: Made, effort: Effort) -> dict[str, Any]:
    """Train one segmenter on real and one on synthetic images; test both on other real ones."""
    examples = [_example(recipe, model, pair, voxels) for pair, _, voxels in made]
    subjects = sorted({one.subject for one in examples})
    if len(subjects) < 2:
        text = f"{len(subjects)} subject is held out; two or more are wanted, to learn and to test"
        raise DataInvalid(f"{text}: raise [phantoms] test")
    half = len(subjects) // 2
    learn = [one for one in examples if one.subject in subjects[:half]]
    test = [one for one in examples if one.subject in subjects[half:]]
    dice = segmented(learn, test, effort)
    names = classes_of(recipe.pairs.target)
    rows = [
        {"name": names[number], "values": [bootstrap(one).as_dict() for one in columns]}
        for number, columns in dice.items()
    ]
    whole = [np.mean([np.mean(dice[number][column]) for number in dice]) for column in (0, 1)]
    return {
        "question": "Can a program learn to outline tissues from synthetic images alone, and then "
        f"do it on real {recipe.pairs.target} (of phantoms)? Beside it: what it reaches when it "
        "learns from real ones.",
        "of": "Dice on real images, mean and 95 % interval",
        "columns": ["learned from real (the bound)", "learned from synthetic"],
        "rows": rows,
        "mean_dice": {"real": round(float(whole[0]), 4), "synthetic": round(float(whole[1]), 4)},
        "how": f"A small 2D U-Net, {effort.steps} updates, seed {effort.seed}; learned from "
        f"{half} held-out phantoms, tested on {len(subjects) - half} others. Neither was learned "
        "from by the model. Real images were brought to the model's grid and back, as "
        "synthetic ones are, so both are equally sharp.",
    }


def _example(recipe: Recipe, model: Served, pair: Pair, made: Any) -> Example:
    """Bring image, synthetic image and labels into the network's grid."""
    prepared, truth = recipe.preparation, truth_of(pair, recipe.preparation)
    _, trace = model.generator.chain.apply(pair.sources)
    window = Window(*prepared.window)

    def followed(voxels: Any, outside: float) -> Any:
        volume = truth.with_voxels(np.asarray(voxels, np.float32))
        return trace.follow(volume, outside=outside).voxels

    number = _class_numbers(recipe.pairs.target)[pair.tissue]
    shares = [
        followed(number == one, 1.0 if one == 0 else 0.0)
        for one in range(len(classes_of(recipe.pairs.target)))
    ]
    return Example(
        subject=int(pair.about["subject"]),
        real=np.asarray(
            window.apply(followed(_as_made(truth, trace, prepared), prepared.outside)), np.float32
        ),
        synthetic=np.asarray(window.apply(followed(made, prepared.outside)), np.float32),
        labels=np.argmax(np.stack(shares), axis=0).astype(np.int64),
    )


def _as_made(truth: Volume, trace: Trace, prepared: Preparation) -> Any:
    """Return the truth as a network that makes no error would give it, on the source's grid.

    What is made was cut to the window on the network's grid and brought back from there. A real
    image is to have been interpolated as often, or it would be told by being sharper.
    """
    window = Window(*prepared.window)
    there = trace.follow(truth, outside=prepared.outside)
    cut = there.with_voxels(window.undo(window.apply(there.voxels)))
    return restore(cut, trace, "native", outside=prepared.outside)[0].voxels


def _class_numbers(makes: str) -> Any:
    """Return the class of each tissue's number."""
    names = classes_of(makes)
    numbers = np.zeros(256, np.int64)
    for tissue in Tissue:
        found = [place for place, name in enumerate(names) if tissue.name in _HOLDS[name]]
        numbers[int(tissue)] = found[0] if found else 0
    return numbers


_HOLDS: Mapping[str, tuple[str, ...]] = {
    "background": ("OUTSIDE",),
    "air": ("CAVITY",),
    "fluid": ("CSF", "VITREOUS"),
    "grey matter": ("GREY",),
    "white matter": ("WHITE",),
    "brain": ("GREY", "WHITE"),
    "cord": ("CORD",),
    "fat": ("FAT",),
    "soft tissue": ("MUSCLE", "SKIN", "MUCOSA", "CARTILAGE", "BLOOD", "LIGAMENT"),
    "bone": ("CORTICAL", "SPONGY", "TOOTH"),
    "disc": ("DISC", "DISC_DRY"),
    "lesion": ("OEDEMA", "PLAQUE", "TUMOUR", "INFARCT", "BLEED", "SWELLING"),
}


def _disease(recipe: Recipe, model: Served, made: Made) -> dict[str, Any]:
    """Tell the sick from the healthy by real PET, by synthetic PET, and by the source alone."""
    patients: dict[int, list[Patient]] = {}
    for pair, entry, voxels in made:
        patients.setdefault(entry.subject, []).append(_patient(recipe, model, pair, voxels))
    everyone = [_mean(scans) for scans in patients.values()]
    found = classified(everyone)
    sick = sum(one.sick for one in everyone)
    return {
        "question": "Can a program tell phantoms with the pattern of Alzheimer's disease from "
        "others by the synthetic PET? Beside it: by real PET, and by the source without any PET.",
        "of": "mean and 95 % interval",
        "columns": ["accuracy", "sensitivity", "specificity", "F1", "AUC"],
        "rows": [{"name": name, "values": values} for name, values in found.items()],
        "how": f"{len(everyone)} held-out phantoms, {sick} with the pattern; uptake in "
        f"{_BLOCKS} blocks along each axis of the network's grid, its main components, logistic "
        "regression; every phantom is judged by what was learned from all the others. Real PET was "
        "brought to the network's grid and back as synthetic PET is.",
    }


def _patient(recipe: Recipe, model: Served, pair: Pair, made: Any) -> Patient:
    truth = truth_of(pair, recipe.preparation)
    sources, trace = model.generator.chain.apply(pair.sources)
    there = _as_made(truth, trace, recipe.preparation)
    real, synthetic = (
        trace.follow(truth.with_voxels(np.asarray(voxels, np.float32)), outside=0.0).voxels
        for voxels in (there, made)
    )
    seen = {"real": real, "synthetic": synthetic, "source": sources[0].voxels}
    features = {name: _blocks(np.asarray(voxels)) for name, voxels in seen.items()}
    return Patient(pair.about.get("strata", {}).get("disease") == _SICK, features)


def _blocks(voxels: Any) -> Any:
    """Return the mean of every block, as one row."""
    for axis in range(3):
        size = voxels.shape[axis]
        edges = np.linspace(0, size, min(_BLOCKS, size) + 1).astype(int)
        sums = np.add.reduceat(voxels, edges[:-1], axis=axis)
        voxels = sums / np.diff(edges).reshape([-1 if one == axis else 1 for one in range(3)])
    return voxels.ravel()


def _mean(scans: list[Patient]) -> Patient:
    """Return one patient of several scans."""
    names = scans[0].features
    features = {name: np.mean([one.features[name] for one in scans], axis=0) for name in names}
    return Patient(scans[0].sick, features)
