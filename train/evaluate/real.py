"""The served model, unchanged, on a few real volumes: what phantoms cannot tell.

A handful of people and averages is no study: there are no intervals here, and nothing is concluded.
The MNI averages are not even independent: they lie in the space of the ICBM 152 template, of which
the phantoms' brains and the atlas are made. Reading NIfTI is for this alone; the node reads DICOM.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.nifti1 import Nifti1Image
from nibabel.wrapstruct import WrapStructError
from numpy.typing import NDArray
from scipy.stats import rankdata

from engine.device import Choice, Device, choose
from engine.errors import EngineError
from engine.preprocess import air_of, foreground, resample_onto
from engine.volume import Grid, Volume
from engine.xp import to_numpy
from train.card import METHODS
from train.config import Preparation, Recipe
from train.data import truth_of
from train.errors import DataInvalid
from train.evaluate.figures import figures_of, read_as
from train.evaluate.lookup import Histogram, LookUp, copies, registered
from train.evaluate.page import banner, light_box, page, section, table
from train.evaluate.pictures import Look, case_of
from train.evaluate.summary import number
from train.evaluate.whole import write_json, write_text
from train.pair import Pair
from train.served import Served, served

__all__ = ["REAL", "REAL_PAGE", "SETS", "RealSet", "hounsfield", "measure_real", "read_nifti"]

REAL, REAL_PAGE = "real.json", "real.html"
_SHOWN = ("mae", "me", "rmse", "psnr", "ssim", "ssim_3d", "ms_ssim")


@dataclass(frozen=True, slots=True)
class RealSet:
    """Volumes of one person or average, and what has to be known of them.

    Parameters
    ----------
    name, what : str
        Short, and in a sentence.
    anatomy : str
        As recipes have it.
    files : mapping
        Path under the data folder, by label.
    caveats : mapping
        What makes a label's volume other than a model expects, by label.
    """

    name: str
    what: str
    anatomy: str
    files: Mapping[str, str]
    caveats: Mapping[str, str]


_MNI = "volumes/mni_average_2mm"
_BARE = "brain extracted: skull, scalp and face are not there, which no phantom lacks; 8 bits"
_AVERAGE = "an average of many heads, smooth as no scan of a person is"
SETS = (
    RealSet(
        name="stroke",
        what="one person with an old stroke on the left, 3 T, 1 mm, brain extracted",
        anatomy="head",
        files={label: f"volumes/stroke_subject/{label}.nii.gz" for label in ("T1", "T2", "FLAIR")},
        caveats=dict.fromkeys(("T1", "T2", "FLAIR"), _BARE),
    ),
    RealSet(
        name="MNI average",
        what="group averages in MNI space, 2 mm, each label from other people; NOT independent of "
        "what was learned: it is the space of the ICBM 152 template, of which the phantoms' brains "
        "and the atlas are made, so shape and place of the brain are known beforehand",
        anatomy="head",
        files={
            "T1": f"{_MNI}/avg152T1.nii",
            "T2": f"{_MNI}/avg152T2.nii",
            "PD": f"{_MNI}/avg152PD.nii",
            "FLAIR": f"{_MNI}/gg_flair.nii",
            "CT": f"{_MNI}/scct.nii",
            "PT": f"{_MNI}/PET.nii",
        },
        caveats={
            **dict.fromkeys(("T1", "T2", "PD"), _AVERAGE),
            "FLAIR": f"{_AVERAGE}, and smoothed by 8 mm besides",
            "CT": "an average of other, older people, NOT stored in Hounsfield but in Cormack "
            "units; turned back, before anything else, by that scale's published definition, whose "
            "offset is known to 24 HU only, so its figures are no measure of the model's HU",
            "PT": "an average of another tracer or protocol, in units nobody states: it is scaled "
            "to the mean that the model made, and only the pattern can be compared",
        },
    ),
    RealSet(
        name="cervical cord",
        what="one person's neck, 1 mm",
        anatomy="spine",
        files={"T1": "volumes/cervical_cord/t1w.nii.gz", "T2": "volumes/cervical_cord/t2.nii.gz"},
        caveats=dict.fromkeys(("T1", "T2"), "a neck; the spines learned from are lumbar"),
    ),
)


def measure_real(
    recipe: Recipe, run: Path, folder: Path, device: Choice = "cpu", data: Path | None = None
) -> dict[str, Any]:
    """Run the checkpoint in ``run`` on those real volumes whose labels fit.

    Writes ``real.json`` and ``real.html`` into ``run``. The page shows real heads: keep it where
    the volumes may be kept.

    Parameters
    ----------
    folder : Path
        Of the real data.
    data : Path, optional
        The prepared pairs, for the atlas where a step wants one; ``run/data`` unless said.

    Raises
    ------
    CheckpointInvalid, DataInvalid
        When there is no checkpoint, or a volume cannot be read.
    """
    model = served(recipe, run, data or run / "data")
    place = choose(device, threads=recipe.learning.threads)
    found: list[dict[str, Any]] = []
    boxes: list[str] = []
    for one in SETS:
        row: dict[str, Any] = {"name": one.name, "what": one.what}
        why = _misfit(one, recipe)
        if not why:
            try:
                figures, box = _run(one, recipe, model, folder, place)
                row |= figures
                boxes.append(box)
            except EngineError as exc:  # the node would refuse it too
                why = f"refused: {exc}"
        found.append({**row, "run": not why, "why_not": why})
    made = f"{recipe.pairs.target} from {', '.join(recipe.pairs.sources)}"
    result = {
        "model": f"{recipe.name} {recipe.model.version}",
        "makes": recipe.pairs.target,
        "recipe": recipe.digest,
        "weights": model.sha256,
        "said": "a few real volumes, each once: no study, no interval, nothing concluded",
        "unit": read_as(recipe.pairs.target)["mae"].unit,
        "sets": found,
    }
    write_text(run / REAL_PAGE, _page(result, made, boxes))
    write_json(run / REAL, result)
    return result


def _misfit(one: RealSet, recipe: Recipe) -> str:
    """Return why the model is not run on a set; empty where it is."""
    if one.anatomy != recipe.pairs.anatomy:
        return f"another anatomy: {one.anatomy}, the model is for {recipe.pairs.anatomy}"
    if missing := [label for label in recipe.pairs.sources if label not in one.files]:
        return f"has no {', '.join(missing)}"
    return ""


def _run(
    one: RealSet, recipe: Recipe, model: Served, folder: Path, device: Device
) -> tuple[dict[str, Any], str]:
    """Return the figures of one set, and its pictures."""
    prepared, target = recipe.preparation, recipe.pairs.target
    volumes = {label: _read(label, folder / file) for label, file in one.files.items()}
    first = volumes[recipe.pairs.sources[0]]
    sources = tuple(_on(volumes[label], first) for label in recipe.pairs.sources)
    made = np.asarray(to_numpy(model.generator(sources, device).volume.voxels), np.float32)
    labels = [*recipe.pairs.sources, *([target] if target in one.files else [])]
    notes = {label: one.caveats[label] for label in labels if label in one.caveats}
    look = Look.of(target, prepared.window)
    if target not in one.files:
        pair = _pair(sources, sources[0].with_voxels(made, unit=prepared.unit), recipe)
        title = f"{one.name}: no truth to compare with"
        case = case_of(title, pair, {METHODS["model"]: made}, None, look)
        return {"caveats": notes, "figures": {}}, light_box(case)
    pair = _pair(sources, _scaled(_on(volumes[target], first), made, target), recipe)
    truth = truth_of(pair, prepared)
    results = {"model": made, **_brightness(pair, truth, prepared)}
    figures = {name: figures_of(voxels, truth, pair, prepared) for name, voxels in results.items()}
    real = np.asarray(truth.voxels)
    shown = {METHODS[name]: voxels for name, voxels in results.items()}
    case = case_of(f"{one.name}: {one.what}", pair, shown, real, look)
    known = {name: {f: float(f"{values[f]:.5g}") for f in _SHOWN if f in values}
             for name, values in figures.items()}  # fmt: skip
    for name, voxels in results.items():
        known[name]["correlation"] = _rank_correlation(voxels[pair.body], real[pair.body])
    return {"caveats": notes, "figures": known}, light_box(case)


def _brightness(pair: Pair, truth: Volume, prepared: Preparation) -> dict[str, NDArray[np.float32]]:
    """Return the best that brightness could do on this very volume, knowing its truth."""
    pair = registered(pair, prepared)
    counted = Histogram(prepared, len(pair.sources))
    counted.add(pair.sources, truth, pair.body)
    found = {"look_up_table": LookUp.fit(counted)(pair.sources)}
    if alike := copies(pair, prepared):
        found["copy"] = np.asarray(alike[0].voxels, np.float32)
    return found


def _read(label: str, path: Path) -> Volume:
    """Return a volume, a CT in HU: means of its own scale, which bends, are not those of HU."""
    volume = read_nifti(path)
    return volume.with_voxels(hounsfield(volume.voxels), unit="HU") if label == "CT" else volume


def _scaled(target: Volume, made: NDArray[np.float32], label: str) -> Volume:
    """Return a target in the unit of the result, as far as that can be known."""
    if label == "PT":
        body = np.asarray(foreground(target.voxels))
        share = float(made[body].mean()) / max(float(target.voxels[body].mean()), 1e-6)
        return target.with_voxels(target.voxels * np.float32(share), unit="SUVR")
    return target


def _pair(sources: Sequence[Volume], target: Volume, recipe: Recipe) -> Pair:
    about = {"subject": 0, "scan": 0, "labels": list(recipe.pairs.sources),
             "makes": recipe.pairs.target}  # fmt: skip
    body = np.asarray(foreground(sources[0].voxels))
    return Pair(tuple(sources), target, body, np.zeros(body.shape, np.uint8), about)


def _on(volume: Volume, first: Volume) -> Volume:
    """Return ``volume`` on the grid of the first source; they share one space already."""
    if volume.grid.same_as(first.grid):
        return replace(volume, grid=first.grid)
    return resample_onto(volume, first.grid, seen=volume.grid, outside=air_of(volume.unit))[0]


def _rank_correlation(made: NDArray[np.float32], real: NDArray[np.float32]) -> float:
    """Spearman's: whether what should be brighter is, whatever the unit."""
    ours, theirs = (rankdata(values) for values in (made, real))  # ties share their mean rank
    return round(float(np.corrcoef(ours, theirs)[0, 1]), 4)


def read_nifti(path: Path) -> Volume:
    """Return a NIfTI volume in this project's geometry, unit ``1``.

    Raises
    ------
    DataInvalid
        When it is absent, no NIfTI, or not of three axes.
    """
    try:
        image = Nifti1Image.from_filename(path)
        voxels = np.asarray(image.get_fdata(dtype=np.float32))
    except (OSError, EOFError, ImageFileError, WrapStructError) as exc:
        text = f"{path} is not readable as NIfTI ({exc})"
        raise DataInvalid(f"{text}; give the folder of the real data") from exc
    if voxels.ndim != 3:
        raise DataInvalid(f"{path.name} has {voxels.ndim} axes; a volume has three")
    turned = np.eye(4)[[2, 1, 0, 3]]  # (z, y, x) to (x, y, z)
    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ image.affine @ turned  # RAS to LPS
    z, y, x = voxels.shape[::-1]
    return Volume(np.ascontiguousarray(voxels.transpose(2, 1, 0)), Grid((z, y, x), affine))


def hounsfield(cormack: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return Hounsfield units of a CT that was stretched so that brain fills the scale.

    With u counted from air: below 900 as it is; then eleven times as steep for 200; then twice.
    Air is taken as -1000 HU; it may have been -1024.

    References
    ----------
    Rorden et al. 2012, NeuroImage 61:957 (the template); the definition of the scale stands in
    github.com/neurolabusc/Clinical as of 2016-04-04.
    """
    middle, bright = 900.0, 900.0 + 11 * 200.0
    inner = 900 + (cormack - middle) / 11
    outer = 1100 + (cormack - bright) / 2
    air = np.where(cormack <= middle, cormack, np.where(cormack <= bright, inner, outer))
    return np.asarray(air - 1000, dtype=np.float32)


def _page(result: Mapping[str, Any], made: str, boxes: Sequence[str]) -> str:
    names = [*_SHOWN, "correlation"]
    rows, notes = [], []
    for one in result["sets"]:
        if not one["run"]:
            notes.append(f"{one['name']}: not run, {one['why_not']}")
            continue
        notes.append(f"{one['name']}: {one['what']}")
        notes += [f"{one['name']}, {label}: {text}" for label, text in one["caveats"].items()]
        for method, figures in one["figures"].items():
            cells = [number(figures[name]) if name in figures else "–" for name in names]
            rows.append([one["name"], METHODS[method], *cells])
    labels = read_as(result["makes"])
    head = ["volume", "method", *(f"{name}, {labels[name].unit}" if name in labels and
            labels[name].unit else name for name in names)]  # fmt: skip
    return page(
        f"{result['model']} on real volumes",
        [
            f"<h1>Synthetic {escape(made)}, on real volumes</h1>",
            f'<p class="soft">{escape(result["model"])}, as it is served, nothing changed</p>',
            banner(f"Learned from phantoms, run on {result['said']}. Not for diagnosis."),
            "<ul>" + "".join(f"<li>{escape(note)}</li>" for note in notes) + "</ul>",
            section("Pictures", *boxes),
            section(
                "Figures",
                table(head, rows) if rows else "<p>No set has a truth to compare with.</p>",
                '<p class="soft">The look-up table is fitted to the very volume that it is '
                "measured on: what brightness alone could do here at best, the truth being known. "
                "Correlation is of ranks, inside the body.</p>",
            ),
        ],
    )
