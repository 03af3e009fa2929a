import hashlib
import json
from dataclasses import asdict, replace
from functools import cache

import numpy as np
import pytest
import torch

from engine.device import choose
from engine.errors import (
    InputRefused,
    PixelsUnreadable,
)
from engine.pipeline import Generator, read, synthesise
from engine.preprocess import Chain, Window
from engine.provenance import PIPELINE_VERSION
from engine.reason import Code
from engine.task import GRIDS, Task
from engine.volume import Grid, Volume
from tests.engine.grids import corners, places
from tests.engine.heads import phantom
from tests.engine.io.series import planes, repeated, spoilt, write
from tests.engine.itk import well_inside

LIES = {  # where the slices of a head may lie: a turn about L, P and S in radians
    "axial": (0, 0, 0),
    "sagittal": (0, np.pi / 2, 0),
    "coronal": (np.pi / 2, 0, 0),
    "oblique": (0.2, -0.15, 0.3),
    "feet first": (0, np.pi, 0),
}
MARKERS_MM = [(18.0, -12.0, 9.0), (-17.5, 8.5, -15.0), (3.0, 21.0, 14.5)]  # L, P, S


def places_of_markers(volume: Volume, markers) -> np.ndarray:
    """Where the weight above the surroundings lies, near each marker."""
    at, found = places(volume.grid), []
    for marker in markers:
        near = np.linalg.norm(at - marker, axis=-1) < 12
        weights = volume.voxels[near].astype(np.float64)
        weights = np.clip(weights - np.quantile(weights, 0.4), 0, None)
        found.append((at[near] * weights[:, None]).sum(axis=0) / weights.sum())
    return np.array(found)


def test_a_real_head_is_read_as_one_sound_volume(head):
    reading = read(head)
    assert reading.reasons == ()
    (volume,) = reading.volumes
    assert volume.shape in {(35, 256, 256), (96, 128, 128)}
    assert volume.frame_of_reference_uid
    assert len(volume.sources) == volume.shape[0]


def test_what_is_wrong_with_a_series_is_said_and_its_sound_parts_are_given(tmp_path):
    reading = read(spoilt(tmp_path, repeated("EchoTime", ["11", "92"])))
    assert [reason.code for reason in reading.reasons] == [Code.MULTI_ECHO]
    assert [volume.shape[0] for volume in reading.volumes] == [5, 5]


def test_an_unsound_series_gives_reasons_and_no_volume(tmp_path):
    reading = read(spoilt(tmp_path, lambda slices: slices[:1]))
    assert [reason.code for reason in reading.reasons] == [Code.GEOM_SINGLE]
    assert reading.volumes == ()


def test_the_same_reason_is_said_once(tmp_path):
    def two_echoes_of_one_slice(slices):
        return repeated("EchoTime", ["11", "92"])(slices[:1])

    reading = read(spoilt(tmp_path, two_echoes_of_one_slice))
    assert [reason.code for reason in reading.reasons] == [Code.MULTI_ECHO, Code.GEOM_SINGLE]


def test_an_object_that_is_no_image_among_images_is_said(tmp_path):
    def cut_off(slices):
        del slices[4].Rows

    reading = read(spoilt(tmp_path, cut_off))
    assert [volume.shape[0] for volume in reading.volumes] == [4]  # the last slice is lost
    assert [reason.code for reason in reading.reasons] == [Code.NOT_AN_IMAGE]
    assert "1 of 5 frames or objects are no image" in reading.reasons[0].text


def test_files_without_an_image_are_refused(series):
    for files in ([], series("sr/siemens_phoenix_report")):
        with pytest.raises(InputRefused, match="no image among the files") as refused:
            read(files)
        assert [reason.code for reason in refused.value.reasons] == [Code.NOT_AN_IMAGE]


def test_a_sound_stack_whose_pixels_are_cut_is_unreadable(tmp_path):
    paths = spoilt(tmp_path)
    paths[3].write_bytes(paths[3].read_bytes()[:-10])
    with pytest.raises(PixelsUnreadable):
        read(paths)


def test_paths_may_be_text(tmp_path):
    assert read([str(path) for path in write(tmp_path, planes(3))]).volumes[0].shape == (3, 8, 8)


@pytest.fixture(scope="session")
def real_volume(series):
    (volume,) = read(series("mr/siemens_prismafit_t1_fl2d_sag_hfs_head")).volumes
    return volume


@pytest.fixture(scope="session")
def alone(real_volume, lively_bundle):
    """Results of one slice at a time on one thread, by grid."""
    device = choose("cpu", batch=1, threads=1)
    return {
        grid: synthesise([real_volume], Task("sct", ("T1",), "CT", lively_bundle, grid), device)
        for grid in GRIDS
    }


@pytest.mark.parametrize(
    ("batch", "threads", "grid"),
    [(2, 1, "native"), (3, 1, "native"), (8, 1, "native"), (64, 1, "native"), (1, 2, "native"),
     (3, 2, "native"), (8, 3, "native"), (64, 3, "rt-axial")],
)  # fmt: skip
def test_the_same_bytes_come_of_a_real_head_whatever_batch_and_threads(
    alone, real_volume, batch, threads, grid, lively_bundle
):
    task = Task("sct", ("T1",), "CT", lively_bundle, grid)
    made = synthesise([real_volume], task, choose("cpu", batch=batch, threads=threads))
    assert made.volume.voxels.tobytes() == alone[grid].volume.voxels.tobytes()
    assert made.stored.pixels.tobytes() == alone[grid].stored.pixels.tobytes()
    assert made.inside.tobytes() == alone[grid].inside.tobytes()
    assert made.quality == alone[grid].quality


def test_a_lively_network_answers_with_many_values(alone):
    """Otherwise equal bytes would say little."""
    assert len(np.unique(alone["native"].stored.pixels)) > 100


def test_native_is_the_grid_of_a_real_head_with_its_sources(alone, real_volume):
    made = alone["native"].volume
    assert made.grid.same_as(real_volume.grid, tolerance_mm=0)
    assert made.sources == real_volume.sources
    assert made.frame_of_reference_uid == real_volume.frame_of_reference_uid
    assert made.unit == "HU"
    assert alone["native"].inside.all()
    assert alone["native"].stored.padding is None


def test_axial_holds_the_whole_field_of_view_of_a_real_sagittal_head(alone, real_volume):
    made = alone["rt-axial"]
    z, y, x = made.volume.grid.spacing_mm
    np.testing.assert_array_equal(made.volume.affine[:3, :3], [[0, 0, x], [0, y, 0], [z, 0, 0]])
    made_at, seen_at = corners(made.volume.grid), corners(real_volume.grid)
    assert (made_at.min(axis=0) <= seen_at.min(axis=0) + 1e-6).all()
    assert (made_at.max(axis=0) >= seen_at.max(axis=0) - 1e-6).all()
    assert made.volume.frame_of_reference_uid == real_volume.frame_of_reference_uid


def test_what_is_stored_is_the_volume_in_whole_hounsfield_units(alone):
    for made in alone.values():
        stored = made.stored
        back = stored.pixels * stored.slope + stored.intercept
        assert np.abs(back - made.volume.voxels)[made.inside].max() <= 0.5


@pytest.fixture(scope="session")
def lying(repeat):
    """A phantom with markers and what a repeating network makes of it, by lie and grid."""
    device = choose("cpu", threads=1)

    @cache
    def made(lie: str, grid: str):
        source = phantom(LIES[lie], markers=MARKERS_MM)
        return source, synthesise([source], replace(repeat, grid=grid), device)

    return made


@pytest.mark.parametrize("lie", sorted(LIES))
@pytest.mark.parametrize("grid", GRIDS)
def test_a_bright_marker_stays_at_its_place_in_the_patient(lying, lie, grid):
    source, made = lying(lie, grid)
    np.testing.assert_allclose(places_of_markers(source, MARKERS_MM), MARKERS_MM, atol=0.4)
    half = np.array(made.volume.grid.spacing_mm).min() / 2
    found = places_of_markers(made.volume, MARKERS_MM)
    np.testing.assert_allclose(found, MARKERS_MM, atol=half)


@pytest.mark.parametrize("lie", sorted(LIES))
def test_axial_is_exactly_straight_and_padded_where_the_source_saw_nothing(lying, lie):
    source, made = lying(lie, "rt-axial")
    z, y, x = made.volume.grid.spacing_mm
    np.testing.assert_array_equal(made.volume.affine[:3, :3], [[0, 0, x], [0, y, 0], [z, 0, 0]])
    inside = made.inside
    assert inside[well_inside(made.volume.grid, source.grid, by=1e-4)].all()
    assert not inside[~well_inside(made.volume.grid, source.grid, by=-1e-4)].any()
    if inside.all():
        assert made.stored.padding is None
    else:
        assert made.stored.padding == 0
        np.testing.assert_array_equal(made.stored.pixels == 0, ~inside)
        assert (made.volume.voxels[~inside] == -1000).all()
    assert bool(inside.all()) is (lie != "oblique")


def test_a_repeating_network_gives_the_normalised_source_back_as_hounsfield_units(repeat, cpu):
    source = phantom(markers=MARKERS_MM)
    made = synthesise([source], repeat, cpu)
    top = made.provenance.steps[3]["window"][1]
    expected = Window(-1000, 2000).undo(np.tanh(Window(0, top).apply(source.voxels)))
    middle = (slice(5, -5), slice(9, -9), slice(8, -8))
    away = np.abs(made.volume.voxels - expected)[middle]
    assert away.mean() < 40  # of 2300 HU between air and bright: two interpolations
    assert np.corrcoef(made.volume.voxels[middle].ravel(), expected[middle].ravel())[0, 1] > 0.98


def test_what_the_network_never_saw_is_outside(repeat, cpu):
    source = phantom(shape=(30, 60, 60))
    made = synthesise([source], repeat, cpu)
    assert made.volume.voxels[0, 0, 0] == pytest.approx(-1000)
    assert made.inside.all()


@pytest.mark.parametrize("grid", GRIDS)
def test_provenance_holds_every_number(repeat, grid):
    source = phantom((0.1, 0.2, 0.3))
    task = replace(repeat, grid=grid)
    made = synthesise([source], task, choose("cpu", batch=5, threads=2)).provenance
    assert (made.task, made.system, made.device, made.batch) == ("repeat", "hlsnc_gan", "cpu", 5)
    assert made.pipeline_version == PIPELINE_VERSION
    assert made.model == repeat.bundle.identity
    weights = hashlib.sha256(repeat.bundle.weights_path.read_bytes()).hexdigest()
    assert made.model.weights == weights
    assert made.software["torch"] == torch.__version__
    assert made.software["numpy"] == np.__version__
    _, trace = Chain.of(repeat.bundle.steps).apply([source])
    assert made.steps == trace.record()
    assert made.generation == {"how": "slices"}
    assert json.loads(json.dumps(asdict(made)))["steps"] == list(made.steps)


@pytest.mark.parametrize("grid", GRIDS)
def test_what_learning_measures_is_what_the_node_serves(repeat, cpu, grid):
    source = phantom((0.1, 0.2, 0.3), markers=MARKERS_MM)
    served = synthesise([source], replace(repeat, grid=grid), cpu)
    measured = Generator.of(repeat.bundle)([source], cpu, grid)
    assert measured.volume.voxels.tobytes() == served.volume.voxels.tobytes()
    assert measured.inside.tobytes() == served.inside.tobytes()
    assert measured.trace.record() == served.provenance.steps


def test_quality_figures_are_those_of_the_result(repeat, cpu):
    made = synthesise([phantom()], repeat, cpu)
    voxels = made.volume.voxels
    expected = {
        "min": voxels.min(), "max": voxels.max(), "mean": voxels.mean(), "std": voxels.std(),
    }  # fmt: skip
    assert made.quality == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("odd", [np.nan, np.inf])
@pytest.mark.parametrize("at", [(9, 16, 15), (0, 0, 0)])
def test_a_source_with_a_value_that_is_no_number_is_refused(repeat, cpu, odd, at):
    source = phantom()
    source.voxels[at] = odd
    with pytest.raises(InputRefused, match="values that are no numbers") as refused:
        synthesise([source], repeat, cpu)
    assert [reason.code for reason in refused.value.reasons] == [Code.PIXELS_UNREADABLE]


@pytest.mark.parametrize("value", [0.0, -7.0, 500.0])
def test_a_constant_source_is_refused(repeat, cpu, value):
    source = phantom()
    said = f"the source is constant: every voxel is {value:g}; an image is wanted"
    with pytest.raises(InputRefused, match=said) as refused:
        synthesise([source.with_voxels(np.full_like(source.voxels, value))], repeat, cpu)
    assert [reason.code for reason in refused.value.reasons] == [Code.PIXELS_UNREADABLE]


def test_a_source_that_is_not_brighter_than_air_is_refused(repeat, cpu):
    source = phantom()
    with pytest.raises(InputRefused, match="the source is empty"):
        synthesise([source.with_voxels(-1 - source.voxels)], repeat, cpu)


@pytest.mark.parametrize("count", [0, 2, 3])
def test_another_number_of_volumes_than_the_task_needs_is_refused(repeat, cpu, count):
    said = rf"task repeat needs 1 volumes \(T1\), got {count}"
    with pytest.raises(InputRefused, match=said) as refused:
        synthesise([phantom()] * count, repeat, cpu)
    assert [reason.code for reason in refused.value.reasons] == [Code.SEQUENCE_WRONG]


def test_the_source_is_untouched(repeat, cpu):
    source = phantom()
    before = source.voxels.copy()
    synthesise([source], repeat, cpu)
    np.testing.assert_array_equal(source.voxels, before)


def test_the_device_is_chosen_where_none_is_said(repeat):
    made = synthesise([phantom()], repeat)
    assert made.provenance.device == choose().name


def test_a_gain_of_the_receiver_changes_nothing(repeat, cpu):
    source = phantom(markers=MARKERS_MM)
    louder = source.with_voxels(source.voxels * 4)
    made = [synthesise([one], repeat, cpu).stored.pixels for one in (source, louder)]
    np.testing.assert_array_equal(*made)


def test_the_grid_of_the_result_is_frozen_with_it(repeat, cpu):
    made = synthesise([phantom()], repeat, cpu)
    with pytest.raises(ValueError, match="read-only"):
        made.volume.affine[0, 3] = 0
    assert isinstance(made.volume.grid, Grid)


@pytest.mark.gpu
@pytest.mark.parametrize("grid", GRIDS)
def test_on_a_gpu_the_picture_is_that_of_the_cpu(real_volume, repeat, cpu, grid):
    task = replace(repeat, grid=grid)
    here = synthesise([real_volume], task, cpu)
    made = [synthesise([real_volume], task, choose("cuda", batch=n)) for n in (1, 7, 32)]
    assert len({one.stored.pixels.tobytes() for one in made}) == 1
    away = np.abs(made[0].stored.pixels.astype(int) - here.stored.pixels)
    assert away.max() <= 2
    np.testing.assert_array_equal(made[0].inside, here.inside)
