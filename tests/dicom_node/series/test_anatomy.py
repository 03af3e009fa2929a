"""Which part of the body: attributes, codes, words in several languages, and silence."""

import pytest

from dicom_node.series.anatomy import Region, anatomy_faults, region_named, regions_of, shows_face
from dicom_node.series.facts import words

HEAD = ("HEAD", "BRAIN", "SKULL")


def codes(header):
    return [reason.code for reason in anatomy_faults(header, HEAD)]


@pytest.mark.parametrize(
    "header",
    [
        {"BodyPartExamined": "HEAD"},
        {"BodyPartExamined": "Brain"},
        {"BodyPartExamined": "SKULL"},
        {"AnatomicRegions": ("T-A0100", "Brain")},
        {"AnatomicRegions": ("12738006", "")},
        {"SeriesDescription": "MRT Kopf nativ"},
        {"ProtocolName": "Schädel"},
        {"StudyDescription": "IRM du crâne"},
        {"StudyDescription": "RM cerebro"},
        {"StudyDescription": "RM encefalo"},
        {"StudyDescription": "頭部MRI"},
        {"StudyDescription": "МРТ головного мозга"},  # noqa: RUF001 - Cyrillic
        {"Procedures": ("24590-2", "MR Brain")},
        {"BodyPartExamined": "UNKNOWN", "StudyDescription": "Head"},
        {"BodyPartExamined": "HEAD", "StudyDescription": "Head and C-Spine"},
    ],
)
def test_a_head_is_a_head(header):
    assert codes(header) == []


@pytest.mark.parametrize(
    "header",
    [
        {"BodyPartExamined": "KNEE"},
        {"BodyPartExamined": "HEADNECK"},
        {"BodyPartExamined": "SOMETHING"},
        {"BodyPartExamined": "HEAD", "AnatomicRegions": ("45048000", "Neck")},
        {"BodyPartExamined": "HEAD", "SeriesDescription": "t1_tse_sag HWS"},
        {"BodyPartExamined": "BRAIN", "SeriesDescription": "T1 cor orbita"},
        {"BodyPartExamined": "BRAIN", "StudyDescription": "QA phantom"},
        {"BodyPartExamined": "BRAIN", "PerformedProcedureStepDescription": "phantom_delete_me"},
        {"StudyDescription": "MR Knie"},
        {"SeriesDescription": "T1 C-Spine"},
    ],
)
def test_another_part_is_wrong(header):
    assert codes(header) == ["ANATOMY_WRONG"]


@pytest.mark.parametrize(
    "header",
    [
        {},
        {"BodyPartExamined": "***"},
        {"StudyDescription": "Research"},
        {"StudyDescription": "Head and C-Spine"},
    ],
)
def test_what_names_no_one_region_is_unknown(header):
    assert codes(header) == ["ANATOMY_UNKNOWN"]


def test_the_words_of_a_contract_mean_regions():
    assert regions_of(HEAD) == {Region.HEAD}
    assert regions_of(("PELVIS", "ABDOMEN")) == {Region.PELVIS, Region.ABDOMEN}


@pytest.mark.parametrize(
    "text", ["t1_mprage_sag", "spin echo", "Surface 3D", "accidental", "T1 hippo", "abteilung"]
)
def test_words_that_only_look_like_a_region(text):
    assert region_named(words(text)) == frozenset()


@pytest.mark.parametrize(
    ("header", "otherwise", "shown"),
    [
        ({"BodyPartExamined": "HEAD"}, ("HEAD",), True),
        ({"BodyPartExamined": "FACE"}, ("HEAD",), True),
        ({"BodyPartExamined": "HEADNECK"}, ("HEAD",), True),
        ({"BodyPartExamined": "Kopf"}, ("HEAD",), True),
        ({"BodyPartExamined": "SKULL"}, ("HEAD",), True),
        ({"BodyPartExamined": "ORBIT"}, ("HEAD",), True),
        ({"BodyPartExamined": "KNEE"}, ("HEAD",), False),
        ({"AnatomicRegions": ("12738006", "")}, ("KNEE",), True),
        ({"SeriesDescription": "t1 mprage kopf"}, ("KNEE",), True),
        ({"BodyPartExamined": "UNKNOWN"}, ("HEAD",), True),
        ({}, ("HEAD", "BRAIN"), True),
        ({}, ("PELVIS",), False),
    ],
)
def test_a_face_is_expected_where_a_head_is_shown(header, otherwise, shown):
    assert shows_face(header, otherwise) is shown


def test_head_and_neck_in_one_word_are_both():
    assert region_named("headneck") == {Region.HEAD, Region.NECK}
    assert region_named("header") == region_named("necklace") == set()
