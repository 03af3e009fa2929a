"""UIDs: derived ones are valid, and no two different origins share one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.uid import UID

from dicom_node.dicom import (
    IMPLEMENTATION_CLASS_UID,
    IMPLEMENTATION_VERSION_NAME,
    derive_uid,
    device_uid_of,
    is_uid,
    new_uid,
)

PARTS = st.lists(st.text(max_size=20), max_size=5)
COMPONENT = st.integers(0, 10**12).map(str)
UIDS = st.lists(COMPONENT, min_size=2, max_size=4).map(".".join)


@given(PARTS)
def test_a_derived_uid_is_valid_and_always_the_same(parts):
    uid = derive_uid(*parts)
    assert uid == derive_uid(*parts)
    assert is_uid(uid)
    assert UID(uid).is_valid
    assert len(uid) <= 64


@given(PARTS, PARTS)
def test_different_parts_give_different_uids(one, other):
    assert (derive_uid(*one) == derive_uid(*other)) == (one == other)


@given(st.text(min_size=1, max_size=12), st.data())
def test_where_one_part_ends_and_the_next_begins_matters(text, data):
    cuts = st.integers(0, len(text))
    one, other = data.draw(cuts), data.draw(cuts)
    left = derive_uid(text[:one], text[one:])
    right = derive_uid(text[:other], text[other:])
    assert (left == right) == (one == other)


def test_parts_that_look_like_the_prefix_of_others_do_not_collide():
    uids = [derive_uid(*parts) for parts in (("ab", "c"), ("a", "bc"), ("1:a", "b"), ("a1:b",))]
    assert len(set(uids)) == 4


def test_a_new_uid_is_valid_and_nobody_has_it():
    uids = {new_uid() for _ in range(100)}
    assert len(uids) == 100
    assert all(is_uid(uid) for uid in uids)


def test_another_model_or_another_node_is_another_device():
    devices = {device_uid_of(node, model) for node in ("1.2", "1.3") for model in ("a", "b")}
    assert len(devices) == 4


@given(UIDS)
def test_numbers_joined_by_dots_are_a_uid(uid):
    assert is_uid(uid)


@pytest.mark.parametrize(
    "text",
    [
        "", "1", "1.", ".1", "1..2", "1.02", "01.2", "1.2 ", " 1.2", "1.2\0", "1.2\n", "1.a",
        "1.-2", "1.٢", "../1.2", "1.2\\1.3", "1." + "2" * 63,
    ],
)  # fmt: skip
def test_what_the_standard_does_not_allow_is_no_uid(text):
    assert not is_uid(text)


def test_a_uid_of_64_characters_is_one():
    assert is_uid("1." + "2" * 62)


def test_what_we_call_ourselves_fits_the_wire():
    assert is_uid(IMPLEMENTATION_CLASS_UID)
    assert 1 <= len(IMPLEMENTATION_VERSION_NAME) <= 16  # PS3.7 D.3.3.2.3
