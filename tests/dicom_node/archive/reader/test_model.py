"""What an object says, in JSON: all of it, as it is."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from dicom_node.archive.reader import model_of
from tests.dicom_node.archive.datasets import nested
from tests.dicom_node.archive.objects import SYNTAXES, instance
from tests.dicom_node.archive.reader.kept import kept, spliced


def told(folder, ds, syntax=ExplicitVRLittleEndian) -> dict:
    with kept(folder, ds, syntax) as source:
        return model_of(source, source.dataset(), lambda path: f"/bulk/{path}")


def rich() -> Dataset:
    ds = instance(SpecificCharacterSet="ISO_IR 100", PatientName="Müller^Jörg", EchoTime="3.25",
                  SeriesNumber=7, Rows=2, Columns=3, ImageType=["ORIGINAL", "PRIMARY"],
                  PatientBirthDate="", FrameIncrementPointer=0x00181063)  # fmt: skip
    inner = Dataset()
    inner.ScheduledProcedureStepID = "S1"
    ds.RequestAttributesSequence = Sequence([inner, Dataset()])
    ds.add_new(0x00189074, "DT", "20260102")
    ds.add_new(0x00189087, "FD", [0.5, -1.5])
    ds.add_new(0x00280106, "US", 3)
    ds.add_new(0x7FE00010, "OW", bytes(range(12)))
    return ds


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_every_encoding_says_the_same_as_pydicom_does(tmp_path, syntax):
    found = told(tmp_path, rich(), syntax)
    expected = rich().to_json_dict(
        bulk_data_threshold=0, bulk_data_element_handler=lambda element: f"/bulk/{element.tag:08X}"
    )
    assert found.pop("00080005") == {"vr": "CS", "Value": ["ISO_IR 192"]}
    expected.pop("00080005")
    assert found == expected


def test_pixels_and_long_values_are_named_by_where_they_are(tmp_path):
    ds = rich()
    ds.RequestAttributesSequence[1].add_new(0x00420011, "OB", bytes(2000))
    ds.add_new(0x00420011, "OB", bytes(70_000))
    found = told(tmp_path, ds)
    assert found["7FE00010"] == {"vr": "OW", "BulkDataURI": "/bulk/7FE00010"}
    assert found["00420011"] == {"vr": "OB", "BulkDataURI": "/bulk/00420011"}
    (_, item) = found["00400275"]["Value"]
    assert item["00420011"] == {"vr": "OB", "BulkDataURI": "/bulk/00400275/1/00420011"}


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_a_sequence_too_long_to_be_read_at_first_is_told_whole(tmp_path, syntax):
    ds = instance()
    items = []
    for number in range(4000):
        items.append(Dataset())
        items[-1].InstanceNumber = number
    ds.PerFrameFunctionalGroupsSequence = Sequence(items)
    found = told(tmp_path, ds, syntax)["52009230"]["Value"]
    assert [item["00200013"]["Value"] for item in found] == [[number] for number in range(4000)]


@pytest.mark.parametrize(
    ("vr", "tag", "content", "told_as"),
    [
        ("DS", 0x00180081, b"three", ["three"]),
        ("DS", 0x00180081, b"nan ", ["nan"]),
        ("IS", 0x00200013, b"1.5 ", ["1.5"]),
        ("DA", 0x00080020, b"yesterday ", ["yesterday"]),
        ("FD", 0x00189087, b"\0\0\0\0\0\0\xf8\x7f", ["NaN"]),
        ("FD", 0x00189087, b"\0\0\0\0\0\0\xf0\xff", ["-inf"]),
        ("US", 0x00280010, b"\x01\0\x02\x03\x04", [1, 770]),
        ("UI", 0x00080016, b"not a uid\0", ["not a uid"]),
        ("PN", 0x00100010, b"A=B==D", [{"Alphabetic": "A", "Ideographic": "B"}]),
        ("LO", 0x00081030, b"\xff\xfe \\x", ["ÿþ", "x"]),
        ("AT", 0x00280009, b"\x18\0\x63\x10", ["00181063"]),
        ("UV", 0x00080009, b"\xff" * 8, [str(2**64 - 1)]),
    ],
)  # fmt: skip
def test_a_value_that_breaks_a_rule_is_told_as_it_is(tmp_path, vr, tag, content, told_as):
    found = told(tmp_path, spliced(instance(), tag, vr, content))
    assert found[f"{tag:08X}"]["Value"] == told_as
    json.dumps(found, allow_nan=False)


def test_private_elements_are_told_by_what_is_known_of_them(tmp_path):
    ds = instance()
    block = ds.private_block(0x0019, "SIEMENS MR HEADER", create=True)
    block.add_new(0x0C, "IS", "1000")
    ds.private_block(0x0021, "SOMEBODY", create=True).add_new(1, "LO", "a word")
    explicit, implicit = (told(tmp_path, ds, syntax) for syntax in SYNTAXES[1::-1])
    assert explicit["0019100C"] == implicit["0019100C"] == {"vr": "IS", "Value": [1000]}
    assert explicit["00211001"] == {"vr": "LO", "Value": ["a word"]}
    assert implicit["00211001"]["vr"] == "UN"


@given(ds=nested())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_nested_is_told_and_is_json(tmp_path, ds):
    whole = instance()
    whole.update(ds)
    for syntax in SYNTAXES[:3]:
        found = told(tmp_path, whole, syntax)
        json.dumps(found, allow_nan=False)
        assert set(found) == {f"{int(tag):08X}" for tag in whole.keys()}  # noqa: SIM118
