import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import InputRefused, SpecError
from engine.preprocess import Chain, Resample
from engine.reason import Code
from engine.volume import Grid, Volume
from engine.xp import to_numpy
from tests.engine.backends import BACKENDS
from tests.engine.grids import AXES, oblique, places, straight

STEPS = [
    {"step": "orient"},
    {"step": "resample", "spacing_mm": [4.0, 3.0, 3.0]},
    {"step": "crop_pad", "multiple": 4, "minimum": [16, 16], "margin_mm": 8},
    {"step": "normalise", "high": 0.995},
]
GRID = straight((2, 1, 0), (1, 1, 1), spacing=(4, 3, 3), shape=(14, 20, 20), origin=(-30, -30, -26))


MIDDLE = (5.0, -4.0, 3.0)


def ball(grid: Grid, xp=np) -> Volume:
    """A soft ball of 24 mm radius, whose middle is not that of any grid here."""
    radius = np.linalg.norm(places(grid) - MIDDLE, axis=-1)
    return Volume(xp.asarray((1000 * np.clip(1.5 - radius / 16, 0, 1)).astype(np.float32)), grid)


def middle(volume: Volume, air: float = 0.0) -> np.ndarray:
    """Where the weight of a volume lies."""
    weights = to_numpy(volume.voxels).astype(np.float64)[..., None] - air
    return (places(volume.grid) * weights).sum(axis=(0, 1, 2)) / weights.sum()


def centred(grid: Grid) -> Grid:
    affine = np.array(grid.affine)
    affine[:3, 3] -= grid.centres((np.array([grid.shape]) - 1) / 2)[0]
    return Grid(grid.shape, affine)


@pytest.mark.parametrize("xp", BACKENDS)
@pytest.mark.parametrize(("order", "signs"), AXES[::5])
def test_a_result_comes_back_to_the_sources_grid_whichever_way_it_lay(xp, order, signs):
    grid = centred(straight(order, signs, spacing=(3.5, 3, 4), shape=(20, 22, 17)))
    source = ball(grid, xp)
    (prepared,), trace = Chain.of(STEPS).apply([source])
    assert prepared.shape[1] % 4 == prepared.shape[2] % 4 == 0
    made = prepared.with_voxels(trace.steps[-1].window.undo(prepared.voxels), unit="HU")
    back = trace.undo(made, outside=0)
    assert back.grid is source.grid
    assert back.unit == "HU"
    np.testing.assert_allclose(middle(back), middle(source), atol=0.1)
    np.testing.assert_allclose(middle(source), MIDDLE, atol=0.5)
    away = np.abs(to_numpy(back.voxels) - to_numpy(source.voxels))
    assert away.mean() < 10  # of 1000: two interpolations soften edges


def test_steps_run_in_order_each_on_what_the_one_before_left():
    source = ball(GRID)
    _, trace = Chain.of(STEPS).apply([source])
    assert [step.record()["step"] for step in trace.steps] == [one["step"] for one in STEPS]
    assert trace.before[0] is source
    for step, before, after in zip(trace.steps, trace.before, trace.before[1:], strict=False):
        np.testing.assert_array_equal(step.apply(before).voxels, after.voxels)


def test_what_a_step_may_say_reaches_it():
    steps = (
        {"step": "resample", "spacing_mm": [0, 1, 1], "nested": True},
        {"step": "normalise", "high": 0.9, "headroom": 2, "onto": [0, 1]},
    )
    _, trace = Chain.of(steps).apply([ball(GRID)])
    assert trace.steps[0] == Resample((0.0, 1.0, 1.0), nested=True)
    assert (trace.steps[1].headroom, trace.steps[1].onto) == (2.0, (0.0, 1.0))


def test_the_record_holds_every_number_and_is_json():
    _, trace = Chain.of(STEPS).apply([ball(GRID)])
    record = json.loads(json.dumps(trace.record()))
    assert [one["step"] for one in record] == ["orient", "resample", "crop_pad", "normalise"]
    assert record[1]["spacing_mm"] == [4, 3, 3]
    assert record[2]["box"] == [list(ends) for ends in trace.steps[2].box]
    assert record[3]["window"] == [0, trace.steps[3].window.high]


@pytest.mark.parametrize("xp", BACKENDS)
def test_every_library_makes_the_same_of_a_volume(xp):
    (expected,), _ = Chain.of(STEPS).apply([ball(GRID)])
    (made,), trace = Chain.of(STEPS).apply([ball(GRID, xp)])
    np.testing.assert_allclose(to_numpy(made.voxels), expected.voxels, rtol=1e-6, atol=1e-5)
    assert made.grid.same_as(expected.grid, tolerance_mm=1e-9)
    assert trace.steps[2].box == Chain.of(STEPS).apply([ball(GRID)])[1].steps[2].box


def test_no_step_is_no_change():
    source = ball(GRID)
    (prepared,), trace = Chain.of([]).apply([source])
    assert prepared is source
    assert trace.undo(source, outside=0) is source
    assert trace.record() == ()


def test_undoing_the_crop_alone_stays_at_the_networks_spacing():
    source = ball(oblique((0.1, 0.2, -0.1), spacing=(5, 2, 2), shape=(20, 70, 70)))
    (prepared,), trace = Chain.of(STEPS).apply([source])
    whole = trace.undo_crop(prepared, outside=-1000)
    assert whole.grid.spacing_mm == pytest.approx((4, 3, 3))
    assert whole.grid is trace.before[2].grid
    assert (whole.voxels == -1000).any()  # the cut corners
    assert Chain.of(STEPS[:2]).apply([source])[0][0].grid.same_as(whole.grid)


def test_a_target_follows_its_source_voxel_by_voxel():
    source = ball(oblique((0.3, -0.2, 0.4), spacing=(5, 2, 2), shape=(14, 40, 40)))
    (prepared,), trace = Chain.of(STEPS).apply([source])
    twice = trace.follow(source.with_voxels(2 * source.voxels + 7, unit="HU"), outside=7)
    window = trace.steps[-1].window
    assert twice.grid.same_as(prepared.grid, tolerance_mm=1e-9)
    assert twice.unit == "HU"
    normal = window.apply((twice.voxels - 7) / 2)
    np.testing.assert_allclose(normal, prepared.voxels, atol=1e-4)


def test_a_target_is_padded_with_its_own_outside_and_keeps_its_values():
    small = straight(
        (2, 1, 0), (1, 1, 1), spacing=(4, 3, 3), shape=(8, 10, 10), origin=(-13, -13, -14)
    )
    source = ball(small)
    _, trace = Chain.of(STEPS).apply([source])
    target = trace.follow(source.with_voxels(source.voxels - 2000), outside=-5000)
    assert (target.voxels == -5000).any()  # 16 rows were wanted, 10 are there
    seen = target.voxels[target.voxels > -5000]
    assert seen.min() >= -2000
    assert seen.max() > -1100


@pytest.mark.parametrize(
    ("item", "said"),
    [
        (
            {"step": "rotate"},
            "no step 'rotate'; known: crop_pad, grey_matter, min_max, norm",
        ),
        ({}, "no step None"),
        ({"step": ["orient"]}, r"no step \['orient'\]"),
        ("orient", "no step 'orient'"),
        ({"step": "orient", "axes": 1}, r"step orient has keys \['axes'\]; wanted: none"),
        (
            {"step": "resample"},
            r"step resample has keys \[\]; wanted: spacing_mm; possible: nested",
        ),
        ({"step": "normalise", "low": 0, "high": 1}, r"keys \['high', 'low'\]; wanted: high"),
        ({"step": "crop_pad", "multiple": 4}, "wanted: margin_mm, minimum, multiple"),
        ({"step": "resample", "spacing_mm": 3}, "step resample: spacing_mm = 3 "),
        ({"step": "resample", "spacing_mm": [1, 2]}, r"spacing_mm = \[1, 2\] "),
        ({"step": "resample", "spacing_mm": ["a", 1, 1]}, r"spacing_mm = \['a', 1, 1\] "),
        ({"step": "resample", "spacing_mm": [-1, 1, 1]}, "three spacings of 0 mm or more"),
        (
            {"step": "resample", "spacing_mm": [1, 1, 1], "nested": 1},
            "nested = 1; true or false is",
        ),
        ({"step": "normalise", "high": 0.9, "headroom": True}, "headroom = True; a number is"),
        ({"step": "normalise", "high": 0.9, "headroom": "2"}, "headroom = '2'; a number is"),
        ({"step": "normalise", "high": 0.9, "headroom": 0.5}, "a headroom of 1 or more is wanted"),
        ({"step": "normalise", "high": "x"}, "step normalise: high = 'x' "),
        ({"step": "normalise", "high": None}, "step normalise: high = None "),
        ({"step": "normalise", "high": 2}, "a share between 0.5 and 1"),
        ({**STEPS[2], "minimum": 5}, "minimum = 5"),
        ({**STEPS[2], "multiple": float("inf")}, "multiple = inf"),
        ({**STEPS[2], "multiple": 0}, "sizes below 1"),
        ({**STEPS[2], "margin_mm": "x"}, "margin_mm = 'x'"),
        ({**STEPS[2], "margin_mm": True}, "True is no number"),
        ({**STEPS[2], "minimum": "48"}, "'48' is no list of 2"),
        ({**STEPS[2], "minimum": ["4", 8]}, "'4' is no whole number"),
        ({**STEPS[2], "minimum": {4: 1, 8: 1}}, "is no list of 2"),
        ({**STEPS[2], "multiple": "4"}, "'4' is no whole number"),
        ({**STEPS[2], "multiple": 4.5}, "4.5 is no whole number"),
        ({**STEPS[2], "multiple": True}, "True is no whole number"),
        ({"step": "normalise", "high": True}, "True is no number"),
        ({"step": "normalise", "high": "1"}, "'1' is no number"),
        ({"step": "normalise", "high": 0.9, "onto": "01"}, "'01' is no list of 2"),
        ({"step": "resample", "spacing_mm": "123"}, "'123' is no list of 3"),
        ({"step": "resample", "spacing_mm": [1, 1, 10**400]}, "is no number"),
        ({"step": "smooth", "fwhm_mm": "8"}, "'8' is no number"),
        ({"step": "window", "low": "0", "high": 1}, "'0' is no number"),
        ({"step": "template", "spacing_mm": "3", "shape": [64, 64, 64]}, "'3' is no number"),
        ({"step": "template", "spacing_mm": 3, "shape": "888"}, "'888' is no list of 3"),
        ({"step": "register", "how": "affine"}, "how = 'affine'; 'rigid' is wanted"),
        ({"step": "register"}, "wanted: how"),
        ({"step": "window", "low": 0}, r"wanted: high, low; possible: onto"),
        ({"step": "window", "low": 5, "high": 5}, "empty or endless"),
        ({"step": "window", "low": 0, "high": 1, "onto": [1, 0]}, "empty or endless"),
        ({"step": "window", "low": 0, "high": 1, "onto": 1}, "onto = 1 "),
        ({"step": "normalise", "high": 0.9, "onto": [1]}, r"onto = \[1\] "),
        ({"step": "normalise", "high": 0.9, "onto": [1, 1]}, "empty or endless"),
        ({"step": "template", "spacing_mm": 3, "shape": [64, 64]}, r"shape = \[64, 64\] "),
        ({"step": "template", "spacing_mm": 0, "shape": [64, 64, 64]}, "a spacing above 0 mm"),
        ({"step": "template", "spacing_mm": 3, "shape": [64, 0, 64]}, "sizes of 1 or more"),
        ({"step": "smooth", "fwhm_mm": 0}, "a width above 0 mm"),
        ({"step": "min_max", "onto": [0, 1]}, r"step min_max has keys \['onto'\]; wanted: none"),
    ],
)
def test_a_mistake_in_a_step_is_named_before_any_volume_is_there(item, said):
    with pytest.raises(SpecError, match=said):
        Chain.of([*STEPS, item])


def test_a_chain_does_not_change_with_the_list_it_was_made_from():
    steps = [dict(step) for step in STEPS]
    chain = Chain.of(steps)
    steps[1]["spacing_mm"] = [9, 9, 9]
    assert chain.apply([ball(GRID)])[0][0].grid.spacing_mm == pytest.approx((4, 3, 3))


@settings(max_examples=15)
@given(turn=st.tuples(*[st.floats(-0.6, 0.6)] * 3), spacing=st.tuples(*[st.floats(2, 6)] * 3))
def test_the_middle_of_the_body_stays_where_it_is(turn, spacing):
    shape = tuple(int(72 / step) + 1 for step in spacing)
    source = ball(oblique(turn, spacing=spacing, shape=shape))
    (prepared,), _ = Chain.of(STEPS).apply([source])
    np.testing.assert_allclose(middle(prepared, air=-1), middle(source), atol=0.3)


def shifted(grid: Grid, by_mm: float) -> Grid:
    affine = np.array(grid.affine)
    affine[0, 3] += by_mm
    return Grid(grid.shape, affine)


@pytest.mark.parametrize("xp", BACKENDS)
def test_several_volumes_share_places_and_have_a_brightness_of_their_own(xp):
    first = ball(GRID, xp)
    second = first.with_voxels(first.voxels * 3)
    bright = Volume(xp.full(GRID.shape, 500.0, dtype=xp.float32), GRID)
    prepared, trace = Chain.of(STEPS).apply([first, second, bright])
    np.testing.assert_allclose(
        to_numpy(prepared[1].voxels), to_numpy(prepared[0].voxels), rtol=1e-5, atol=1e-5
    )
    assert len({one.shape for one in prepared}) == 1  # the box is that of the first
    assert to_numpy(prepared[2].voxels).max() == 1
    alone, _ = Chain.of(STEPS).apply([first])
    np.testing.assert_array_equal(to_numpy(prepared[0].voxels), to_numpy(alone[0].voxels))
    record = json.loads(json.dumps(trace.record()))
    assert ["others" in one for one in record] == [False, False, False, True]
    tops = [one["window"][1] for one in (record[3], *record[3]["others"])]
    assert tops == pytest.approx([tops[0], 3 * tops[0], 500], rel=1e-5)


@pytest.mark.parametrize("steps", [STEPS, STEPS[:2], STEPS[3:]])
def test_volumes_on_different_grids_are_refused_where_no_step_registers_them(steps):
    first, second = ball(GRID), ball(shifted(GRID, 1.0))
    said = "lie on different grids .* one grid is wanted"
    with pytest.raises(InputRefused, match=said) as refused:
        Chain.of(steps).apply([first, second])
    assert [reason.code for reason in refused.value.reasons] == [Code.MATRIX_MIXED]


def test_a_chain_without_volumes_says_so():
    with pytest.raises(SpecError, match="at least one volume, got none"):
        Chain.of(STEPS).apply([])


def test_values_with_a_unit_go_through_one_window_for_every_volume():
    hu = ball(GRID).with_voxels(ball(GRID).voxels - 1000, unit="HU")
    steps = [{"step": "window", "low": -1000, "high": 1000, "onto": [0, 1]}]
    (made,), trace = Chain.of(steps).apply([hu])
    np.testing.assert_allclose(made.voxels, (hu.voxels + 1000) / 2000, atol=1e-6)
    assert trace.record() == ({**steps[0]},)
    assert trace.follow(hu, outside=0) is hu
    assert trace.undo(hu, outside=0) is hu


def test_the_body_of_a_ct_is_what_is_denser_than_air():
    """Its padding is air: -1000, not 0."""
    hu = ball(GRID).with_voxels(ball(GRID).voxels - 1000, unit="HU")
    steps = [{"step": "crop_pad", "multiple": 8, "minimum": [32, 16], "margin_mm": 0}]
    (made,), _ = Chain.of(steps).apply([hu])
    assert made.shape[1] == 32
    assert made.voxels[:, 0].max() == -1000
    assert made.shape[0] < hu.shape[0]  # slices of air were cut off
