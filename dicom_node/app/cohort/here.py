"""A cohort file and a node into pairs: which of its archive's series may teach a model."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.orm import Session

from dicom_node.app.build import Node
from dicom_node.app.clock import utc_now
from dicom_node.archive import MadePixels, Studies
from dicom_node.cohort import (
    Choice,
    Cohort,
    Seen,
    Written,
    choose,
    seen,
    write_cohort,
)
from dicom_node.draws import Drawn
from dicom_node.errors import NotPossible
from dicom_node.installation import cohort_key
from dicom_node.rules import Shelf, understand
from dicom_node.series import OwnIdentity
from dicom_node.values import Instance
from engine.task import Task

__all__ = ["chosen", "task_of", "written"]

Progress = Callable[[int, int], None]


def chosen(node: Node, cohort: Cohort, progress: Progress) -> Choice:
    """Choose from the node's own archive, or from what was drawn; nothing is written.

    Parameters
    ----------
    progress : callable
        Told of each study that was looked at: 1, and of how many.

    Raises
    ------
    NotPossible
        When the cohort names a task that there is not, or an archive of which nothing was drawn.
    """
    task = task_of(node, cohort)
    series = list(_looked_at(node, cohort, task, progress))
    return choose(cohort, task.needs, str(task.makes), series)


def written(node: Node, cohort: Cohort, choice: Choice, out: Path, progress: Progress) -> Written:
    """Write what was chosen, without who it is of, into a folder.

    Raises
    ------
    CohortError
        As :func:`dicom_node.cohort.write_cohort`.
    SettingsError
        When there is no key to be had for pseudonyms.
    """

    def files(one: Seen) -> Sequence[Instance]:
        with node.database.reading() as session:
            of_study = _shelf(node, cohort, session).files(one.study_uid)
        return of_study.get(one.series_uid, ())

    return write_cohort(cohort, choice, files, out, cohort_key(node.settings), progress)


def task_of(node: Node, cohort: Cohort) -> Task:
    """Return the task that a cohort is for.

    Raises
    ------
    NotPossible
        When there is none of that name.
    """
    task = node.catalogue.tasks.get(cohort.task)
    if task is None:
        known = ", ".join(sorted(node.catalogue.tasks)) or "none"
        raise NotPossible(f"task = '{cohort.task}': there is no such task; known are {known}")
    return task


@dataclass(frozen=True, slots=True)
class _DrawnShelf:
    """What was drawn from one peer; what our own series are is known here."""

    drawn: Drawn
    peer: str
    studies: Studies

    def made(self, study_uid: str) -> Iterable[str]:
        return self.studies.made(study_uid)

    def files(self, study_uid: str) -> Mapping[str, Sequence[Instance]]:
        return self.drawn.files(self.peer, study_uid)

    def conflicts(self, study_uid: str) -> Mapping[str, int]:  # noqa: ARG002 - the first stays
        return {}


def _shelf(node: Node, cohort: Cohort, session: Session) -> Shelf:
    studies = Studies(session, node.archive.folder)
    if cohort.is_here:
        return studies
    return _DrawnShelf(Drawn.of(node.settings, node.database, utc_now), cohort.archive, studies)


def _uids(node: Node, cohort: Cohort) -> Sequence[str]:
    """Return the studies that are looked at."""
    if cohort.is_here:
        between = cohort.between
        with node.database.reading() as session:
            return Studies(session, node.archive.folder).dated(between.first, between.last)
    found = Drawn.of(node.settings, node.database, utc_now).studies(cohort.archive)
    if not found:
        text = f"archive = '{cohort.archive}': nothing was drawn from there"
        raise NotPossible(f"{text}; 'dicom-node cohort draw' does that")
    return found


def _looked_at(node: Node, cohort: Cohort, task: Task, progress: Progress) -> Iterator[Seen]:
    """Yield every series of the studies that may be chosen from."""
    uids, digests = _uids(node, cohort), tuple(node.catalogue.by_digest)
    for uid in uids:
        with node.database.reading() as session:
            known = OwnIdentity.of(node.node_uid, digests, MadePixels(session))
            study = understand(_shelf(node, cohort, session), uid, {task.name: task}, known)
        for one in study.series:
            yield seen(uid, one.series_uid, one.findings, one.against[task.name])
        progress(1, len(uids))
