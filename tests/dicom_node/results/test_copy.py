"""What crosses from source to result."""

import json
from importlib.resources import files

import pytest
from pydicom import config
from pydicom.dataset import Dataset

from dicom_node.results.copy import (
    ACQUIRED,
    IDENTITY,
    OF_PATIENT_AND_STUDY,
    WITH_VALUE_ONLY,
    copy_from,
    strict,
)
from tests.support.mr import MrSeries

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


def test_absent_identity_is_written_empty():
    target = copy_from(Dataset(), acquired=False)
    assert all(word in target and not target[word].value for word in IDENTITY)


def test_an_enhanced_objects_time_is_split():
    source = Dataset()
    source.AcquisitionDateTime = "20260102101112.5+0100"
    target = copy_from(source, acquired=True)
    assert (target.AcquisitionDate, target.AcquisitionTime) == ("20260102", "101112.5")
    assert "AcquisitionDate" not in copy_from(source, acquired=False)


def test_strict_is_over_when_it_is_over():
    before = config.settings.reading_validation_mode
    ds = Dataset()
    with strict(), pytest.raises(ValueError, match="VR"):
        ds.Modality = "much too long for a code string"
    assert config.settings.reading_validation_mode == before
