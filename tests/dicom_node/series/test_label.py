"""One header, one label: agreement of two sources, kinds that are excluded, classes of object."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dicom_node.series import Label, label_of
from dicom_node.series.label import kind_of_object

ROOT = "1.2.840.10008.5.1.4.1.1."
MPRAGE = {
    "SOPClassUID": f"{ROOT}4",
    "Rows": 256,
    "Columns": 256,
    "Manufacturer": "SIEMENS",
    "SeriesDescription": "t1_mprage_sag",
    "ImageType": ("ORIGINAL", "PRIMARY", "M", "NORM"),
    "ScanningSequence": ("GR", "IR"),
    "SequenceVariant": ("SK", "SP", "MP"),
    "MRAcquisitionType": "3D",
    "RepetitionTime": 2300.0,
    "EchoTime": 2.98,
    "InversionTime": 900.0,
    "FlipAngle": 9.0,
}
SPIN = MPRAGE | {
    "ScanningSequence": ("SE",), "SequenceVariant": ("SK",), "MRAcquisitionType": "2D",
    "InversionTime": 0.0, "FlipAngle": 150.0,
}  # fmt: skip
VOLUME = MPRAGE | {
    "ScanningSequence": ("GR",), "SequenceVariant": ("SP",), "InversionTime": 0.0,
    "RepetitionTime": 6.0, "EchoTime": 2.4, "FlipAngle": 12.0,
}  # fmt: skip


def spin(text, tr, te):
    return SPIN | {"SeriesDescription": text, "RepetitionTime": tr, "EchoTime": te}


def of(header):
    return label_of(header).label


def codes(header):
    return [reason.code for reason in label_of(header).reasons]


def test_numbers_and_name_that_agree_give_a_label_without_reasons():
    assert of(MPRAGE) == "T1"
    assert codes(MPRAGE) == []


def test_numbers_alone_are_unknown():
    assert codes(MPRAGE | {"SeriesDescription": ""}) == ["SEQUENCE_UNKNOWN"]
    assert of(MPRAGE | {"SeriesDescription": ""}) == "UNKNOWN"


def test_a_name_alone_is_unknown():
    assert codes(MPRAGE | {"RepetitionTime": None}) == ["SEQUENCE_UNKNOWN"]


def test_numbers_against_the_name_are_a_conflict():
    assert codes(MPRAGE | {"SeriesDescription": "t2_tse"}) == ["SEQUENCE_CONFLICT"]
    assert codes(MPRAGE | {"ProtocolName": "t2_tse"}) == ["SEQUENCE_CONFLICT"]


def test_the_stated_contrast_confirms_numbers_but_not_for_siemens():
    silent = MPRAGE | {"SeriesDescription": "anatomy", "AcquisitionContrast": "T1"}
    assert of(silent | {"Manufacturer": "Philips"}) == "T1"
    assert of(silent) == "UNKNOWN"


def test_the_stated_contrast_against_name_and_numbers_is_a_conflict():
    header = MPRAGE | {"Manufacturer": "Philips", "AcquisitionContrast": "T2"}
    assert codes(header) == ["SEQUENCE_CONFLICT"]


@pytest.mark.parametrize(
    ("header", "label"),
    [
        (spin("t2_tse_tra", 5000.0, 95.0), "T2"),
        (spin("t2_tse_fs_tra", 5000.0, 95.0), "T2_FS"),
        (spin("pd_tse", 3000.0, 20.0), "PD"),
        (spin("pd+t2_tse", 3000.0, 20.0), "PD"),
        (spin("pd+t2_tse", 3000.0, 90.0), "T2"),
        (spin("AX T1 SE", 500.0, 14.0), "T1"),
        (spin("AX T1 FS", 500.0, 14.0), "T1_FS"),
        (spin("AX T1 POST", 500.0, 14.0), "T1CE"),
        (VOLUME | {"SeriesDescription": "t1_vibe_tra"}, "T1"),
        (VOLUME | {"SeriesDescription": "t1_vibe_dixon"}, "T1_FS"),
        (VOLUME | {"SeriesDescription": "HEAD_3DI_MC_HR"}, "UNKNOWN"),
    ],
)
def test_weightings(header, label):
    assert of(header) == label


@pytest.mark.parametrize(
    ("change", "label"),
    [
        ({"SeriesDescription": "t1_mp2rage_sag_INV1"}, "MAPPING"),
        ({"SeriesDescription": "T1_memprage"}, "MAPPING"),
        ({"ImageType": ("DERIVED", "PRIMARY", "M", "UNI")}, "MAPPING"),
        ({"SeriesDescription": "FGATIR T1"}, "MAPPING"),
        ({"SeriesDescription": "3D TOF"}, "MRA"),
        ({"AngioFlag": "Y"}, "MRA"),
        ({"SeriesDescription": "t1_space_dark blood"}, "MRA"),
        ({"SeriesDescription": "SWI_Images"}, "SWI"),
        ({"SeriesDescription": "t2_fl2d_hemo"}, "SWI"),
        ({"EchoTime": 20.0}, "SWI"),
        ({"SeriesDescription": "gre_field_mapping"}, "FIELD_MAP"),
        ({"SequenceName": "*fm2d2r"}, "FIELD_MAP"),
        ({"ImageType": ("ORIGINAL", "PRIMARY", "P", "NORM")}, "PHASE"),
        ({"ImageType": ("ORIGINAL", "PRIMARY", "R_IR", "R", "IR")}, "PHASE"),
        ({"ComplexImageComponent": "PHASE"}, "PHASE"),
        ({"SeriesDescription": "ep2d_diff_b1000"}, "DWI"),
        ({"SeriesDescription": "DTIphase_S2MB2"}, "DWI"),
        ({"DiffusionBValue": 1000.0}, "DWI"),
        ({"SeriesDescription": "DWI_ADC"}, "ADC"),
        ({"SeriesDescription": "rsfMRI"}, "EPI"),
        ({"ScanningSequence": ("EP", "SE")}, "EPI"),
        ({"EpiFactor": 37}, "EPI"),
        ({"SeriesDescription": "SOURCE - 3DpCASL"}, "PERFUSION"),
        ({"SeriesDescription": "t1_vibe_dynamic"}, "PERFUSION"),
        ({"SeriesDescription": "AAHead_Scout"}, "LOCALIZER"),
        ({"SeriesDescription": "3-plane loc"}, "LOCALIZER"),
        ({"SeriesDescription": "t1_mprage MPR cor"}, "DERIVED"),
        ({"ImageType": ("DERIVED", "SECONDARY", "MPR")}, "DERIVED"),
        ({"ImageType": ("ORIGINAL", "PRIMARY", "OTHER", "MEAN")}, "DERIVED"),
        ({"ImageType": ("ORIGINAL", "PRIMARY", "DIXON", "FAT")}, "DERIVED"),
        ({"SeriesDescription": "t2_ciss3d"}, "OTHER"),
        ({"ImagedNucleus": "23NA"}, "OTHER"),
        ({"VendorImageType": ("ORIGINAL", "PRIMARY", "M", "MOSAIC")}, "EPI"),
    ],
)
def test_what_is_excluded_says_which_kind_it_is(change, label):
    assert of(MPRAGE | change) == label
    assert codes(MPRAGE | change)


def test_a_b_value_of_zero_is_written_by_philips_for_every_image():
    assert of(MPRAGE | {"DiffusionBValue": 0.0}) == "T1"


@pytest.mark.parametrize(
    ("change", "label"),
    [
        ({"ContrastBolusAgent": "Gadovist"}, "T1CE"),
        ({"ContrastBolusAgents": 1}, "T1CE"),
        ({"ContrastBolusVolume": 7.5}, "T1CE"),
        ({"ContrastBolusAgent": "NONE"}, "T1"),
        ({"ContrastBolusAgent": "Gadovist", "SeriesDescription": "t1_mprage_nativ"}, "UNKNOWN"),
        ({"ContrastBolusAgent": "NONE", "SeriesDescription": "t1_mprage_KM"}, "UNKNOWN"),
        ({"SeriesDescription": "t1_mprage_KM"}, "T1CE"),
    ],
)
def test_attributes_and_name_of_a_contrast_agent(change, label):
    found = label_of(MPRAGE | change)
    assert found.label == label
    assert found.contrast_agent == (label != "T1")


@pytest.mark.parametrize(
    ("uid", "kind"),
    [
        (f"{ROOT}4", "MR"),
        (f"{ROOT}4.1", "MR"),
        (f"{ROOT}2", "CT"),
        (f"{ROOT}128", "PT"),
        (f"{ROOT}7", "picture"),
        (f"{ROOT}4.2", "picture"),
        (f"{ROOT}88.33", "document"),
        (f"{ROOT}66.4", "document"),
        (f"{ROOT}481.2", "document"),
        (f"{ROOT}11.1", "document"),
        ("1.3.46.670589.11.0.0.12.1", "document"),
        ("", "document"),
    ],
)
def test_the_class_of_the_object_not_its_modality_decides(uid, kind):
    assert kind_of_object({"SOPClassUID": uid, "Rows": 1, "Modality": "MR"}) == kind


def test_ct_and_pet_keep_their_label_when_they_are_derived():
    ct = {"SOPClassUID": f"{ROOT}2", "Rows": 1, "ImageType": ("DERIVED", "SECONDARY", "AXIAL")}
    pet = ct | {"SOPClassUID": f"{ROOT}128"}
    assert (of(ct), codes(ct)) == ("CT", ["DERIVED"])
    assert (of(pet), codes(pet)) == ("PT", ["DERIVED"])


def test_a_report_is_a_report_and_a_captured_picture_is_none_of_ours():
    assert of({"SOPClassUID": f"{ROOT}88.11"}) == "SR"
    capture = {"SOPClassUID": f"{ROOT}7", "Rows": 1, "ConversionType": "WSD"}
    assert (of(capture), codes(capture)) == ("OTHER", ["DERIVED", "SEQUENCE_UNKNOWN"])


ANY = st.none() | st.text(max_size=12) | st.floats() | st.tuples(st.text(max_size=8))


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(sorted(MPRAGE)), ANY))
def test_any_header_gets_a_label(changes):
    assert of(MPRAGE | changes) in Label
