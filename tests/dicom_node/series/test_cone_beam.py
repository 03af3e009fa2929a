"""Cone beams told from CT: two kinds of evidence, none, one, and both sides."""

import pytest

from dicom_node.series.cone_beam import ct_label

OBI = {"Manufacturer": "Varian Medical Systems", "ManufacturerModelName": "On-Board Imager"}
XVI = {"Manufacturer": "ELEKTA", "ManufacturerModelName": "XVI"}
SOMATOM = {"Manufacturer": "SIEMENS", "ManufacturerModelName": "SOMATOM Definition AS"}


@pytest.mark.parametrize(
    "header",
    [
        OBI,
        XVI,
        OBI | {"SeriesDescription": "kV_CBCT_1a01"},
        {"Manufacturer": "Varian", "ManufacturerModelName": "Halcyon"},
        {"Manufacturer": "Sirona", "ManufacturerModelName": "GALILEOS"},
        {"Manufacturer": "KaVo", "SeriesDescription": "DVT Oberkiefer"},
        {"SeriesDescription": "Cone Beam CT", "FilterType": "HALF FAN"},
        {"ManufacturerModelName": "O-arm", "StudyDescription": "CBCT Wirbel"},
    ],
)
def test_two_kinds_of_evidence_make_a_cone_beam(header):
    assert ct_label(header) == ("CBCT", ())


@pytest.mark.parametrize(
    "header",
    [{}, SOMATOM, SOMATOM | {"SpiralPitchFactor": 0.55}, {"Manufacturer": "GE MEDICAL SYSTEMS"}],
)
def test_no_evidence_makes_a_ct(header):
    assert ct_label(header) == ("CT", ())


@pytest.mark.parametrize(
    "header",
    [
        {"Manufacturer": "Varian Medical Systems"},
        {"SeriesDescription": "CBCT"},
        {"ManufacturerModelName": "XVI"},
    ],
)
def test_one_kind_of_evidence_decides_nothing(header):
    label, reasons = ct_label(header)
    assert label == "UNKNOWN"
    assert [reason.code for reason in reasons] == ["SEQUENCE_UNKNOWN"]


@pytest.mark.parametrize(
    "header",
    [
        SOMATOM | {"SeriesDescription": "planning for CBCT"},
        OBI | {"SpiralPitchFactor": 1.0},
        XVI | {"ScanOptions": "HELICAL MODE"},
        XVI | {"AcquisitionType": "SPIRAL"},
        XVI | {"ImageType": ("ORIGINAL", "PRIMARY", "AXIAL", "CT_SOM5 SPI")},
    ],
)
def test_evidence_for_both_is_a_conflict(header):
    label, reasons = ct_label(header)
    assert label == "UNKNOWN"
    assert [reason.code for reason in reasons] == ["SEQUENCE_CONFLICT"]
