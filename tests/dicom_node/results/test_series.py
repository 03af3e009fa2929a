"""Results as the standard and the field's validators want them, from sources of every kind."""

from copy import deepcopy
from dataclasses import replace
from datetime import timedelta, timezone
from io import BytesIO

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.config import disable_value_validation

from dicom_node.results import check_series, encode, make_series
from dicom_node.results.series import _series_number
from tests.dicom_node.results.conftest import AT, NODE_UID, as_kind
from tests.dicom_node.results.kinds import (
    KINDS,
    equipment,
    german,
    japanese,
    masked_dates,
    oblique,
    odd_scanner,
    unreadable_numbers,
)
from tests.support.dciodvfy import dcentvfy, dciodvfy
from tests.support.mr import MrSeries, part10

TOLD_BY_IOD = ("plain", "oblique", "feet first", "japanese", "no body part", "unknown position")
"""Sources whose attributes MR and PET results write in another way than CT."""


@pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom's, of the faults that are planted
@pytest.mark.parametrize(
    ("kind", "grid", "label"),
    [
        *((kind, grid, "CT") for kind in KINDS for grid in ("native", "rt-axial")),
        *((kind, "native", label) for kind in TOLD_BY_IOD for label in ("FLAIR", "PT")),
    ],
)
def test_a_result_of_any_source_is_valid_by_the_standard(kind, grid, label, make, tmp_path):
    series, change = KINDS[kind]
    making = as_kind(make(series, change, grid), label)
    made = make_series(making)
    encoded = [encode(ds) for ds in made.datasets]
    check_series(encoded, making)
    written = []
    for number, content in enumerate(encoded):
        written.append(tmp_path / f"{number}.dcm")
        written[-1].write_bytes(content)
    for path in (written[0], written[len(written) // 2]):
        assert dciodvfy(path) == ([], [])


def test_source_and_result_agree_on_patient_and_study(make, tmp_path):
    series = MrSeries()
    sources = series.write(tmp_path / "source")
    results = []
    for ds in make_series(make(series)).datasets:
        results.append(tmp_path / f"{ds.InstanceNumber}.dcm")
        results[-1].write_bytes(encode(ds))
    said = [line for line in dcentvfy([*sources, *results]) if "AccessionNumber" not in line]
    assert said == []


def test_identity_that_is_formally_invalid_is_copied_as_it_stands(make):
    made = make_series(make(MrSeries(), masked_dates)).datasets
    content = encode(made[0])
    with disable_value_validation():
        assert dcmread(BytesIO(content)).get("StudyDate") == "***"


@pytest.mark.parametrize(("change", "name"), [(japanese, "山田"), (german, "Müller")])
def test_names_survive_with_the_characters_of_the_source(change, name, make):
    making = make(MrSeries(), change)
    ds = dcmread(BytesIO(encode(make_series(making).datasets[0])))
    assert name in str(ds.PatientName)
    assert ds.SpecificCharacterSet == making.sources[0].header.SpecificCharacterSet


def test_what_the_sources_set_cannot_write_goes_out_in_utf8(make):
    making = make()
    ds = make_series(making).datasets[0]
    ds.SpecificCharacterSet = "ISO_IR 100"
    ds.PatientComments = "日本"
    again = dcmread(BytesIO(encode(ds)))
    assert again.SpecificCharacterSet == "ISO_IR 192"
    assert again.PatientComments == "日本"


def test_two_runs_give_the_same_bytes(make):
    first = [encode(ds) for ds in make_series(make()).datasets]
    second = [encode(ds) for ds in make_series(make()).datasets]
    assert first == second


def test_every_mark_is_in_its_place(making):
    for ds in make_series(making).datasets:
        assert ds.SyntheticData == "YES"
        assert list(ds.ImageType) == ["DERIVED", "SECONDARY", "AXIAL", "", "SYNTHETIC"]
        assert ds.SeriesDescription.startswith("sCT from T1w MR (SYNTHETIC, RESEARCH")
        assert "NOT ACQUIRED" in ds.ImageComments
        assert ds.ContentQualification == "RESEARCH"
        assert ds.BurnedInAnnotation == "NO"
        assert ds.RecognizableVisualFeatures == "YES"
        assert ds.InstanceCreatorUID == NODE_UID
        assert ds.KVP is None
        assert ds.InstitutionName == "Test Hospital"
        model = making.synthesis.provenance.model
        assert model.digest in ds.DerivationDescription
        assert ds.SoftwareVersions[1] == f"model {model.name} {model.version}"
        assert model.learned_from in ds.ImageComments


def written_once(making):
    """Return the first slice as a reader gets it."""
    return dcmread(BytesIO(encode(make_series(making).datasets[0])))


@pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom's, of the faults that are planted
def test_what_the_scanner_says_wrongly_is_left_out(make):
    ds = written_once(make(MrSeries(), odd_scanner))
    scanner = ds.ContributingEquipmentSequence[0]
    assert scanner.Manufacturer == "UNKNOWN"
    for word in ("StationName", "InstitutionName", "ManufacturerModelName"):
        assert word not in scanner
    assert ds.PatientPosition == ""


def test_what_the_scanner_says_rightly_is_kept(make):
    def say(ds):
        ds.StationName, ds.SoftwareVersions = "MR1", ["one", "two"]

    scanner = written_once(make(MrSeries(), say)).ContributingEquipmentSequence[0]
    assert (scanner.Manufacturer, scanner.ManufacturerModelName) == ("SIEMENS", "Prisma_fit")
    assert (scanner.StationName, list(scanner.SoftwareVersions)) == ("MR1", ["one", "two"])


def test_the_chain_of_equipment_is_kept_without_its_faults(make):
    ds = written_once(make(MrSeries(), equipment))
    _, first, second, _ = ds.ContributingEquipmentSequence
    assert (first.Manufacturer, first.StationName) == ("MAKER", "BETWEEN")
    assert "ContributionDateTime" not in first
    assert not any(element.tag.is_private for element in ds.iterall())
    assert second.Manufacturer == "UNKNOWN"
    assert second.PurposeOfReferenceCodeSequence[0].CodeValue == "109102"


@pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom's, of the faults that are planted
def test_numbers_that_are_none_do_not_end_the_job(make):
    ds = written_once(make(MrSeries(), unreadable_numbers))
    assert ds.SeriesNumber == 9001
    wrong = {"PatientWeight", "PatientAge", "PatientSize", "PregnancyStatus"}
    assert not wrong & {element.keyword for element in ds}


@pytest.mark.parametrize(
    ("number", "grid", "written"),
    [
        (3, "native", 301),
        (3, "rt-axial", 302),
        (None, "native", 9001),
        (None, "rt-axial", 9002),
        (0, "native", 9001),
        (-3, "native", 9001),
        (2**31 - 1, "native", 9001),
    ],
)
def test_a_series_number_follows_the_sources_or_starts_at_9000(making, number, grid, written):
    header = deepcopy(making.sources[0].header)
    header.SeriesNumber = number
    assert _series_number(header, replace(making, grid=grid)) == written


def test_a_recognizable_head_says_so_and_nothing_else_does(making, make):
    assert make_series(making).datasets[0].RecognizableVisualFeatures == "YES"
    knee = replace(making, recognizable=False)
    assert "RecognizableVisualFeatures" not in make_series(knee).datasets[0]
    defaced = make(MrSeries(), lambda ds: setattr(ds, "RecognizableVisualFeatures", "NO"))
    assert "RecognizableVisualFeatures" not in make_series(defaced).datasets[0]


@pytest.mark.parametrize("declared", [None, "", "ISO_IR 6", "ISO_IR 100"])
def test_text_of_the_site_is_written_in_a_set_that_is_declared(make, declared, tmp_path):
    def declare(ds):
        ds.SpecificCharacterSet = declared
        if declared is None:
            del ds.SpecificCharacterSet

    making = make(MrSeries(), declare)
    making = replace(making, site=replace(making.site, institution="Universitätsklinikum"))
    content = encode(make_series(making).datasets[0])
    check_series([encode(ds) for ds in make_series(making).datasets], making)
    ds = dcmread(BytesIO(content))
    assert ds.SpecificCharacterSet == (declared if declared == "ISO_IR 100" else "ISO_IR 192")
    assert ds.InstitutionName == "Universitätsklinikum"
    (tmp_path / "one.dcm").write_bytes(content)
    assert dciodvfy(tmp_path / "one.dcm") == ([], [])


def test_letters_beside_a_japanese_set_are_written_in_utf8(make):
    making = make(MrSeries(), japanese)
    making = replace(making, site=replace(making.site, institution="Universitätsklinikum"))
    ds = written_once(making)
    assert ds.SpecificCharacterSet == "ISO_IR 192"
    assert "山田" in str(ds.PatientName)


def test_an_ascii_object_without_a_set_gets_none(make):
    ds = written_once(make(MrSeries(), lambda ds: delattr(ds, "SpecificCharacterSet")))
    assert "SpecificCharacterSet" not in ds


@pytest.mark.parametrize(
    ("offset", "date", "time"),
    [
        (None, "20260102", "020405.000678"),
        ("+0900", "20260102", "110405.000678"),
        ("-0500", "20260101", "210405.000678"),
        ("+0530", "20260102", "073405.000678"),
    ],
)
def test_dates_are_in_the_zone_that_the_object_says(make, offset, date, time):
    making = make(MrSeries(), lambda ds: setattr(ds, "TimezoneOffsetFromUTC", offset))
    ds = written_once(making)
    assert ds.get("TimezoneOffsetFromUTC") == offset
    assert {ds.SeriesDate, ds.InstanceCreationDate, ds.ContentDate} == {date}
    assert {ds.SeriesTime, ds.InstanceCreationTime, ds.ContentTime} == {time}
    assert ds.ContributingEquipmentSequence[-1].ContributionDateTime == date + time


@pytest.mark.parametrize("offset", ["-0000", "+1500", "-1300", "+0960", "0900", "CET"])
def test_an_offset_that_is_none_is_left_behind(make, offset):
    making = make(MrSeries(), lambda ds: setattr(ds, "TimezoneOffsetFromUTC", offset))
    ds = written_once(making)
    assert "TimezoneOffsetFromUTC" not in ds
    assert ds.SeriesTime == "020405.000678"


def test_the_zone_of_the_host_is_in_no_byte(making):
    elsewhere = replace(making, created_at=AT.astimezone(timezone(timedelta(hours=-7))))
    first = [encode(ds) for ds in make_series(making).datasets]
    assert first == [encode(ds) for ds in make_series(elsewhere).datasets]


def test_dates_are_the_jobs(making):
    ds = make_series(making).datasets[0]
    assert (ds.SeriesDate, ds.SeriesTime) == ("20260102", "020405.000678")
    assert (ds.AcquisitionDate, ds.AcquisitionTime) == ("20260102", "101030")


def test_each_slice_names_the_slice_it_came_from(making):
    made = make_series(making).datasets
    for ds, ref in zip(made, making.sources[0].frames, strict=True):
        (item,) = ds.SourceImageSequence
        assert item.ReferencedSOPInstanceUID == ref.sop_instance_uid
        assert item.SpatialLocationsPreserved == "YES"
    (group,) = made[0].ReferencedSeriesSequence
    assert len(group.ReferencedInstanceSequence) == len(made)


def test_a_resampled_slice_says_so_and_names_its_nearest_sources(make):
    making = make(MrSeries(plane="sagittal", slices=24), None, "rt-axial")
    ds = make_series(making).datasets[3]
    assert [str(v) for v in ds.ImageOrientationPatient] == ["1", "0", "0", "0", "1", "0"]
    assert [code.CodeValue for code in ds.DerivationCodeSequence] == ["SYN-001", "113085"]
    assert 0 < len(ds.SourceImageSequence) <= 16
    assert {item.SpatialLocationsPreserved for item in ds.SourceImageSequence} == {"NO"}
    (group,) = ds.ReferencedSeriesSequence
    assert len(group.ReferencedInstanceSequence) == 24


def test_voxels_outside_the_source_are_padding_and_no_voxel_inside_is(make):
    making = make(MrSeries(), oblique, "rt-axial")
    assert not making.synthesis.inside.all()
    for z, ds in enumerate(make_series(making).datasets):
        pixels = np.frombuffer(ds.PixelData, "<u2").reshape(ds.Rows, ds.Columns)
        assert ds.PixelPaddingValue == 0
        assert ((pixels == 0) == ~making.synthesis.inside[z]).all()


def test_another_model_is_another_device(making, make):
    model = replace(making.synthesis.provenance.model, digest="sha256:other")
    other = replace(
        making,
        synthesis=replace(
            making.synthesis, provenance=replace(making.synthesis.provenance, model=model)
        ),
    )
    assert make_series(making).datasets[0].DeviceUID != make_series(other).datasets[0].DeviceUID


def test_another_node_has_other_uids(making):
    other = replace(making, job_key="2.25.8")
    here = {ds.SOPInstanceUID for ds in make_series(making).datasets}
    there = {ds.SOPInstanceUID for ds in make_series(other).datasets}
    assert not here & there


def test_the_source_is_left_as_it_was(make):
    series = MrSeries()
    making = make(series)
    before = part10(series.datasets()[0])
    make_series(making)
    assert part10(series.datasets()[0]) == before
