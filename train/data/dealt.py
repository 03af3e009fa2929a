"""Persons of a cohort by what they are for: by a salted hash, the same for good, written down."""

import hashlib
import json
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from train.config import Cohort, Recipe
from train.data.index import Entry
from train.data.split import Split, make_split
from train.errors import DataInvalid

__all__ = ["DEALT", "deal", "deal_as", "person_number"]

DEALT = "dealt.json"
"""How the persons of a folder of pairs were dealt out: whoever deals again deals alike."""
_DIGITS = 10
"""Of a hash, hex: of a hundred thousand persons two are alike in one folder of two hundred."""


def person_number(person: str) -> int:
    """Return the number that a pseudonym has as a subject, whoever else there is."""
    return int(hashlib.sha256(person.encode()).hexdigest()[:_DIGITS], 16)


def deal_as(recipe: Recipe, entries: Sequence[Entry], folder: Path) -> Split:
    """Return who is what by ``recipe``: phantoms by their seeds, persons as :func:`deal` has it."""
    made = recipe.pairs
    if isinstance(made, Cohort):
        return deal(entries, made, folder)
    seed = recipe.learning.seed
    return make_split(made.seeds, validation=made.validation, test=made.test, seed=seed)


def deal(entries: Sequence[Entry], cohort: Cohort, folder: Path) -> Split:
    """Deal the persons of ``folder`` out, and write down how.

    Parameters
    ----------
    entries : sequence of Entry
        All pairs in ``folder``.

    Raises
    ------
    DataInvalid
        When a pair is of no person, two persons have one number, one image is of two persons in
        different parts, a part is empty, or the folder was dealt out another way: who was held out
        would be learned from.
    """
    persons = _persons(entries)
    parts = {number: _part(person, cohort) for number, person in persons.items()}
    named = {part: tuple(sorted(one for one, its in parts.items() if its == part))
             for part in ("train", "validation", "test")}  # fmt: skip
    for part, what in (("train", "to learn from"), ("validation", "to look at"),
                       ("test", "to hold out")):  # fmt: skip
        if not named[part]:
            text = f"{folder}: of {len(persons)} persons nobody is {what}"
            raise DataInvalid(f"{text}; more persons, or larger shares in [cohort], are wanted")
    _no_leak(entries, parts)
    _write_down(folder / DEALT, cohort)
    return Split(**named)


def _part(person: str, cohort: Cohort) -> str:
    """Return the part of a person: a place from 0 to 1 that salt and pseudonym give."""
    found = hashlib.sha256(f"{cohort.salt}\0{person}".encode()).digest()
    place = int.from_bytes(found[:8]) / 2**64
    if place < cohort.held_out:
        return "test"
    return "validation" if place < cohort.held_out + cohort.watched else "train"


def _persons(entries: Sequence[Entry]) -> dict[int, str]:
    persons: dict[int, str] = {}
    for entry in entries:
        person = entry.about.get("person")
        if not isinstance(person, str) or not person:
            text = f"{entry.path.name} does not say which person of a cohort it is of"
            raise DataInvalid(f"{text}; pairs of a cohort are made with 'dicom-train pairs'")
        if persons.setdefault(entry.subject, person) != person:
            text = f"{entry.path.name} is of {person}, its number {entry.subject} of"
            raise DataInvalid(f"{text} {persons[entry.subject]}; remove one of them")
    return persons


def _no_leak(entries: Sequence[Entry], parts: dict[int, str]) -> None:
    """Refuse one image in two parts, whoever it is said to be of."""
    seen: dict[str, Entry] = {}
    for entry in entries:
        for digest in entry.about.get("pixels", ()):
            other = seen.setdefault(str(digest), entry)
            if parts[other.subject] != parts[entry.subject]:
                text = f"{other.path.name} and {entry.path.name} hold one image, and one of them"
                wanted = f"is for {parts[other.subject]}, the other for {parts[entry.subject]}"
                raise DataInvalid(f"{text} {wanted}; one person under two names? Remove one")


def _write_down(path: Path, cohort: Cohort) -> None:
    """Keep how a folder is dealt out; refuse another way than the first."""
    salt = hashlib.sha256(cohort.salt.encode()).hexdigest()
    how = {"salt_sha256": salt, "held_out": cohort.held_out, "watched": cohort.watched}
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        beside = path.with_name(f"{path.name}.{os.getpid()}.part")
        beside.write_text(json.dumps(how, indent=1) + "\n", encoding="utf-8")
        with suppress(FileExistsError):  # one of those that learn together was first
            path.hardlink_to(beside)
        beside.unlink()
        before = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        text = f"{path} does not say how persons were dealt out ({exc})"
        raise DataInvalid(f"{text}; bring the pairs together again in another folder") from exc
    if before != how:
        text = f"{path}: persons were dealt out by another salt or other shares: who was held out"
        advice = "take [cohort] salt, held_out and watched as they were, or another folder of pairs"
        raise DataInvalid(f"{text} would be learned from; {advice}")
