"""QIDO-RS: what is asked is found, page by page, and no answer pretends to be more."""

import pytest
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from dicom_node.settings import Web
from dicom_node.values import Origin
from tests.dicom_node.archive.objects import instance, series_uid, study_uid
from tests.dicom_node.web.asking import filled, parts_of, warnings_of

ACCESSION, SERIES, SOP = "00080050", "0020000E", "00080018"


def values(response, key: str) -> list:
    return [one[key].get("Value", [None])[0] for one in response.json()]


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, {"one", "two", "three"}),
        ({"PatientID": "P1"}, {"one", "two"}),
        ({"00100020": "P1"}, {"one", "two"}),
        ({"PatientName": "smith*"}, {"one", "two"}),
        ({"PatientName": "müller^*"}, {"three"}),
        ({"StudyDate": "20260201-"}, {"two", "three"}),
        ({"StudyDate": "20260101-20260102"}, {"one"}),
        ({"ModalitiesInStudy": "CT"}, {"two"}),
        ({"ModalitiesInStudy": "CT,MR"}, {"one", "two", "three"}),
        ({"ModalitiesInStudy": "CT\\MR"}, {"one", "two", "three"}),
        ({"ModalitiesInStudy": "CT, MR"}, {"one", "two", "three"}),
        ({"ModalitiesInStudy": "CT "}, {"two"}),
        ({"StudyInstanceUID": f"{study_uid('one')}, {study_uid('three')} "}, {"one", "three"}),
        ({"StudyInstanceUID": f"{study_uid('one')},{study_uid('three')}"}, {"one", "three"}),
        ({"StudyInstanceUID": f"{study_uid('one')}\\{study_uid('three')}"}, {"one", "three"}),
        ({"0020000D": study_uid("two")}, {"two"}),
        ({"AccessionNumber": "A-t*", "PatientID": "P2"}, {"three"}),
        ({"PatientID": ""}, {"one", "two", "three"}),
    ],
)  # fmt: skip
def test_studies_are_found_by_keyword_and_by_tag(library, params, expected):
    found = library.get("/studies", **params)
    assert found.status_code == 200
    assert found.headers["content-type"] == "application/dicom+json"
    assert {one.removeprefix("A-") for one in values(found, ACCESSION)} == expected


def test_either_database_answers_alike(site):
    assert {one.removeprefix("A-") for one in values(filled(site).get("/studies"), ACCESSION)} == {
        "one", "two", "three",
    }  # fmt: skip
    assert len(site.get("/instances", PatientName="Smith*", limit="4").json()) == 4


def test_nothing_found_is_no_content(library):
    found = library.get("/studies", PatientID="nobody")
    assert (found.status_code, found.content) == (204, b"")


@pytest.mark.parametrize(
    ("path", "count"),
    [
        ("/studies", 3), ("/series", 4), ("/instances", 7),
        (f"/studies/{study_uid('two')}/series", 2), (f"/studies/{study_uid('two')}/instances", 3),
        (f"/studies/{study_uid('two')}/series/{series_uid('two', 'ct')}/instances", 1),
    ],
)  # fmt: skip
def test_every_level_is_searched_alone_and_within_those_above(library, path, count):
    assert len(library.get(path).json()) == count


def test_an_answer_holds_what_the_standard_wants_of_it(library):
    (found,) = library.get("/studies", PatientID="P2").json()
    assert found["00100010"] == {"vr": "PN", "Value": [{"Alphabetic": "Müller^Jörg"}]}
    assert found["00080061"] == {"vr": "CS", "Value": ["MR"]}
    assert found["00201206"] == {"vr": "IS", "Value": [1]}
    assert found["00201208"] == {"vr": "IS", "Value": [2]}
    assert found["00080056"] == {"vr": "CS", "Value": ["ONLINE"]}
    assert found["00080005"] == {"vr": "CS", "Value": ["ISO_IR 192"]}
    assert found["00080090"] == {"vr": "PN"}
    url = f"http://node.test/dicom-web/studies/{study_uid('three')}"
    assert found["00081190"] == {"vr": "UR", "Value": [url]}
    (series,) = library.get(f"/studies/{study_uid('three')}/series").json()
    assert series["00081190"]["Value"] == [f"{url}/series/{series_uid('three')}"]
    assert series["00201209"]["Value"] == [2]
    assert "00100010" not in series
    image, _ = library.get(f"/studies/{study_uid('three')}/instances").json()
    assert image["00280010"]["Value"] == [64]
    assert image["00081190"]["Value"][0].startswith(
        f"{url}/series/{series_uid('three')}/instances/"
    )


def test_a_series_on_its_own_names_its_study_and_patient(library):
    found = library.get("/series", Modality="CT").json()
    assert [one["00100020"]["Value"] for one in found] == [["P1"]]
    assert [one["0020000D"]["Value"] for one in found] == [[study_uid("two")]]


def test_fields_are_included_by_keyword_by_tag_by_list_and_all(library):
    path = f"/studies/{study_uid('three')}/series"
    plain = library.get(path).json()[0]
    assert not {"00100020", "0008103E"} - set(plain) - {"00100020"}
    for fields in ({"includefield": "PatientID,00180015"},
                   {"includefield": ["00100020", "BodyPartExamined"]}):  # fmt: skip
        (found,) = library.get(path, **fields).json()
        assert found["00100020"]["Value"] == ["P2"]
        assert found["00180015"] == {"vr": "CS"}
    (everything,) = library.get(path, includefield="all").json()
    assert len(everything) > 40
    assert everything["00100020"]["Value"] == ["P2"]


def test_what_is_asked_for_and_not_kept_is_warned_of(library):
    found = library.get("/studies", includefield="PatientMotherBirthName")
    assert "left aside" in warnings_of(found)
    found = library.get("/studies", SeriesDescription="t1", PatientMotherBirthName="x")
    assert len(found.json()) == 3
    assert "2 of the keys" in warnings_of(found)
    assert not warnings_of(library.get("/studies"))


def test_fuzzy_matching_is_not_pretended(library):
    found = library.get("/studies", PatientName="Smyth*", fuzzymatching="true")
    assert found.status_code == 204
    assert "fuzzymatching is not supported" in warnings_of(found)
    assert not warnings_of(library.get("/studies", fuzzymatching="false"))


@pytest.mark.parametrize("charset", ["utf-8", "UTF-8", "iso-8859-1;q=0.5, utf-8", "*"])
def test_the_charset_of_the_answers_may_be_asked_for(library, charset):
    found = library.get("/studies", charset=charset)
    assert (found.status_code, len(found.json()), warnings_of(found)) == (200, 3, "")


def test_another_charset_is_warned_of(library):
    assert "answers are in utf-8" in warnings_of(library.get("/studies", charset="iso-8859-1"))


@pytest.mark.parametrize("name", ["orderby", "emptyvaluematching", "multiplevaluematching"])
def test_what_the_standard_has_and_is_not_done_is_warned_of(library, name):
    found = library.get("/studies", **{name: "true", "PatientID": "P1"})
    assert (found.status_code, len(found.json())) == (200, 2)
    assert f'299 dicom-node "{name} is not supported' in warnings_of(found)
    assert not warnings_of(library.get("/studies", **{name: "false"}))


def test_a_name_that_is_no_attribute_is_left_aside_and_named(library):
    found = library.get("/studies", PatientsName="Smith^John", PatientID="P1")
    assert (found.status_code, len(found.json())) == (200, 2)
    assert "no attribute is named 'PatientsName'" in warnings_of(found)
    assert "Smith" not in warnings_of(found)
    found = library.get("/studies", **{'Smith^"J\r\nX: y': "1", "0010": "x", "a.b": "x"})
    assert "named query key 1, '0010', 'a.b';" in warnings_of(found)
    assert "x" not in found.headers
    many = library.get("/studies", **{f"Thing{number}": "x" for number in range(8)})
    assert "'Thing4' and 3 more;" in warnings_of(many)
    deep = library.get("/studies", **{"PatientID.StudyID.Rows": "x"})
    assert "1 of the keys" in warnings_of(deep)


def test_pages_are_told_of_those_behind_them(library):
    seen = []
    for offset in range(3):
        found = library.get("/studies", limit="1", offset=str(offset))
        seen += values(found, ACCESSION)
        left = 2 - offset
        assert (f"there are {left} more" in warnings_of(found)) is (left > 0)
    assert sorted(seen) == ["A-one", "A-three", "A-two"]
    assert library.get("/studies", limit="1", offset="3").status_code == 204
    assert library.get("/studies", limit="0").status_code == 204
    found = library.get("/studies", PatientName="*o*", limit="1")
    assert "there are more results" in warnings_of(found)


def test_no_more_is_answered_at_once_than_is_configured(sqlite_site):
    filled(sqlite_site).limit(Web(answers=2))
    found = sqlite_site.get("/instances", limit="1000")
    assert len(found.json()) == 2
    assert "there are 5 more" in warnings_of(found)


def test_an_item_of_a_sequence_is_matched(sqlite_site):
    for name in ("S1", "S2"):
        item = Dataset()
        item.ScheduledProcedureStepID = name
        sqlite_site.store.keep(instance(name, RequestAttributesSequence=[item]))
    for key in ("RequestAttributesSequence.ScheduledProcedureStepID", "00400275.00400009"):
        found = sqlite_site.get("/series", **{key: "S2"})
        assert values(found, "0020000D") == [study_uid("S2")]
        assert sqlite_site.get("/series", **{key: "S3"}).status_code == 204


def test_synthetic_series_are_found_like_any_other_and_as_such(site):
    site.store.keep(instance("one", series="a"))
    site.store.keep(instance("one", series="made"), origin=Origin.MADE)
    assert len(site.get("/series").json()) == 2
    found = site.get("/series", SyntheticData="YES")
    assert values(found, SERIES) == [series_uid("one", "made")]


def test_answers_come_as_xml_too(library):
    found = library.get("/studies", 'multipart/related; type="application/dicom+xml"')
    parts = parts_of(found)
    assert {kind for kind, _ in parts} == {"application/dicom+xml"}
    assert len(parts) == 3
    text = b"".join(content for _, content in parts).decode()
    assert 'tag="00100010" vr="PN" keyword="PatientName"' in text
    assert "<FamilyName>Müller</FamilyName><GivenName>Jörg</GivenName>" in text


@pytest.mark.parametrize(
    "accept", ["text/html", "application/dicom+json;q=0", "image/*, text/plain"]
)
def test_what_cannot_be_given_is_not_acceptable(sqlite_site, accept):
    found = sqlite_site.get("/studies", accept)
    assert found.status_code == 406
    assert "application/dicom+json" in found.json()["detail"]


@pytest.mark.parametrize("accept", [None, "*/*", "application/json", "text/html, */*;q=0.1",
                                    "application/dicom+json, multipart/related"])  # fmt: skip
def test_json_is_what_most_get(library, accept):
    found = library.get("/studies", accept)
    assert found.headers["content-type"] == "application/dicom+json"


def test_accept_may_stand_in_the_query(library):
    found = library.get("/studies", "text/html", accept="application/dicom+json")
    assert found.status_code == 200


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"limit": "-1"}, "limit is no whole number"),
        ({"limit": "ten"}, "limit is no whole number"),
        ({"offset": "1" * 10}, "offset is no whole number"),
        ({"fuzzymatching": "perhaps"}, "neither true nor false"),
        ({"PatientID": ["a", "b"]}, "query key 2 was there before"),
        ({"includefield": "NoSuchThing"}, "includefield names no attribute"),
        ({"StudyDate": "Smith^John"}, "StudyDate is no date; 20261122"),
        ({"StudyTime": "noon"}, "StudyTime is no time"),
        ({"PatientSize": "tall"}, "PatientSize is no number"),
        ({"PatientID": "a\0b"}, "query key 1"),
    ],
)  # fmt: skip
def test_a_query_that_makes_no_sense_is_told_why_and_not_what(sqlite_site, params, words):
    found = sqlite_site.get("/studies", **params)
    assert found.status_code == 400
    assert found.headers["content-type"] == "application/problem+json"
    assert words in found.json()["detail"]
    assert "Smith" not in found.text


@pytest.mark.parametrize(
    "uid", ["...", "1%2F2", "1%5C2", "1 2", "a" * 65, "%00", "1'--", "%2e%2e%2f"]
)
def test_what_is_no_uid_in_an_address_is_refused(library, uid):
    found = library.get(f"/studies/{uid}/series")
    assert found.status_code in (400, 404)
    assert found.json()["status"] == found.status_code


def test_numbers_that_json_does_not_have_are_texts(site):
    item = Dataset()
    item.ScheduledProcedureStepDescription = "Schädel"
    item.RealWorldValueSlope, item.RealWorldValueIntercept = float("nan"), float("-inf")
    ds = instance(RequestAttributesSequence=[item], SpecificCharacterSet="ISO_IR 192")
    for keyword, vr, text in (("PatientWeight", "DS", "nan"), ("SeriesNumber", "IS", "1,5")):
        ds[keyword] = DataElement(keyword, vr, text, already_converted=True)
    site.store.keep(ds)
    fields = "PatientWeight,SeriesNumber,RequestAttributesSequence"
    (found,) = site.get("/series", includefield=fields).json()
    assert found["00101030"] == {"vr": "DS", "Value": ["nan"]}
    assert found["00200011"] == {"vr": "IS", "Value": ["1,5"]}
    (kept,) = found["00400275"]["Value"]
    assert kept["00400007"]["Value"] == ["Schädel"]
    assert (kept["00409225"]["Value"], kept["00409224"]["Value"]) == (["nan"], ["-inf"])
