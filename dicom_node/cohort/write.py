"""Chosen pairs into a folder that names nobody: objects by their hashes, series whole or not there.

A series is written aside and gets its place by a rename, once all of it is on the disk; what is in
its place is not written again. So whoever is killed goes on where it was, and ends with the same
bytes. The manifest comes last: a folder without one is not done.
"""

import fcntl
import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pydicom.uid import ExplicitVRLittleEndian

from dicom_node.cohort.choose import Choice, Chosen, Left, Why
from dicom_node.cohort.clean import Cleaned, Cleaner, IdentityLeft
from dicom_node.cohort.seen import Seen
from dicom_node.cohort.spec import Cohort
from dicom_node.dicom import PARSER_ERRORS
from dicom_node.disk import sync_file, sync_folder
from dicom_node.errors import NodeError, Unreadable
from dicom_node.transcode import CannotTranscode, Transcoder
from dicom_node.values import Instance

__all__ = ["MANIFEST", "CohortError", "Written", "write_cohort"]

MANIFEST, REPORT = "manifest.json", "report.json"
_SERIES, _ABOUT, _LOCK, _PART = "series", "cohort.json", ".lock", ".part"
_LAYOUT = 1
_PLAIN = str(ExplicitVRLittleEndian)

Files = Callable[[Seen], Sequence[Instance]]
"""Returns the objects of a series."""
Progress = Callable[[int, int], None]
"""Told of each pair that is done: 1, and of how many."""


class CohortError(NodeError):
    """A cohort cannot be written where it is to be; the text says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Written:
    """What a folder holds once its manifest is written.

    Parameters
    ----------
    digest : str
        SHA-256 over the manifest's pairs, hex: the same objects chosen by the same file with the
        same key give the same.
    left : tuple of Left
        What was chosen, and could not be parted from its person, or not be read.
    """

    pairs: int
    persons: int
    objects: int
    digest: str
    left: tuple[Left, ...]


@dataclass(slots=True)
class _Report:
    """What was removed, by place; it names nobody."""

    removed: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)


def write_cohort(
    cohort: Cohort,
    choice: Choice,
    files: Files,
    out: Path,
    key: bytes,
    progress: Progress = lambda _more, _of: None,
) -> Written:
    """Write what was chosen into ``out``, or go on with what was begun there.

    Parameters
    ----------
    files : callable
        See :data:`Files`.
    key : bytes
        The installation's secret, by which persons get their pseudonyms.

    Raises
    ------
    CohortError
        When ``out`` holds another cohort or something else, another process writes there, or the
        disk does not take it. What is whole there stays, and nothing that is not.
    """
    try:
        with _only_one(out), Transcoder() as transcoder:
            _begin(out, cohort, key)
            return _Writer(out, files, key, transcoder).write(choice, progress)
    except OSError as exc:
        text = f"{out}: cannot be written: {exc.strerror}"
        raise CohortError(f"{text}; mend that and run it again: it goes on where it was") from exc


@contextmanager
def _only_one(out: Path) -> Iterator[None]:
    out.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (out / _LOCK).open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            raise CohortError(f"{out}: another process writes there; wait for it") from exc
        yield


def _begin(out: Path, cohort: Cohort, key: bytes) -> None:
    """Say whose folder it is; refuse one that is somebody else's."""
    said = {
        "layout": _LAYOUT,
        "cohort": cohort.model_dump(mode="json", exclude={"exclude", "draw"}),
        "excluded": hashlib.sha256(cohort.exclude.model_dump_json().encode()).hexdigest(),
        "key": hashlib.sha256(b"cohort key\0" + key).hexdigest()[:16],
    }
    path = out / _ABOUT
    if not path.exists():
        ours = (_LOCK, _ABOUT + _PART)  # who was killed before anything was said left that
        if others := sorted(one.name for one in out.iterdir() if one.name not in ours):
            raise CohortError(f"{out} holds {others[0]} and no cohort; name a folder of its own")
        _put(path, said)
    elif json.loads(path.read_text(encoding="utf-8")) != said:
        text = f"{out} holds another cohort, or one that was chosen otherwise ({_ABOUT})"
        raise CohortError(f"{text}; name another folder")


class _Writer:
    """Writes one folder."""

    def __init__(self, out: Path, files: Files, key: bytes, transcoder: Transcoder) -> None:
        self._out = out
        self._files = files
        self._key = key
        self._transcoder = transcoder
        self._report = _Report()

    def write(self, choice: Choice, progress: Progress) -> Written:
        """Write every pair that can be, then the manifest."""
        (self._out / _SERIES).mkdir(exist_ok=True)
        pairs: list[dict[str, Any]] = []
        left: list[Left] = []
        for pair in choice.pairs:
            try:
                pairs.append(self._pair(pair))
            except (IdentityLeft, Unreadable) as exc:
                left += _left(pair, exc)
            progress(1, len(choice.pairs))
        digest = hashlib.sha256(json.dumps(pairs, sort_keys=True).encode()).hexdigest()
        persons = len({one["person"] for one in pairs})
        why = Counter(str(one.why) for one in (*choice.left, *left))
        _put(self._out / REPORT, {
            "removed": dict(sorted(self._report.removed.items())),
            "found": dict(sorted(self._report.found.items())),
            "left": dict(sorted(why.items())),
        })  # fmt: skip
        _put(self._out / MANIFEST, {
            "layout": _LAYOUT, "digest": digest, "persons": persons, "pairs": pairs,
        })  # fmt: skip
        objects = sum(len(one["objects"]) for pair in pairs for one in _parts(pair))
        return Written(len(pairs), persons, objects, digest, tuple(left))

    def _pair(self, pair: Chosen) -> dict[str, Any]:
        cleaner = Cleaner(self._key, pair.person)
        series = [self._series(one, cleaner) for one in (*pair.sources, pair.target)]
        return {
            "person": cleaner.pseudonym,
            "days_apart": pair.days_apart,
            "one_frame": pair.one_frame,
            "sources": series[:-1],
            "target": series[-1],
        }

    def _series(self, one: Seen, cleaner: Cleaner) -> dict[str, Any]:
        """Return what the manifest says of a series, which is in its place then."""
        uid = cleaner.uid(one.series_uid)
        place = self._out / _SERIES / uid
        if not place.is_dir():
            self._write(one, cleaner, place)
        about = json.loads((place / _ABOUT).read_text(encoding="utf-8"))
        self._report.removed.update(about["removed"])
        self._report.found.update(about["found"])
        return {
            "series": uid,
            "label": one.label,
            "scanner": self._scanner(one),
            "field_strength_t": one.field_strength_t,
            "objects": about["objects"],
        }

    def _scanner(self, one: Seen) -> str:
        """Return what tells one kind of scanner from another, and no more."""
        said = f"{one.manufacturer}\0{one.model}".encode()
        return f"S{hashlib.blake2s(said, key=self._key[:32]).hexdigest()[:8].upper()}"

    def _write(self, one: Seen, cleaner: Cleaner, place: Path) -> None:
        part = place.with_name(place.name + _PART)
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        try:
            removed: Counter[str] = Counter()
            found: Counter[str] = Counter()
            objects = {}
            for number, instance in enumerate(self._files(one), start=1):
                cleaned = self._cleaned(instance, cleaner)
                removed.update(cleaned.removed)
                found.update(cleaned.found)
                path = part / f"{number:05d}.dcm"
                dcmwrite(path, cleaned.ds, enforce_file_format=True)
                sync_file(path)
                objects[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
            about = {"objects": objects, "removed": removed, "found": found}
            _put(part / _ABOUT, about)
            sync_folder(part)
            part.rename(place)
            sync_folder(place.parent)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise

    def _cleaned(self, instance: Instance, cleaner: Cleaner) -> Cleaned:
        """Return what may stay of an object.

        Raises
        ------
        IdentityLeft, Unreadable
        """
        try:
            return cleaner.clean(self._read(instance))
        except (CannotTranscode, *PARSER_ERRORS) as exc:  # a disk that fails to be read, too
            why = str(exc).splitlines()[0] if str(exc) else type(exc).__name__
            raise Unreadable(f"an object of it cannot be read: {why}") from exc

    def _read(self, instance: Instance) -> Dataset:
        """Return an object with native little endian pixels."""
        if instance.transfer_syntax_uid == _PLAIN:
            return dcmread(instance.path)
        with self._transcoder.converted(instance.path, _PLAIN) as (file, _):
            file.seek(0)
            ds = read_dataset(file, is_implicit_VR=False, is_little_endian=True)
            return Dataset(ds)


def _left(pair: Chosen, why: Exception) -> Iterator[Left]:
    for one in (*pair.sources, pair.target):
        yield Left(one.study_uid, one.series_uid, Why.UNREADABLE, str(why))


def _parts(pair: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    return (*pair["sources"], pair["target"])


def _put(path: Path, values: Mapping[str, Any]) -> None:
    """Write JSON; who reads meanwhile, or after a power cut, finds all of it or nothing."""
    part = path.with_name(path.name + _PART)
    part.write_text(json.dumps(values, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    sync_file(part)
    part.replace(path)
    sync_folder(path.parent)
