"""The map of the uncertainty: what its numbers mean, and where they lie."""

from dataclasses import replace

import numpy as np
import pytest

from dicom_node.errors import OutputInvalid
from dicom_node.results import make_series
from dicom_node.results.companions.uncertainty import make_uncertainty
from engine.volume import Grid, Volume
from tests.dicom_node.results.companions.conftest import read_back
from tests.dicom_node.results.kinds import oblique


def with_spread(making, spread):
    return replace(making, synthesis=replace(making.synthesis, spread=spread))


@pytest.mark.parametrize(("label", "unit"), [("CT", "[hnsf'U]"), ("FLAIR", "1"), ("PT", "{ratio}")])
def test_a_stored_value_times_its_slope_is_the_uncertainty_in_its_unit(label, unit, judged):
    making = judged(label=label)
    ds = read_back(making, "uncertainty")
    (mapping,) = ds.SharedFunctionalGroupsSequence[0].RealWorldValueMappingSequence
    counted = ds.pixel_array * mapping.RealWorldValueSlope + mapping.RealWorldValueIntercept
    wanted = making.synthesis.spread.voxels
    assert wanted.max() > 0
    assert np.abs(counted - wanted).max() <= mapping.RealWorldValueSlope * 0.5001
    assert mapping.MeasurementUnitsCodeSequence[0].CodeValue == unit
    quantity = mapping.QuantityDefinitionSequence[0]
    assert quantity.ConceptCodeSequence[0].CodeValue == "386136009"


@pytest.mark.parametrize("grid", ["native", "rt-axial"])
def test_each_frame_lies_at_its_slice_and_names_it(grid, judged):
    making = judged(oblique, grid)
    ds, made = read_back(making, "uncertainty"), make_series(making)
    assert ds.NumberOfFrames == len(made.datasets)
    shared = ds.SharedFunctionalGroupsSequence[0]
    for number, (frame, one) in enumerate(
        zip(ds.PerFrameFunctionalGroupsSequence, made.datasets, strict=True), 1
    ):
        assert frame.FrameContentSequence[0].DimensionIndexValues == number
        place = frame.PlanePositionSequence[0].ImagePositionPatient
        assert place == one.ImagePositionPatient
        turn = shared.PlaneOrientationSequence[0].ImageOrientationPatient
        assert turn == one.ImageOrientationPatient
        assert shared.PixelMeasuresSequence[0].PixelSpacing == one.PixelSpacing
        derived = frame.DerivationImageSequence[0]
        assert derived.SourceImageSequence[0].ReferencedSOPInstanceUID == one.SOPInstanceUID
        assert derived.DerivationCodeSequence[0].CodeValue == "SYN-010"
    assert ds.FrameOfReferenceUID == made.datasets[0].FrameOfReferenceUID
    assert ds.ReferencedSeriesSequence[0].SeriesInstanceUID == made.series_uid


def test_a_result_without_a_source_that_names_its_body_part_has_the_models(judged):
    from tests.dicom_node.results.kinds import no_body_part

    assert read_back(judged(no_body_part), "uncertainty").BodyPartExamined == "HEAD"


def test_a_model_without_limits_has_no_map(making):
    assert make_uncertainty(making, make_series(making)) is None


def test_what_is_too_much_for_16_bits_is_the_most_there_is(judged):
    making = judged()
    spread = making.synthesis.spread
    high = spread.with_voxels(np.full(spread.shape, 1e6, dtype=np.float32))
    assert read_back(with_spread(making, high), "uncertainty").pixel_array.min() == 65535


def test_an_uncertainty_of_nothing_is_nothing(judged):
    making = judged(label="FLAIR")
    spread = making.synthesis.spread
    none = spread.with_voxels(np.zeros(spread.shape, dtype=np.float32))
    assert read_back(with_spread(making, none), "uncertainty").pixel_array.max() == 0


def test_an_uncertainty_that_is_no_number_is_not_written(judged):
    making = judged()
    voxels = making.synthesis.spread.voxels.copy()
    voxels[3, 4, 5] = np.nan
    broken = with_spread(making, making.synthesis.spread.with_voxels(voxels))
    with pytest.raises(OutputInvalid, match="no numbers"):
        make_uncertainty(broken, make_series(broken))


def test_an_uncertainty_that_lies_elsewhere_is_not_written(judged):
    making = judged()
    spread = making.synthesis.spread
    affine = spread.affine.copy()
    affine[0, 3] += 1.0
    moved = Volume(spread.voxels, Grid(spread.shape, affine), spread.unit)
    broken = with_spread(making, moved)
    with pytest.raises(OutputInvalid, match="another grid"):
        make_uncertainty(broken, make_series(broken))


def test_a_map_of_a_face_says_so_as_its_result_does(judged):
    making = judged()
    assert read_back(making, "uncertainty").RecognizableVisualFeatures == "YES"
    defaced = replace(making, recognizable=False)
    assert read_back(defaced, "uncertainty").RecognizableVisualFeatures == "NO"
