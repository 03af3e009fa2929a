"""A series made again from its provenance record, and held against what was made then.

What enters: the record, the source's objects in the archive, the model among the bundles. Nothing
of rules, tasks or settings does: these may have changed since. What leaves is only what it found.
"""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Literal

from sqlalchemy.orm import Session

from dicom_node import signature
from dicom_node.archive import Held, Studies, content_of_objects, identify, meta_header
from dicom_node.archive.part10 import damaged
from dicom_node.content import digest_of
from dicom_node.db import Database
from dicom_node.errors import NotPossible
from dicom_node.jobs import JobQueue
from dicom_node.results import Making
from dicom_node.values import Companion, Instance, Origin
from dicom_node.worker.record import Record, Result, recorded
from dicom_node.worker.run import Bench, encoded, look, making_of, volumes_of
from engine.errors import EngineError
from engine.pipeline import Device, synthesise
from engine.task import Bundle, Task

__all__ = ["Remade", "RemadeObject", "keep", "remake"]

Verdict = Literal["same", "differs", "not here"]


@dataclass(frozen=True, slots=True)
class RemadeObject:
    """One object, made again.

    Parameters
    ----------
    verdict : {"same", "differs", "not here"}
        Of its bytes, against what the archive has, or else against the record; ``not here``: the
        archive has it no more, and the record says of the whole series alone that it differs.
    content : bytes
        The Part 10 file, as the archive keeps it.
    """

    sop_instance_uid: str
    verdict: Verdict
    content: bytes


@dataclass(frozen=True, slots=True)
class Remade:
    """A series, made again.

    Parameters
    ----------
    objects : tuple of RemadeObject
        In slice order; then its companions.
    same : bool
        Whether every byte of all of them is what it was.
    otherwise : tuple of str
        In what this run was not as the first: versions, the device, the numbers of a step.
    """

    objects: tuple[RemadeObject, ...]
    same: bool
    otherwise: tuple[str, ...]


def remake(bench: Bench, database: Database, record: Record) -> Remade:
    """Make a series again from its record.

    Raises
    ------
    NotPossible
        When something that it was made of is not here any more, or not what it was; it says what,
        a line each.
    OutputInvalid
        When what was made must not leave.
    """
    folder = bench.archive.folder
    with database.reading() as session:
        studies = Studies(session, folder)
        sources = [studies.instances(source.sop_instance_uids) for source in record.sources]
    bundle = bench.catalogue.by_digest.get(record.model.digest)
    missing = [*_missing_model(record, bundle), *_missing_sources(record, sources)]
    if bundle is None or missing:
        raise NotPossible("\n".join(missing))
    try:
        making = _made(bench, record, bundle, sources)
    except EngineError as exc:
        raise NotPossible("\n".join(str(reason) for reason in exc.reasons)) from exc
    made = _files(record, making)
    with database.reading() as session:
        uids = [one.uid for _, files in made for one in files]
        here = _here(session, folder, record.key, uids)
    objects = tuple(one for then, files in made for one in _held_against(then, files, here))
    same = len(made) == 1 + len(record.result.companions)
    same = same and all(_is_whole(then, files) for then, files in made)
    same = same and all(one.verdict == "same" for one in objects)
    return Remade(objects, same, tuple(_otherwise(record, making, made)))


def keep(remade: Remade, folder: Path) -> None:
    """Write the files of a series into a new folder.

    Raises
    ------
    NotPossible
        When they cannot be written; nothing is left behind.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        part = Path(mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    except OSError as exc:
        raise NotPossible(f"{folder}: cannot be written: {exc.strerror}") from exc
    try:
        for number, one in enumerate(remade.objects, start=1):
            (part / f"{number:05d}.dcm").write_bytes(one.content)
        part.chmod(0o750)
        part.rename(folder)
    except OSError as exc:
        shutil.rmtree(part, ignore_errors=True)
        raise NotPossible(f"{folder}: cannot be written: {exc.strerror}") from exc


@dataclass(frozen=True, slots=True)
class _File:
    """An object as the archive keeps it, with the SHA-256 of its data set."""

    uid: str
    sha256: str
    content: bytes


def _files(record: Record, making: Making) -> list[tuple[Result, list[_File]]]:
    """Return the result's files and those of each companion, each with what was recorded of it."""
    names = tuple(one for one in Companion if one in record.result.companions)
    result, beside = encoded(making, names)
    then = record.result.companions
    return [
        (record.result, [_file_of(*one) for one in result]),
        *((then[name], [_file_of(*one)]) for name, one in beside.items()),
    ]


def _file_of(data: bytes, syntax: str) -> _File:
    identity = identify(data, syntax)
    meta = meta_header(identity.sop_class_uid, identity.sop_instance_uid, syntax)
    return _File(identity.sop_instance_uid, digest_of(data), meta + data)


def _here(session: Session, folder: Path, key: str, uids: Sequence[str]) -> dict[str, str]:
    """Return the SHA-256 by UID of what the archive has of a result, held or not."""
    job = JobQueue(session).of_key(key)
    held = None if job is None else Held(session).of_job(job.id)
    waiting = () if held is None else held.everything
    entered = Studies(session, folder).instances(uids)
    return {
        **{one.identity.sop_instance_uid: one.sha256 for one in waiting},
        **{one.sop_instance_uid: one.sha256 for one in entered if one.origin == Origin.MADE},
    }


def _missing_model(record: Record, bundle: Bundle | None) -> Iterator[str]:
    if bundle is None:
        model = record.model
        yield (
            f"MODEL_MISSING: {model.name}@{model.version} ({model.digest}) is not among the "
            "models; one changed byte makes another model of it; put it back"
        )


def _missing_sources(record: Record, sources: Sequence[Sequence[Instance]]) -> Iterator[str]:
    for source, digest, files in zip(record.sources, record.digests, sources, strict=True):
        where = f"{source.label} series {source.series_uid}"
        gone = set(source.sop_instance_uids) - {one.sop_instance_uid for one in files}
        if gone:
            yield (
                f"SOURCE_MISSING: {len(gone)} of {len(source.sop_instance_uids)} objects of "
                f"{where} are not in the archive any more; send study {record.study_uid} again"
            )
        elif digest != content_of_objects((one.sop_instance_uid, one.sha256) for one in files):
            yield (
                f"SOURCE_MISSING: the objects of {where} are not, byte for byte, those that it was "
                "made from; restore them from a backup"
            )
        elif spoilt := damaged(files):
            yield (
                f"SOURCE_MISSING: {len(spoilt)} of {len(files)} files of {where} are damaged; "
                "restore them from a backup"
            )


def _made(
    bench: Bench, record: Record, bundle: Bundle, sources: Sequence[Sequence[Instance]]
) -> Making:
    """Do what the worker did; the record says what, where the configuration said so then."""
    signature.require(bundle, bench.settings.model_keys, signed=False)
    device = _device(record)
    needs = tuple(source.label for source in record.sources)
    grid: Literal["native", "rt-axial"] = "rt-axial" if record.grid == "rt-axial" else "native"
    task = Task(record.task, needs, record.makes, bundle, grid)
    files = [
        (source.label, source.series_uid, [str(one.path) for one in found])
        for source, found in zip(record.sources, sources, strict=True)
    ]
    looked = look(bench.own, task, files)
    synthesis = synthesise(volumes_of(looked), task, device)
    return making_of((record.key, record.created_at), task, record.site, looked, synthesis)


def _device(record: Record) -> Device:
    try:
        return Device.of_record(record.run["device"])
    except (KeyError, TypeError) as exc:
        text = f"the provenance record is damaged: its device lacks {exc}"
        raise NotPossible(f"{text}; 'dicom-node jobs provenance' writes a new one") from exc


def _held_against(
    then: Result, made: Sequence[_File], here: Mapping[str, str]
) -> list[RemadeObject]:
    whole = _is_whole(then, made)
    return [
        RemadeObject(one.uid, _verdict(one.sha256, here.get(one.uid), whole=whole), one.content)
        for one in made
    ]


def _is_whole(then: Result, made: Sequence[_File]) -> bool:
    return content_of_objects((one.uid, one.sha256) for one in made) == then.sha256


def _verdict(sha256: str, stored: str | None, *, whole: bool) -> Verdict:
    if stored is None:
        return "same" if whole else "not here"
    return "same" if stored == sha256 else "differs"


def _otherwise(
    record: Record, making: Making, made: Sequence[tuple[Result, Sequence[_File]]]
) -> Iterator[str]:
    """Yield in what this run was not as the first, of everything that is recorded of both."""
    count, again = len(made[0][1]), [then.series_uid for then, _ in made]
    for companion, result in record.result.companions.items():
        if result.series_uid not in again:
            yield f"result: companion {companion} was made, and cannot be made now"
    if count != record.result.objects:
        yield f"result: there were {record.result.objects} objects, there are {count}"
    now: Mapping[str, Mapping[str, Any]] = recorded(making, tuple(record.result.companions))
    for part, then in record.run.items():
        for name in sorted({*then, *now[part]}):
            before, after = then.get(name), now[part].get(name)
            if before == after:
                continue
            if isinstance(before, str | int | None) and isinstance(after, str | int | None):
                yield f"{part}: {name} was {before}, it is {after}"
            else:
                yield f"{part}: {name} has other numbers"
