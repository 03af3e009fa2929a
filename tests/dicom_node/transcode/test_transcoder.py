"""Objects in another transfer syntax: the same pixels, and nothing that a decoder does kills us."""

import os
import signal
import subprocess
from io import BytesIO

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    RLELossless,
)
from pynetdicom.dsutils import decode

from dicom_node.transcode import NATIVE, CannotTranscode, Transcoder, can_become_native
from tests.dicom_node.archive.objects import file_of, instance
from tests.support.need import program

ENCODED = ("jpeg", "jpegls", "j2k", "rle")


@pytest.fixture
def transcoder(tmp_path):
    (tmp_path / "scratch").mkdir()
    with Transcoder(tmp_path / "scratch", limit_s=120.0) as opened:
        yield opened
    assert list((tmp_path / "scratch").iterdir()) == []


def converted(transcoder, path, to) -> Dataset:
    kind = UID(to)
    with transcoder.converted(path, to) as (stream, size):
        content = stream.read()
    assert len(content) == size
    return decode(BytesIO(content), kind.is_implicit_VR, kind.is_little_endian, kind.is_deflated)


def test_four_lossless_encodings_of_one_image_give_the_same_pixels(transcoder, real_data):
    for name in sorted(p.name for p in (real_data / "encodings/triotim_flair_rle").iterdir()):
        found = []
        for encoding in ENCODED:
            path = real_data / f"encodings/triotim_flair_{encoding}" / name
            ds = converted(transcoder, path, ExplicitVRLittleEndian)
            found.append((ds.PixelData, ds.PhotometricInterpretation, ds.Rows, ds.BitsStored))
            assert ds.SOPInstanceUID == dcmread(path, specific_tags=["SOPInstanceUID"])[
                "SOPInstanceUID"
            ].value  # fmt: skip
        assert len(set(found)) == 1
        assert len(found[0][0]) == 2 * found[0][2] * ds.Columns


@pytest.mark.parametrize(
    "name", ["MR_small_expb.dcm", "MR_small_bigendian.dcm", "SC_rgb_small_odd_big_endian.dcm"]
)
def test_words_change_their_byte_order_as_dcmtk_changes_it(transcoder, real_data, tmp_path, name):
    path = real_data / "encodings/pydicom_test_files" / name
    subprocess.run(
        [program("/usr/bin/dcmconv"), "+te", str(path), str(tmp_path / "dcmtk.dcm")],
        check=True,
        timeout=60,
    )
    ours = converted(transcoder, path, ExplicitVRLittleEndian)
    theirs = dcmread(tmp_path / "dcmtk.dcm")
    assert ours.PixelData == theirs.PixelData


def test_there_and_back_again_is_the_same(transcoder, tmp_path):
    ds = instance(PatientName="Süß^Ä", SpecificCharacterSet="ISO_IR 100", Rows=2, Columns=2)
    ds.BitsAllocated = 16
    ds.add_new("PixelData", "OW", bytes(range(8)))
    for stored in NATIVE:
        path = tmp_path / f"{stored}.dcm"
        path.write_bytes(file_of(ds, stored))
        for to in NATIVE:
            back = converted(transcoder, path, to)
            swapped = ExplicitVRBigEndian in (stored, to) and stored != to
            assert (back.PixelData != ds.PixelData) is swapped
            del back.PixelData
            rest = Dataset({one.tag: one for one in ds if one.tag != 0x7FE00010})
            assert back == rest


@pytest.mark.parametrize(
    ("syntax", "expected"),
    [
        (RLELossless, True), (JPEG2000Lossless, True), (ImplicitVRLittleEndian, True),
        ("1.2.840.10008.1.2.4.50", False),  # JPEG baseline
        ("1.2.840.10008.1.2.4.91", False),  # JPEG 2000, perhaps with loss
        ("1.2.840.10008.1.2.4.81", False),  # JPEG-LS, nearly lossless
        ("1.2.3.4", False),
    ],
)  # fmt: skip
def test_what_may_have_lost_something_is_left_as_it_is(syntax, expected):
    assert can_become_native(syntax) is expected


def broken(tmp_path, syntax, fragment: bytes, **values):
    ds = instance(
        Rows=4, Columns=4, BitsAllocated=16, BitsStored=16, HighBit=15, PixelRepresentation=0,
        SamplesPerPixel=1, PhotometricInterpretation="MONOCHROME2",
    )  # fmt: skip
    for keyword, value in values.items():
        setattr(ds, keyword, value)
    ds.add_new("PixelData", "OB", encapsulate([fragment]))
    ds["PixelData"].is_undefined_length = True
    path = tmp_path / "broken.dcm"
    path.write_bytes(file_of(ds, syntax))
    return path


def test_what_cannot_be_decoded_says_why_and_the_next_is_served(transcoder, tmp_path, real_data):
    bad = broken(tmp_path, JPEG2000Lossless, b"\xff\x4f\xff\x51 nonsense  ")
    with pytest.raises(CannotTranscode, match=r"\w+: "):
        converted(transcoder, bad, ExplicitVRLittleEndian)
    fine = real_data / "encodings/pydicom_test_files/MR_small_RLE.dcm"
    assert converted(transcoder, fine, ExplicitVRLittleEndian).Rows == 64


def test_a_small_file_that_would_swell_without_end_is_refused(transcoder, tmp_path):
    bomb = broken(
        tmp_path, RLELossless, b"\x01\0\0\0\x40\0\0\0" + bytes(56) + b"\x81\x00" * 8,
        Rows=65535, Columns=65535, NumberOfFrames=9000,
    )  # fmt: skip
    with pytest.raises(CannotTranscode):
        converted(transcoder, bomb, ExplicitVRLittleEndian)


def test_a_file_that_is_gone_is_refused(transcoder, tmp_path):
    with pytest.raises(CannotTranscode, match="No such file"):
        converted(transcoder, tmp_path / "gone.dcm", ExplicitVRLittleEndian)


def test_a_process_that_dies_is_replaced(transcoder, real_data):
    path = real_data / "encodings/pydicom_test_files/MR_small_RLE.dcm"
    converted(transcoder, path, ExplicitVRLittleEndian)
    first = transcoder._process.pid
    os.kill(first, signal.SIGKILL)
    os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)
    assert converted(transcoder, path, ExplicitVRLittleEndian).Rows == 64
    assert transcoder._process.pid != first


def test_one_that_takes_too_long_is_ended(tmp_path, real_data):
    path = real_data / "encodings/pydicom_test_files/MR_small_RLE.dcm"
    with Transcoder(tmp_path, limit_s=0.001) as impatient:
        with pytest.raises(CannotTranscode, match=r"more than 0\.001 s"):
            converted(impatient, path, ExplicitVRLittleEndian)
        assert impatient._process is None


def test_the_process_ends_with_whoever_started_it(tmp_path, real_data):
    path = real_data / "encodings/pydicom_test_files/MR_small_RLE.dcm"
    transcoder = Transcoder(tmp_path, limit_s=120.0)
    converted(transcoder, path, ExplicitVRLittleEndian)
    process = transcoder._process
    transcoder._orders.close()  # as the system does when we are killed
    assert process.wait(30) == 0
    transcoder.close()
