"""What crosses from source to result."""

import json
from importlib.resources import files
from io import BytesIO

import pytest
from pydicom import config, dcmread
from pydicom.dataset import Dataset

from dicom_node.results.copy import (
    ACQUIRED,
    CLINICAL_TRIAL,
    IDENTITY,
    OF_PATIENT_AND_STUDY,
    WITH_VALUE_ONLY,
    copy_from,
    strict,
    undecodable,
)
from tests.support.mr import MrSeries, part10

LEFT_BEHIND = {
    # about other objects, or about animals' breeding: nothing that a result needs
    "ReferencedPatientSequence", "ReferencedStudySequence", "ReferencedPatientPhotoSequence",
    "SourcePatientGroupIdentificationSequence", "GroupOfPatientsIdentificationSequence",
    "PatientBirthDateInAlternativeCalendar", "PatientDeathDateInAlternativeCalendar",
    "PatientAlternativeCalendar", "StrainDescription", "StrainNomenclature",
    "StrainStockSequence", "StrainAdditionalInformation", "StrainCodeSequence",
    "GeneticModificationsSequence",
}  # fmt: skip


def test_only_what_is_listed_crosses():
    source = MrSeries(slices=1).datasets()[0]
    source.private_block(0x0029, "SIEMENS", create=True).add_new(1, "LO", "secret")
    target = copy_from(source, acquired=True)
    allowed = {*IDENTITY, *OF_PATIENT_AND_STUDY, *WITH_VALUE_ONLY, *ACQUIRED}
    allowed |= {word for words, type_2 in CLINICAL_TRIAL.items() for word in (*words, *type_2)}
    assert {element.keyword for element in target} <= {*allowed, "SpecificCharacterSet"}
    for word in ("EchoTime", "ProtocolName", "SequenceName", "WindowCenter", "SeriesDescription"):
        assert word in source
        assert word not in target


def test_every_attribute_of_patient_and_study_was_thought_of():
    standard = files("highdicom") / "_standard" / "module_attribute_map.json"
    attributes = json.loads(standard.read_text())
    known = {*IDENTITY, *OF_PATIENT_AND_STUDY, *WITH_VALUE_ONLY, *LEFT_BEHIND}
    for module in ("patient", "general-study", "patient-study"):
        words = {one["keyword"] for one in attributes[module] if not one["path"]}
        assert words <= known, words - known


def trial_words(module: str) -> set[str]:
    standard = files("highdicom") / "_standard" / "module_attribute_map.json"
    attributes = json.loads(standard.read_text())[f"clinical-trial-{module}"]
    return {one["keyword"] for one in attributes if not one["path"]}


def test_every_attribute_of_the_clinical_trial_crosses_and_none_of_its_series():
    listed = {word for words, type_2 in CLINICAL_TRIAL.items() for word in (*words, *type_2)}
    assert listed == trial_words("subject") | trial_words("study")


def trial(**values) -> Dataset:
    source = MrSeries(slices=1).datasets()[0]
    for word, value in values.items():
        setattr(source, word, value)
    return copy_from(source, acquired=True)


def test_an_attribute_of_a_trial_brings_what_its_module_must_have():
    target = trial(ClinicalTrialSponsorName="S", ClinicalTrialProtocolID="P")
    for word in ("ClinicalTrialProtocolName", "ClinicalTrialSiteID", "ClinicalTrialSiteName"):
        assert target[word].is_empty
    assert "ClinicalTrialTimePointID" not in target
    target = trial(LongitudinalTemporalOffsetFromEvent=3.5, ClinicalTrialSiteID="7")
    assert "ClinicalTrialTimePointID" in target
    assert target.ClinicalTrialSiteID == "7"
    assert not any("ClinicalTrial" in element.keyword for element in trial())


def test_sequences_without_items_stay_behind_and_other_empty_attributes_cross():
    source = MrSeries(slices=1).datasets()[0]
    for word in OF_PATIENT_AND_STUDY:
        setattr(source, word, [] if word.endswith("Sequence") else None)
    target = copy_from(source, acquired=True)
    crossed = {word for word in OF_PATIENT_AND_STUDY if word in target}
    assert crossed == {word for word in OF_PATIENT_AND_STUDY if not word.endswith("Sequence")}


def test_private_elements_in_a_sequence_stay_behind_and_the_sequence_crosses():
    source = MrSeries(slices=1).datasets()[0]
    other = Dataset()
    other.PatientID, other.TypeOfPatientID = "OTHER", "TEXT"
    other.private_block(0x0011, "ACME", create=True).add_new(1, "LO", "secret")
    source.OtherPatientIDsSequence = [other]
    (crossed,) = copy_from(source, acquired=True).OtherPatientIDsSequence
    assert [element.keyword for element in crossed] == ["PatientID", "TypeOfPatientID"]
    assert len(other) == 4, "the source is left as it was"


def read_back(content: bytes) -> Dataset:
    return dcmread(BytesIO(content), stop_before_pixels=True)


def in_set(declared: bytes, name: bytes = b"Test^Ball", description: bytes = b"head") -> Dataset:
    """Return a source as it is read from a file with these bytes in it."""
    ds = MrSeries(slices=1).datasets()[0]
    ds.StudyDescription = "H" * len(description)
    content = part10(ds).replace(b"Test^Ball", name)
    content = content.replace(b"H" * len(description), description)
    return read_back(content.replace(b"ISO_IR 100", declared))


UNDECLARED = b" " * 10, b"ISO_IR 6  ", b"ISO_IR 999"


@pytest.mark.filterwarnings("ignore:Unknown encoding")
@pytest.mark.parametrize("declared", UNDECLARED)
def test_a_name_in_an_undeclared_set_is_told(declared):
    assert undecodable(in_set(declared)) == []
    assert undecodable(in_set(declared, name=b"T\xe9st^Ball")) == ["PatientName"]


@pytest.mark.filterwarnings("ignore:Unknown encoding")
@pytest.mark.parametrize("declared", UNDECLARED)
def test_other_text_in_an_undeclared_set_stays_behind(declared):
    source = in_set(declared, description=b"Sch\xe4del")
    assert undecodable(source) == []
    assert "StudyDescription" not in copy_from(source, acquired=True)
    assert copy_from(in_set(declared), acquired=True).StudyDescription == "head"


def test_a_name_that_is_not_in_the_set_that_is_declared_is_told():
    assert undecodable(in_set(b"ISO_IR 192", name=b"T\xe9st^Ball")) == ["PatientName"]
    assert undecodable(in_set(b"ISO_IR 192", name="Tést^Bal".encode())) == []
    assert undecodable(in_set(b"ISO_IR 100", name=b"T\xe9st^Ball")) == []


def test_a_name_in_several_sets_is_read():
    source = MrSeries(slices=1).datasets()[0]
    source.SpecificCharacterSet = ["", "ISO 2022 IR 149"]
    source.PatientName = "Hong^Gildong=洪^吉洞=홍^길동"
    assert undecodable(read_back(part10(source))) == []


@pytest.mark.parametrize("described", [[b"one"], [b"Sch\xe4del"]])
def test_text_in_items_is_asked_too(described):
    ds = MrSeries(slices=1).datasets()[0]
    del ds.SpecificCharacterSet
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = "1", "99X", "M" * 7
    ds.ProcedureCodeSequence = [item]
    content = part10(ds).replace(b"M" * 7, described[0].ljust(7))
    target = copy_from(read_back(content), acquired=True)
    assert ("ProcedureCodeSequence" in target) == described[0].isascii()


def test_absent_identity_is_written_empty():
    target = copy_from(Dataset(), acquired=False)
    assert all(word in target and not target[word].value for word in IDENTITY)


def test_an_enhanced_objects_time_is_split():
    source = Dataset()
    source.AcquisitionDateTime = "20260102101112.5+0100"
    target = copy_from(source, acquired=True)
    assert (target.AcquisitionDate, target.AcquisitionTime) == ("20260102", "101112.5")
    assert "AcquisitionDate" not in copy_from(source, acquired=False)


@pytest.mark.parametrize(
    ("moment", "zone", "written"),
    [
        ("20260102001112.5+0100", "+0900", ("20260102", "081112.5")),
        ("20260102001112.5+0100", "-0500", ("20260101", "181112.5")),
        ("20260102001112+0100", "CET", ("20260102", "001112")),
        ("20260102001112", "+0900", ("20260102", "001112")),
        ("20260102001112-0000", "+0900", ("20260102", "001112")),
        ("20260230001112+0100", "+0900", (None, None)),
        ("2026", "+0900", (None, None)),
        ("nonsense", None, (None, None)),
    ],
)
def test_an_enhanced_objects_time_is_written_in_the_objects_zone(moment, zone, written):
    source = Dataset()
    with config.disable_value_validation():
        source.AcquisitionDateTime = moment
    source.TimezoneOffsetFromUTC = zone
    target = copy_from(source, acquired=True)
    assert (target.get("AcquisitionDate"), target.get("AcquisitionTime")) == written


def test_strict_is_over_when_it_is_over():
    before = config.settings.reading_validation_mode
    ds = Dataset()
    with strict(), pytest.raises(ValueError, match="VR"):
        ds.Modality = "much too long for a code string"
    assert config.settings.reading_validation_mode == before
