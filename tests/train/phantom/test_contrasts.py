import math

import numpy as np
import pytest

from train.errors import RecipeInvalid
from train.phantom import HU, RELAXATION, Gradient, Inversion, SpinEcho, Tissue, mixed, of_ct, of_mr

WHITE = RELAXATION[Tissue.WHITE]


def test_spin_echo_gives_what_the_equation_gives_by_hand():
    # 0.77 (1 - exp(-500/884)) exp(-12/72) = 0.77 * 0.43198 * 0.84648
    assert SpinEcho(tr_ms=500, te_ms=12).signal(WHITE, 884, 72) == pytest.approx(0.28156, abs=1e-4)


def test_gradient_echo_gives_what_the_equation_gives_by_hand():
    # E = exp(-25/1084) = 0.977202; sin 30 (1 - E) / (1 - E cos 30) = 0.0740863
    signal = Gradient(tr_ms=25, te_ms=5, flip_deg=30).signal(WHITE, 1084, 69)
    assert signal == pytest.approx(0.77 * 0.0740863 * math.exp(-5 / 61), rel=1e-3)


def test_gradient_echo_is_brightest_at_the_ernst_angle():
    ernst = math.degrees(math.acos(math.exp(-25 / 1084)))
    best = Gradient(25, 5, ernst).signal(WHITE, 1084, 69)
    for other in (ernst - 3, ernst + 3):
        assert Gradient(25, 5, other).signal(WHITE, 1084, 69) < best


def test_inversion_recovery_gives_what_the_equation_gives_by_hand():
    # 1 - 2 exp(-900/1084) + exp(-2000/1084) = 1 - 0.871806 + 0.158004 = 0.286198
    signal = Inversion(tr_ms=2000, te_ms=3, ti_ms=900).signal(WHITE, 1084, 69)
    assert signal == pytest.approx(0.77 * 0.286198 * math.exp(-3 / 61), rel=1e-3)


def test_inversion_at_the_null_of_a_tissue_makes_it_black():
    null = math.log(2) * 382  # TR long against T1
    assert Inversion(1e6, 0, null).signal(RELAXATION[Tissue.FAT], 382, 68) < 1e-9


def test_t1_weighting_orders_fat_white_grey_fluid():
    seen = of_mr(SpinEcho(500, 12), 1.5)
    order = [seen[t] for t in (Tissue.FAT, Tissue.WHITE, Tissue.GREY, Tissue.CSF, Tissue.CORTICAL)]
    assert order == sorted(order, reverse=True)


def test_t2_weighting_makes_fluid_brightest():
    seen = of_mr(SpinEcho(4000, 100), 3.0)
    assert seen[Tissue.CSF] == max(seen.values()) or seen[Tissue.VITREOUS] == seen[Tissue.CSF]
    assert seen[Tissue.GREY] > seen[Tissue.WHITE]


def test_an_unknown_field_strength_is_refused():
    with pytest.raises(RecipeInvalid, match=r"no relaxation times at 7 T; known: 1.5, 3 T"):
        of_mr(SpinEcho(500, 12), 7.0)


@pytest.mark.parametrize("tissue", list(Tissue))
def test_a_voxel_of_one_tissue_has_the_tables_hu(tissue):
    fractions = np.zeros((len(Tissue), 1, 1, 1), np.float32)
    fractions[tissue] = 1
    assert mixed(fractions, of_ct())[0, 0, 0] == HU[tissue]


def test_half_bone_half_air_lies_halfway():
    fractions = np.zeros((len(Tissue), 1, 1, 1), np.float32)
    fractions[Tissue.CORTICAL] = fractions[Tissue.CAVITY] = 0.5
    assert mixed(fractions, of_ct())[0, 0, 0] == pytest.approx(250)


def test_a_subjects_sway_is_added():
    assert of_ct({Tissue.FAT: -5.0})[Tissue.FAT] == HU[Tissue.FAT] - 5
