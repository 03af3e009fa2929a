"""C-FIND as DCMTK and pynetdicom ask it; both ways of serving an association answer alike."""

import re
import subprocess
import time

import pytest
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pynetdicom import AE, build_context
from structlog.testing import capture_logs

from dicom_node.archive.query import Finder, rows
from dicom_node.archive.query import find as finding
from dicom_node.association.status import FindStatus
from dicom_node.dicom import PATIENT_ROOT_FIND, STUDY_ROOT_FIND
from tests.dicom_node.archive.objects import instance, received, study_uid
from tests.dicom_node.association.test_store import Scene
from tests.support.need import program


@pytest.fixture(params=[True, False], ids=["own plane", "stock"])
def scene(tmp_path, request):
    opened = Scene(tmp_path, data_plane=request.param, may=("echo", "store", "find"))
    yield opened
    opened.close()


def keep(scene, study: str = "one", **values) -> None:
    scene.archive.keep(received(instance(study, **values)))


def findscu(port: int, *keys: str, root: str = "-S") -> list[dict[str, str]]:
    """Ask as DCMTK does; return keyword to value of each answer, as the program prints them."""
    arguments = [part for key in keys for part in ("-k", key)]
    said = subprocess.run(
        [program("/usr/bin/findscu"), "-v", root, "-aet", "SCANNER", "-aec", "SYNTHNODE",
         "127.0.0.1", str(port), *arguments],
        check=False, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert said.returncode == 0, said.stderr
    answers: list[dict[str, str]] = []
    for line in (said.stdout + said.stderr).splitlines():
        if "Find Response" in line and "Pending" in line:
            answers.append({})
        found = re.search(
            r"\([0-9a-f]{4},[0-9a-f]{4}\) .. (\[.*?\]|\S+|\(no value available\)).* (\w+)$", line
        )
        if found and answers:
            answers[-1][found[2]] = found[1].strip("[] ")
    return answers


def ask(scene, ds: Dataset, model: str = STUDY_ROOT_FIND) -> list[tuple[int, Dataset | None]]:
    ae = AE(ae_title="SCANNER")
    assoc = ae.associate("127.0.0.1", scene.port, contexts=[build_context(model)],
                         ae_title="SYNTHNODE")  # fmt: skip
    try:
        return [(int(status.Status), found) for status, found in assoc.send_c_find(ds, model)]
    finally:
        assoc.release()


def identifier(level: str, **keys) -> Dataset:
    ds = Dataset()
    ds.QueryRetrieveLevel = level
    for keyword, value in keys.items():
        setattr(ds, keyword, value)
    return ds


def test_dcmtk_finds_a_study(scene):
    keep(scene, PatientName="Smith^John")
    keep(scene, "two", PatientName="Doe^Jane")
    wanted = ("StudyInstanceUID", "ModalitiesInStudy", "NumberOfStudyRelatedInstances")
    (found,) = findscu(scene.port, "QueryRetrieveLevel=STUDY", "PatientName=smith*", *wanted)
    assert found["StudyInstanceUID"] == study_uid()
    assert found["PatientName"] == "Smith^John"
    assert found["ModalitiesInStudy"] == "MR"
    assert found["NumberOfStudyRelatedInstances"] == "1"


@pytest.mark.parametrize(
    ("root", "level", "count"),
    [("-P", "PATIENT", 1), ("-P", "STUDY", 2), ("-P", "SERIES", 3), ("-P", "IMAGE", 4),
     ("-S", "STUDY", 2), ("-S", "SERIES", 3), ("-S", "IMAGE", 4)],
)  # fmt: skip
def test_dcmtk_finds_every_level_in_both_models(scene, root, level, count):
    keep(scene)
    keep(scene, "two")
    keep(scene, "two", number=2)
    keep(scene, "two", series="b")
    assert len(findscu(scene.port, f"QueryRetrieveLevel={level}", root=root)) == count


def test_an_answer_names_where_it_can_be_had(scene):
    keep(scene)
    (_, found), _ = ask(scene, identifier("STUDY", StudyInstanceUID=""))
    assert found.RetrieveAETitle == "SYNTHNODE"
    assert found.InstanceAvailability == "ONLINE"
    assert found.QueryRetrieveLevel == "STUDY"


def test_a_key_that_means_nothing_here_is_answered_empty_and_with_a_warning(scene):
    keep(scene)
    ds = identifier("STUDY", StudyInstanceUID="", KVP="", SeriesNumber="")
    (status, found), (last, _) = ask(scene, ds)
    assert (status, last) == (FindStatus.PENDING_WITH_WARNING, FindStatus.SUCCESS)
    assert found["KVP"].is_empty
    assert found["SeriesNumber"].is_empty


def test_a_key_without_a_value_is_answered_empty_and_without_a_warning(scene):
    keep(scene)
    (status, found), _ = ask(scene, identifier("STUDY", AccessionNumber=""))
    assert status == FindStatus.PENDING
    assert found["AccessionNumber"].is_empty


@pytest.mark.parametrize(
    ("level", "keys", "model"),
    [("PATIENT", {}, STUDY_ROOT_FIND), ("", {}, STUDY_ROOT_FIND), ("FRAME", {}, PATIENT_ROOT_FIND),
     ("STUDY", {"SeriesNumber": "1"}, STUDY_ROOT_FIND)],
)  # fmt: skip
def test_a_level_that_the_model_lacks_is_refused(scene, level, keys, model):
    keep(scene)
    answers = ask(scene, identifier(level, **keys), model)
    if keys:
        assert [status for status, _ in answers] == [FindStatus.PENDING_WITH_WARNING, 0]
    else:
        assert [status for status, _ in answers] == [FindStatus.DOES_NOT_MATCH]


def test_a_date_that_is_none_is_refused_and_the_next_query_is_answered(scene):
    keep(scene)
    ds = identifier("STUDY")
    ds.add_new("StudyDate", "LO", "yesterday")
    assert [status for status, _ in ask(scene, ds)] == [FindStatus.DOES_NOT_MATCH]
    assert len(ask(scene, identifier("STUDY"))) == 2


def test_a_query_is_cancelled_between_two_answers(scene, monkeypatch):
    many, find = 50, Finder.find

    def slowly(finder, *asked):
        for header in find(finder, *asked):
            yield header
            time.sleep(0.05)  # the cancel is on its way

    monkeypatch.setattr(Finder, "find", slowly)
    for n in range(many):
        keep(scene, f"{n}")
    ae = AE(ae_title="SCANNER")
    assoc = ae.associate("127.0.0.1", scene.port, contexts=[build_context(STUDY_ROOT_FIND)],
                         ae_title="SYNTHNODE")  # fmt: skip
    statuses = []
    for status, _ in assoc.send_c_find(identifier("STUDY"), STUDY_ROOT_FIND, msg_id=9):
        if not statuses:
            assoc.send_c_cancel(9, query_model=STUDY_ROOT_FIND)
        statuses.append(int(status.Status))
    assoc.release()
    assert statuses[-1] == FindStatus.CANCELLED
    assert len(statuses) < many


@pytest.mark.parametrize("how", ["cancels", "aborts"])
def test_whoever_wants_no_more_is_heard_while_nothing_matches(scene, monkeypatch, how):
    ae, looked = AE(ae_title="SCANNER"), []
    assoc = ae.associate("127.0.0.1", scene.port, contexts=[build_context(STUDY_ROOT_FIND)],
                         ae_title="SYNTHNODE")  # fmt: skip
    of_file = rows._of_file

    def look(*asked):
        looked.append(asked)
        if len(looked) == 15:
            if how == "cancels":
                assoc.send_c_cancel(9, query_model=STUDY_ROOT_FIND)
            else:
                assoc.abort()
            time.sleep(0.5)  # it is on its way
        return of_file(*asked)

    monkeypatch.setattr(rows, "_of_file", look)
    monkeypatch.setattr(finding, "_BATCH", 10)
    for number in range(1, 41):
        keep(scene, number=number)
    ds = identifier("IMAGE", SOPInstanceUID="", ContentDate="19000101")
    answers = [status for status, _ in assoc.send_c_find(ds, STUDY_ROOT_FIND, msg_id=9)]
    if how == "cancels":
        assert [status.Status for status in answers] == [FindStatus.CANCELLED]
        assert len(ask(scene, identifier("IMAGE", SOPInstanceUID=""))) == 41
        assoc.release()
    else:
        time.sleep(0.5)  # long enough for the rest, if it were looked at
    assert len(looked) == 20


def test_a_peer_that_may_not_find_is_not_answered(tmp_path):
    scene = Scene(tmp_path, may=("echo", "store"))
    try:
        ae = AE(ae_title="SCANNER")
        assoc = ae.associate("127.0.0.1", scene.port, contexts=[build_context(STUDY_ROOT_FIND)],
                             ae_title="SYNTHNODE")  # fmt: skip
        assert assoc.accepted_contexts == []
        assoc.abort()
    finally:
        scene.close()


def test_a_sequence_is_answered_with_its_items(scene):
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "1", "99TEST", "Köpf"
    item = Dataset()
    item.ScheduledProcedureStepID, item.RequestedProcedureID = "SPS1", "RP1"
    item.ScheduledProtocolCodeSequence = [code]
    keep(scene, SpecificCharacterSet="ISO_IR 192", RequestAttributesSequence=[item])
    keep(scene, "two")
    ds = identifier("SERIES", SeriesInstanceUID="", RequestAttributesSequence=[])
    *answers, (last, _) = ask(scene, ds)
    assert [status for status, _ in answers] == [FindStatus.PENDING] * 2
    assert last == FindStatus.SUCCESS
    by_study = {found.StudyInstanceUID: found for _, found in answers}
    assert list(by_study[study_uid()].RequestAttributesSequence) == [item]
    assert list(by_study[study_uid("two")].RequestAttributesSequence) == []


@pytest.mark.parametrize(
    ("level", "keyword", "vr", "text"),
    [
        ("STUDY", "PatientWeight", "DS", "70 kg"),
        ("STUDY", "PatientSize", "DS", "1,78"),
        ("STUDY", "PatientSize", "DS", "nan"),
        ("SERIES", "SeriesNumber", "IS", "abc"),
        ("SERIES", "SeriesNumber", "IS", "1,5"),
        ("SERIES", "SeriesNumber", "IS", "1.5"),
        ("IMAGE", "NumberOfFrames", "IS", "x"),
        ("IMAGE", "PixelSpacing", "DS", "0,5\\0,5"),
    ],
)
def test_a_number_that_is_none_is_answered_as_it_is_kept(scene, level, keyword, vr, text):
    bad = instance("bad")
    bad[keyword] = DataElement(keyword, vr, text, already_converted=True)
    scene.archive.keep(received(bad))
    keep(scene, **{keyword: ["1", "1"] if keyword == "PixelSpacing" else "1"})
    unique = {"STUDY": "Study", "SERIES": "Series", "IMAGE": "SOP"}[level] + "InstanceUID"
    found = findscu(scene.port, f"QueryRetrieveLevel={level}", "StudyInstanceUID", unique, keyword)
    assert len(found) == 2
    by_study = {one["StudyInstanceUID"]: one[keyword] for one in found}
    assert by_study[study_uid("bad")] == text
    assert by_study[study_uid()].startswith("1")


def test_a_value_that_is_not_matched_is_answered_with_a_warning(scene):
    keep(scene)
    item, empty = Dataset(), Dataset()
    item.ScheduledProcedureStepID, empty.ScheduledProcedureStepID = "SPS1", ""
    expected = {
        FindStatus.PENDING_WITH_WARNING: [
            identifier("STUDY", NumberOfStudyRelatedInstances="77"),
            identifier("SERIES", RequestAttributesSequence=[item]),
        ],
        FindStatus.PENDING: [
            identifier("STUDY", NumberOfStudyRelatedInstances="", ModalitiesInStudy="MR"),
            identifier("SERIES", RequestAttributesSequence=[empty]),
            identifier("SERIES", RequestAttributesSequence=[]),
        ],
    }
    for status, asked in expected.items():
        for ds in asked:
            assert [said for said, _ in ask(scene, ds)] == [status, FindStatus.SUCCESS]


@pytest.mark.parametrize(
    ("tag", "says"),
    [
        ("PatientBirthDate", "PatientBirthDate is no date; 20261122 or 20261101-20261122"),
        ("PatientBirthTime", "PatientBirthTime is no time; 0930 or 0930-1200 is wanted"),
        ("PatientWeight", "PatientWeight is no number; one is wanted"),
        ("QueryRetrieveLevel", "QueryRetrieveLevel is none of STUDY, SERIES, IMAGE"),
    ],
)
def test_what_is_wrong_with_a_query_is_said_without_its_values(scene, tag, says):
    ds = identifier("STUDY")
    ds[tag] = DataElement(tag, "LO", "MEIER^ANNA")
    with capture_logs() as logged:
        ((status, said),) = answered(scene, ds)
    assert status == FindStatus.DOES_NOT_MATCH
    assert said.startswith(says)
    assert "MEIER" not in f"{logged} {said}"


def answered(scene, ds: Dataset) -> list[tuple[int, str]]:
    """Ask; return the status and comment of each response."""
    ae = AE(ae_title="SCANNER")
    assoc = ae.associate("127.0.0.1", scene.port, contexts=[build_context(STUDY_ROOT_FIND)],
                         ae_title="SYNTHNODE")  # fmt: skip
    try:
        return [(int(one.Status), one.get("ErrorComment", ""))
                for one, _ in assoc.send_c_find(ds, STUDY_ROOT_FIND)]  # fmt: skip
    finally:
        assoc.release()
