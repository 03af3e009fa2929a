"""A study that is deleted while somebody asks for it: an answer that is whole, or 404."""

import pytest

from dicom_node.archive.upkeep import Part, condemn
from dicom_node.db import InstanceRow
from dicom_node.web.retrieve import instances
from tests.dicom_node.archive.objects import instance, series_uid, study_uid
from tests.dicom_node.web.asking import objects_of

STUDY = f"/studies/{study_uid()}"
SERIES = f"{STUDY}/series/{series_uid()}"
ONE = f"{SERIES}/instances/{instance(number=1).SOPInstanceUID}"
WHOLE = "application/dicom; transfer-syntax=*"
DICOM = 'multipart/related; type="application/dicom"; transfer-syntax=*'


@pytest.fixture
def held(sqlite_site):
    for number in (1, 2, 3):
        sqlite_site.store.keep(instance(number=number))
    return sqlite_site


def forget(site) -> None:
    """Do the first half of a deletion: nobody is shown the rows any more."""
    with site.store.database.transaction() as session:
        condemn(session, study_uid(), Part.RECEIVED, "a test", site.store.now)


def files(site):
    found = {row.sop_instance_uid: row.path for row in site.store.rows(InstanceRow)}
    return {uid: site.store.archive.folder / path for uid, path in found.items()}


@pytest.mark.parametrize(
    "path",
    [STUDY, SERIES, ONE, f"{STUDY}/metadata", f"{ONE}/metadata", f"{ONE}/frames/1",
     f"{ONE}/bulkdata/7FE00010", f"{ONE}/rendered", f"{SERIES}/thumbnail"],
)  # fmt: skip
def test_what_was_deleted_is_nowhere(held, path):
    forget(held)
    assert held.get(path).status_code == 404


def test_what_was_deleted_is_in_no_search(held):
    assert held.get("/studies").status_code == 200
    forget(held)
    for path in ("/studies", "/series", "/instances", f"{STUDY}/series", f"{STUDY}/instances"):
        assert held.get(path).status_code == 204


@pytest.mark.parametrize("accept", [WHOLE, DICOM, "application/dicom", "application/octet-stream"])
@pytest.mark.parametrize("path", [ONE, f"{ONE}/frames/1"])
def test_an_instance_whose_file_went_after_it_was_found_is_gone(held, path, accept):
    for file in files(held).values():
        file.unlink()
    assert held.get(path, accept).status_code in (404, 406)
    assert held.get(ONE, WHOLE).status_code == 404


def test_of_a_study_of_which_one_file_is_gone_the_others_are_given(held):
    files(held)[instance(number=2).SOPInstanceUID].unlink()
    given = [ds.InstanceNumber for ds in objects_of(held.get(STUDY, DICOM))]
    assert given == [1, 3]


def test_of_a_study_of_which_every_file_is_gone_nothing_is_there(held):
    for file in files(held).values():
        file.unlink()
    got = held.get(STUDY, DICOM)
    assert got.status_code == 404
    assert "deleted meanwhile" in got.json()["detail"]


def test_a_study_that_is_deleted_between_two_looks_is_gone(held, monkeypatch):
    look = instances.instances_of

    def meanwhile(services, keys):
        forget(held)
        return look(services, keys)

    monkeypatch.setattr(instances, "instances_of", meanwhile)
    assert held.get(STUDY, DICOM).status_code == 404
