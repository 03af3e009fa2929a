"""How far a data set goes: counted before it is parsed, in every encoding."""

import struct
import time
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
)

from dicom_node.archive import read_part10
from dicom_node.errors import BeyondLimits, NotDicom
from dicom_node.extent import check_extent
from dicom_node.sections import Limits
from tests.dicom_node.archive.objects import SYNTAXES, instance, wire

NAMES = [syntax.name for syntax in SYNTAXES]
NATIVE = (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian)
LIMITS = Limits()
ITEM = b"\xfe\xff\x00\xe0"
MB = 2**20


def beyond(content: bytes, syntax: str, limits: Limits = LIMITS) -> str:
    try:
        check_extent(content, syntax, limits)
    except BeyondLimits as exc:
        return str(exc)
    return ""


def nested(depth: int, wide: int = 1, *, defined: bool = True) -> Dataset:
    """Return a data set of so many levels, with ``wide`` items in the innermost sequence."""
    ds = instance()
    inner = [Dataset() for _ in range(wide)]
    for _ in range(depth):
        ds.ReferencedStudySequence = Sequence(inner)
        ds["ReferencedStudySequence"].is_undefined_length = not defined
        for item in inner:
            item.is_undefined_length_sequence_item = not defined
        inner = [ds]
        ds = instance()
    return inner[0]


@pytest.mark.parametrize("defined", [True, False], ids=["lengths", "delimiters"])
@pytest.mark.parametrize("syntax", SYNTAXES, ids=NAMES)
def test_as_deep_as_is_said_passes_and_deeper_does_not(syntax, defined):
    at, over = (
        nested(depth, wide=40, defined=defined) for depth in (LIMITS.depth, LIMITS.depth + 1)
    )
    assert beyond(wire(at, syntax), syntax) == ""
    assert "limits.depth = 32" in beyond(wire(over, syntax), syntax)


@pytest.mark.parametrize("syntax", SYNTAXES, ids=NAMES)
def test_as_wide_as_is_said_passes_and_wider_does_not(syntax):
    limits = Limits(items=100)
    assert beyond(wire(nested(1, 100), syntax), syntax, limits) == ""
    assert "limits.items = 100" in beyond(wire(nested(1, 101), syntax), syntax, limits)
    assert "limits.items = 100" in beyond(wire(nested(3, 99), syntax), syntax, limits)


@pytest.mark.parametrize("syntax", NATIVE, ids=[syntax.name for syntax in NATIVE])
def test_a_sequence_of_unknown_kind_is_counted_too(syntax):
    """Its items are implicit, whatever stands around it (PS3.5 6.2.2)."""
    order = ">" if syntax == ExplicitVRBigEndian else "<"
    head = struct.pack(f"{order}HH", 0x0009, 0x1001)
    if syntax != ImplicitVRLittleEndian:
        head += b"UN\0\0"
    content = head + b"\xff" * 4
    for _ in range(40):
        content += struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
        content += struct.pack("<HHI", 0x0009, 0x1001, 0xFFFFFFFF)
    if syntax == ExplicitVRBigEndian:
        return  # an odd mixture that pydicom reads as neither
    assert "limits.depth" in beyond(wire(instance(), syntax) + content, syntax)


@pytest.mark.parametrize("syntax", NATIVE, ids=[syntax.name for syntax in NATIVE])
def test_what_chance_puts_into_pixels_counts_as_nothing(syntax):
    ds = instance()
    ds.PixelData = ITEM * 500_000
    ds["PixelData"].VR = "OW"
    ds.Rows = ds.Columns = 1000
    assert beyond(wire(ds, syntax), syntax) == ""


def encapsulated(fragments: int) -> bytes:
    head = struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OB", 0, 0xFFFFFFFF)
    ends = struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    return head + (ITEM + struct.pack("<I", 2) + b"ab") * fragments + ends


def test_fragments_of_compressed_pixels_are_no_items():
    content = wire(nested(LIMITS.depth, 40)) + encapsulated(300_000)
    assert beyond(content, JPEG2000Lossless) == ""
    assert "limits.depth" in beyond(wire(nested(40, 1)) + encapsulated(3), JPEG2000Lossless)


def test_what_lies_behind_the_pixels_is_counted_too():
    ds = instance()
    ds.PixelData = bytes(64)
    ds["PixelData"].VR = "OW"
    deep = wire(nested(40))
    signatures = struct.pack("<HH2sHI", 0xFFFA, 0xFFFA, b"SQ", 0, 8 + len(deep))
    content = wire(ds) + signatures + ITEM + struct.pack("<I", len(deep)) + deep
    assert "limits.depth" in beyond(content, ExplicitVRLittleEndian)


def test_an_icon_of_compressed_pixels_is_passed_over():
    icon = b"".join(encapsulated(3) for _ in range(1))
    item = ITEM + struct.pack("<I", len(icon)) + icon
    before = struct.pack("<HH2sHI", 0x0008, 0x1140, b"SQ", 0, 50 * len(item)) + item * 50
    assert beyond(wire(instance()) + before, ExplicitVRLittleEndian) == ""


@pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom's, of files that are odd on purpose
def test_every_real_file_passes(real_data):
    seen = 0
    for path in sorted(path for path in real_data.rglob("*") if path.is_file()):
        content = path.read_bytes()
        try:
            found = read_part10(content)
        except NotDicom:
            continue
        seen += 1
        assert beyond(*found) == "", path
    assert seen > 500


def blown_up(size: int) -> bytes:
    """Return a data set with a value of so many equal bytes."""
    return wire(instance()) + struct.pack("<HH2sHI", 0x7FE1, 0x1010, b"OB", 0, size) + bytes(size)


def deflated(content: bytes) -> bytes:
    deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return deflate.compress(content) + deflate.flush()


def test_deflated_bytes_may_swell_so_many_times_or_to_64_mb_in_any_case():
    small = deflated(blown_up(60 * MB))
    assert beyond(small, DeflatedExplicitVRLittleEndian) == ""
    large = deflated(blown_up(70 * MB))
    text = beyond(large, DeflatedExplicitVRLittleEndian)
    assert f"{len(large)} deflated bytes swell to more than" in text
    assert beyond(large, DeflatedExplicitVRLittleEndian, Limits(inflate_ratio=2000)) == ""


def test_deflated_bytes_never_swell_beyond_the_size_of_a_data_set():
    limits = Limits(inflate_ratio=2000, data_set_mb=65)
    assert beyond(deflated(blown_up(66 * MB)), DeflatedExplicitVRLittleEndian, limits)


def test_a_bomb_costs_little_memory():
    import tracemalloc

    bomb = deflated(blown_up(400 * MB))
    tracemalloc.start()
    assert beyond(bomb, DeflatedExplicitVRLittleEndian)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 200 * MB


def test_bytes_that_cannot_be_parsed_are_refused_only_where_they_may_hold_too_many_items():
    limits = Limits(items=1000)
    broken = wire(instance()) + struct.pack("<HH2sHI", 0x0008, 0x1140, b"SQ", 0, 2**30)
    assert beyond(broken + b"?" + ITEM * 900, ExplicitVRLittleEndian, limits) == ""
    text = beyond(broken + b"?" + ITEM * 1100, ExplicitVRLittleEndian, limits)
    assert "up to 1100 items in a data set that cannot be parsed" in text


def test_elements_without_end_cost_no_more_than_seconds():
    content = struct.pack("<HH2sH", 0x0008, 0x0000, b"UL", 0) * 3_000_000
    began = time.monotonic()
    assert "more than 1000000 elements" in beyond(content, ExplicitVRLittleEndian)
    assert time.monotonic() - began < 20


@given(content=st.binary(max_size=400), syntax=st.sampled_from(SYNTAXES))
def test_any_bytes_at_all_raise_nothing_else(content, syntax):
    beyond(content, syntax)


@given(
    cut=st.integers(0, 2000),
    changes=st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), max_size=6),
    syntax=st.sampled_from(SYNTAXES),
)
def test_spoilt_anywhere_it_raises_nothing_else(cut, changes, syntax):
    content = bytearray(wire(nested(20, 40), syntax))
    for place, value in changes:
        content[place % len(content)] = value
    beyond(bytes(content[: len(content) - cut]), syntax)
