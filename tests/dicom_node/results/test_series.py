"""Results as the standard and the field's validators want them, from sources of every kind."""

from io import BytesIO

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.config import disable_value_validation

from dicom_node.results import check_series, encode, make_series
from tests.dicom_node.results.conftest import AT, NODE_UID
from tests.support.dciodvfy import dcentvfy, dciodvfy
from tests.support.mr import MrSeries, part10


def oblique(ds):
    angle = np.deg2rad(17)
    row, column = [np.cos(angle), np.sin(angle), 0], [0, 0, -1]
    normal = np.cross(row, column)
    ds.ImageOrientationPatient = [f"{v:.10f}"[:16] for v in (*row, *column)]
    place = (int(ds.InstanceNumber) - 10) * 8.0 * normal
    ds.ImagePositionPatient = [f"{v:.10f}"[:16] for v in place]


def feet_first(ds):
    ds.PatientPosition = "FFS"


def japanese(ds):
    ds.SpecificCharacterSet = ["", "ISO 2022 IR 87"]
    ds.PatientName = "Yamada^Tarou=山田^太郎=やまだ^たろう"


def german(ds):
    ds.PatientName = "Müller^Jörg"


def empty_laterality(ds):
    ds.Laterality = ""


def no_body_part(ds):
    del ds.BodyPartExamined
    ds.StudyDescription = "HEAD"


def masked_dates(ds):
    del ds.StudyDate
    with disable_value_validation():
        ds.StudyDate = "***"


def bad_codes(ds):
    from pydicom.dataset import Dataset
    from pydicom.sequence import Sequence

    item = Dataset()
    with disable_value_validation():
        item.CodeValue = "X" * 20
    item.CodingSchemeDesignator, item.CodeMeaning = "DCM", "too long"
    ds.DeidentificationMethodCodeSequence = Sequence([item])


def with_zone(ds):
    ds.TimezoneOffsetFromUTC = "+0900"


KINDS = {
    "plain": (MrSeries(), None),
    "sagittal": (MrSeries(plane="sagittal"), None),
    "coronal": (MrSeries(plane="coronal"), None),
    "oblique": (MrSeries(), oblique),
    "feet first": (MrSeries(), feet_first),
    "japanese": (MrSeries(), japanese),
    "german": (MrSeries(), german),
    "empty laterality": (MrSeries(), empty_laterality),
    "no body part": (MrSeries(), no_body_part),
    "bad optional codes": (MrSeries(), bad_codes),
    "time zone": (MrSeries(), with_zone),
}


@pytest.mark.parametrize("grid", ["native", "rt-axial"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_result_of_any_source_is_valid_by_the_standard(kind, grid, make, tmp_path):
    series, change = KINDS[kind]
    making = make(series, change, grid)
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


def test_dates_are_the_jobs(making):
    ds = make_series(making).datasets[0]
    assert (ds.SeriesDate, ds.SeriesTime) == (AT.strftime("%Y%m%d"), "030405.000678")
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
    from dataclasses import replace

    model = replace(making.synthesis.provenance.model, digest="sha256:other")
    other = replace(
        making,
        synthesis=replace(
            making.synthesis, provenance=replace(making.synthesis.provenance, model=model)
        ),
    )
    assert make_series(making).datasets[0].DeviceUID != make_series(other).datasets[0].DeviceUID


def test_another_node_has_other_uids(making):
    from dataclasses import replace

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
