"""The gate's tables against the standard's own: no attribute that has to be there is forgotten.

The tables of IODs, modules and attributes are those that come with highdicom (2026b).
"""

import json
from collections.abc import Iterator
from importlib.resources import files
from io import BytesIO

import pytest
from pydicom import dcmread

from dicom_node.results import encode, make_series
from dicom_node.results.check import FORBIDDEN, WITH_VALUE
from dicom_node.results.copy import (
    CLINICAL_TRIAL,
    IDENTITY,
    OF_PATIENT_AND_STUDY,
    WITH_VALUE_ONLY,
)
from dicom_node.results.iod import CT, MR, PET
from tests.dicom_node.results.conftest import as_kind

STANDARD = files("highdicom") / "_standard"
MODULES = json.loads((STANDARD / "iod_module_map.json").read_text())
ATTRIBUTES = json.loads((STANDARD / "module_attribute_map.json").read_text())
IODS = {
    "CT": ("ct-image", CT),
    "STIR": ("mr-image", MR),
    "PT": ("positron-emission-tomography-image", PET),
}
USED = {"general-reference", "common-instance-reference", "voi-lut"}
"""Modules that the standard leaves free, and that every result has."""

NOT_MET = {
    "palette colours are for colour images": {
        f"{colour}PaletteColorLookupTable{part}"
        for colour in ("Red", "Green", "Blue")
        for part in ("Data", "Descriptor")
    },
    "several samples for each pixel": {"PlanarConfiguration"},
    "pixels that are not square say so by Pixel Spacing": {"PixelAspectRatio"},
    "pixels are not compressed": {"ExtendedOffsetTableLengths", "LossyImageCompressionRatio"},
    "pixels are in the object": {"PixelDataProviderURL"},
    "padding is one value, and there only where the source did not see": {
        "PixelPaddingRangeLimit", "PixelPaddingValue",
    },
    "orientation is in Image Orientation (Patient)": {"PatientOrientation"},
    "windows are linear": {"VOILUTSequence"},
    "no attribute is encrypted": {"EncryptedAttributesSequence"},
    "it is not converted from another object": {"ConversionSourceAttributesSequence"},
    "it comes of no structured document": {"HL7StructuredDocumentReferenceSequence"},
    "it answers no query": {"QueryRetrieveView"},
    "all sources are of one study": {"StudiesContainingOtherReferencedInstancesSequence"},
    "no protocol was performed": {
        "ReferencedDefinedProtocolSequence", "ReferencedPerformedProtocolSequence",
    },
    "the frame of reference is the patient's": {"EquipmentFrameOfReferenceUID"},
    "one energy": {"EnergyWeightingFactor"},
    "no dose": {"WaterEquivalentDiameterCalculationMethodCodeSequence"},
    "no sequence was run": {"InversionTime", "TriggerTime"},
    "nothing decays": {"DecayFactor"},
    "it is static": {
        "FrameTime", "LowRRValue", "HighRRValue", "NumberOfRRIntervals", "NumberOfTimeSlots",
        "NumberOfTimeSlices",
    },
    "it is an image, and no projection": {"ReprojectionMethod"},
    "a PET says it in codes": {"PatientPosition"},
    "humans have one calendar here": {"PatientAlternativeCalendar"},
}  # fmt: skip
"""Attributes whose condition no result meets, by the reason."""


def attributes(label: str) -> Iterator[dict]:
    for module in MODULES[IODS[label][0]]:
        if module["usage"] == "M" or module["key"] in USED:
            yield from ATTRIBUTES[module["key"]]


def of_type(label: str, *types: str) -> set[str]:
    return {one["keyword"] for one in attributes(label) if one["type"] in types and not one["path"]}


@pytest.fixture(scope="module", params=IODS)
def label(request):
    return request.param


@pytest.fixture(scope="module")
def result(label, small):
    making = as_kind(small(), label)
    return dcmread(BytesIO(encode(make_series(making).datasets[0])))


def test_what_is_of_type_1_has_to_have_a_value(label):
    assert of_type(label, "1") <= {*WITH_VALUE, *IODS[label][1].with_value}


def test_what_is_of_type_2_has_to_be_there(label, result):
    iod = IODS[label][1]
    told = {*WITH_VALUE, *iod.with_value, *iod.present, *IDENTITY}
    assert of_type(label, "2") <= told & {element.keyword for element in result}


def test_of_what_is_conditional_each_condition_was_thought_of(label, result):
    copied = {*OF_PATIENT_AND_STUDY, *WITH_VALUE_ONLY}
    not_met = set().union(*NOT_MET.values())
    there = {element.keyword for element in result}
    assert of_type(label, "1C", "2C") <= there | copied | not_met


def test_what_no_result_may_say_has_to_be_said_in_none(label):
    iod = IODS[label][1]
    trial = {word for both in CLINICAL_TRIAL.items() for words in both for word in words}
    wanted = {*WITH_VALUE, *IDENTITY, *iod.with_value, *iod.present, *trial}
    assert not wanted & {*FORBIDDEN, *iod.forbidden}


def items_at(ds, path):
    """Return every item of the sequences at ``path``."""
    found = [ds]
    for keyword in path:
        found = [item for one in found for item in one.get(keyword) or ()]
    return found


def test_items_have_what_has_to_be_in_them(label, result):
    seen = 0
    for one in attributes(label):
        for item in items_at(result, one["path"]) if one["path"] else ():
            if one["type"] in ("1", "2"):
                seen += 1
                assert one["keyword"] in item, one
                assert one["type"] == "2" or not item[one["keyword"]].is_empty, one
    assert seen > 20
