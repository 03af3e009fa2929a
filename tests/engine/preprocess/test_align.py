import json

import numpy as np
import pytest

from engine.errors import InputRefused, SpecError
from engine.preprocess import Atlas, Chain, GreyMatter, Register, Template
from engine.preprocess.register import rigid
from engine.reason import Code
from engine.volume import Grid, Volume
from engine.xp import to_numpy
from tests.engine.backends import BACKENDS
from tests.engine.grids import oblique, places
from tests.engine.heads import T2, atlas, away_mm, head, head_grid, pose, tissues

FIXED, MOVING = head_grid((0.1, 0, 0.05)), head_grid((0, 1.57, 0), shape=(48, 72, 64))
MOVED = pose((0.05, -0.04, 0.06), (3, -4, 5))
PLACED = pose((0.05, -0.04, 0.06), (3, -4, 5), (1.05, 0.95, 1.03))
TEMPLATE = {"step": "template", "spacing_mm": 3, "shape": [64, 64, 64]}


def on(xp, volume: Volume) -> Volume:
    return volume.with_voxels(xp.asarray(volume.voxels))


@pytest.fixture(scope="module")
def first() -> Volume:
    return head(FIXED)


@pytest.fixture(scope="module")
def second() -> Volume:
    """Another contrast, across the first's slices, of a head that moved in between."""
    return head(MOVING, T2, at=MOVED, seed=1)


@pytest.fixture(scope="module")
def registered(first, second) -> Register:
    return Register.fit(first, second)


def test_another_contrast_is_found_where_the_head_moved_to(registered):
    assert away_mm(registered.pose.matrix, MOVED) < 2.5  # of 3 × 3 × 4 mm voxels
    assert registered.pose.information > 0.5


def test_the_same_two_give_the_same_pose_on_every_library(registered, first, second):
    strict = BACKENDS[1].values[0]
    again = Register.fit(on(strict, first), on(strict, second))
    assert again.record() == registered.record()


@pytest.mark.slow
def test_volumes_of_other_frames_of_reference_are_found_by_what_they_show(first):
    far = pose((0.03, 0.02, -0.05), (180, -90, 60))
    centre = far[:3, 3] + (0, 0, -6)
    grid = oblique((0, 0, 0), spacing=(4, 3, 3), shape=(50, 74, 64), centre=centre)
    matrix, _ = rigid(first, head(grid, T2, at=far, uid="1.2.4", seed=2))
    assert away_mm(matrix, far) < 2.5


@pytest.mark.parametrize("xp", BACKENDS)
def test_a_registered_volume_lies_on_the_first_ones_grid(xp, registered, first, second):
    made = registered.apply(on(xp, second))
    assert made.grid is first.grid
    assert type(made.voxels) is type(xp.asarray(second.voxels))
    expected = registered.apply(second).voxels
    np.testing.assert_allclose(to_numpy(made.voxels), expected, rtol=1e-5, atol=1e-2)
    truth = head(FIXED, T2, seed=3).voxels
    where = tissues(places(FIXED))
    body = sum(where.values()) > 0.99
    assert np.corrcoef(expected[body], truth[body])[0, 1] > 0.85


@pytest.mark.parametrize(("unit", "air"), [("1", 0.0), ("HU", -1000.0)])
def test_what_the_other_does_not_reach_is_air(registered, second, unit, air):
    half = Grid((20, *MOVING.shape[1:]), MOVING.affine)
    part = Volume(second.voxels[:20] + 100, half, unit)
    made = registered.apply(part).voxels
    assert (made == air).sum() > 1000
    assert (made[made != air] > 50).all()


def test_the_first_volume_stays_as_it_is(first):
    step = Register.fit(first, first)
    assert step.apply(first) is first
    assert step.record() == {"step": "register", "how": "rigid"}


def test_results_and_targets_lie_where_the_first_volume_does(registered, first):
    assert registered.undo(first, first, outside=0) is first
    assert registered.follow(first, outside=0) is first


def refusal(fixed: Volume, moving: Volume) -> InputRefused:
    with pytest.raises(InputRefused) as refused:
        rigid(fixed, moving)
    return refused.value


def test_volumes_that_do_not_overlap_are_refused(first):
    grid = oblique((0, 0, 0), spacing=(4, 3, 3), shape=(40, 60, 60), centre=(0, 0, 400))
    error = refusal(first, head(grid, T2, at=pose(moved=(0, 0, 400))))
    assert error.reasons[0].code == Code.FOV_OUTSIDE
    assert "0% of one lies in the other, 30% are wanted" in str(error)


def test_volumes_that_show_nothing_alike_are_refused(first):
    noise = np.random.default_rng(0).normal(100, 30, FIXED.shape).astype(np.float32)
    error = refusal(first, first.with_voxels(noise))
    assert error.reasons[0].code == Code.QC_FAILED
    assert "mutual information 0.0" in str(error)
    assert "at least 0.15 is wanted" in str(error)


def test_a_volume_of_air_is_refused(first):
    error = refusal(first.with_voxels(np.zeros(FIXED.shape, np.float32)), first)
    assert error.reasons[0].code == Code.FOV_OUTSIDE
    assert "nothing but air" in str(error)


@pytest.fixture(scope="module")
def whole() -> Volume:
    """A head that is larger than the atlas's, turned and moved."""
    return head(head_grid((0.05, 0, 0)), at=PLACED)


@pytest.fixture(scope="module")
def chained(whole):
    """What the steps of a whole chain make of that head, with the trace."""
    spec = [
        {"step": "orient"}, TEMPLATE, {"step": "grey_matter"},
        {"step": "smooth", "fwhm_mm": 8}, {"step": "min_max"},
    ]  # fmt: skip
    (made,), trace = Chain.of(spec, atlas()).apply([whole])
    return made, trace


@pytest.fixture(scope="module")
def template(chained) -> Template:
    return chained[1].steps[1]


@pytest.fixture(scope="module")
def grey(chained) -> GreyMatter:
    return chained[1].steps[2]


def test_the_atlas_is_found_in_a_head(template):
    assert away_mm(template.pose.matrix, PLACED) < 8  # of 170 mm; smoothing draws it out
    assert template.grid.shape == (64, 64, 64)
    assert template.grid.spacing_mm == pytest.approx((3, 3, 3))
    middle = template.grid.centres(np.array([[31.5, 31.5, 31.5]]))[0]
    np.testing.assert_allclose(middle, atlas().centre_mm)


@pytest.mark.parametrize("xp", BACKENDS)
def test_a_head_on_the_atlas_comes_back_to_its_own_grid(xp, template, whole):
    made = template.apply(on(xp, whole))
    assert made.grid is template.grid
    expected = template.apply(whole)
    np.testing.assert_allclose(to_numpy(made.voxels), expected.voxels, rtol=1e-5, atol=1e-2)
    back = template.undo(made.with_voxels(made.voxels, unit="SUVR"), on(xp, whole), outside=-1)
    assert back.grid is whole.grid
    assert back.unit == "SUVR"
    voxels = to_numpy(back.voxels)
    assert (voxels == -1).any()  # the neck lies below the atlas's grid
    seen = (voxels > 100) & (whole.voxels > 100)
    assert np.corrcoef(voxels[seen], whole.voxels[seen])[0, 1] > 0.8


def truth_of(name: str, volume: Volume) -> Volume:
    back = np.linalg.inv(PLACED)
    part = tissues(places(volume.grid) @ back[:3, :3].T + back[:3, 3])[name]
    return volume.with_voxels(part.astype(np.float32))


@pytest.mark.parametrize("xp", BACKENDS)
def test_grey_matter_is_found_where_it_is(xp, template, grey, whole):
    made = grey.apply(on(xp, template.apply(whole)))
    voxels = to_numpy(made.voxels)
    assert voxels.min() >= 0
    assert voxels.max() <= 1
    assert made.unit == "1"
    np.testing.assert_allclose(voxels, grey.apply(template.apply(whole)).voxels, atol=1e-5)
    truth = template.follow(truth_of("grey", whole), outside=0).voxels > 0.5
    both = (voxels > 0.5) & truth
    assert 2 * both.sum() / ((voxels > 0.5).sum() + truth.sum()) > 0.9


@pytest.mark.parametrize("xp", BACKENDS)
def test_every_library_learns_the_same_of_the_tissues(xp, template, grey, whole):
    found = GreyMatter().fit(on(xp, template.apply(whole)), atlas())
    np.testing.assert_allclose(found.means, grey.means, atol=1e-6)
    np.testing.assert_allclose(found.spreads, grey.spreads, atol=1e-6)
    np.testing.assert_allclose(found.shading, grey.shading, atol=1e-6)
    fluid, middle, white = found.means
    assert fluid < middle < white


@pytest.mark.slow
def test_the_shading_of_a_coil_is_taken_out(template, grey, whole):
    placed = template.apply(whole)
    ramp = np.exp(np.linspace(-0.4, 0.4, 64, dtype=np.float32))[:, None, None]
    shaded = placed.with_voxels(placed.voxels * ramp)
    found = GreyMatter().fit(shaded, atlas()).apply(shaded).voxels
    plain = grey.apply(placed).voxels
    assert np.abs(found - plain).mean() < 0.01
    assert np.corrcoef(found.ravel(), plain.ravel())[0, 1] > 0.97


def test_a_head_without_grey_matter_is_refused(template, whole):
    placed = template.apply(whole)
    for voxels, said in (
        (1000 - placed.voxels, "are not each brighter than the one before"),
        (np.zeros(placed.shape, np.float32), "the brain is black"),
    ):
        with pytest.raises(InputRefused, match=said) as refused:
            GreyMatter().fit(placed.with_voxels(voxels), atlas())
        assert refused.value.reasons[0].code == Code.OUT_OF_DISTRIBUTION


@pytest.mark.parametrize(
    ("size", "air", "noise", "said"),
    [
        (0.9, 5, 1, "white matter is 1 times as bright as grey, 1.02 to 3.32 is what T1 shows"),
        (0.8, 5, 1, "white matter is 10 times as bright as grey, 1.02 to 3.32 is"),
        (0.85, 40, 20, "the brightness of one tissue scatters by a factor of .*, 1.82 at most is"),
        (0.87, 150, 20, r"2\d% of the brain is as bright as grey matter, 33% at least is wanted"),
    ],
)
def test_an_even_body_holds_no_brain(size, air, noise, said):
    """Three classes are found in anything; grey and white matter are a gap and two tissues."""
    grid = atlas().grid(3.0, (64, 64, 64))
    away = np.linalg.norm((places(grid) - atlas().centre_mm) / (70, 86, 66), axis=-1)
    voxels = np.where(away < size, 500, air) + np.random.default_rng(0).normal(0, noise, grid.shape)
    with pytest.raises(InputRefused, match=said) as refused:
        GreyMatter().fit(Volume(np.abs(voxels).astype(np.float32), grid), atlas())
    assert [reason.code for reason in refused.value.reasons] == [Code.OUT_OF_DISTRIBUTION]


def test_a_grid_that_shows_no_brain_is_refused(whole):
    with pytest.raises(InputRefused, match="0 voxels of brain in view, 500 are wanted"):
        GreyMatter().fit(
            head(oblique((0, 0, 0), spacing=(3, 3, 3), shape=(9, 9, 9), centre=(0, 0, 300))),
            atlas(),
        )


def test_a_chain_of_them_is_undone_and_written_down(chained, whole):
    made, trace = chained
    assert made.shape == (64, 64, 64)
    assert (made.voxels.min(), made.voxels.max()) == (0, 1)
    names = [record["step"] for record in json.loads(json.dumps(trace.record()))]
    assert names == ["orient", "template", "grey_matter", "smooth", "min_max"]
    back = trace.undo(made.with_voxels(made.voxels, unit="SUVR"), outside=0)
    assert back.grid is whole.grid
    truth = truth_of("grey", whole)
    assert np.corrcoef(back.voxels.ravel(), truth.voxels.ravel())[0, 1] > 0.9
    cut = trace.undo_crop(made, outside=0)  # rt-axial starts from the patient's space
    assert cut.grid is trace.before[1].grid
    target = trace.follow(truth, outside=0)
    assert target.grid is made.grid
    assert 0.9 < target.voxels.max() < 1.001


@pytest.mark.slow
def test_the_same_head_gives_the_same_pose_on_every_library(template, whole):
    for backend in BACKENDS:
        again = Template(3.0, (64, 64, 64)).fit(on(backend.values[0], whole), atlas())
        assert again.record() == template.record()


def test_without_an_atlas_the_steps_that_ask_it_do_nothing(whole):
    chain = Chain.of([TEMPLATE])
    assert chain.wants_atlas
    with pytest.raises(SpecError, match="asks the atlas and there is none"):
        chain.apply([whole])
    with pytest.raises(SpecError, match="put step template before it"):
        Chain.of([{"step": "grey_matter"}, TEMPLATE], atlas())


@pytest.mark.parametrize("step", [Template(3.0, (8, 8, 8)), GreyMatter()])
def test_a_step_that_was_not_fitted_does_nothing_silently(step, whole):
    with pytest.raises(SpecError, match="was not fitted"):
        step.apply(whole)


def test_an_atlas_is_read_as_it_was_written():
    arrays = atlas().arrays()
    again = Atlas.of(arrays)
    assert {name: one.dtype for name, one in arrays.items() if name != "affine"} == dict.fromkeys(
        ("t1", "grey", "white", "fluid"), np.dtype(np.uint8)
    )
    np.testing.assert_allclose(again.grey.voxels, atlas().grey.voxels, atol=0.5 / 255 + 1e-6)
    assert again.t1.grid.same_as(atlas().t1.grid)
    np.testing.assert_array_equal(Atlas.of(again.arrays()).arrays()["t1"], arrays["t1"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda a: a.pop("white"), "lacks white; make the atlas again"),
        (lambda a: a.pop("affine"), "lacks affine"),
        (lambda a: a.update(t1=a["t1"].astype(np.float32)), "t1 has 3 axes of float32"),
        (lambda a: a.update(grey=a["grey"][0]), "grey has 2 axes of uint8"),
        (lambda a: a.update(dict.fromkeys(("grey", "white", "fluid"), a["t1"] * 0)), "no brain"),
    ],
)  # fmt: skip
def test_an_atlas_that_is_none_is_refused(change, said):
    arrays = atlas().arrays()
    change(arrays)
    with pytest.raises(SpecError, match=said):
        Atlas.of(arrays)
