import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.io import read_frames, split, stack
from engine.reason import Code
from tests.engine.grids import oblique_grids
from tests.engine.io.series import ds_text, each, move, on, one, spoilt, write

STEP = 8.0  # mm between the slices of a series as it is written here


def judged(paths):
    return stack(read_frames(paths))


def codes(stacked) -> list[Code]:
    return [reason.code for reason in stacked.reasons]


def nth_missing(*gone: int):
    return lambda slices: [ds for index, ds in enumerate(slices) if index not in gone]


def spaced(*places_mm: float):
    """Slices at these places along the stack."""

    def change(slices):
        for ds, place in zip(slices, places_mm, strict=True):
            x, y, _ = ds.ImagePositionPatient
            ds.ImagePositionPatient = ds_text([x, y, place])

    return change


def leaning(degrees: float):
    """Every slice shifted sideways in step with its height, as under a tilted gantry."""

    def change(slices):
        for ds in slices:
            x, y, z = (float(value) for value in ds.ImagePositionPatient)
            ds.ImagePositionPatient = ds_text([x, y + np.tan(np.radians(degrees)) * z, z])

    return change


def turned(degrees: float, index: int | None = None):
    """Rows of one slice, or of all, turned in their plane."""

    def change(slices):
        c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        for ds in slices if index is None else [slices[index]]:
            ds.ImageOrientationPatient = ds_text([c, s, 0, -s, c, 0])

    return change


def without(word: str, index: int = 1):
    return lambda slices: delattr(slices[index], word)


FAULTS = [
    ("one slice missing", nth_missing(2), Code.GEOM_GAP, "1 slices are missing: steps of 16.00 mm"),
    ("two runs missing", nth_missing(1, 4, 5), Code.GEOM_GAP, "3 slices are missing"),
    ("uneven", move(2, by_mm=(0, 0, 1.0)), Code.GEOM_SPACING, "uneven steps: 7.00, 9.00 mm"),
    ("half a step too far", spaced(0, 8, 16, 28, 36, 44, 52, 60), Code.GEOM_SPACING, "12.00 mm"),
    ("twice at one place", move(2, by_mm=(0, 0, STEP)), Code.GEOM_DUPLICATE, "1 of 8 slices lie"),
    ("all at one place", spaced(*[0.0] * 8), Code.GEOM_DUPLICATE, "7 of 8 slices lie"),
    ("leaning", leaning(5), Code.GEOM_TILT, "leans 5.0° from the slice normal"),
    ("one slice aside", move(4, by_mm=(3, 0, 0)), Code.GEOM_TILT, "wander 3.00 mm"),
    ("one slice", lambda slices: slices[:1], Code.GEOM_SINGLE, "at least two positions"),
    ("no position", without("ImagePositionPatient"), Code.GEOM_MISSING, "Image Position"),
    ("no orientation", without("ImageOrientationPatient"), Code.GEOM_MISSING, "Image Orientation"),
    ("no spacing", without("PixelSpacing"), Code.GEOM_MISSING, "Pixel Spacing"),
    ("no frame", each("FrameOfReferenceUID", ""), Code.GEOM_MISSING, "Frame of Reference UID"),
    ("two numbers", one("ImagePositionPatient", ["1", "2"]), Code.GEOM_MISSING, "Image Position"),
    ("spacing 0", each("PixelSpacing", ["0", "1"]), Code.GEOM_MISSING, "not above 0"),
    ("spacing below 0", each("PixelSpacing", ["1", "-1"]), Code.GEOM_MISSING, "not above 0"),
    ("one turned", turned(2, 3), Code.GEOM_ORIENTATION, "different directions"),
    ("no unit vectors", each("ImageOrientationPatient", ["1", "0", "0", "0", "2", "0"]),
     Code.GEOM_ORIENTATION, "not orthogonal unit vectors"),
    ("no right angle", each("ImageOrientationPatient", ["1", "0", "0", "0.6", "0.8", "0"]),
     Code.GEOM_ORIENTATION, "not orthogonal unit vectors"),
    ("mixed matrix", one("Rows", 4), Code.MATRIX_MIXED, "matrix"),
    ("mixed spacing", one("PixelSpacing", ["4", "5"]), Code.MATRIX_MIXED, "pixel spacing"),
    ("mixed frame", one("FrameOfReferenceUID", "1.2.3"), Code.MATRIX_MIXED, "frame of reference"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("spoil", "code", "said"), [fault[1:] for fault in FAULTS], ids=[fault[0] for fault in FAULTS]
)
def test_a_planted_fault_is_found_and_leaves_no_volume(tmp_path, spoil, code, said):
    found = judged(spoilt(tmp_path, spoil, count=8))
    assert codes(found) == [code]
    assert said in found.reasons[0].text
    assert found.grid is None


@pytest.mark.parametrize(
    "word", ["ImagePositionPatient", "PixelSpacing", "ImageOrientationPatient"]
)
@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
@pytest.mark.filterwarnings("ignore:Invalid value for VR DS")
def test_what_is_no_number_places_nothing(tmp_path, word, value):
    def change(slices):
        values = [str(part) for part in slices[1][word].value]
        setattr(slices[1], word, [value, *values[1:]])

    assert codes(judged(spoilt(tmp_path, change))) == [Code.GEOM_MISSING]


def test_a_sound_stack_has_no_reasons_and_a_grid(tmp_path):
    found = judged(spoilt(tmp_path, count=5, size=8))
    assert found.reasons == ()
    assert found.grid.shape == (5, 8, 8)
    assert found.grid.spacing_mm == pytest.approx((8, 4, 4))


def test_shuffled_files_make_the_same_stack(tmp_path):
    frames = read_frames(spoilt(tmp_path))
    in_order = stack(frames)
    for shuffled in itertools.permutations(frames):
        found = stack(shuffled)
        assert found.frames == in_order.frames
        np.testing.assert_array_equal(found.grid.affine, in_order.grid.affine)


def test_instance_numbers_decide_nothing(tmp_path):
    def backwards(slices):
        for number, ds in enumerate(reversed(slices), start=1):
            ds.InstanceNumber = number

    plain, found = judged(spoilt(tmp_path / "a")), judged(spoilt(tmp_path / "b", backwards))
    np.testing.assert_array_equal(found.grid.affine, plain.grid.affine)


def test_cosines_that_differ_by_rounding_are_one_orientation(tmp_path):
    def rounding(slices):
        for index, ds in enumerate(slices):
            ds.ImageOrientationPatient = ds_text([1, index * 1e-9, 0, index * -1e-9, 1, 0])

    assert judged(spoilt(tmp_path, rounding)).reasons == ()


@pytest.mark.parametrize(
    ("spoil", "sound"),
    [
        (turned(0.005, 2), True),  # 9e-5 of a cosine
        (turned(0.007, 2), False),
        (spaced(0, 8, 16.15, 24, 32), True),  # within 2 % of 8 mm
        (spaced(0, 8, 16.17, 24, 32), False),
        (spaced(0, 1, 2.045, 3, 4), True),  # within 0.05 mm
        (spaced(0, 1, 2.055, 3, 4), False),
        (leaning(0.45), True),
        (leaning(0.55), False),
        (move(2, by_mm=(0.15, 0, 0)), True),  # aside, like along: 2 % of a step
        (move(2, by_mm=(0.17, 0, 0)), False),
        (spaced(0, 0.009, 8, 16, 24), False),
    ],
)
def test_limits_are_where_the_reference_says(tmp_path, spoil, sound):
    found = judged(spoilt(tmp_path, spoil, count=5))
    assert (found.reasons == ()) is sound
    assert (found.grid is not None) is sound


def test_a_slice_nearer_than_a_hundredth_of_a_millimetre_is_the_same_place(tmp_path):
    near = judged(spoilt(tmp_path / "near", spaced(0, 0.009, 8, 16, 24)))
    far = judged(spoilt(tmp_path / "far", spaced(0, 0.011, 8, 16, 24)))
    assert (codes(near), codes(far)) == ([Code.GEOM_DUPLICATE], [Code.GEOM_SPACING])


def test_a_stack_may_both_lean_and_lack_a_slice(tmp_path):
    def both(slices):
        leaning(5)(slices)
        return slices[:3] + slices[4:]

    assert set(codes(judged(spoilt(tmp_path, both, count=8)))) == {Code.GEOM_GAP, Code.GEOM_TILT}


def test_two_slices_are_a_volume(tmp_path):
    assert judged(spoilt(tmp_path, count=2)).grid.shape == (2, 8, 8)


@settings(max_examples=30, deadline=None)
@given(grid=oblique_grids(), seed=st.integers(0, 99))
def test_the_affine_maps_indices_to_the_positions_that_were_written(tmp_path_factory, grid, seed):
    pixels = np.random.default_rng(seed).integers(0, 4000, grid.shape)
    slices = on(grid, pixels)
    np.random.default_rng(seed).shuffle(slices)
    frames = read_frames(write(tmp_path_factory.mktemp("turned"), slices))
    found = stack(frames)
    assert found.reasons == ()
    for z, frame in enumerate(found.frames):
        row, column = np.array(frame.orientation[:3]), np.array(frame.orientation[3:])
        between_rows, between_columns = frame.spacing_mm
        for y, x in [(0, 0), (1, 0), (0, 1), (grid.shape[1] - 1, grid.shape[2] - 1)]:
            # PS3.3 equation C.7.6.2.1-1, from the words of the header
            there = frame.position_mm + row * between_columns * x + column * between_rows * y
            here = found.grid.centres(np.array([[z, y, x]], dtype=float))[0]
            np.testing.assert_allclose(here, there, atol=1e-5)
    normal = np.cross(found.frames[0].orientation[:3], found.frames[0].orientation[3:])
    assert np.all(np.diff([frame.position_mm @ normal for frame in found.frames]) > 0)


NO_FRAME = Code.GEOM_MISSING  # these files name no frame of reference


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ct/siemens_definition_gantry_tilt_4slices", {NO_FRAME, Code.GEOM_TILT}),
        ("ct/ge_lightspeed16_nonuniform_increment", {NO_FRAME, Code.GEOM_GAP}),
        ("mr/ge_mr750_t1_single_slice", {NO_FRAME, Code.GEOM_SINGLE}),
        ("mr/pmod_non_isotropic_unsorted", {NO_FRAME}),
        ("mr/uih_umr770_dti_vframe", {Code.GEOM_MISSING}),
        ("mr/ge_hdxt_3d_irspgr_t1_fruit", set()),
    ],
)
def test_real_series_are_judged_as_their_makers_describe_them(series, name, expected):
    candidates, _ = split(read_frames(series(name)))
    assert {reason.code for one in candidates for reason in stack(one.frames).reasons} == expected
