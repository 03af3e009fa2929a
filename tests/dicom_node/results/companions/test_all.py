"""What holds of every companion: valid, marked, in the study, the same bytes each time."""

from dataclasses import replace
from io import BytesIO

import pytest
from pydicom import dcmread
from pydicom.datadict import keyword_for_tag

from dicom_node.results import encode, make_series
from dicom_node.series import OwnIdentity, examine
from engine.reason import Code
from tests.dicom_node.results.companions.conftest import MAKERS, SMALL, put, read_back, written
from tests.dicom_node.results.conftest import AT, NODE_UID
from tests.dicom_node.results.kinds import KINDS, masked_dates
from tests.support.dciodvfy import dcentvfy, dciodvfy

SOURCES = ("plain", "oblique", "japanese", "german", "no body part", "empty laterality",
           "time zone", "clinical trial", "sequences without items")  # fmt: skip
every = pytest.mark.parametrize("name", MAKERS)


@every
@pytest.mark.parametrize(
    ("kind", "grid", "label"),
    [
        *((kind, "native", "CT") for kind in SOURCES),
        ("plain", "rt-axial", "CT"),
        ("oblique", "rt-axial", "CT"),
        ("plain", "native", "FLAIR"),
        ("plain", "native", "PT"),
    ],
)
def test_a_companion_of_any_result_is_valid_by_the_standard(
    name, kind, grid, label, judged, tmp_path
):
    content = written(judged(KINDS[kind][1], grid, label), name)
    assert dciodvfy(put(content, tmp_path, name)) == ([], [])


@every
def test_a_companion_is_the_same_bytes_when_it_is_made_again(name, judged):
    making = judged()
    assert written(making, name) == written(making, name)


@every
def test_another_job_has_other_uids_and_none_is_used_twice(name, judged):
    one = read_back(judged(), name)
    other = read_back(replace(judged(), job_key="2.25.8"), name)
    assert one.SOPInstanceUID != other.SOPInstanceUID
    assert one.SeriesInstanceUID != other.SeriesInstanceUID


def test_every_companion_has_a_series_and_a_number_of_its_own(judged):
    made = [
        ds
        for making in (judged(), replace(judged(grid="rt-axial"), job_key="2.25.8"))
        for ds in (make_series(making).datasets[0], *(read_back(making, name) for name in MAKERS))
    ]
    for word in ("SeriesNumber", "SeriesInstanceUID", "SOPInstanceUID"):
        assert len({ds[word].value for ds in made}) == len(made)


@every
def test_every_mark_is_in_its_place(name, judged):
    making = judged()
    ds, first = read_back(making, name), make_series(making).datasets[0]
    assert ds.SyntheticData == "YES"
    assert ds.ContentQualification == "RESEARCH"
    assert "(SYNTHETIC, RESEARCH)" in ds.SeriesDescription
    assert len(ds.SeriesDescription) <= 64
    assert ds.InstanceCreatorUID == NODE_UID
    assert ds.DeviceUID == first.DeviceUID
    assert list(ds.SoftwareVersions) == list(first.SoftwareVersions)
    purposes = [
        item.PurposeOfReferenceCodeSequence[0].CodeValue
        for item in ds.ContributingEquipmentSequence
    ]
    assert purposes == ["109101", "109100"]
    assert ds.CodingSchemeIdentificationSequence[0].CodingSchemeDesignator == "99SYNTHNODE"
    assert ds.StudyInstanceUID == first.StudyInstanceUID
    assert (ds.SeriesDate, ds.SeriesTime) == (first.SeriesDate, first.SeriesTime)
    assert ds.SeriesDate == f"{AT:%Y%m%d}"


@every
def test_a_released_product_says_so(name, judged):
    making = judged()
    released = replace(making, site=replace(making.site, qualification="PRODUCT"))
    assert read_back(released, name).ContentQualification == "PRODUCT"


@every
def test_a_companion_is_input_to_nothing(name, judged, tmp_path):
    path = put(written(judged(), name), tmp_path, name)
    findings = examine([path], OwnIdentity(creator_uids=frozenset({NODE_UID})))
    codes = {reason.code for reason in findings.reasons}
    assert codes & {Code.SYNTHETIC, Code.NOT_AN_IMAGE}, codes


def test_source_result_and_companions_agree_on_patient_and_study(judged, tmp_path):
    making = judged()
    paths = [
        *SMALL.write(tmp_path / "source"),
        *(
            put(encode(ds), tmp_path, f"result{number}")
            for number, ds in enumerate(make_series(making).datasets)
        ),
        *(put(written(making, name), tmp_path, name) for name in MAKERS),
    ]
    said = [line for line in dcentvfy(paths) if "AccessionNumber" not in line]
    assert said == []


@every
@pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom's, of the fault that is planted
def test_identity_that_is_formally_invalid_is_copied_as_it_stands(name, judged):
    ds = dcmread(BytesIO(written(judged(masked_dates), name)))
    assert ds.get_item("StudyDate").value.strip() == b"***"


@every
def test_nothing_of_the_scan_comes_along(name, judged):
    forbidden = {"EchoTime", "RepetitionTime", "ScanningSequence", "ProtocolName", "KVP"}
    ds = read_back(judged(), name)
    assert not forbidden & {keyword_for_tag(tag) for tag in ds.keys()}  # noqa: SIM118 - a data set
