"""One job: files in, engine, series out into the archive's folder."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

from pydicom import dcmread
from pydicom.dataset import Dataset

from dicom_node import log, signature
from dicom_node.archive import Archive, Entry, Files, Received, Space, read_part10
from dicom_node.catalogue import Catalogue, load_catalogue, load_models
from dicom_node.db import Database
from dicom_node.errors import ArchiveError, OutputInvalid
from dicom_node.installation import device_uid
from dicom_node.results import (
    Making,
    Plane,
    Site,
    SourceSeries,
    check_series,
    encode,
    make_series,
    undecodable,
)
from dicom_node.results.companions.build import encode_companions, lacking
from dicom_node.series import Findings, OwnIdentity, examine, fits, pixel_digest, shows_face
from dicom_node.settings import Settings, load_settings
from dicom_node.values import Companion, Origin
from dicom_node.worker.record import recorded
from dicom_node.worker.work import Answer, Beside, Kind, Marked, Placed, Work
from engine.errors import (
    EngineError,
    InputRefused,
    ModelMissing,
    NoMemory,
    PixelsUnreadable,
    ResultRefused,
)
from engine.pipeline import Synthesis, choose, read_voxels, synthesise
from engine.provenance import Provenance
from engine.reason import Code, Reason
from engine.task import Task
from engine.volume import Volume

__all__ = ["Bench", "encoded", "load_bench", "look", "making_of", "run", "volumes_of"]

_log = log.get("worker")


@dataclass(frozen=True, slots=True)
class Bench:
    """Everything that stays the same from job to job."""

    settings: Settings
    catalogue: Catalogue
    archive: Archive
    own: OwnIdentity
    site: Site


def load_bench(conf: Path, environ: Mapping[str, str]) -> Bench:
    """Read the configuration as the parent did.

    Raises
    ------
    SettingsError
        When it was changed meanwhile and has mistakes now.
    """
    settings = load_settings(conf, environ)
    node_uid, file = device_uid(settings), settings.file
    folder = settings.data / "archive"
    archive = Archive(
        Database(file.database.url, settings.data),
        Files(folder),
        Space(folder, file.archive.keep_free_mb * 2**20),
        lambda: datetime.now(UTC),
    )
    return Bench(
        settings=settings,
        catalogue=load_catalogue(settings.folder),
        archive=archive,
        own=OwnIdentity(creator_uids=frozenset({node_uid})),
        site=Site(node_uid, file.site.institution, file.site.content_qualification),
    )


def run(bench: Bench, work: Work) -> Answer:
    """Do one job; what can be answered for is an answer, a bug is let out and ends the child."""
    try:
        return _make(bench, work)
    except EngineError as exc:
        return Answer(_KINDS.get(type(exc), "failed"), _plain(exc.reasons))
    except OutputInvalid as exc:
        return Answer("failed", _plain((Reason(Code.OUTPUT_INVALID, str(exc)),)))
    except ArchiveError as exc:
        return Answer("again", _plain((Reason(Code.NO_SPACE, str(exc)),)))


_KINDS: Mapping[type[EngineError], Kind] = {
    NoMemory: "again",
    InputRefused: "refused",
    PixelsUnreadable: "refused",
    ResultRefused: "refused",
}
"""What the engine's errors mean for a job; the rest are faults of the installation."""


def _make(bench: Bench, work: Work) -> Answer:
    began = perf_counter()
    task = _task(bench, work)
    looked = look(bench.own, task, work.sources)
    volumes = volumes_of(looked)
    read_at = perf_counter()
    options = bench.settings.file.engine
    device = choose(options.device, batch=options.batch or None, threads=options.threads or None)
    synthesis = synthesise(volumes, task, device)
    made_at = perf_counter()
    making = making_of((work.key, work.created), task, bench.site, looked, synthesis)
    wanted = _companions(work.companions)
    entries, beside = _write(bench, making, wanted)
    held = (*synthesis.held, *_release_wanted(task))
    marked = _marked(bench, work, replace(making, held=held))
    seconds = {
        "read": read_at - began,
        "generate": made_at - read_at,
        "write": perf_counter() - made_at,
    }
    return Answer(
        "held" if held else "made",
        _plain((*held, *_stepped_down(synthesis.provenance), *lacking(making, wanted))),
        study_uid=entries[0].identity.study_uid,
        series_uid=entries[0].identity.series_uid,
        label=task.makes,
        placed=tuple(_placed(entry) for entry in entries),
        marked=marked,
        seconds={name: round(value, 3) for name, value in seconds.items()},
        record=recorded(making, wanted),
        beside=tuple(
            Beside(name, entry.identity.series_uid, _placed(entry)) for name, entry in beside
        ),
    )


def _companions(names: Sequence[str]) -> tuple[Companion, ...]:
    return tuple(one for one in Companion if one in names)


def making_of(
    job: tuple[str, datetime],
    task: Task,
    site: Site,
    looked: Sequence[Findings],
    synthesis: Synthesis,
) -> Making:
    """Return everything that the bytes of a result depend on.

    Parameters
    ----------
    job : (str, datetime)
        The job's key and its time.

    Raises
    ------
    InputRefused
        When the identity of a source cannot be read.
    """
    key, created_at = job
    return Making(
        job_key=key,
        created_at=created_at,
        task=task,
        grid=task.grid,
        site=site,
        sources=[_source(findings) for findings in looked],
        synthesis=synthesis,
        recognizable=_shows_face(task, looked[0]),
    )


def _release_wanted(task: Task) -> tuple[Reason, ...]:
    """Return why a person has to release what was made; empty where it may leave."""
    if not task.released_by_hand:
        return ()
    text = f'task {task.name} says release = "by_hand": a person has to look at its results'
    return (Reason(Code.RELEASE_WANTED, text),)


def _stepped_down(provenance: Provenance) -> tuple[Reason, ...]:
    """Return what found no room in memory before a series was made with less."""
    if not provenance.lacked:
        return ()
    how = f"made on {provenance.device} with {provenance.batch} at once"
    return (Reason(Code.NO_MEMORY, f"{how}, after: {'; then '.join(provenance.lacked)}"),)


def _shows_face(task: Task, source: Findings) -> bool:
    """Whether the result may show a face: PET is made of the brain alone."""
    return task.makes != "PT" and shows_face(source.header, task.bundle.contract.anatomy)


def _task(bench: Bench, work: Work) -> Task:
    task = bench.catalogue.tasks.get(work.task)
    if task is None:
        raise ModelMissing(f"task {work.task} is no longer in tasks/; put it back")
    models = bench.catalogue.by_digest
    if work.model_digest not in models:  # it may have come after we started
        models = load_models(bench.settings.folder)
    if work.model_digest not in models:
        raise ModelMissing(
            f"the job was planned with model {work.model_digest[:23]}…, which is not among the "
            "models; put it back, or resend the study"
        )
    bundle = models[work.model_digest]
    settings = bench.settings
    signature.require(bundle, settings.model_keys, signed=settings.file.models.require_signature)
    return replace(task, grid="rt-axial" if work.grid == "rt-axial" else "native", bundle=bundle)


def look(
    own: OwnIdentity, task: Task, sources: Iterable[tuple[str, str, list[str]]]
) -> list[Findings]:
    """Judge the files again as they lie on the disk now: what was planned may have been damaged.

    Parameters
    ----------
    sources : iterable of (label, series UID, paths)
        In the order of the task's needs.

    Raises
    ------
    InputRefused
        When one of them will not do.
    """
    return [_look(own, task, label, paths) for label, _, paths in sources]


def volumes_of(looked: Iterable[Findings]) -> list[Volume]:
    """Return the voxels of what was looked at."""
    return [read_voxels(findings.chosen) for findings in looked if findings.chosen is not None]


def _look(own: OwnIdentity, task: Task, label: str, paths: Sequence[str]) -> Findings:
    findings = examine([Path(path) for path in paths], own)
    if reasons := fits(findings, task.bundle.contract, task.grid):
        raise InputRefused(reasons)
    if findings.label != label:
        text = f"the series is {findings.label} now, it was planned as {label}"
        raise InputRefused([Reason(Code.SEQUENCE_CONFLICT, text)])
    return findings


def _source(findings: Findings) -> SourceSeries:
    stack = findings.chosen
    if stack is None:
        raise InputRefused(findings.reasons)
    header: Dataset = dcmread(stack.frames[0].path, stop_before_pixels=True)
    if words := undecodable(header):
        text = (
            f"{', '.join(words)} cannot be read: the object declares no character set, or not the "
            "one that it is written in; correct it and resend"
        )
        raise InputRefused([Reason(Code.IDENTITY_INVALID, text)])
    return SourceSeries(
        label=str(findings.label),
        header=header,
        frames=[frame.ref for frame in stack.frames],
        planes=[
            Plane(frame.position_mm or (), frame.orientation or (), frame.spacing_mm or ())
            for frame in stack.frames
        ],
    )


def _write(
    bench: Bench, making: Making, wanted: Sequence[Companion]
) -> tuple[list[Entry], list[tuple[Companion, Entry]]]:
    """Encode, check what was encoded, and only then write: the result, and its companions."""
    result, beside = encoded(making, wanted)
    entries = [_shown(bench, _place(bench, *one)) for one in result]
    return entries, [(name, _place(bench, *one)) for name, one in beside.items()]


def _marked(bench: Bench, work: Work, making: Making) -> Marked | None:
    """Write the copy that says that it waits for a person; None where nobody is sent one."""
    if not making.held:
        return None
    names = bench.settings.marked_names() & frozenset(work.destinations)
    if not names:
        return None
    entries, _ = _write(bench, making, ())
    placed = tuple(_placed(entry) for entry in entries)
    return Marked(entries[0].identity.series_uid, placed, tuple(sorted(names)))


def _place(bench: Bench, data: bytes, syntax: str) -> Entry:
    return bench.archive.place(Received(data, syntax, sender="NODE", origin=Origin.MADE))


def _shown(bench: Bench, entry: Entry) -> Entry:
    """Return it with what the slice shows: under other names it is known by that."""
    return replace(entry, pixels=pixel_digest(bench.archive.folder / entry.place))


def encoded(
    making: Making, wanted: Sequence[Companion]
) -> tuple[list[tuple[bytes, str]], dict[Companion, tuple[bytes, str]]]:
    """Return each data set of a result in slice order, and of its companions by name.

    Each with its transfer syntax; all were checked. A companion that cannot be made is left out.

    Raises
    ------
    OutputInvalid
        When one of them must not leave; then none does.
    """
    made = make_series(making)
    result = [encode(ds) for ds in made.datasets]
    check_series(result, making)
    beside = dict(encode_companions(making, made, wanted))
    return (
        [read_part10(content) for content in result],
        {name: read_part10(content) for name, content in beside.items()},
    )


def _placed(entry: Entry) -> Placed:
    identity = entry.identity
    return Placed(
        place=entry.place,
        sha256=entry.sha256,
        size=entry.size,
        sop_instance_uid=identity.sop_instance_uid,
        sop_class_uid=identity.sop_class_uid,
        number=identity.number,
        pixels=entry.pixels,
    )


def _plain(reasons: tuple[Reason, ...]) -> list[dict[str, str]]:
    return [{"code": str(reason.code), "text": reason.text} for reason in reasons]
