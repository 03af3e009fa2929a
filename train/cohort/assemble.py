"""Pairs of a dataset onto one grid and into files; what is left out, with why."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.preprocess.align import Pose
from engine.volume import Grid, Volume
from train.cohort.dataset import Dataset, Listed
from train.cohort.judge import Against, Fault, body_of, judge, onto, seen_box, seen_of
from train.cohort.picture import draw
from train.data import person_number
from train.errors import DataInvalid
from train.pair import Pair, path_of, read_about, write_pair

__all__ = ["PICTURES", "Done", "assemble"]

PICTURES = "left"
"""The folder of what was left out, to look at."""
_JUDGED = "judged"
_UNITS = ("1", "HU")
_VERSION = 4
"""Of how pairs are brought together; raised when the same dataset would give other files."""
_FEWEST, _MOST, _TOP = 255, 65_535, 4095
"""MR whose brightest voxel lies outside the first two is scaled so that it is the third."""


@dataclass(frozen=True, slots=True)
class Done:
    """What became of one pair.

    Parameters
    ----------
    number : int
        Which of the manifest's, from 0.
    person : str
        A pseudonym.
    key : str
        Of what it is made of, and how.
    poses : mapping
        By label of a source other than the first, and of the target: the matrix that brings it onto
        the first source; None where it lies there.
    figures : mapping
        By label: what was measured.
    pixels : tuple of str
        SHA-256 of each volume as it was read, sources first: one image under two names has one.
    against : tuple of Against
        Why it is left out.
    file : str
        Of the pair; empty where it is left out.
    """

    number: int
    person: str
    key: str
    poses: dict[str, list[list[float]] | None]
    figures: dict[str, dict[str, float]]
    pixels: tuple[str, ...] = ()
    against: tuple[Against, ...] = ()
    file: str = ""


def assemble(
    dataset: Dataset, out: Path, workers: int, told: Callable[[], object] = lambda: None
) -> list[Done]:
    """Judge every pair of a dataset, and write those that are sound, each on one grid.

    People have the numbers of their pseudonyms, whoever else there is. What an earlier run has
    judged, or written, of the same objects in the same way is not done again; what it has written
    and is not of this dataset goes.

    Parameters
    ----------
    workers : int
        Processes.
    told : callable
        Called for each pair that is judged.

    Returns
    -------
    list of Done
        In the order of the manifest.

    Raises
    ------
    DataInvalid
        When ``out`` holds pairs that are not of a dataset, or two persons have one number.
    """
    there = _written(out)
    (out / _JUDGED).mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        jobs = [pool.submit(_judged, dataset, out, at) for at in range(len(dataset.pairs))]
        for job in as_completed(jobs):
            job.result()
            told()
        done = _once([job.result() for job in jobs])
        named = _named(out, done)
        for path in there.keys() - named.keys():
            path.unlink()
        writing = [
            pool.submit(_write, dataset, out, one, place)
            for path, (one, place) in named.items()
            if there.get(path) != _stamp(one, place)
        ]
        for one in writing:
            one.result()
    files = {one.number: path.name for path, (one, _) in named.items()}
    return [replace(one, file=files.get(one.number, "")) for one in done]


def _written(out: Path) -> dict[Path, str]:
    """Return the pairs that earlier runs have written, and what each is of.

    Raises
    ------
    DataInvalid
        When there are others.
    """
    found = {}
    for path in out.glob("*.npz"):
        about = read_about(path)
        if "key" not in about:
            text = f"{out} holds {path.name}, which is not of a cohort"
            raise DataInvalid(f"{text}; name another folder")
        found[path] = f"{about['subject']}-{about['scan']} {about['key']}"
    return found


def _stamp(one: Done, place: tuple[int, int]) -> str:
    return f"{place[0]}-{place[1]} {one.key}"


def _named(out: Path, done: Sequence[Done]) -> dict[Path, tuple[Done, tuple[int, int]]]:
    """Return each sound pair by its file, with the number of its person and of its scan."""
    sound = [one for one in done if not one.against]
    people: dict[int, str] = {}
    scans: Counter[str] = Counter()
    found = {}
    for one in sound:
        place = person_number(one.person), scans[one.person]
        if people.setdefault(place[0], one.person) != one.person:
            text = f"{one.person} and {people[place[0]]} have one number, {place[0]}"
            raise DataInvalid(f"{text}; leave one of them out of the cohort")
        scans[one.person] += 1
        found[path_of(out, *place)] = one, place
    return found


def _once(done: Sequence[Done]) -> list[Done]:
    """Speak against whatever shows an image of another person: one of the names is wrong."""
    owners: dict[str, set[str]] = {}
    for one in done:
        for digest in one.pixels:
            owners.setdefault(digest, set()).add(one.person)
    found = []
    for one in done:
        others = sorted({who for digest in one.pixels for who in owners[digest]} - {one.person})
        if others:
            text = f"the same image is there as of {', '.join(others)}"
            one = replace(one, against=(*one.against, Against(Fault.TWICE, text)))  # noqa: PLW2901
        found.append(one)
    return found


def _judged(dataset: Dataset, out: Path, number: int) -> Done:
    """Return what a pair is worth; what is known of the same objects already is not asked again."""
    listed = dataset.pairs[number]
    key = _key(listed)
    path, picture = out / _JUDGED / f"{key}.json", out / PICTURES / f"{key[:12]}.png"
    if path.is_file():
        known = json.loads(path.read_text(encoding="utf-8"))
        against = tuple(Against(Fault(one["fault"]), one["text"]) for one in known["against"])
        pixels = tuple(known["pixels"])
        return Done(number, listed.person, key, known["poses"], known["figures"], pixels, against)
    try:
        first, others = _volumes(dataset, listed)
    except DataInvalid as exc:  # it may be put right: nothing is kept
        return Done(number, listed.person, key, {}, {}, (), (Against(Fault.UNREADABLE, str(exc)),))
    found = {label: judge(first, one) for label, one in others.items()}
    against = tuple(
        replace(each, text=f"{label}: {each.text}")
        for label, one in found.items()
        for each in one.against
    )
    poses = {
        label: None if one.pose is None else one.pose.matrix.tolist()
        for label, one in found.items()
    }
    figures = {
        label: {name: round(value, 4) for name, value in one.figures.items()}
        for label, one in found.items()
    }
    if against:
        moved = [onto(first, one, found[label].pose) for label, one in others.items()]
        draw(picture, [first, *moved], f"{key[:12]}: {'; '.join(each.text for each in against)}")
    pixels = tuple(_digest(one) for one in (first, *others.values()))
    about = {"poses": poses, "figures": figures, "pixels": pixels,
             "against": [asdict(one) for one in against]}  # fmt: skip
    beside = path.with_suffix(".part")
    beside.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    beside.replace(path)
    return Done(number, listed.person, key, poses, figures, pixels, against)


def _digest(volume: Volume) -> str:
    return hashlib.sha256(np.ascontiguousarray(volume.voxels).tobytes()).hexdigest()


def _volumes(dataset: Dataset, listed: Listed) -> tuple[Volume, dict[str, Volume]]:
    """Return the first source, and by label what is brought onto it.

    Raises
    ------
    DataInvalid
        When one cannot be read, or has a unit that no pair holds.
    """
    first, *others = (dataset.volume_of(one) for one in (*listed.sources, listed.target))
    labels = [*(one.label for one in listed.sources[1:]), listed.target.label]
    for label, one in zip(labels, others, strict=True):
        if one.unit not in _UNITS:
            text = f"{label} is in '{one.unit}': counts of PET are not taken yet"
            raise DataInvalid(f"{text}; MR, or CT in Hounsfield units, is wanted")
    return first, dict(zip(labels, others, strict=True))


def _write(dataset: Dataset, out: Path, one: Done, place: tuple[int, int]) -> None:
    """Write a pair that is sound."""
    listed = dataset.pairs[one.number]
    first, others = _volumes(dataset, listed)
    poses = {
        label: None if matrix is None else Pose(np.array(matrix), 0.0)
        for label, matrix in one.poses.items()
    }
    moved = [onto(first, other, poses[label]) for label, other in others.items()]
    seen = [seen_of(first, other, poses[label]) for label, other in others.items()]
    write_pair(out, _pair([first, *moved], np.logical_and.reduce(seen), _about(listed, one, place)))


def _pair(volumes: list[Volume], seen: NDArray[np.bool_], about: dict[str, Any]) -> Pair:
    """Return what is kept: MR from 0, and no plane where a volume did not see the body.

    What is not seen would be learned as air.
    """
    *sources, target = (_held(one) for one in volumes)
    whole = body_of(sources[0]) | (body_of(target) & seen)
    box = seen_box(whole, seen)
    *sources, target = (_cut(one, box) for one in (*sources, target))
    body = np.ascontiguousarray((whole & seen)[box])
    return Pair(tuple(sources), target, body, np.zeros(body.shape, np.uint8), about)


def _cut(volume: Volume, box: tuple[slice, ...]) -> Volume:
    """Return a part of a volume."""
    affine = volume.affine.copy()
    affine[:3, 3] = volume.grid.centres(np.array([[part.start for part in box]], float))[0]
    voxels = np.ascontiguousarray(np.asarray(volume.voxels)[box])
    z, y, x = voxels.shape
    return Volume(voxels, Grid((z, y, x), affine), unit=volume.unit)


def _held(volume: Volume) -> Volume:
    """Return a volume as a file holds it: without what names its slices."""
    voxels = np.asarray(volume.voxels, np.float32)
    if volume.unit == "1":
        voxels = np.maximum(voxels, 0)
        top = float(voxels.max())
        if top > 0 and not _FEWEST <= top <= _MOST:
            voxels = voxels * np.float32(_TOP / top)
    else:
        voxels = np.clip(voxels, -32_768, 32_767)
    return Volume(voxels, volume.grid, unit=volume.unit)


def _about(listed: Listed, one: Done, place: tuple[int, int]) -> dict[str, Any]:
    source = listed.sources[0]
    strength = source.field_strength_t
    strata = {"scanner": source.scanner, "field": f"{strength:g} T" if strength else "not stated"}
    return {
        "subject": place[0], "scan": place[1], "person": listed.person, "key": one.key,
        "labels": [each.label for each in listed.sources], "makes": listed.target.label,
        "days_apart": listed.days_apart, "registered": one.figures, "strata": strata,
        "pixels": list(one.pixels),
    }  # fmt: skip


def _key(listed: Listed) -> str:
    """Return what a file depends on: its objects, and how they are brought together."""
    all_of_them = (*listed.sources, listed.target)
    made_of = [(one.label, sorted(one.objects.values())) for one in all_of_them]
    first = listed.sources[0]
    about = (listed.person, listed.days_apart, first.scanner, first.field_strength_t)
    return hashlib.sha256(repr((_VERSION, made_of, about)).encode()).hexdigest()
