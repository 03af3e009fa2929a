"""What is searched, given and stored over HTTP stands in the audit trail, as over DIMSE."""

from base64 import b64decode

import pytest

from dicom_node.dicom import STUDY_ROOT_FIND
from dicom_node.errors import DatabaseAway
from tests.dicom_node.archive.objects import instance, study_uid
from tests.dicom_node.web.asking import CT_IMAGE, filled, objects_of
from tests.dicom_node.web.images import SYNTAX_OF, address, image
from tests.support.audit_schema import parsed

QUERY, BEGUN, TRANSFERRED = (
    "Query",
    "Begin Transferring DICOM Instances",
    "DICOM Instances Transferred",
)
MR_IMAGE = str(instance().SOPClassUID)
ANY = 'multipart/related; type="application/dicom"; transfer-syntax=*'


def asked_in(told) -> bytes:
    return b64decode(parsed(told.xml).findtext(".//ParticipantObjectQuery"))


def test_a_search_is_told_as_it_was_asked_with_the_class_that_asks_the_same(sqlite_site, tmp_path):
    trail = sqlite_site.audited(tmp_path)
    sqlite_site.get("/studies/1.2.3/series", None, Modality="MR", includefield="all")
    (told,) = trail.told()
    assert (told.event, told.action, told.outcome) == (QUERY, "E", "0")
    assert told.things == [STUDY_ROOT_FIND]
    assert asked_in(told) == b"/dicom-web/studies/1.2.3/series?Modality=MR&includefield=all"
    assert told.details["TransferSyntax"] == "application/x-www-form-urlencoded"
    assert told.roles["Source Role ID"] == told.requestor == "web:viewer"
    assert "testclient" in told.addresses


def test_a_search_that_cannot_be_answered_says_how_it_ended(sqlite_site, tmp_path, monkeypatch):
    trail = sqlite_site.audited(tmp_path)
    sqlite_site.get("/studies", None, StudyDate="yesterday")
    monkeypatch.setattr("dicom_node.archive.query.Finder.page", _away)
    sqlite_site.get("/studies")
    assert [one.outcome for one in trail.told(QUERY)] == ["4", "0", "8"]


def _away(*_):
    raise DatabaseAway("it is locked")


def test_who_may_not_search_asked_nothing(sqlite_site, tmp_path):
    trail = sqlite_site.audited(tmp_path)
    sqlite_site.client.get("/dicom-web/studies", headers=sqlite_site.bearer("write"))
    assert [one.event for one in trail.told()] == ["Security Alert"]


def test_a_study_that_is_given_is_told_before_and_behind(sqlite_site, tmp_path):
    filled(sqlite_site)
    trail = sqlite_site.audited(tmp_path)
    assert len(objects_of(sqlite_site.get(f"/studies/{study_uid('two')}", ANY))) == 3
    began, ended = trail.told()
    assert [(one.event, one.action, one.outcome) for one in (began, ended)] == [
        (BEGUN, "E", "0"),
        (TRANSFERRED, "R", "0"),
    ]
    for told in (began, ended):
        assert (told.studies, told.patients) == ([study_uid("two")], ["P1"])
        assert told.counts == {MR_IMAGE: 2, CT_IMAGE: 1}
        assert told.roles["Destination Role ID"] == told.requestor == "web:viewer"
        assert "Smith" not in told.xml


def test_a_single_file_is_told_too(sqlite_site, tmp_path):
    ds = instance()
    sqlite_site.store.keep(ds)
    trail = sqlite_site.audited(tmp_path)
    path = f"/studies/{ds.StudyInstanceUID}/series/{ds.SeriesInstanceUID}/instances"
    assert sqlite_site.get(f"{path}/{ds.SOPInstanceUID}", "application/dicom").status_code == 200
    assert [(one.event, one.counts) for one in trail.told()] == [
        (BEGUN, {MR_IMAGE: 1}),
        (TRANSFERRED, {MR_IMAGE: 1}),
    ]


def test_what_accept_does_not_name_is_told_as_not_given(sqlite_site, tmp_path):
    for name in ("plain", "rle"):
        sqlite_site.store.keep(image(name), SYNTAX_OF[name])
    trail = sqlite_site.audited(tmp_path)
    rle = f'multipart/related; type="application/dicom"; transfer-syntax={SYNTAX_OF["rle"]}'
    answer = sqlite_site.get(address("plain").partition("/series")[0], rle)
    given = {one.outcome: sum(one.counts.values()) for one in trail.told(TRANSFERRED)}
    assert (answer.status_code, given) == (206, {"0": 1, "8": 1})


def test_a_retrieval_that_is_broken_off_tells_what_was_given_until_then(
    sqlite_site, tmp_path, monkeypatch
):
    filled(sqlite_site)
    trail = sqlite_site.audited(tmp_path)
    seen = []

    def once(one):
        seen.append(one)
        if len(seen) > 1:
            raise OSError("the disk is gone")
        return one.path.open("rb")

    monkeypatch.setattr("dicom_node.web.retrieve.instances.file_of", once)
    with pytest.raises(OSError, match="the disk is gone"):
        sqlite_site.get(f"/studies/{study_uid('two')}", ANY)
    (ended,) = trail.told(TRANSFERRED)
    assert (ended.outcome, sum(ended.counts.values())) == ("0", 1)


def test_nothing_is_told_of_what_is_not_here(sqlite_site, tmp_path):
    trail = sqlite_site.audited(tmp_path)
    assert sqlite_site.get("/studies/1.2.3", ANY).status_code == 404
    assert trail.told() == []


@pytest.mark.parametrize(
    ("what", "part"),
    [("metadata", "metadata"), ("frames/1", "frames"), ("bulkdata/7FE00010", "bulk data"),
     ("rendered", "pictures"), ("thumbnail", "pictures")],
)  # fmt: skip
def test_parts_of_an_instance_are_told_once_a_minute_with_how_many_there_were(
    sqlite_site, tmp_path, what, part
):
    ds = image("plain")
    sqlite_site.store.keep(ds)
    trail = sqlite_site.audited(tmp_path)
    for _ in range(3):
        assert sqlite_site.get(f"{address('plain')}/{what}").status_code == 200
    trail.audit.flush(None)
    first, rest = trail.told()
    assert {one.event for one in (first, rest)} == {TRANSFERRED}
    assert first.studies == rest.studies == [ds.StudyInstanceUID]
    assert first.details["Part of the instances"] == part
    assert rest.details["Repeated"].startswith("2 times since ")
    assert first.requestor == "web:viewer"


def test_of_many_studies_that_are_looked_at_each_is_told(sqlite_site, tmp_path):
    names = [f"of-many-{number}" for number in range(105)]
    for name in names:
        sqlite_site.store.keep(instance(name))
    trail = sqlite_site.audited(tmp_path)
    for name in names:
        sqlite_site.get(f"/studies/{study_uid(name)}/metadata")
    trail.audit.flush(None)
    assert {one.studies[0] for one in trail.told()} == {study_uid(name) for name in names}


def test_what_is_stored_is_told_by_what_became_of_it(sqlite_site, tmp_path):
    trail = sqlite_site.audited(tmp_path)
    first = instance("one", number=1, PatientID="P1")
    sqlite_site.stow(
        first,
        instance("one", number=2, PatientID="P1"),
        b"this is no DICOM file, though it is long enough " * 10,
    )
    other = instance("two", PatientID="P2")
    sqlite_site.stow(first, instance("one", number=2, PatientID="P9"), other,
                     path=f"/studies/{study_uid('one')}")  # fmt: skip
    told = [(one.action, one.outcome, one.studies, one.counts) for one in trail.told()]
    one, two = [study_uid("one")], [study_uid("two")]
    assert told[0] == ("C", "0", one, {MR_IMAGE: 2})
    assert told[1:] == [
        ("R", "0", one, {MR_IMAGE: 1}),
        ("U", "4", one, {MR_IMAGE: 1}),
        ("C", "8", two, {MR_IMAGE: 1}),
    ]
    assert [one.patients for one in trail.told()] == [["P1"], ["P1"], ["P1"], ["P2"]]
    for told in trail.told():
        assert told.event == TRANSFERRED
        assert told.roles["Source Role ID"] == told.requestor == "web:viewer"
