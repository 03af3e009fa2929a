"""What is proposed to a peer, and how much fits into one association."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEG2000Lossless

from dicom_node.dicom import VERIFICATION
from dicom_node.dimse import batches, proposed

BASELINE = "1.2.840.10008.1.2.4.50"


@dataclass(frozen=True)
class Kept:
    sop_class_uid: str
    transfer_syntax_uid: str


def pairs(instances) -> set[tuple[str, str]]:
    contexts = proposed(instances)
    assert all(len(one.transfer_syntax) == 1 for one in contexts[1:])
    assert str(contexts[0].abstract_syntax) == VERIFICATION
    found = [(str(one.abstract_syntax), str(one.transfer_syntax[0])) for one in contexts[1:]]
    assert len(found) == len(set(found))
    return set(found)


def test_each_syntax_has_a_context_and_the_native_ones_are_there_too():
    assert pairs([Kept("1.2", JPEG2000Lossless), Kept("1.2", JPEG2000Lossless)]) == {
        ("1.2", JPEG2000Lossless), ("1.2", ExplicitVRLittleEndian), ("1.2", ImplicitVRLittleEndian),
    }  # fmt: skip


def test_what_is_not_decoded_is_proposed_as_it_is_alone():
    assert pairs([Kept("1.2", BASELINE)]) == {("1.2", BASELINE)}


@given(
    st.lists(st.builds(Kept, st.integers(1, 200).map(lambda n: f"1.{n}"),
                       st.sampled_from([ExplicitVRLittleEndian, BASELINE])), max_size=300)
)  # fmt: skip
def test_everything_goes_in_parts_that_have_contexts_enough(instances):
    parts = list(batches(instances))
    assert sorted(map(str, (one for part in parts for one in part))) == sorted(map(str, instances))
    assert all(len(proposed(part)) <= 128 for part in parts)
    assert len(parts) <= 4


def test_what_fits_goes_at_once_in_order():
    instances = [Kept(f"1.{n % 30}", ExplicitVRLittleEndian) for n in range(500)]
    assert list(batches(instances)) == [instances]
