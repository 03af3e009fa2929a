"""Frames in fragments are found where pydicom finds them, and are read in pieces."""

import struct

import pytest
from pydicom.encaps import encapsulate, encapsulate_extended, itemize_fragment
from pydicom.uid import JPEGLSLossless

from dicom_node.archive.reader import Pixels
from dicom_node.errors import Unreadable
from tests.dicom_node.archive.objects import instance, wire
from tests.dicom_node.archive.reader.kept import kept

MARK = b"\xff\xd9"
FRAMES = [bytes([number]) * (100 + 2 * number) + MARK for number in range(5)]
EMPTY_TABLE = itemize_fragment(b"")
END = struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)


def in_fragments(value: bytes, frames: int = len(FRAMES), **more) -> bytes:
    ds = instance(NumberOfFrames=frames, Rows=4, Columns=4, BitsAllocated=8, **more)
    head = struct.pack("<HH2s2xI", 0x7FE0, 0x0010, b"OB", 0xFFFFFFFF)
    return wire(ds, JPEGLSLossless) + head + value


def stored(tmp_path, content: bytes) -> list[bytes]:
    with kept(tmp_path, content, JPEGLSLossless) as source:
        pixels = Pixels.of(source)
        for number in range(pixels.number_of_frames):
            pixels.check(number)
        return [b"".join(pixels.stored(number)) for number in range(pixels.number_of_frames)]


@pytest.mark.parametrize("each", [1, 3])
@pytest.mark.parametrize("has_bot", [True, False])
def test_frames_are_found_by_table_by_count_or_by_what_ends_them(tmp_path, each, has_bot):
    value = encapsulate(FRAMES, fragments_per_frame=each, has_bot=has_bot) + END
    assert stored(tmp_path, in_fragments(value)) == FRAMES


def test_frames_are_found_by_the_extended_table(tmp_path):
    value, offsets, lengths = encapsulate_extended(FRAMES)
    more = {"ExtendedOffsetTable": offsets, "ExtendedOffsetTableLengths": lengths}
    ds = instance(NumberOfFrames=len(FRAMES), Rows=4, Columns=4, BitsAllocated=8)
    body = wire(ds, JPEGLSLossless)
    for tag, content in zip((0x0001, 0x0002), more.values(), strict=True):
        body += struct.pack("<HH2s2xI", 0x7FE0, tag, b"OV", len(content)) + content
    body += struct.pack("<HH2s2xI", 0x7FE0, 0x0010, b"OB", 0xFFFFFFFF) + value + END
    assert stored(tmp_path, body) == FRAMES


def test_a_long_table_is_read_entry_by_entry(tmp_path):
    frames = [struct.pack("<I", number) for number in range(20_000)]
    with kept(tmp_path, in_fragments(encapsulate(frames) + END, 20_000), JPEGLSLossless) as source:
        pixels = Pixels.of(source)
        assert b"".join(pixels.stored(19_998)) == frames[19_998]
        assert pixels.fragments.are_frames()


def test_one_frame_is_all_its_fragments(tmp_path):
    value = encapsulate([FRAMES[4]], fragments_per_frame=4, has_bot=False)
    assert stored(tmp_path, in_fragments(value + END, 1)) == [FRAMES[4]]
    assert stored(tmp_path, in_fragments(value, 1)) == [FRAMES[4]]  # the end is missing


@pytest.mark.parametrize(
    "value",
    [
        EMPTY_TABLE + itemize_fragment(b"a stream") + END,
        EMPTY_TABLE + 7 * itemize_fragment(b"a stream") + END,
        EMPTY_TABLE + END,
        END,
        EMPTY_TABLE + struct.pack("<HHI", 0xFFFE, 0xE000, 1000) + b"cut short",
        itemize_fragment(struct.pack("<5I", 0, 7, 14, 21, 28)) + 5 * itemize_fragment(b"123456"),
        itemize_fragment(struct.pack("<5I", 9, 8, 7, 6, 5)) + 5 * itemize_fragment(b"123456"),
        itemize_fragment(struct.pack("<5I", *[2**31] * 5)) + 5 * itemize_fragment(b"123456"),
    ],
)
def test_frames_that_cannot_be_told_apart_are_not_given(tmp_path, value):
    with kept(tmp_path, in_fragments(value), JPEGLSLossless) as source:
        pixels = Pixels.of(source)
        assert not pixels.fragments.are_frames()
        with pytest.raises(Unreadable):
            pixels.check(1)
        with pytest.raises(Unreadable):
            pixels.decoded(1, raw=True, most_bytes=2**20)


def test_a_stream_comes_whole_whatever_the_number_of_frames(tmp_path):
    value = EMPTY_TABLE + itemize_fragment(b"one ") + itemize_fragment(b"stream") + END
    with kept(tmp_path, in_fragments(value, 3000), JPEGLSLossless) as source:
        fragments = Pixels.of(source).fragments
        fragments.check()
        assert b"".join(fragments.joined()) == b"one stream"


def test_what_is_too_large_when_compressed_is_not_decoded(tmp_path):
    value = encapsulate([bytes(2**20)]) + END
    with (
        kept(tmp_path, in_fragments(value, 1), JPEGLSLossless) as source,
        pytest.raises(Unreadable, match="compressed"),
    ):
        Pixels.of(source).decoded(0, raw=True, most_bytes=2**19)
