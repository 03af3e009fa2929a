"""C-GET and C-MOVE of what a recalled model made, and of what came back: refused, and named."""

import pytest
from sqlalchemy import delete

from dicom_node.association.status import RetrieveStatus
from dicom_node.db import JobRow
from dicom_node.rejections import Because, Recalls, Rejections
from dicom_node.values import Origin
from tests.dicom_node.archive.objects import instance, received, series_uid, study_uid
from tests.support.retrieving import identifier, move

STUDY = {"StudyInstanceUID": study_uid()}
MADE = series_uid(series="made")


def uids(datasets) -> set[str]:
    return {str(ds.SOPInstanceUID) for ds in datasets}


@pytest.fixture
def real(scene, receiver) -> list:
    """Return what was acquired of a study of which something was made here, too."""
    receiver.start()
    wanted = [instance(number=number) for number in (1, 2)]
    for ds in wanted:
        scene.archive.keep(received(ds))
    now = scene.now()
    with scene.database.transaction() as session:
        session.add(
            JobRow(
                key="2.25.1", study_uid=study_uid(), rule="r", task="t", grid="native",
                priority=1, state="done", due=now, created_at=now, sources=[], series_uids=[MADE],
                model={"name": "tiny", "version": "1.0.0", "digest": "sha256:00"},
            )
        )  # fmt: skip
    return wanted


def keep(scene, origin: Origin) -> list:
    """Keep what was made, or what came back of it."""
    wanted = [instance(series="made", number=number) for number in (1, 2, 3)]
    for ds in wanted:
        scene.archive.keep(received(ds, origin=origin))
    return wanted


def recall(scene) -> None:
    """Recall the model, and look at none of its jobs."""
    with scene.database.transaction() as session:
        Recalls(session).add(("tiny", "1.0.0"), "A. Physicist", "shifted", scene.now())


def moved(scene):
    return move(scene.port, identifier("STUDY", **STUDY), "PACS")


@pytest.mark.parametrize("origin", [Origin.MADE, Origin.RECEIVED, Origin.INGESTED])
def test_what_a_recalled_model_made_is_not_sent_wherever_it_came_from(
    scene, receiver, real, origin
):
    made = keep(scene, origin)
    assert moved(scene).last == RetrieveStatus.SUCCESS
    assert set(receiver.kept) == uids(real) | uids(made)
    receiver.kept.clear()
    recall(scene)
    found = moved(scene)
    assert (found.last, set(found.failed)) == (RetrieveStatus.SOME_FAILED, uids(made))
    assert set(receiver.kept) == uids(real)


def test_what_is_recalled_after_it_was_selected_is_not_sent_either(scene, receiver, real):
    """The receiver has two of the first hundred; what is asked for each hundred stops the rest."""
    made = [instance(series="made", number=number) for number in range(1, 103)]
    for ds in made:
        scene.archive.keep(received(ds, origin=Origin.MADE))

    def meanwhile(_event) -> int:
        if len(receiver.asked) == 2:
            recall(scene)
        return 0

    receiver.answer = meanwhile
    found = move(scene.port, identifier("SERIES", **STUDY, SeriesInstanceUID=MADE), "PACS")
    assert (found.last, len(found.failed), len(receiver.kept)) == (
        RetrieveStatus.SOME_FAILED, 2, 100,
    )  # fmt: skip


@pytest.mark.parametrize("state", ["held", "refused", "cancelled"])
def test_what_was_never_released_and_came_back_is_not_sent(scene, receiver, real, state):
    made = keep(scene, Origin.RECEIVED)
    with scene.database.transaction() as session:
        session.get_one(JobRow, 1).state = state
    found = moved(scene)
    assert (set(found.failed), set(receiver.kept)) == (uids(made), uids(real))


def test_a_clinical_peer_is_sent_what_came_back_as_it_would_be_sent_what_was_made(
    scene, receiver, real
):
    made = keep(scene, Origin.RECEIVED)
    scene.peers[1] = scene.peers[1].model_copy(update={"use": "clinical"})
    found = moved(scene)
    assert (set(found.failed), set(receiver.kept)) == (uids(made), uids(real))
    with scene.database.transaction() as session:
        session.execute(delete(JobRow))  # of nobody's making that is known here: it was acquired
    assert moved(scene).last == RetrieveStatus.SUCCESS


def test_what_is_rejected_is_not_found_so_that_nothing_of_it_fails(scene, receiver, real):
    keep(scene, Origin.RECEIVED)
    with scene.database.transaction() as session:
        place, said = (study_uid(), MADE), ("1.2.3", "acquired")
        Rejections(session).reject(place, Because.SUPERSEDED, said, scene.now())
    assert moved(scene).last == RetrieveStatus.SUCCESS
    assert set(receiver.kept) == uids(real)
