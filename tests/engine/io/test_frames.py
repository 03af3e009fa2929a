import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.uid import MPEG2MPML, UID, JPEGLSLossless

from engine.errors import InputRefused
from engine.io import read_frames, split, stack
from engine.io.frames import DECODED
from engine.reason import Code
from tests.engine.io.series import enhanced, planes, spoilt, write


@pytest.fixture
def file(tmp_path):
    return spoilt(tmp_path, count=2)[0]


def test_a_classic_file_is_one_frame_with_its_facts(tmp_path):
    slices = planes(3)
    frames = read_frames(write(tmp_path, slices))
    assert len(frames) == 3
    for frame, ds in zip(frames, slices, strict=True):
        assert (frame.number, frame.is_image, frame.pixel_fault) == (None, True, None)
        assert frame.matrix == (8, 8)
        assert frame.position_mm == pytest.approx([float(v) for v in ds.ImagePositionPatient])
        assert frame.orientation == (1, 0, 0, 0, 1, 0)
        assert frame.spacing_mm == (4, 4)
        assert (frame.ref.sop_instance_uid, frame.ref.frame) == (ds.SOPInstanceUID, None)


def test_an_enhanced_file_is_a_frame_per_plane_numbered_from_one(tmp_path):
    slices = planes(3)
    frames = read_frames(write(tmp_path, [enhanced(slices)]))
    assert [frame.number for frame in frames] == [1, 2, 3]
    assert [frame.ref.frame for frame in frames] == [1, 2, 3]
    assert [frame.position_mm[2] for frame in frames] == [
        float(ds.ImagePositionPatient[2]) for ds in slices
    ]
    assert {frame.pixel_fault for frame in frames} == {None}


@pytest.mark.parametrize("content", [b"", b"hello", b"\0" * 200, b"%PDF-1.7" * 50])
def test_what_is_no_dicom_file_is_refused_by_name(tmp_path, content):
    path = tmp_path / "odd.dcm"
    path.write_bytes(content)
    with pytest.raises(InputRefused, match=r"odd\.dcm cannot be read as DICOM") as refused:
        read_frames([path])
    assert [reason.code for reason in refused.value.reasons] == [Code.NOT_AN_IMAGE]


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InputRefused, match=r"absent\.dcm cannot be read") as refused:
        read_frames([tmp_path / "absent.dcm"])
    assert refused.value.reasons[0].code == Code.NOT_AN_IMAGE


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(InputRefused, match="cannot be read"):
        read_frames([tmp_path])


def test_one_bad_file_among_good_ones_is_named(tmp_path):
    paths = spoilt(tmp_path)
    paths[2].write_bytes(b"nothing")
    with pytest.raises(InputRefused, match=r"002\.dcm"):
        read_frames(paths)


def read_or_refused(file):
    """Frames of ``file`` and no codes, or the codes it is refused with; other errors pass."""
    try:
        return read_frames([file]), []
    except InputRefused as exc:
        return [], [reason.code for reason in exc.reasons]


def test_a_file_that_was_cut_anywhere_never_passes_for_whole(file):
    content = file.read_bytes()
    for length in range(132, len(content), 5):
        file.write_bytes(content[:length])
        frames, codes = read_or_refused(file)
        assert codes in ([], [Code.NOT_AN_IMAGE])
        assert all(frame.pixel_fault for frame in frames if frame.is_image), length


def held(file, content):
    file.write_bytes(content)
    (frame,) = read_frames([file])
    return frame.pixel_fault


def test_pixels_that_were_cut_off_are_told_without_decoding(file):
    content = file.read_bytes()
    assert held(file, content) is None
    assert held(file, content[:-1]) == "127 bytes of pixel data, 128 wanted"
    assert held(file, content[:-100]) == "28 bytes of pixel data, 128 wanted"


def test_large_pixels_that_were_cut_off_are_told_without_reading_them(tmp_path):
    file = spoilt(tmp_path, count=2, size=64)[0]
    content = file.read_bytes()
    assert held(file, content) is None
    assert held(file, content[:-5000]) == "3192 bytes of pixel data, 8192 wanted"


def test_every_sample_of_every_pixel_is_counted(tmp_path):
    def said_to_be_colour(slices):
        slices[0].SamplesPerPixel, slices[0].PhotometricInterpretation = 3, "RGB"

    frames = read_frames(spoilt(tmp_path, said_to_be_colour))
    assert frames[0].pixel_fault == "128 bytes of pixel data, 384 wanted"


def test_single_bits_are_counted_in_whole_bytes(tmp_path):
    def bits(slices):
        for ds, held in zip(slices, (b"\0" * 8, b"\0" * 6), strict=False):
            ds.BitsAllocated, ds.BitsStored, ds.HighBit = 1, 1, 0
            ds.add_new("PixelData", "OW", held)

    faults = [frame.pixel_fault for frame in read_frames(spoilt(tmp_path, bits, count=2))]
    assert faults == [None, "6 bytes of pixel data, 8 wanted"]


def test_more_pixels_than_promised_are_no_fault(tmp_path):
    def longer(slices):
        slices[0].PixelData += b"\0\0"

    assert read_frames(spoilt(tmp_path, longer))[0].pixel_fault is None


def test_an_enhanced_file_holds_pixels_for_every_frame(tmp_path):
    whole = enhanced(planes(3))
    whole.PixelData = whole.PixelData[:-2]
    for frame in read_frames(write(tmp_path, [whole])):
        assert frame.pixel_fault == "382 bytes of pixel data, 384 wanted"


def test_functional_groups_for_more_frames_than_there_are_pixels_are_a_fault(tmp_path):
    whole = enhanced(planes(3))
    whole.NumberOfFrames, whole.PixelData = 2, whole.PixelData[:256]
    frames = read_frames(write(tmp_path, [whole]))
    assert [frame.pixel_fault for frame in frames] == ["256 bytes of pixel data, 384 wanted"] * 3


def test_an_image_without_pixels_is_a_fault(tmp_path):
    def drop(slices):
        del slices[0].PixelData

    assert "no Pixel Data" in read_frames(spoilt(tmp_path, drop))[0].pixel_fault


@pytest.mark.parametrize("uid", [MPEG2MPML, UID("1.2.826.0.1.3680043.8.498.1")])
def test_a_transfer_syntax_that_nothing_decodes_is_a_fault(tmp_path, uid):
    def encapsulated(slices):
        ds = slices[0]
        ds.file_meta.TransferSyntaxUID = uid
        ds["PixelData"].is_undefined_length = True
        ds.PixelData = b"\xfe\xff\x00\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0"

    assert {uid, JPEGLSLossless} & DECODED == {JPEGLSLossless}
    slices = planes(2)
    encapsulated(slices)
    path = tmp_path / "a.dcm"
    slices[0].save_as(path, implicit_vr=False, little_endian=True, enforce_file_format=True)
    assert f"no decoder for transfer syntax {uid.name}" in read_frames([path])[0].pixel_fault


@pytest.mark.parametrize("word", ["Rows", "Columns"])
def test_an_object_without_a_matrix_is_no_image(tmp_path, word):
    def drop(slices):
        delattr(slices[0], word)

    frame = read_frames(spoilt(tmp_path, drop))[0]
    assert (frame.is_image, frame.matrix) == (False, (0, 0))


def test_reports_and_plans_are_no_images(series):
    for name in ("sr/siemens_phoenix_report", "sr/fuji_basic_text_sr_papaya"):
        assert not any(frame.is_image for frame in read_frames(series(name)))


def test_odd_files_of_the_wild_are_read_or_refused_and_break_nothing(series):
    refused, faults = {}, {}
    for path in series("encodings/pydicom_test_files") + series("encodings/pydicom_charset_files"):
        frames, codes = read_or_refused(path)
        if codes:
            refused[path.name] = codes
        elif frames[0].pixel_fault:
            faults[path.name] = frames[0].pixel_fault
    assert set(refused) == {
        "ExplVR_BigEndNoMeta.dcm", "ExplVR_LitEndNoMeta.dcm", "badVR.dcm", "no_meta.dcm",
        "rtstruct.dcm",
    }  # fmt: skip
    assert all(codes == [Code.NOT_AN_IMAGE] for codes in refused.values())
    assert faults.pop("MR_truncated.dcm") == "8130 bytes of pixel data, 8192 wanted"
    assert faults.pop("liver_1frame.dcm") == "32768 bytes of pixel data, 98304 wanted"
    assert all(name.startswith("chr") and "no Pixel Data" in why for name, why in faults.items())


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_damaged_header_is_read_or_refused_and_never_breaks_the_reader(tmp_path_factory, data):
    content = bytearray(_whole_file(tmp_path_factory))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(132, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / f"damaged-{os.getpid()}.dcm"
    path.write_bytes(content[: data.draw(st.integers(132, len(content)))])
    frames, codes = read_or_refused(path)
    assert codes in ([], [Code.NOT_AN_IMAGE])
    candidates, _ = split([frame for frame in frames if frame.is_image])
    for candidate in candidates:
        judged = stack(candidate.frames)
        assert (judged.grid is None) is bool(judged.reasons)


def _whole_file(tmp_path_factory) -> bytes:
    folder = tmp_path_factory.getbasetemp() / "sound-enhanced"
    if not folder.is_dir():
        write(folder, [enhanced(planes(2, size=4))])
    return (folder / "000.dcm").read_bytes()
