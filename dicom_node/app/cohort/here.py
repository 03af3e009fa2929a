"""A cohort file and a node into pairs: which of its archive's series may teach a model."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from dicom_node.app.build import Node
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
from dicom_node.errors import NotPossible
from dicom_node.installation import cohort_key
from dicom_node.rules import understand
from dicom_node.series import OwnIdentity
from dicom_node.values import Instance
from engine.task import Task

__all__ = ["chosen_here", "written_here"]

Progress = Callable[[int, int], None]


def chosen_here(node: Node, cohort: Cohort, progress: Progress) -> Choice:
    """Choose from the node's own archive; nothing is written.

    Parameters
    ----------
    progress : callable
        Told of each study that was looked at: 1, and of how many.

    Raises
    ------
    NotPossible
        When the cohort names a task that there is not, or an archive elsewhere.
    """
    task = _task(node, cohort)
    series = list(_looked_at(node, cohort, task, progress))
    return choose(cohort, task.needs, str(task.makes), series)


def written_here(
    node: Node, cohort: Cohort, choice: Choice, out: Path, progress: Progress
) -> Written:
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
            of_study = Studies(session, node.archive.folder).files(one.study_uid)
        return of_study.get(one.series_uid, ())

    return write_cohort(cohort, choice, files, out, cohort_key(node.settings), progress)


def _task(node: Node, cohort: Cohort) -> Task:
    if not cohort.is_here:
        text = "this version draws from the node's own archive"
        raise NotPossible(f"archive = '{cohort.archive}': {text}; say archive = 'here'")
    task = node.catalogue.tasks.get(cohort.task)
    if task is None:
        known = ", ".join(sorted(node.catalogue.tasks)) or "none"
        raise NotPossible(f"task = '{cohort.task}': there is no such task; known are {known}")
    return task


def _looked_at(node: Node, cohort: Cohort, task: Task, progress: Progress) -> Iterator[Seen]:
    """Yield every series of the studies that were made in time."""
    folder, digests = node.archive.folder, tuple(node.catalogue.by_digest)
    with node.database.reading() as session:
        uids = Studies(session, folder).dated(cohort.between.first, cohort.between.last)
    for uid in uids:
        with node.database.reading() as session:
            known = OwnIdentity.of(node.node_uid, digests, MadePixels(session))
            study = understand(Studies(session, folder), uid, {task.name: task}, known)
        for one in study.series:
            yield seen(uid, one.series_uid, one.findings, one.against[task.name])
        progress(1, len(uids))
