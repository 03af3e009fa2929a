"""P-DATA-TF taken apart as it was put together, and nothing else."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_node.transport import HEAD, P_DATA_TF, fragment, fragments, p_data

PIECES = st.lists(
    st.tuples(st.integers(1, 255), st.integers(0, 3), st.binary(max_size=40)), max_size=5
)


@given(PIECES)
def test_fragments_come_apart_as_they_were_put_together(pieces):
    pdu = p_data(b"".join(fragment(*one) for one in pieces))
    kind, _, length = HEAD.unpack_from(pdu)
    assert (kind, length) == (P_DATA_TF, len(pdu) - HEAD.size)
    found = fragments(memoryview(pdu)[HEAD.size :])
    assert [(context, control, bytes(content)) for _, context, control, content in found] == pieces
    assert [end for end, *_ in found][-1:] == ([length] if pieces else [])


@given(st.binary(max_size=60))
def test_any_bytes_are_fragments_or_malformed(values):
    found = fragments(memoryview(values))
    if found is not None:
        assert b"".join(fragment(one, two, three) for _, one, two, three in found) == values


@pytest.mark.parametrize(
    "values",
    [bytes(5), bytes(10), struct.pack(">IBB", 999, 1, 0) + bytes(6), struct.pack(">IBB", 1, 1, 0),
     fragment(1, 3, b"whole") + b"x"],
    ids=["too short", "no length", "longer than its PDU", "shorter than its head", "and a rest"],
)  # fmt: skip
def test_what_is_malformed_is_none(values):
    assert fragments(memoryview(values)) is None
