import numpy as np
import pytest

from train.errors import RecipeInvalid
from train.phantom import grid_of
from train.phantom.contrasts import InversionEcho, SpinEcho
from train.phantom.spine import draw_placement, draw_protocol, spine_axes


@pytest.mark.parametrize("label", ["T1", "T2", "STIR"])
def test_protocols_are_those_of_a_lumbar_spine(label):
    rng = np.random.default_rng(0)
    for _ in range(60):
        one = draw_protocol(label, rng)
        assert one.plane == "sagittal"
        assert one.field_t in (1.5, 3.0)
        assert 12 <= round(one.extent_mm[0] / one.step_mm) <= 18
        assert 3.0 <= one.step_mm <= 5.0
        assert 2.8 <= one.thickness_mm <= 4.6
        assert 280 <= one.extent_mm[1] <= 340
        assert 0.8 <= one.spacing_mm <= 1.2
        assert isinstance(one.sequence, InversionEcho if label == "STIR" else SpinEcho)


def test_fat_stays_bright_in_trains_of_echoes():
    rng = np.random.default_rng(0)
    drawn = [draw_protocol(label, rng) for label in ("T1", "T2") for _ in range(20)]
    for one in drawn:
        assert one.sequence.train == one.name.startswith("tse")


def test_a_field_strength_can_be_asked_for():
    rng = np.random.default_rng(0)
    assert {draw_protocol("STIR", rng, 3.0).field_t for _ in range(8)} == {3.0}


def test_a_contrast_that_no_spine_is_scanned_by_is_refused():
    with pytest.raises(RecipeInvalid, match="no protocol of the spine shows FLAIR; there are T1"):
        draw_protocol("FLAIR", np.random.default_rng(0))


def test_the_spine_from_t12_to_l5_lies_in_the_field_of_view():
    axes = spine_axes(6.0)
    lumbar = np.array([[108.0, 12.0, 0.0], [0.0, 0.0, 0.0], [-90.0, 10.0, 0.0]])
    for seed in range(12):
        rng = np.random.default_rng(seed)
        placement = draw_placement(rng, axes)
        grid = grid_of(draw_protocol("T1", rng), placement)
        pivot = np.array([-20.0, 15.0, 0.0])
        seen = (lumbar - pivot) * placement.scale @ placement.rotation.T
        patient = seen + pivot + placement.shift_mm
        to_grid = np.linalg.inv(grid.affine)
        points = np.c_[patient[:, ::-1], np.ones(3)] @ to_grid.T
        assert (points[:, :3] >= 0).all()
        assert (points[:, :3] <= np.array(grid.shape) - 1).all()
