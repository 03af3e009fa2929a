"""Orthanc beside the node: it queries and retrieves here, and both answer alike on one archive."""

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from dicom_node.dicom import PATIENT_ROOT_FIND, STUDY_ROOT_FIND
from dicom_node.settings import Peer
from tests.dicom_node.archive.objects import file_of, received
from tests.dicom_node.association.test_store import Scene, scanner
from tests.support.asking import Asking
from tests.support.need import free_port
from tests.support.orthanc import Orthanc
from tests.support.studies import studies

MAY = ("echo", "store", "find", "move", "get")
S, P = STUDY_ROOT_FIND, PATIENT_ROOT_FIND


@dataclass
class Both:
    """The same studies in two archives, and an association with each."""

    studies: list[list[Dataset]]
    ours: Asking
    theirs: Asking


@pytest.fixture(scope="module", params=[200, pytest.param(2000, marks=pytest.mark.slow)])
def both(request, tmp_path_factory) -> Iterator[Both]:
    folder = tmp_path_factory.mktemp("both")
    scene = Scene(folder, may=MAY, idle_s=300.0)
    orthanc = Orthanc(folder / "orthanc", options={"DefaultEncoding": "Utf8"}).start()
    try:
        there = list(studies(request.param))
        for ds in (ds for study in there for ds in study):
            scene.archive.keep(received(ds))
            orthanc.post("instances", file_of(ds))
        ours = Asking(scene.port, "SYNTHNODE")
        theirs = Asking(orthanc.dicom_port, orthanc.ae_title)
        yield Both(there, ours, theirs)
        ours.close()
        theirs.close()
    finally:
        orthanc.stop()
        scene.close()


IDS = ("P00004", "p00004", "P0000*", "*4", "P0001?", "P????4", "*", "X-*", "P*4", " P00004 ")
NAMES = (
    "Smith^John*", "smith^*", "SMITH*", "*ann*", "Müller*", "MÜLLER*", "muller*", "Mueller*",
    "Møller*", "møller^*", "nguyễn*", "*José*", "o'neil*", "Smith", "S?ith*", "de la*", "Li^*",
)  # fmt: skip
TEXTS = {
    "StudyDescription": ("HEAD", "head", "Head*", "*neck", "MRT Sch*", "*sch?del", "50*",
                         "50% dose [test]", "*[test]"),
    "AccessionNumber": ("A7", "acc-3", "ACC-3", "acc*", "A?"),
    "ReferringPhysicianName": ("House*", "house^gregory", "*"),
    "ModalitiesInStudy": ("MR", "CT", ["MR", "CT"], "*", "M*", "US", "mr"),
    "PatientSex": ("M", "F", "m"),
    "StudyID": ("7",),
    "StudyDate": ("20150101-20171231", "20150101-", "20150101"),
    "StudyTime": ("100000-120000", "1000-1200", "2200-", "100000"),
}  # fmt: skip


def alike(there: list[list[Dataset]]) -> Iterator[tuple[str, str, dict]]:
    """Yield questions of every kind of matching that both answer alike."""
    yield from ((level, S, {}) for level in ("STUDY", "SERIES", "IMAGE"))
    yield from ((level, P, {}) for level in ("PATIENT", "STUDY"))
    for keyword, patterns in (("PatientID", IDS), ("PatientName", NAMES)):
        for pattern in patterns:
            yield "STUDY", S, {keyword: pattern}
            yield "PATIENT", P, {keyword: pattern}
    for keyword, patterns in TEXTS.items():
        yield from (("STUDY", S, {keyword: pattern}) for pattern in patterns)
    dated = next(study[0] for study in there if study[0].StudyDate and study[0].StudyTime)
    yield "STUDY", S, {"StudyDate": dated.StudyDate, "StudyTime": dated.StudyTime}
    yield "STUDY", S, {"StudyDate": "20150101-20201231", "StudyTime": "080000-120000"}
    yield "PATIENT", P, {"PatientBirthDate": "19500101-19791231"}
    uids = [str(study[0].StudyInstanceUID) for study in there]
    yield from (("STUDY", S, {"StudyInstanceUID": one}) for one in (uids[3], uids[3:90], "1.2.3"))
    for modality in ("MR", "CT", "M?", "mr"):
        yield "SERIES", S, {"Modality": modality}
        yield "SERIES", S, {"Modality": modality, "StudyInstanceUID": uids[5]}
    yield "SERIES", S, {"StudyInstanceUID": uids[5]}
    for keyword, value in (
        ("SeriesDescription", "head*"), ("SeriesDescription", "HEAD"), ("BodyPartExamined", "KNEE"),
        ("BodyPartExamined", "K*"), ("SeriesNumber", "2"), ("StationName", "STATION1"),
    ):  # fmt: skip
        yield "SERIES", S, {keyword: value}
    yield "IMAGE", S, {"StudyInstanceUID": uids[5], "InstanceNumber": "1"}
    yield "IMAGE", S, {"InstanceNumber": "2"}
    yield "IMAGE", S, {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.2"}
    yield "STUDY", S, {"PatientID": "P*", "StudyDate": "20150101-", "ModalitiesInStudy": "CT"}


def test_both_answer_alike_to_every_kind_of_matching(both):
    asked = list(alike(both.studies))
    assert len(asked) > 110
    different, empty = [], 0
    for level, model, keys in asked:
        ours, theirs = (one.uids(level, keys, model) for one in (both.ours, both.theirs))
        empty += not ours
        if ours != theirs:
            different.append((level, keys, len(ours), len(theirs)))
    assert different == []
    assert empty < len(asked) / 3


LOWEST = {
    "a range without a beginning": ("STUDY", {"StudyDate": "-20171231"}),
    "a range of times without a beginning": ("STUDY", {"StudyTime": "-0900"}),
    "a date with dots": ("STUDY", {"StudyDate": "2015.01.01-2017.12.31"}),
    "hours alone": ("STUDY", {"StudyTime": "10-12"}),
    "half a date": ("STUDY", {"StudyDate": "2015"}),
    "a star in a UID": ("STUDY", {"StudyInstanceUID": "2.25.1*"}),
    "a number with a nought before it": ("SERIES", {"SeriesNumber": "02"}),
    "a number that is counted": ("STUDY", {"NumberOfStudyRelatedInstances": "2"}),
}
"""Where the two differ; each is judged below by the standard and by what the studies hold."""


def test_where_they_differ_ours_is_what_the_standard_says(both):
    ours = {name: both.ours.uids(*asked) for name, asked in LOWEST.items()}
    theirs = {name: both.theirs.uids(*asked) for name, asked in LOWEST.items()}
    assert [name for name in LOWEST if ours[name] == theirs[name]] == []

    def by_hand(holds) -> list[str]:
        return sorted(str(s[0].StudyInstanceUID) for s in both.studies if holds(s[0]))

    # PS3.4 C.2.2.2.5: a range matches what lies in it; no date lies nowhere. Orthanc takes an empty
    # text for the lowest of all.
    assert ours["a range without a beginning"] == by_hand(
        lambda ds: "" < ds.StudyDate <= "20171231"
    )
    assert set(theirs["a range without a beginning"]) - set(
        ours["a range without a beginning"]
    ) == set(by_hand(lambda ds: not ds.StudyDate))
    assert ours["a range of times without a beginning"] == by_hand(
        lambda ds: "" < ds.StudyTime < "0900" or ds.StudyTime.rstrip("0").rstrip(".") in ("09",)
    )
    # PS3.5 6.2: dates of ACR-NEMA 2.0 have dots. Orthanc compares the letters.
    assert ours["a date with dots"] == by_hand(lambda ds: "20150101" <= ds.StudyDate <= "20171231")
    # PS3.5 6.2: a time may leave out minutes: 12 is any time from 12:00 on. Orthanc compares text.
    assert ours["hours alone"] == by_hand(lambda ds: "10" <= ds.StudyTime[:2] <= "12")
    # A date of four letters is none: we say so (A900); Orthanc finds nothing.
    assert (ours["half a date"], theirs["half a date"]) == ("0xa900", [])
    # PS3.4 C.2.2.2.2: UIDs know no wildcards, so a star is a letter that no UID has. Orthanc ends
    # with an error of its own.
    assert (ours["a star in a UID"], theirs["a star in a UID"]) == ([], "0xc000")
    # PS3.5 6.2: an IS is a number, however it is written. Orthanc compares text.
    assert ours["a number with a nought before it"] == both.ours.uids(
        "SERIES", {"SeriesNumber": "2"}
    )
    assert theirs["a number with a nought before it"] == []
    # PS3.4 C.3.4: such numbers are told, not matched. Orthanc finds nothing with them.
    assert len(ours["a number that is counted"]) == len(both.studies)
    assert theirs["a number that is counted"] == []


TOLD = {
    ("STUDY", S): (
        "PatientID PatientName PatientSex PatientBirthDate StudyDate StudyTime AccessionNumber"
        " StudyID StudyDescription ReferringPhysicianName ModalitiesInStudy"
        " NumberOfStudyRelatedSeries NumberOfStudyRelatedInstances"
    ),
    ("SERIES", S): (
        "Modality SeriesNumber SeriesDescription BodyPartExamined StationName"
        " NumberOfSeriesRelatedInstances"
    ),
    ("IMAGE", S): "InstanceNumber SOPClassUID",
    ("PATIENT", P): "PatientName PatientSex PatientBirthDate NumberOfPatientRelatedStudies",
}


@pytest.mark.parametrize(("level", "model"), TOLD)
def test_both_tell_the_same_of_what_they_find(both, level, model):
    keywords = TOLD[level, model].split()
    told = []
    for one in (both.ours, both.theirs):
        answers = one.answers(level, dict.fromkeys(keywords, ""), model)
        told.append(sorted(tuple(plain(ds, keyword) for keyword in keywords) for ds in answers))
    assert told[0] == told[1]
    assert len(told[0]) > 50


def plain(ds: Dataset, keyword: str) -> str:
    """Return a value as text; of several the order is nobody's to tell."""
    value = ds.get(keyword)
    if value is None or value == "":
        return ""
    return "\\".join(sorted(str(one) for one in value)) if ds[keyword].VM > 1 else str(value)


@pytest.fixture
def pacs(tmp_path) -> Iterator[tuple[Scene, Orthanc, list[list[Dataset]]]]:
    """An empty Orthanc that knows the node as a modality, and a node that knows it as a peer."""
    orthanc = Orthanc(tmp_path / "orthanc", dicom_port=free_port())
    peer = Peer(name="pacs", ae_title="ORTHANC", host="127.0.0.1", port=orthanc.dicom_port, may=MAY)
    scene = Scene(tmp_path, peers=[scanner(may=MAY), peer], idle_s=60.0)
    orthanc.modalities = {"node": ["SYNTHNODE", "127.0.0.1", scene.port]}
    there = list(studies(12))
    for ds in (ds for study in there for ds in study):
        scene.archive.keep(received(ds))
    try:
        yield scene, orthanc.start(), there
    finally:
        orthanc.stop()
        scene.close()


def test_orthanc_queries_the_node_and_has_sent_what_it_finds(pacs):
    _, orthanc, there = pacs
    wanted = there[4]
    asked = {
        "Patient": {"PatientID": str(wanted[0].PatientID)},
        "Study": {"StudyInstanceUID": str(wanted[0].StudyInstanceUID)},
        "Series": {"StudyInstanceUID": str(wanted[0].StudyInstanceUID), "Modality": ""},
        "Instance": {"StudyInstanceUID": str(wanted[0].StudyInstanceUID)},
    }
    expected = {
        "Patient": 1, "Study": 1, "Instance": len(wanted),
        "Series": len({ds.SeriesInstanceUID for ds in wanted}),
    }  # fmt: skip
    for level, keys in asked.items():
        found = orthanc.post("modalities/node/query", {"Level": level, "Query": keys})["ID"]
        assert len(orthanc.get(f"queries/{found}/answers")) == expected[level], level
        if level == "Patient":  # the other studies of the patient come with it
            continue
        orthanc.post(f"queries/{found}/retrieve", {"TargetAet": "ORTHANC", "Synchronous": True})
        assert held(orthanc) == {str(ds.SOPInstanceUID) for ds in wanted}, level
        for study in orthanc.get("studies"):
            orthanc.delete(f"studies/{study}")


def test_orthanc_moves_studies_by_name_and_keeps_them_as_they_were(pacs):
    _, orthanc, there = pacs
    resources = [{"StudyInstanceUID": str(study[0].StudyInstanceUID)} for study in there[:3]]
    orthanc.post(
        "modalities/node/move",
        {"Level": "Study", "Resources": resources, "TargetAet": "ORTHANC", "Synchronous": True},
    )
    sent = {str(ds.SOPInstanceUID): ds for study in there[:3] for ds in study}
    assert held(orthanc) == set(sent)
    for instance in orthanc.get("instances"):
        ds = dcmread(BytesIO(orthanc.file(instance)))
        assert Dataset(ds) == sent[str(ds.SOPInstanceUID)]


def held(orthanc: Orthanc) -> set[str]:
    return {one["MainDicomTags"]["SOPInstanceUID"] for one in orthanc.get("instances?expand")}
