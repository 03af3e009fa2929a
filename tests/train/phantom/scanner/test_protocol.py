import numpy as np
import pytest

from dicom_node.series.findings import Label
from dicom_node.series.physics import weighting
from train.phantom import LABELS, draw_protocol
from train.phantom.contrasts import Gradient, Inversion
from train.phantom.scanner import PLANES, TIMINGS, draw_sequence, usual_sequence
from train.phantom.series.session import acquired_by


@pytest.mark.parametrize("label", LABELS)
def test_drawn_protocols_stay_within_what_the_contract_accepts(label):
    rng = np.random.default_rng(0)
    drawn = [draw_protocol(label, rng) for _ in range(60)]
    assert {one.field_t for one in drawn} == {1.5, 3.0}
    for one in drawn:
        assert 0.4 <= one.spacing_mm <= 2.2
        assert 0.5 <= one.step_mm <= 6.0
        assert one.thickness_mm <= one.step_mm
        assert min(one.extent_mm) >= 120
        assert max(one.extent_mm) <= 400


def test_mr_is_acquired_in_every_plane_and_what_a_gantry_makes_in_one():
    rng = np.random.default_rng(0)
    assert {draw_protocol("FLAIR", rng).plane for _ in range(40)} == set(PLANES)
    assert {draw_protocol("CBCT", rng).plane for _ in range(10)} == {"axial"}


def header(label, name, sequence, field_t):
    times = {
        key: getattr(sequence, key)
        for key in ("tr_ms", "te_ms", "ti_ms", "flip_deg")
        if hasattr(sequence, key)
    }
    one = acquired_by({"label": label, "name": name, **times}, field_t, "head")
    seen = one.sequence
    return {
        "RepetitionTime": seen.tr,
        "EchoTime": seen.te,
        "InversionTime": seen.ti,
        "FlipAngle": seen.flip,
        "ScanningSequence": list(seen.scanning),
        "SequenceVariant": list(seen.variant),
        "MRAcquisitionType": seen.dimension,
        "SequenceName": seen.vendor_name,
        "SeriesDescription": seen.description,
    }


@pytest.mark.parametrize("field_t", [1.5, 3.0])
@pytest.mark.parametrize("label", TIMINGS)
def test_the_numbers_of_every_sequence_alone_say_its_weighting(label, field_t):
    rng = np.random.default_rng(0)
    drawn = [draw_sequence(label, field_t, rng) for _ in range(40)]
    for name, sequence in (*drawn, usual_sequence(label, field_t)):
        assert weighting(header(label, name, sequence, field_t)) is Label(label), (name, sequence)


def test_a_site_has_one_protocol_for_what_is_to_be_made():
    assert usual_sequence("STIR", 3.0) == usual_sequence("STIR", 3.0)
    assert usual_sequence("STIR", 3.0) != usual_sequence("STIR", 1.5)  # fat rests otherwise


def test_t1_is_drawn_from_four_kinds_of_sequence():
    rng = np.random.default_rng(0)
    kinds = {draw_sequence("T1", 3.0, rng)[0]: None for _ in range(60)}
    assert set(kinds) == {one.name for one in TIMINGS["T1"]}
    assert any(isinstance(draw_sequence("T1", 3.0, rng)[1], Gradient | Inversion) for _ in range(9))
