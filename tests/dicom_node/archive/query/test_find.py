"""What the archive answers; every test on both databases."""

from fnmatch import fnmatchcase
from itertools import product
from random import Random
from string import ascii_letters, digits

import pytest
from pydicom import config
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset

from dicom_node.archive.query import ATTRIBUTES, Condition, Finder, Level, Query, values_of
from dicom_node.archive.query.narrow import MOST_UIDS
from dicom_node.archive.upkeep import Part, condemn
from dicom_node.db import StudyRow
from dicom_node.values import Origin
from tests.dicom_node.archive.conftest import database, migrated, store  # noqa: F401
from tests.dicom_node.archive.objects import MR_IMAGE, SYNTAXES, instance, series_uid, study_uid

CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"


def query(level: str, wanted: str = "", **keys: str) -> Query:
    conditions = (Condition(ATTRIBUTES[key], tuple(text.split("\\"))) for key, text in keys.items())
    return Query(Level(level), tuple(conditions), tuple(ATTRIBUTES[one] for one in wanted.split()))


@pytest.fixture
def find(store):  # noqa: F811
    finder = Finder(store.database, store.archive.folder)

    def found(level, wanted, **keys):
        """Return the value of one attribute of each answer."""
        answers = finder.find(query(level, wanted, **keys))
        return [(values_of(one, ATTRIBUTES[wanted]) or [None])[0] for one in answers]

    return found


def filled(store):  # noqa: F811
    """Three patients, one with two studies; a CT and an MR series in one of them."""
    for study, patient, name, date in (
        ("one", "P1", "Smith^John", "20260101"), ("two", "P1", "Smith^John", "20260202"),
        ("three", "P2", "Smithers^Ann", "20260303"), ("four", "P3", "Müller^Jörg", ""),
    ):  # fmt: skip
        for number in (1, 2):
            store.keep(instance(study, number=number, SpecificCharacterSet="ISO_IR 100",
                                PatientID=patient, PatientName=name, StudyDate=date,
                                AccessionNumber=f"A-{study}", StudyDescription="Head"))  # fmt: skip
    store.keep(instance("two", series="ct", Modality="CT", SOPClassUID=CT_IMAGE, PatientID="P1"))
    return store


def test_nothing_asked_for_is_everything(store, find):  # noqa: F811
    filled(store)
    assert sorted(find("STUDY", "AccessionNumber")) == ["A-four", "A-one", "A-three", "A-two"]
    assert sorted(find("PATIENT", "PatientID")) == ["P1", "P2", "P3"]
    assert len(find("SERIES", "Modality")) == 5
    assert len(find("IMAGE", "SOPInstanceUID")) == 9


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"PatientID": "P1"}, {"one", "two"}),
        ({"PatientID": "P*"}, {"one", "two", "three", "four"}),
        ({"PatientName": "smith*"}, {"one", "two", "three"}),
        ({"PatientName": "SMITH^*"}, {"one", "two"}),
        ({"PatientName": "müller*"}, {"four"}),
        ({"PatientName": "*ann"}, {"three"}),
        ({"StudyDate": "20260201-"}, {"two", "three"}),
        ({"StudyDate": "20260101-20260202"}, {"one", "two"}),
        ({"AccessionNumber": "A-t*"}, {"two", "three"}),
        ({"AccessionNumber": "A-?ne"}, {"one"}),
        ({"ModalitiesInStudy": "CT"}, {"two"}),
        ({"ModalitiesInStudy": "CT\\MR"}, {"one", "two", "three", "four"}),
        ({"StudyDescription": "head"}, set()),
        ({"StudyDescription": "H*", "PatientID": "P2"}, {"three"}),
        ({"StudyDate": "19000101", "PatientID": "P1"}, set()),
    ],
)
def test_studies_are_found_by_what_they_are_searched_by(store, find, keys, expected):  # noqa: F811
    filled(store)
    found = find("STUDY", "AccessionNumber", **keys)
    assert {one.removeprefix("A-") for one in found} == expected
    assert len(found) == len(expected)


def test_numbers_of_what_lies_below_are_counted(store):  # noqa: F811
    filled(store)
    wanted = (
        "NumberOfPatientRelatedStudies NumberOfPatientRelatedSeries NumberOfPatientRelatedInstances"
        " ModalitiesInStudy SOPClassesInStudy NumberOfStudyRelatedSeries"
        " NumberOfStudyRelatedInstances"
    )
    finder = Finder(store.database, store.archive.folder)
    (two,) = finder.find(query("STUDY", wanted, StudyInstanceUID=study_uid("two")))
    values = [values_of(two, ATTRIBUTES[one]) for one in wanted.split()]
    classes = [CT_IMAGE, MR_IMAGE]
    assert values == [[2], [3], [5], ["CT", "MR"], classes, [2], [3]]
    (ct,) = finder.find(query("SERIES", "NumberOfSeriesRelatedInstances", Modality="CT"))
    assert values_of(ct, ATTRIBUTES["NumberOfSeriesRelatedInstances"]) == [1]


def test_a_list_of_uids_longer_than_a_statement_takes_is_asked_for_in_pieces(store, find):  # noqa: F811
    filled(store)
    others = [f"1.2.3.{n}" for n in range(2 * MOST_UIDS)]
    uids = "\\".join([*others, study_uid("one"), study_uid("two"), study_uid("one")])
    assert sorted(find("STUDY", "AccessionNumber", StudyInstanceUID=uids)) == ["A-one", "A-two"]


def test_images_come_in_the_order_of_their_numbers(store, find):  # noqa: F811
    for number in (3, 10, 1, 2):
        store.keep(instance(number=number))
    assert find("IMAGE", "InstanceNumber", SeriesInstanceUID=series_uid()) == [1, 2, 3, 10]


def test_what_only_the_file_says_of_an_image_is_read_from_it(store, find):  # noqa: F811
    store.keep(instance(number=1, Rows=64, ImageType=["DERIVED", "SECONDARY"]))
    store.keep(instance(number=2, Rows=128, ImageType=["ORIGINAL", "PRIMARY"]))
    assert find("IMAGE", "Rows", ImageType="ORIGINAL") == [128]
    assert find("IMAGE", "InstanceNumber", Rows="64") == [1]


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_a_header_is_read_from_every_encoding(store, find, syntax):  # noqa: F811
    ds = instance(PatientName="Yamada^Tarou=山田^太郎", SpecificCharacterSet="ISO_IR 192",
                  SeriesNumber=7, PatientWeight="70.5", Rows=3)  # fmt: skip
    store.keep(ds, syntax)
    assert find("SERIES", "SeriesNumber", PatientName="山田*") == [7]
    assert find("STUDY", "PatientWeight") == [70.5]
    assert find("IMAGE", "Rows") == [3]


@pytest.mark.parametrize("end", ["", "^", "^^^"])
def test_empty_components_of_a_name_do_not_count_in_any_group(store, find, end):  # noqa: F811
    store.keep(instance(PatientName="Yamada^Tarou=山田^太郎", SpecificCharacterSet="ISO_IR 192",
                        StudyID="here"))  # fmt: skip
    assert find("STUDY", "StudyID", PatientName=f"Yamada^Tarou{end}=山田^太郎{end}") == ["here"]
    assert find("STUDY", "StudyID", PatientName=f"Yamada{end}=山田^太郎{end}") == []


COUNTS = (
    "NumberOfPatientRelatedStudies NumberOfPatientRelatedSeries NumberOfPatientRelatedInstances"
    " ModalitiesInStudy NumberOfStudyRelatedSeries NumberOfStudyRelatedInstances"
)


def test_series_that_retention_has_deleted_are_neither_counted_nor_matched(store, find):  # noqa: F811
    for number in (1, 2):
        store.keep(instance(series="received", number=number))
    store.keep(instance(series="made", Modality="CT", SOPClassUID=CT_IMAGE), origin=Origin.MADE)
    with store.database.transaction() as session:
        assert condemn(session, study_uid(), Part.RECEIVED, "a test", store.now) == 2
    values = [find("STUDY", one, StudyInstanceUID=study_uid()) for one in COUNTS.split()]
    assert values == [[1], [1], [1], ["CT"], [1], [1]]
    assert find("STUDY", "StudyInstanceUID", ModalitiesInStudy="MR") == []
    assert find("STUDY", "StudyInstanceUID", ModalitiesInStudy="CT") == [study_uid()]


def test_series_are_found_by_the_modalities_of_their_study(store, find):  # noqa: F811
    filled(store)
    assert len(find("SERIES", "SeriesInstanceUID", ModalitiesInStudy="CT")) == 2
    assert find("SERIES", "SeriesInstanceUID", ModalitiesInStudy="PT") == []


def test_what_is_kept_apart_makes_no_study_that_is_found(store, find):  # noqa: F811
    store.keep(instance("one"))
    taken = instance("one").SOPInstanceUID
    store.keep(instance("ghost", SOPInstanceUID=taken, PatientID="OTHER"))
    finder = Finder(store.database, store.archive.folder)
    assert len(store.rows(StudyRow)) == 2
    assert find("STUDY", "StudyInstanceUID") == [study_uid("one")]
    assert find("STUDY", "StudyInstanceUID", StudyInstanceUID=study_uid("ghost")) == []
    assert find("PATIENT", "NumberOfPatientRelatedStudies") == [1]
    assert finder.page(query("STUDY"), 0, 10).remaining == 0
    assert len(finder.page(query("STUDY"), 0, 10).headers) == 1
    store.keep(instance("ghost", number=7))
    assert sorted(find("STUDY", "StudyInstanceUID")) == sorted(map(study_uid, ("one", "ghost")))


def test_what_was_made_here_is_found_as_synthetic(store, find):  # noqa: F811
    store.keep(instance("one", series="a"))
    store.keep(instance("one", series="made"), origin=Origin.MADE)
    assert find("SERIES", "SeriesInstanceUID", SyntheticData="YES") == [series_uid("one", "made")]
    assert find("SERIES", "SeriesInstanceUID", SyntheticData="NO") == [series_uid("one", "a")]


def test_a_foreign_synthetic_series_is_one_too(store, find):  # noqa: F811
    store.keep(instance("one", series="a", SyntheticData="YES"))
    assert find("SERIES", "SeriesInstanceUID", SyntheticData="YES") == [series_uid("one", "a")]


def test_the_first_object_speaks_for_its_study(store, find):  # noqa: F811
    store.keep(instance(number=1, PatientName="First"))
    store.keep(instance(number=2, PatientName="Second"))
    store.keep(instance(series="b", PatientName="Third"))
    assert find("STUDY", "PatientName") == [{"Alphabetic": "First"}]
    assert find("STUDY", "PatientName", PatientName="Third") == []


def test_a_study_without_a_header_is_still_found_by_its_uid(store, find):  # noqa: F811
    store.keep(instance())
    with store.database.transaction() as session:
        session.get(StudyRow, study_uid()).header = None
    assert find("STUDY", "StudyInstanceUID", StudyInstanceUID=study_uid()) == [study_uid()]


PATTERNS = ("", "*", "P1", "P?", "p1", "*1", "P1*", "P", "Ä*", "\N{SNOWMAN}")
IDS = ("P1", "P2", "P10", "p1", "Ä1", "Z\N{SNOWMAN}")


def test_the_index_never_loses_what_matches(store):  # noqa: F811
    """Whatever is asked, the answer is that of matching everything one by one."""
    for n, (patient, date) in enumerate(product(IDS, ("20260101", "2026.01.02", "", "20270101"))):
        ds = instance(f"{n}", SpecificCharacterSet="ISO_IR 192", PatientID=patient,
                      PatientName=f"{patient}^x", AccessionNumber=patient)  # fmt: skip
        ds["StudyDate"] = DataElement("StudyDate", "DA", date, validation_mode=config.IGNORE)
        store.keep(ds)
    finder = Finder(store.database, store.archive.folder)
    everything = list(finder.find(query("STUDY")))
    assert len(everything) == 24
    dates = ("", "20260101", "20260102", "20260102-20270101", "-20260102")
    for keyword, pattern, date in product(
        ("PatientID", "PatientName", "AccessionNumber"), PATTERNS, dates
    ):
        asked = query("STUDY", **{keyword: pattern, "StudyDate": date})
        by_hand = [
            one
            for one in everything
            if all(c.holds_for(values_of(one, c.attribute)) for c in asked.conditions)
        ]
        found = list(finder.find(asked))
        assert sorted(map(str, found)) == sorted(map(str, by_hand)), (keyword, pattern, date)


@pytest.mark.parametrize("text", ["NaN", "1e999", "-inf", "1.5.2"])
def test_a_number_that_json_does_not_have_stays_the_text_that_it_is(store, find, text):  # noqa: F811
    ds = instance()
    ds["PatientWeight"] = DataElement("PatientWeight", "DS", None)
    ds["PatientWeight"] = RawDataElement(
        ds["PatientWeight"].tag, "DS", len(text), text.encode(), 0, False, True
    )
    store.keep(ds)
    assert find("STUDY", "PatientWeight") == [text]


@pytest.mark.parametrize(
    ("level", "keys"),
    [("STUDY", {}), ("STUDY", {"PatientName": "*i*"}), ("SERIES", {}), ("IMAGE", {}),
     ("SERIES", {"Modality": "M*"}), ("IMAGE", {"StudyInstanceUID": study_uid("one")}),
     ("IMAGE", {"PatientID": "P1"})],
)  # fmt: skip
def test_pages_hold_each_match_once_and_say_whether_there_is_more(store, level, keys):  # noqa: F811
    filled(store)
    finder = Finder(store.database, store.archive.folder)
    asked = query(level, "SOPInstanceUID", **keys)
    everything = list(finder.find(asked))
    assert len(everything) > 1
    for size in (1, 2, len(everything), 100):
        seen = []
        for start in range(0, len(everything), size):
            page = finder.page(asked, start, size)
            seen += page.headers
            left = max(0, len(everything) - len(seen))
            assert page.remaining in ((left,) if not left else (left, None))
        assert sorted(map(str, seen)) == sorted(map(str, everything))
    assert finder.page(asked, 100, 10).headers == ()


def test_a_page_of_studies_found_by_uid_alone_knows_how_many_are_left(store):  # noqa: F811
    filled(store)
    finder = Finder(store.database, store.archive.folder)
    assert finder.page(query("STUDY"), 1, 2).remaining == 1
    assert finder.page(query("STUDY", PatientName="*"), 1, 1).remaining == 2
    assert finder.page(query("STUDY", PatientName="*i*"), 1, 1).remaining is None


def test_pages_of_long_lists_of_uids_are_counted_and_cut_as_one(store):  # noqa: F811
    filled(store)
    finder = Finder(store.database, store.archive.folder)
    uids = [study_uid(study) for study in ("one", "two", "three", "four")]
    none = [f"1.2.{number}" for number in range(MOST_UIDS)]
    asked = query("IMAGE", StudyInstanceUID="\\".join([*uids[:2], *none, *uids[2:]]))
    pages = [finder.page(asked, start, 2) for start in range(0, 10, 2)]
    assert [page.remaining for page in pages] == [7, 5, 3, 1, 0]
    found = [values_of(one, ATTRIBUTES["SOPInstanceUID"])[0] for p in pages for one in p.headers]
    assert len(found) == len(set(found)) == 9


def test_a_page_of_images_never_holds_the_keys_of_all_of_them(store, monkeypatch):  # noqa: F811
    """One page costs what is on it, or a few studies where each image is looked at."""
    for number in range(45):
        store.keep(instance(f"{number}", number=number))
    finder = Finder(store.database, store.archive.folder)
    held = []
    keys = finder.keys
    monkeypatch.setattr(
        finder, "keys", lambda asked: held.append((asked, keys(asked))) or held[-1][1]
    )
    assert finder.page(query("IMAGE"), 44, 1).remaining == 0
    assert held == []
    assert finder.page(query("IMAGE", InstanceNumber="44"), 0, 1).remaining == 0
    images = [len(found) for asked, found in held if asked.level is Level.IMAGE]
    assert images == [20, 20, 5]
    held.clear()
    assert finder.page(query("IMAGE", Modality="MR"), 0, 1).remaining is None
    assert len([asked for asked, _ in held if asked.level is Level.IMAGE]) == 1


def raw(keyword: str, value: str) -> RawDataElement:
    """Return an element as a careless sender writes it."""
    element = DataElement(keyword, dictionary_VR(keyword), None)
    content = value.encode()
    content += b" " * (len(content) % 2)
    return RawDataElement(element.tag, element.VR, len(content), content, 0, False, True)


def odd(study: str, **values: str) -> Dataset:
    ds = instance(study)
    for keyword, value in values.items():
        ds[keyword] = raw(keyword, value)
    return ds


SEARCHED = ("PatientID", "AccessionNumber", "PatientName", "StudyDescription", "StudyID")


@pytest.mark.parametrize("keyword", [*SEARCHED, "Modality", "SeriesDescription"])
def test_a_zero_within_a_value_is_left_out_wherever_it_goes(store, find, keyword):  # noqa: F811
    store.keep(odd("one", **{keyword: "A\0B"}))
    for pattern in ("AB", "A*", "*B"):
        assert find("SERIES", "StudyInstanceUID", **{keyword: pattern}) == [study_uid("one")]
    assert find("STUDY", "StudyInstanceUID", StudyInstanceUID="1.2\0.3", PatientID="\0") == []


@pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom writes it, and says that it is long
@pytest.mark.parametrize("keyword", ["PatientID", "AccessionNumber", "PatientName"])
def test_a_value_longer_than_an_index_takes_is_kept_whole_and_found(store, find, keyword):  # noqa: F811
    long = "".join(Random(1).choices(ascii_letters, k=9000)).lower()
    values = {"one": long, "two": long[:-1] + "!", "three": long[:300], "four": long[:256],
              "five": long[:255]}  # fmt: skip
    for study, value in values.items():
        store.keep(odd(study, **{keyword: value}))
    edges = (1, 254, 255, 256, 257, 299, 300, 301, 8999)
    patterns = [*values.values(), *(long[:n] + "*" for n in edges), "*!", f"{long[:255]}?"]
    for pattern in patterns:
        found = find("STUDY", "StudyInstanceUID", **{keyword: pattern})
        matching = {one for one, value in values.items() if fnmatchcase(value, pattern)}
        assert set(found) == {study_uid(one) for one in matching}, pattern[-10:]


def test_a_date_that_is_none_is_kept_whatever_its_length(store, find):  # noqa: F811
    store.keep(odd("one", StudyDate="2026" + "".join(Random(1).choices(digits, k=9000))))
    assert find("STUDY", "StudyInstanceUID", StudyDate="20200101-20270101") == [study_uid("one")]
