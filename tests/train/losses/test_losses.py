import pytest
import torch

from train.errors import RecipeInvalid
from train.losses import (
    SHARES,
    cycle,
    hinge_adversary,
    hinge_generator,
    identity,
    marks_of,
    voxel,
)


def t(*values: float) -> torch.Tensor:
    return torch.tensor(values)


def test_the_adversary_pays_below_one_for_real_and_above_minus_one_for_made():
    # real: max(0, 1-2)=0, max(0, 1-0.5)=0.5 -> 0.25; made: max(0, 1-3)=0, max(0, 1+1)=2 -> 1
    assert hinge_adversary(t(2.0, 0.5), t(-3.0, 1.0)) == pytest.approx(1.25)


def test_a_sure_adversary_pays_nothing():
    assert hinge_adversary(t(1.0, 5.0), t(-1.0, -2.0)) == 0


def test_the_generator_pays_up_to_the_margin():
    # max(0, 1-2)=0, max(0, 1+1)=2 -> 1
    assert hinge_generator(t(2.0, -1.0)) == pytest.approx(1.0)


def test_the_linear_hinge_is_minus_the_mean():
    assert hinge_generator(t(2.0, -1.0), "linear") == pytest.approx(-0.5)


def test_another_hinge_is_refused():
    with pytest.raises(RecipeInvalid, match="one of margin, linear"):
        hinge_generator(t(0.0), "square")


def test_cycle_compares_each_domain_with_itself():
    # |1-3| -> 2 and |0-0.5| -> 0.5
    assert cycle(t(1.0), t(3.0), t(0.0), t(0.5)) == pytest.approx(2.5)


def test_identity_is_of_the_same_domain():
    """MR kept by the maker of MR, CT by the maker of CT; across domains it would not be zero."""
    mr, ct = t(0.2, 0.4), t(-1.0, 1.0)
    assert identity(mr, mr.clone(), ct, ct.clone()) == 0
    assert identity(mr, ct, ct, mr) == pytest.approx(2 * (1.2 + 0.6) / 2)


def test_voxel_is_the_mean_absolute_difference():
    assert voxel(t(0.0, 1.0), t(0.5, -1.0)) == pytest.approx(1.25)


def test_bone_may_count_more():
    # bone: |1-0| counted thrice; soft: |0-(-0.5)| -> (3 * 1 + 0.5) / 4
    made, target = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, -0.5]])
    assert voxel(made, target, dense=3.0) == pytest.approx((3 * 1.0 + 0.5) / 4)


def test_air_may_count_less():
    # air: |0+1| counted half; tissue: |1-0.5| -> (0.5 * 1 + 0.5) / 1.5
    made, target = torch.tensor([[0.0, 1.0]]), torch.tensor([[-1.0, 0.5]])
    assert voxel(made, target, air=0.5) == pytest.approx((0.5 * 1.0 + 0.5) / 1.5)


def test_air_and_bone_are_shares_of_the_range():
    """The same images in [0, 1] weigh the same: half of the difference in [-1, 1]."""
    drawn = torch.Generator().manual_seed(0)
    made, target = (torch.rand(2, 1, 8, 8, generator=drawn) * 2 - 1 for _ in range(2))
    target[0] = -1.0
    wide = voxel(made, target, air=0.1, dense=2.0)
    unit = voxel((made + 1) / 2, (target + 1) / 2, air=0.1, dense=2.0, onto=(0.0, 1.0))
    assert unit.item() == pytest.approx(wide.item() / 2, rel=1e-5)


@pytest.mark.parametrize("window", [(-1024.0, 3000.0), (-1000.0, 2000.0), (-2000.0, 4000.0)])
def test_air_and_bone_are_hounsfield_units_whatever_the_window(window):
    """Of -1000, -910, -890, 140 and 160 HU the first two are air, the last is bone."""
    low, high = window
    target = (torch.tensor([[-1000.0, -910.0, -890.0, 140.0, 160.0]]) - low) / (high - low)
    weights = {"air": 0.1, "dense": 2.0, "onto": (0.0, 1.0), "marks": marks_of(window)}
    seen = []
    for index in range(5):
        made = target.clone()
        made[0, index] += 1
        seen.append(voxel(made, target, **weights).item() * (0.1 + 0.1 + 1 + 1 + 2))
    assert seen == pytest.approx([0.1, 0.1, 1.0, 1.0, 2.0], rel=1e-4)


def test_what_a_window_clips_to_its_lower_end_is_air_in_any_case():
    assert marks_of((-200.0, 1500.0)) == pytest.approx((0.005, 350 / 1700))


def test_in_another_unit_air_and_bone_are_shares_of_the_range():
    assert marks_of(None) == SHARES == (0.005, 0.375)
