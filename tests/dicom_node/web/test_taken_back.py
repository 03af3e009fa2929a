"""WADO-RS of what a recalled model made, before its jobs are looked at: nothing is given."""

import pytest

from dicom_node.db import JobRow
from dicom_node.rejections import Because, Recalls, Rejections
from dicom_node.values import Origin
from tests.dicom_node.archive.objects import instance, series_uid, study_uid
from tests.dicom_node.web.asking import objects_of

STUDY = f"/studies/{study_uid()}"
MADE = series_uid(series="made")
SERIES = f"{STUDY}/series/{MADE}"
ONE = f"{SERIES}/instances/{instance(series='made').SOPInstanceUID}"
WHOLE = "application/dicom; transfer-syntax=*"


@pytest.fixture(params=[Origin.MADE, Origin.RECEIVED])
def filled(sqlite_site, request):
    """A study with one acquired instance, and two that were made, or came back."""
    store = sqlite_site.store
    store.keep(instance())
    for number in (1, 2):
        store.keep(instance(series="made", number=number), origin=request.param)
    with store.database.transaction() as session:
        session.add(
            JobRow(
                key="2.25.1", study_uid=study_uid(), rule="r", task="t", grid="native",
                priority=1, state="done", due=store.now, created_at=store.now, sources=[],
                series_uids=[MADE],
                model={"name": "tiny", "version": "1.0.0", "digest": "sha256:00"},
            )
        )  # fmt: skip
    return sqlite_site


def recall(site) -> None:
    with site.store.database.transaction() as session:
        Recalls(session).add(("tiny", "1.0.0"), "A. Physicist", "shifted", site.store.now)


def test_of_its_study_only_what_was_acquired_is_given(filled):
    assert len(objects_of(filled.get(STUDY))) == 3
    recall(filled)
    (left,) = objects_of(filled.get(STUDY))
    assert left.SeriesInstanceUID == series_uid()


@pytest.mark.parametrize(
    ("path", "accept", "status"),
    [
        (SERIES, None, 404), (ONE, None, 404), (ONE, WHOLE, 404), (f"{ONE}/frames/1", None, 404),
        (f"{ONE}/bulkdata/7FE00010", None, 404), (f"{ONE}/rendered", None, 406),
        (f"{SERIES}/thumbnail", None, 406),
    ],
)  # fmt: skip
def test_no_address_gives_anything_of_it(filled, path, accept, status):
    recall(filled)
    assert filled.get(path, accept).status_code == status


def test_its_metadata_is_given_to_nobody(filled):
    assert len(filled.get(f"{SERIES}/metadata").json()) == 2
    recall(filled)
    assert filled.get(f"{SERIES}/metadata").json() == []


def test_what_is_rejected_is_not_there(filled):
    with filled.store.database.transaction() as session:
        place, said = (study_uid(), MADE), ("1.2.3", "acquired")
        Rejections(session).reject(place, Because.SUPERSEDED, said, filled.store.now)
    assert filled.get(SERIES).status_code == 404
    assert filled.get(f"{SERIES}/instances").status_code == 204
    assert len(objects_of(filled.get(STUDY))) == 1
