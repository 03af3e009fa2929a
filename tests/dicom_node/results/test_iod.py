"""What each kind of result says of itself: MR without a sequence, PET without a tracer."""

from copy import deepcopy
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from pydicom import dcmread

from dicom_node.errors import OutputInvalid
from dicom_node.results import encode, make_series
from dicom_node.results.iod import iod_of
from tests.dicom_node.results.conftest import as_kind


def read(making):
    """Return the third slice as a reader gets it."""
    return dcmread(BytesIO(encode(make_series(making).datasets[2])))


def test_an_mr_claims_no_sequence_and_has_no_rescale(making):
    ds = read(as_kind(making, "STIR"))
    assert list(ds.ImageType) == ["DERIVED", "SECONDARY", "OTHER", "STIR", "SYNTHETIC"]
    assert (ds.ScanningSequence, ds.SequenceVariant) == ("RM", "NONE")
    assert ds.RepetitionTime is None
    assert ds.EchoTime is None
    for word in ("InversionTime", "RescaleSlope", "KVP", "MagneticFieldStrength"):
        assert word not in ds
    assert ds.SeriesDescription.startswith("sSTIR from T1w MR (SYNTHETIC, RESEARCH")
    assert "no sequence was run" in ds.DerivationDescription


def test_the_window_of_an_mr_shows_what_is_there(making):
    made = as_kind(making, "T2")
    ds = read(made)
    low, high = np.percentile(made.synthesis.stored.pixels, (1, 99.5))
    assert float(ds.WindowCenter) == pytest.approx((low + high) / 2, abs=1)
    assert float(ds.WindowWidth) == pytest.approx(max(1, high - low), abs=1)


def test_a_pet_is_a_ratio_and_nobody_got_a_tracer(making):
    ds = read(as_kind(making, "PT"))
    assert list(ds.ImageType) == ["DERIVED", "PRIMARY", "SYNTHETIC"]
    assert (ds.Units, ds.RescaleIntercept, ds.ImageIndex) == ("NONE", 0, 3)
    assert len(ds.RadiopharmaceuticalInformationSequence) == 0
    assert not ds.AcquisitionDate
    assert "PatientPosition" not in ds
    assert ds.VOILUTFunction == "LINEAR_EXACT"
    assert "no tracer was given" in ds.DerivationDescription
    assert ds.SeriesDescription.startswith("sPET from T1w MR (SYNTHETIC")
    (mapping,) = ds.RealWorldValueMappingSequence
    assert mapping.RealWorldValueSlope == pytest.approx(float(ds.RescaleSlope))


def test_a_pet_keeps_its_values_through_its_slope(making):
    made = as_kind(making, "PT")
    ds = read(made)
    seen = np.frombuffer(ds.PixelData, "<i2").reshape(ds.Rows, ds.Columns) * ds.RescaleSlope
    assert np.allclose(seen, made.synthesis.stored.pixels[2] * made.synthesis.stored.slope)


@pytest.mark.parametrize(
    ("position", "lay", "way"),
    [
        ("HFS", "40199007", "102540008"),
        ("FFP", "1240000", "102541007"),
        ("HFDL", "102536004", "102540008"),
        ("SITTING", None, None),
    ],
)
def test_a_pet_says_by_codes_how_the_patient_lay(making, position, lay, way):
    source = making.sources[0]
    header = deepcopy(source.header)
    header.PatientPosition = position
    ds = read(as_kind(replace(making, sources=[replace(source, header=header)]), "PT"))
    if lay is None:
        assert len(ds.PatientOrientationCodeSequence) == 0
        assert len(ds.PatientGantryRelationshipCodeSequence) == 0
        return
    (recumbent,) = ds.PatientOrientationCodeSequence
    assert recumbent.PatientOrientationModifierCodeSequence[0].CodeValue == lay
    assert ds.PatientGantryRelationshipCodeSequence[0].CodeValue == way


def test_a_result_of_two_contrasts_names_the_slices_of_both(making):
    first = making.sources[0]
    shifted = [
        replace(plane, position_mm=tuple(np.add(plane.position_mm, (0, 0, 2.5))))
        for plane in first.planes
    ]
    other = replace(first, label="T2", planes=shifted[::2], frames=first.frames[::2])
    two = as_kind(replace(making, sources=[first, other]), "FLAIR")
    ds = read(two)
    kept, resampled = ds.SourceImageSequence[0], ds.SourceImageSequence[1:]
    assert kept.SpatialLocationsPreserved == "YES"
    assert {item.SpatialLocationsPreserved for item in resampled} == {"NO"}
    assert [code.CodeValue for code in ds.DerivationCodeSequence] == ["SYN-001", "113085"]
    assert len(ds.ReferencedSeriesSequence) == 2
    assert ds.SeriesDescription.startswith("sFLAIR from T1+T2w MR (SYNTHETIC")


def test_a_ct_of_cone_beam_ct_does_not_say_that_there_were_no_x_rays(making):
    source = replace(making.sources[0], label="CBCT")
    ds = read(replace(making, sources=[source]))
    assert "no X-rays were used but the source's" in ds.DerivationDescription
    assert "Derived from CBCT" in ds.ImageComments


def test_a_label_that_nobody_writes_is_refused():
    with pytest.raises(OutputInvalid, match="no series is written for CBCT; known: CT"):
        iod_of("CBCT")
