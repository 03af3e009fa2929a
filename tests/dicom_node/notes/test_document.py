"""The note itself: a valid document that says what is rejected, and that is no image."""

from datetime import UTC, datetime
from io import BytesIO

import pytest
from pydicom import dcmread

from dicom_node.notes import KEY_OBJECT, document, make_note
from dicom_node.rejections import Because, Rejection
from dicom_node.results import Site, encode
from dicom_node.series import OwnIdentity, examine
from engine.reason import Code
from tests.dicom_node.notes.scene import CT_IMAGE, NODE_UID, synthetic
from tests.support.dciodvfy import dcentvfy, dciodvfy
from tests.support.mr import MrSeries, part10

SITE = Site(NODE_UID, "Test Hospital")
SERIES = MrSeries()
REJECTED = synthetic(SERIES, "1.2.7")
TITLES = {
    Because.SUPERSEDED: "113001",
    Because.RECALLED: "113037",
    Because.WITHDRAWN: "113001",
    Because.REFUSED: "113001",
}


def rejection(because: Because = Because.SUPERSEDED, **values) -> Rejection:
    instances = tuple((CT_IMAGE, ds.SOPInstanceUID) for ds in REJECTED)
    about = {"by": "1.2.3.4", "why": "the CT came", "at": datetime(2026, 1, 2, 3, tzinfo=UTC)}
    return Rejection("1.2.7", because, SERIES.study_uid, instances=instances, **{**about, **values})


def header(**values):
    (ds,) = synthetic(SERIES, "1.2.7", 1)
    for keyword, value in values.items():
        setattr(ds, keyword, value)
    return dcmread(BytesIO(part10(ds)))


def note(one: Rejection | None = None, source=None):
    content = encode(make_note(one or rejection(), source or header(), SITE))
    return content, dcmread(BytesIO(content))


@pytest.mark.parametrize("because", TITLES)
@pytest.mark.parametrize(
    "values",
    [
        {},
        {"Laterality": "L", "BodyPartExamined": ""},
        {"SpecificCharacterSet": ["", "ISO 2022 IR 87"], "PatientName": "Yamada^Tarou=山田^太郎"},
        {"SpecificCharacterSet": "ISO_IR 100", "PatientName": "Müller^Jörg"},
        {"SeriesNumber": None},
    ],
)
def test_it_is_valid_whatever_the_source_says(because, values, tmp_path):
    why = "verschoben um eine Schicht: ≥ 3 mm, größer ja"
    content, ds = note(rejection(because, why=why), header(**values))
    path = tmp_path / "note.dcm"
    path.write_bytes(content)
    assert dciodvfy(path) == ([], [])
    assert ds.ContentSequence[2].TextValue.endswith(why)
    if "PatientName" in values:
        assert str(ds.PatientName) == values["PatientName"]


def test_a_note_that_breaks_the_tables_would_be_seen(tmp_path):
    _, ds = note()
    del ds.CurrentRequestedProcedureEvidenceSequence
    (tmp_path / "note.dcm").write_bytes(part10(ds))
    errors, _ = dciodvfy(tmp_path / "note.dcm")
    assert errors


@pytest.mark.parametrize("because", TITLES)
def test_it_says_which_instances_are_rejected_and_by_which_title(because):
    _, ds = note(rejection(because))
    assert ds.SOPClassUID == KEY_OBJECT
    (title,) = ds.ConceptNameCodeSequence
    assert (title.CodeValue, title.CodingSchemeDesignator) == (TITLES[because], "DCM")
    wanted = [(CT_IMAGE, one.SOPInstanceUID) for one in REJECTED]
    (study,) = ds.CurrentRequestedProcedureEvidenceSequence
    (series,) = study.ReferencedSeriesSequence
    assert (study.StudyInstanceUID, series.SeriesInstanceUID) == (SERIES.study_uid, "1.2.7")
    listed = [(i.ReferencedSOPClassUID, i.ReferencedSOPInstanceUID)
              for i in series.ReferencedSOPSequence]  # fmt: skip
    images = [item.ReferencedSOPSequence[0] for item in ds.ContentSequence
              if item.ValueType == "IMAGE"]  # fmt: skip
    named = [(i.ReferencedSOPClassUID, i.ReferencedSOPInstanceUID) for i in images]
    assert sorted(listed) == sorted(named) == sorted(wanted)


def test_whatever_it_is_rejected_for_it_has_a_title_and_a_number_of_its_own():
    assert set(Because) == TITLES.keys() == document.TITLES.keys()
    assert len(set(document._SLOT.values())) == len(Because)


def test_it_is_of_the_same_patient_and_study_and_says_who_made_it():
    _, ds = note()
    source = header()
    for word in ("PatientID", "PatientName", "PatientBirthDate", "StudyInstanceUID", "StudyID"):
        assert ds[word].value == source[word].value
    assert (ds.SyntheticData, ds.ContentQualification) == ("YES", "RESEARCH")
    assert ds.InstanceCreatorUID == NODE_UID
    assert "SYNTHETIC" in ds.SeriesDescription
    assert ds.SeriesNumber == 30198


def test_it_agrees_with_what_it_rejects(tmp_path):
    paths = []
    for number, content in enumerate([note()[0], *map(part10, REJECTED)]):
        paths.append(tmp_path / f"{number}.dcm")
        paths[-1].write_bytes(content)
    assert [line for line in dcentvfy(paths) if line.startswith("Error")] == []


def test_the_same_rejection_gives_the_same_bytes_and_another_reason_another_note():
    assert note()[0] == note()[0]
    first, second = note()[1], note(rejection(Because.RECALLED))[1]
    assert first.SOPInstanceUID != second.SOPInstanceUID
    assert first.SeriesInstanceUID != second.SeriesInstanceUID


def test_sent_back_to_the_node_it_is_no_input(tmp_path):
    (tmp_path / "note.dcm").write_bytes(note()[0])
    findings = examine([tmp_path / "note.dcm"], OwnIdentity())
    assert findings.synthetic
    assert Code.NOT_AN_IMAGE in {reason.code for reason in findings.reasons}
