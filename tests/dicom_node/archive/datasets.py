"""Data sets that hypothesis makes: private elements of long form, sequences in sequences."""

from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from tests.dicom_node.archive.objects import instance

__all__ = ["leaves", "nested"]

LEAF_ELEMENTS = [
    (0x00090010, "LO", st.just("ACME")),
    (0x00091001, "OB", st.binary(max_size=40).map(lambda b: b + b"\0" * (len(b) % 2))),
    (0x00091002, "UN", st.binary(max_size=40).map(lambda b: b + b"\0" * (len(b) % 2))),
    (0x00091003, "UT", st.text("abc ", max_size=300)),
    (0x00091004, "UC", st.text("abc", max_size=300)),
    (0x00091005, "OW", st.binary(max_size=20).map(lambda b: b * 2)),
    (0x00091006, "OV", st.binary(max_size=4).map(lambda b: b * 8)),
    (0x00091007, "FD", st.floats(allow_nan=False)),
    (0x00081030, "LO", st.text("abcdef", max_size=60)),
    (0x00181030, "LO", st.text("abcdef", max_size=60)),
]


@st.composite
def leaves(draw) -> Dataset:
    ds = Dataset()
    for tag, vr, values in draw(st.lists(st.sampled_from(LEAF_ELEMENTS), max_size=4)):
        ds.add_new(tag, vr, draw(values))
    return ds


@st.composite
def nested(draw, depth: int = 2) -> Dataset:
    """A data set with sequences, some of undefined length, some with UIDs of others in them."""
    ds = draw(leaves())
    if depth and draw(st.booleans()):
        items = draw(st.lists(nested(depth - 1), max_size=2))
        if draw(st.booleans()):
            items.append(instance("another"))
        for tag in draw(st.lists(st.sampled_from([0x00081110, 0x00091010]), unique=True)):
            ds.add_new(tag, "SQ", Sequence(items))
            ds[tag].is_undefined_length = draw(st.booleans())
            for item in items:
                item.is_undefined_length_sequence_item = draw(st.booleans())
    return ds
