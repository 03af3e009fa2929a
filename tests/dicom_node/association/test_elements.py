"""Whatever is kept makes an answer that can be sent."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pynetdicom.dsutils import encode

from dicom_node.association.elements import add, add_empty

WEIGHT = 0x00101030
SEQUENCE = 0x00400275


def made(vr: str, *values) -> Dataset:
    ds = Dataset()
    add(ds, WEIGHT if vr != "SQ" else SEQUENCE, vr, values)
    return ds


def written(ds: Dataset) -> bytes:
    content = encode(ds, False, True)
    assert content is not None
    return content


@given(
    vr=st.sampled_from(["IS", "DS", "LO", "PN", "DA", "US", "FD", "AT", "OB", "SQ", "ZZ"]),
    values=st.lists(
        st.none() | st.text() | st.integers() | st.floats()
        | st.dictionaries(st.sampled_from(["Alphabetic", "00100010", "vr"]), st.text()),
        max_size=3,
    ),
)  # fmt: skip
@pytest.mark.filterwarnings("ignore")
def test_no_value_ends_a_query(vr, values):
    assert len(made(vr, *values)) == 1
    written(made("SQ", {f"{WEIGHT:08X}": {"vr": vr, "Value": values}}))


@pytest.mark.parametrize("text", ["70 kg", "1,5", "abc", "--", "3±1"])
@pytest.mark.parametrize("vr", ["IS", "DS"])
def test_a_number_that_is_none_goes_out_as_it_is_kept(vr, text):
    assert text.encode("latin-1") in written(made(vr, text))
    assert f"2\\{text}".encode("latin-1") in written(made(vr, 2, text))


def test_one_that_cannot_be_written_is_empty():
    ds = made("DS", "七十")
    assert ds["PatientWeight"].is_empty
    written(ds)


def test_an_item_that_cannot_be_written_leaves_the_sequence_empty():
    good = {"00400009": {"vr": "SH", "Value": ["SPS1"]}}
    assert len(made("SQ", good)["RequestAttributesSequence"].value) == 1
    ds = made("SQ", good, {"00280010": {"vr": "US", "Value": [2**40]}})
    assert ds["RequestAttributesSequence"].is_empty
    written(ds)


def test_items_hold_whatever_json_has():
    item = {
        "00080005": {"vr": "CS", "Value": ["ISO_IR 100"]},
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": "A^B", "Phonetic": "c"}]},
        "00280009": {"vr": "AT", "Value": ["00181063"]},
        "00281053": {"vr": "DS"},
        "00409225": {"vr": "FD", "Value": ["nan"]},
        "00420011": {"vr": "OB", "InlineBinary": "AAE="},
        "00081199": {"vr": "SQ", "Value": [{"00081155": {"vr": "UI", "Value": ["1.2"]}}]},
    }
    (found,) = made("SQ", item)["RequestAttributesSequence"].value
    assert "SpecificCharacterSet" not in found
    assert str(found.PatientName) == "A^B==c"
    assert found.FrameIncrementPointer == 0x00181063
    assert found["RescaleSlope"].is_empty
    assert math.isnan(found.RealWorldValueSlope)
    assert found.EncapsulatedDocument == b"\0\1"
    assert found.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == "1.2"


def test_a_tag_that_nobody_knows_can_be_empty():
    ds = Dataset()
    add_empty(ds, 0x00091001)
    assert ds[0x00091001].VR == "UN"
