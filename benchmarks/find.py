"""Queries: the time of one C-FIND at the client, ours and Orthanc in turns on the same studies."""

import itertools
import multiprocessing
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from pydicom.dataset import Dataset

from benchmarks.peers import Ours
from benchmarks.raw_client import Target, send_all
from benchmarks.report import line, median
from tests.dicom_node.archive.objects import wire
from tests.support.asking import Asking
from tests.support.orthanc import Orthanc
from tests.support.studies import MR_IMAGE, studies

COUNTS = (10_000, 100_000)
ASSOCIATIONS = 4
QUESTIONS = 40
"""Of each kind and run, each about another study."""

Sent = tuple[str, str, bytes]
QUESTION: Mapping[str, Callable[[Dataset], dict[str, object]]] = {
    "patient": lambda ds: {"PatientID": ds.PatientID},
    "name": lambda ds: {"PatientName": f"{ds.PatientName}*"},
    "accession": lambda ds: {"AccessionNumber": ds.AccessionNumber},
    "uid": lambda ds: {"StudyInstanceUID": ds.StudyInstanceUID},
    "day": lambda ds: {"StudyDate": ds.StudyDate, "ModalitiesInStudy": "MR"},
}


def run(runs: int) -> Iterator[str]:
    """Yield ``find-<kind of matching>-<studies>``, medians in milliseconds."""
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    orthanc = Orthanc(folder / "orthanc", options={"DefaultEncoding": "Utf8"}).start()
    ours = Ours(folder / "ours", may=("echo", "store", "find"))
    ours.start()
    targets = [ours.target, Target("orthanc", orthanc.dicom_port, orthanc.ae_title)]
    try:
        filled = 0
        for count in COUNTS:
            _fill(targets, filled, count)
            filled = count
            yield from _asked(targets, count, runs)
    finally:
        ours.stop()
        orthanc.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _one(study: Sequence[Dataset]) -> Dataset:
    """Return the first instance of a study, as MR, so that one context takes all.

    Its accession number is its own, as a department's are.
    """
    ds = study[0]
    ds.SOPClassUID, ds.Modality = MR_IMAGE, "MR"
    ds.AccessionNumber = str(ds.StudyInstanceUID)[-12:]
    return ds


def _encoded(study: Sequence[Dataset]) -> Sent:
    ds = _one(study)
    return MR_IMAGE, str(ds.SOPInstanceUID), wire(ds)


def _fill(targets: Sequence[Target], first: int, end: int) -> None:
    """Send both the studies of these numbers, an instance each."""
    wanted = itertools.islice(studies(end), first, end)
    with multiprocessing.get_context("fork").Pool() as pool:
        sent = list(pool.imap(_encoded, wanted, chunksize=200))
    for target in targets:
        send_all(target, [sent[number::ASSOCIATIONS] for number in range(ASSOCIATIONS)])


def _asked(targets: Sequence[Target], count: int, runs: int) -> Iterator[str]:
    every = count // QUESTIONS
    there = [_one(study) for study in itertools.islice(studies(count), 0, count, every)]
    asking = {target.name: Asking(target.port, target.called, "BENCH") for target in targets}
    for kind, keys in QUESTION.items():
        took: dict[str, list[float]] = {name: [] for name in asking}
        questions = [question for ds in there if all((question := keys(ds)).values())]
        for question in questions * runs:
            answers = []
            for name, one in asking.items():
                began = time.perf_counter()
                answers.append(one.uids("STUDY", question))
                took[name].append((time.perf_counter() - began) * 1e3)
            if answers[0] != answers[1] or not answers[0]:
                raise RuntimeError(f"{question}: {len(answers[0])} and {len(answers[1])} answers")
        ours, theirs = (median(figures) for figures in took.values())
        yield line(f"find-{kind}-{count}", ours, ("orthanc", theirs), "ms", runs)
    for one in asking.values():
        one.close()
