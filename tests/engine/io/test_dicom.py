from dataclasses import replace

import gdcm
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import InputRefused, PixelsUnreadable
from engine.io import Stack, read_frames, read_voxels, stack
from engine.reason import Code
from engine.volume import FrameRef, Grid
from tests.engine.grids import oblique, oblique_grids
from tests.engine.io.readers import READERS
from tests.engine.io.series import each, enhanced, on, one, planes, write

RAMP = np.arange(3 * 8 * 8).reshape(3, 8, 8)


def volume_of(paths):
    return read_voxels(stack(read_frames(paths)))


def pixels_of(path):
    """Decode one file, whatever its geometry."""
    (frame,) = read_frames([path])
    placed = replace(frame, header={**frame.header, "FrameOfReferenceUID": "1.2.3"})
    return read_voxels(Stack((placed,), Grid((1, *frame.matrix), np.eye(4)), ())).voxels[0]


def ramp(folder, spoil=None):
    """Three slices of known pixels, spoilt."""
    slices = on(oblique((0, 0, 0), shape=RAMP.shape), RAMP)
    return write(folder, (spoil(slices) if spoil else None) or slices)


def test_pixels_come_in_the_order_of_the_stack_with_their_sources(tmp_path):
    paths = ramp(tmp_path)
    for order in (paths, paths[::-1], [paths[1], paths[2], paths[0]]):
        volume = volume_of(order)
        np.testing.assert_array_equal(volume.voxels, RAMP)
        assert volume.voxels.dtype == np.float32
        uids = [ref.sop_instance_uid for ref in volume.sources]
        assert uids == [frame.ref.sop_instance_uid for frame in read_frames(paths)]


def test_a_volume_knows_unit_and_frame_of_reference(tmp_path):
    volume = volume_of(ramp(tmp_path / "mr"))
    assert volume.unit == "1"
    assert volume.frame_of_reference_uid == planes()[0].FrameOfReferenceUID
    assert volume_of(ramp(tmp_path / "ct", each("Modality", "CT"))).unit == "HU"


def test_the_rescale_of_each_slice_is_applied(tmp_path):
    def rescaled(slices):
        for number, ds in enumerate(slices):
            ds.RescaleSlope, ds.RescaleIntercept = str(0.5 + number), str(-1024 + number)

    voxels = volume_of(ramp(tmp_path, rescaled)).voxels
    for number in range(3):
        np.testing.assert_array_equal(voxels[number], RAMP[number] * (0.5 + number) - 1024 + number)


def test_signed_pixels_keep_their_sign(tmp_path):
    def signed(slices):
        for z, ds in enumerate(slices):
            ds.PixelRepresentation, ds.BitsStored, ds.HighBit = 1, 16, 15
            ds.PixelData = (RAMP[z] - 100).astype("<i2").tobytes()

    np.testing.assert_array_equal(volume_of(ramp(tmp_path, signed)).voxels, RAMP - 100)


@pytest.mark.parametrize("word", ["RescaleSlope", "RescaleIntercept"])
@pytest.mark.parametrize(
    ("value", "said"), [(["1", "2"], r"\(1.0, 2.0\)"), ("nan", "nan"), ("inf", "inf")]
)
@pytest.mark.filterwarnings("ignore:Invalid value for VR DS")
@pytest.mark.filterwarnings("ignore:Value length")
def test_a_rescale_that_is_not_one_number_is_refused(tmp_path, word, value, said):
    with pytest.raises(PixelsUnreadable, match=f"{word} is {said}; one number is wanted"):
        volume_of(ramp(tmp_path, one(word, value)))


def test_a_slope_of_nothing_is_refused(tmp_path):
    with pytest.raises(PixelsUnreadable, match="Rescale Slope is 0"):
        volume_of(ramp(tmp_path, each("RescaleSlope", "0")))


@pytest.mark.parametrize("empty", ["", None])
def test_an_empty_rescale_is_none(tmp_path, empty):
    voxels = volume_of(ramp(tmp_path, each("RescaleSlope", empty))).voxels
    np.testing.assert_array_equal(voxels, RAMP)


def test_an_enhanced_object_gives_the_same_voxels_as_classic_ones(tmp_path):
    slices = on(oblique((0.2, 0.1, -0.3), shape=RAMP.shape), RAMP)
    classic = volume_of(write(tmp_path / "classic", slices))
    whole = volume_of(write(tmp_path / "enhanced", [enhanced(slices[::-1])]))
    np.testing.assert_array_equal(whole.voxels, classic.voxels)
    assert whole.grid.same_as(classic.grid, tolerance_mm=1e-6)
    assert [ref.frame for ref in whole.sources] == [3, 2, 1]


def test_one_frame_of_an_enhanced_object_is_read_as_such(tmp_path):
    whole = enhanced(on(oblique((0, 0, 0), shape=RAMP.shape), RAMP)[:1])
    (path,) = write(tmp_path, [whole])
    np.testing.assert_array_equal(pixels_of(path), RAMP[0])


@pytest.mark.parametrize("held", [1, 2])
def test_no_frame_gets_the_pixels_of_another(tmp_path, held):
    whole = enhanced(on(oblique((0, 0, 0), shape=RAMP.shape), RAMP))
    whole.NumberOfFrames = held
    whole.PixelData = whole.PixelData[: held * 128]
    said = f"describes frame {held + 1}, the pixels hold {held}"
    with pytest.raises(PixelsUnreadable, match=said):
        volume_of(write(tmp_path, [whole]))


def test_a_classic_object_of_several_frames_is_refused(tmp_path):
    def several(slices):
        slices[1].NumberOfFrames = 2
        slices[1].PixelData *= 2

    with pytest.raises(PixelsUnreadable, match=r"decode to \(2, 8, 8\), the header says \(8, 8\)"):
        volume_of(ramp(tmp_path, several))


def test_colour_is_refused(tmp_path):
    def coloured(slices):
        for ds in slices:
            ds.SamplesPerPixel, ds.PlanarConfiguration = 3, 0
            ds.PhotometricInterpretation = "RGB"
            ds.PixelData *= 3

    with pytest.raises(PixelsUnreadable, match=r"decode to \(8, 8, 3\)"):
        volume_of(ramp(tmp_path, coloured))


@pytest.mark.parametrize("cut", [1, 64, 127])
def test_a_truncated_file_is_unreadable(tmp_path, cut):
    paths = ramp(tmp_path)
    paths[1].write_bytes(paths[1].read_bytes()[:-cut])
    with pytest.raises(PixelsUnreadable, match="cannot be decoded") as refused:
        volume_of(paths)
    assert refused.value.reasons[0].code == Code.PIXELS_UNREADABLE


def test_a_file_that_vanished_after_it_was_judged_is_unreadable(tmp_path):
    paths = ramp(tmp_path)
    judged = stack(read_frames(paths))
    paths[1].unlink()
    with pytest.raises(PixelsUnreadable, match="FileNotFoundError"):
        read_voxels(judged)


def test_what_was_judged_no_volume_is_not_read_as_one(tmp_path):
    judged = stack(read_frames(ramp(tmp_path, lambda slices: slices[:1])))
    with pytest.raises(InputRefused) as refused:
        read_voxels(judged)
    assert [reason.code for reason in refused.value.reasons] == [Code.GEOM_SINGLE]


SYNTAXES = ["j2k", "jpeg", "jpegls", "rle"]


def test_every_transfer_syntax_decodes_to_the_same_pixels(series):
    def decoded(syntax):
        paths = series(f"encodings/triotim_flair_{syntax}")
        frames = {frame.position_mm: pixels_of(frame.path) for frame in read_frames(paths)}
        assert len(frames) == 4
        return frames

    first = decoded(SYNTAXES[0])
    assert max(plane.max() for plane in first.values()) > 100
    for syntax in SYNTAXES[1:]:
        other = decoded(syntax)
        assert other.keys() == first.keys()
        for place, plane in first.items():
            np.testing.assert_array_equal(other[place], plane)


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_gdcm_decodes_the_same_pixels(series, syntax):
    for path in series(f"encodings/triotim_flair_{syntax}"):
        reader = gdcm.ImageReader()
        reader.SetFileName(str(path))
        assert reader.Read()
        image = reader.GetImage()
        held = image.GetBuffer().encode("utf-8", "surrogateescape")
        columns, rows = image.GetDimension(0), image.GetDimension(1)
        kind = {gdcm.PixelFormat.UINT16: "<u2", gdcm.PixelFormat.INT16: "<i2"}
        expected = np.frombuffer(held, kind[image.GetPixelFormat().GetScalarType()])
        np.testing.assert_array_equal(pixels_of(path), expected.reshape(rows, columns))


def test_small_files_of_the_same_image_decode_alike_in_every_syntax(series):
    small = {
        path.name: path for path in series("encodings/pydicom_test_files")
        if path.name.startswith("MR_small")
    }  # fmt: skip
    assert len(small) == 8
    expected = pixels_of(small.pop("MR_small.dcm"))
    for path in small.values():
        np.testing.assert_array_equal(pixels_of(path), expected)


def test_a_real_truncated_file_is_unreadable(series):
    (path,) = [p for p in series("encodings/pydicom_test_files") if p.name == "MR_truncated.dcm"]
    with pytest.raises(PixelsUnreadable, match="cannot be decoded"):
        pixels_of(path)


def in_the_order_of(ours, read):
    """Turn what a reader gave so that its stack starts at the same end as ours."""
    voxels, affine = read
    if affine[:3, 0] @ ours.affine[:3, 0] < 0:
        end = np.diag([-1.0, 1, 1, 1])
        end[0, 3] = len(voxels) - 1
        voxels, affine = voxels[::-1], affine @ end
    return voxels, Grid(voxels.shape, affine)


@pytest.mark.parametrize("reader", sorted(READERS))
def test_an_independent_reader_sees_the_same_voxels_at_the_same_places(head, reader):
    ours = volume_of(head)
    voxels, grid = in_the_order_of(ours, READERS[reader](head))
    np.testing.assert_array_equal(ours.voxels, voxels)
    assert ours.voxels.std() > 50
    assert ours.grid.same_as(grid, tolerance_mm=0.01)


@pytest.mark.parametrize("reader", sorted(READERS))
@settings(max_examples=10, deadline=None)
@given(grid=oblique_grids(), seed=st.integers(0, 99))
def test_independent_readers_agree_on_series_turned_any_way(tmp_path_factory, reader, grid, seed):
    pixels = np.random.default_rng(seed).integers(0, 4000, grid.shape)
    paths = write(tmp_path_factory.mktemp("turned"), on(grid, pixels))
    ours = volume_of(paths)
    voxels, theirs = in_the_order_of(ours, READERS[reader](paths))
    np.testing.assert_array_equal(ours.voxels, voxels)
    assert ours.grid.same_as(theirs, tolerance_mm=0.01)


def test_the_sources_of_a_real_enhanced_head_are_its_frames(series):
    volume = volume_of(series("mr/siemens_prismafit_xa30_enhanced_t1_head"))
    assert len(volume.sources) == 96
    assert {ref.frame for ref in volume.sources} == set(range(1, 97))
    assert len({ref.sop_instance_uid for ref in volume.sources}) == 1


def test_nothing_of_the_files_is_changed_by_reading(tmp_path):
    paths = ramp(tmp_path)
    before = [path.read_bytes() for path in paths]
    volume_of(paths)
    assert [path.read_bytes() for path in paths] == before


def test_a_source_is_named_by_class_instance_and_frame(tmp_path):
    slices = planes(2)
    (first, _) = volume_of(write(tmp_path, slices)).sources
    assert first == FrameRef(slices[0].SOPClassUID, slices[0].SOPInstanceUID, None)


def outcome(path) -> str:
    """What became of a file; other errors than these two pass and fail the test."""
    try:
        pixels_of(path)
    except PixelsUnreadable:
        return "unreadable"
    except InputRefused:
        return "refused"
    return "read"


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_damage_inside_compressed_pixels_is_refused_or_read_and_breaks_nothing(
    series, tmp_path, syntax
):
    content = series(f"encodings/triotim_flair_{syntax}")[0].read_bytes()
    rng, path = np.random.default_rng(0), tmp_path / "damaged.dcm"
    outcomes = set()
    for _ in range(8):
        damaged = bytearray(content)
        for at in rng.integers(len(content) // 2, len(content) - 16, 200):
            damaged[at] = rng.integers(256)
        path.write_bytes(damaged)
        outcomes.add(outcome(path))
    assert outcomes <= {"unreadable", "read"}


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_compressed_pixels_that_were_cut_after_they_were_judged_are_unreadable(
    series, tmp_path, syntax
):
    content = series(f"encodings/triotim_flair_{syntax}")[0].read_bytes()
    path = tmp_path / "cut.dcm"
    path.write_bytes(content)
    (frame,) = read_frames([path])
    placed = replace(frame, header={**frame.header, "FrameOfReferenceUID": "1.2.3"})
    judged = Stack((placed,), Grid((1, *frame.matrix), np.eye(4)), ())
    path.write_bytes(content[: len(content) * 3 // 4])
    with pytest.raises(PixelsUnreadable):
        read_voxels(judged)
    assert not read_frames([path])[0].is_image
