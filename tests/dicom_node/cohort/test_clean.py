"""Nothing that names a person is left of an object, wherever it was hidden."""

import re
from datetime import datetime
from io import BytesIO

import numpy as np
import pytest
from pydicom import config, dcmread, dcmwrite
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from dicom_node.cohort import Person
from dicom_node.cohort.clean import Cleaner, IdentityLeft, pseudonym
from tests.support.mr import MrSeries

KEY = b"a key of thirty-two bytes or so!"
PERSON = Person("MRN-4711-XK", "St. Hedwig")
SECRETS = {
    "PatientName": "Quokkamann^Wilhelmina^Tordis",
    "PatientID": "MRN-4711-XK",
    "OtherPatientIDs": "OLD-2231-ZZ",
    "IssuerOfPatientID": "St. Hedwig",
    "PatientBirthDate": "19330417",
    "PatientAddress": "Wallabystrasse 77",
    "ReferringPhysicianName": "Numbatfeld^Ottokar",
    "InstitutionName": "Klinik Bilbyhausen",
    "AccessionNumber": "ACC-99-QX",
    "StationName": "MRROOMX9",
    "DeviceSerialNumber": "SN-55-QQ-1",
    "StudyDescription": "Schaedel Quokkamann",
    "SeriesDescription": "t1 for Dr. Numbatfeld",
    "ProtocolName": "WILHELMINA",
    "ImageComments": "call 030-555-0199",
    "OperatorsName": "Dunnart^Eva",
    "StudyDate": "20240229",
    "SeriesDate": "20240229",
    "ContentDate": "20240229",
    "AcquisitionDateTime": "20240229101010",
}
HIDDEN = "Quokkamann", "Potoroo-Secret-1"
KEPT = (
    "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "Rows", "RepetitionTime",
    "EchoTime", "ScanningSequence", "SOPClassUID", "Modality", "ImageType",
)  # fmt: skip


def an_object() -> Dataset:
    ds = MrSeries().datasets()[10]
    for word, value in SECRETS.items():
        setattr(ds, word, value)
    ds.PatientAge = "094Y"
    return ds


def item(text: str) -> Dataset:
    one = Dataset()
    one.PatientName, one.PatientComments = text, text
    return one


def even(raw: bytes) -> bytes:
    return raw + b"\0" * (len(raw) % 2)


def in_private(ds: Dataset, text: str) -> None:
    block = ds.private_block(0x0029, "ODD VENDOR", create=True)
    block.add_new(0x10, "LO", text)
    block.add_new(0x11, "OB", even(b"\0\1" + text.encode()))


def in_private_sequence(ds: Dataset, text: str) -> None:
    block = ds.private_block(0x0031, "ODD VENDOR", create=True)
    block.add_new(0x20, "SQ", Sequence([item(text)]))


def in_original_attributes(ds: Dataset, text: str) -> None:
    outer = Dataset()
    outer.ModifiedAttributesSequence, outer.SourceOfPreviousValues = [item(text)], text
    ds.OriginalAttributesSequence = [outer]


def in_an_overlay(ds: Dataset, text: str) -> None:
    ds.add_new(0x60003000, "OW", even(text.encode()))
    ds.add_new(0x60000022, "LO", text)


def in_spare_bits(ds: Dataset, text: str) -> None:
    pixels = np.frombuffer(ds.PixelData, "<u2").copy()
    for at, letter in enumerate(text.encode()):
        pixels[2 * at] |= (letter >> 4) << 12
        pixels[2 * at + 1] |= (letter & 15) << 12
    ds.PixelData = pixels.tobytes()


def behind_the_pixels(ds: Dataset, text: str) -> None:
    ds.PixelData += even(text.encode())


def in_an_icon(ds: Dataset, text: str) -> None:
    icon = Dataset()
    icon.add_new("PixelData", "OW", even(text.encode()))
    ds.IconImageSequence = [icon]


def in_a_request(ds: Dataset, text: str) -> None:
    one = item(text)
    one.RequestedProcedureDescription = text
    ds.RequestAttributesSequence = [one]


def in_groups(ds: Dataset, text: str) -> None:
    """Of frames: the sequence stays, what is hidden in it does not."""
    group, content = Dataset(), Dataset()
    content.FrameComments, content.DimensionIndexValues = text, [1, 2]
    group.FrameContentSequence = [content]
    ds.PerFrameFunctionalGroupsSequence = [group]


PLACES = {
    "private": in_private,
    "private sequence": in_private_sequence,
    "OriginalAttributesSequence": in_original_attributes,
    "overlay": in_an_overlay,
    "curve": lambda ds, text: ds.add_new(0x50003000, "OW", even(text.encode())),
    "padding": lambda ds, text: ds.add_new(0xFFFCFFFC, "OB", even(text.encode())),
    "unknown VR": lambda ds, text: ds.add_new(0x00091001, "UN", even(text.encode())),
    "preamble": lambda ds, text: setattr(ds, "preamble", text.encode().ljust(128, b"\0")),
    "code string": lambda ds, text: ds.add_new("ImageType", "CS", ["ORIGINAL", text.upper()]),
    "decimal string": lambda ds, text: setattr(ds["RepetitionTime"], "_value", text),
    "age": lambda ds, text: ds.add_new("PatientAge", "AS", text),
    "manufacturer": lambda ds, text: setattr(ds, "Manufacturer", f"SIEMENS {text}"),
    "trailing pixels": behind_the_pixels,
    "spare bits": in_spare_bits,
    "icon": in_an_icon,
    "request": in_a_request,
    "functional groups": in_groups,
}


def hide(ds: Dataset, place: str, text: str) -> None:
    """Put a text where nobody looks."""
    with config.disable_value_validation():
        PLACES[place](ds, text)


def written(ds: Dataset) -> bytes:
    buffer = BytesIO()
    dcmwrite(buffer, ds, enforce_file_format=True)
    return buffer.getvalue()


def as_sent(ds: Dataset) -> bytes:
    with config.disable_value_validation():
        return written(ds) + str(ds["RepetitionTime"]._value).encode()


def cleaned(ds: Dataset):
    return Cleaner(KEY, PERSON).clean(ds)


def nibbles(content: bytes) -> bytes:
    """Return what lies in the four high bits of pairs of 16-bit words."""
    high = np.frombuffer(content[: len(content) // 2 * 2], "<u2") >> 12
    high = high[: len(high) // 2 * 2].reshape(-1, 2)
    return (high[:, 0] << 4 | high[:, 1]).astype(np.uint8).tobytes()


@pytest.mark.parametrize("word", SECRETS)
def test_what_stands_where_it_is_meant_to_be_is_gone(word):
    content = written(cleaned(an_object()).ds)
    for part in re.findall(r"[^^ ]{4,}", SECRETS[word]):
        assert part.encode() not in content, part
        assert part.upper().encode() not in content.upper(), part


@pytest.mark.parametrize("text", HIDDEN)
@pytest.mark.parametrize("place", PLACES)
def test_what_is_hidden_is_gone(place, text):
    ds = an_object()
    hide(ds, place, text)
    if place == "spare bits":
        assert text.encode() in nibbles(ds.PixelData), "it is planted"
    else:
        assert text.upper()[:16].encode() in as_sent(ds).upper(), "it is planted"
    found = cleaned(ds)
    content = written(found.ds)
    assert text.upper()[:10].encode() not in content.upper()
    assert text.encode() not in nibbles(found.ds.PixelData)


@pytest.mark.parametrize(
    "place",
    ["private", "private sequence", "OriginalAttributesSequence", "request", "unknown VR", "icon"],
)
def test_where_a_name_was_found_is_reported_without_it(place):
    ds = an_object()
    hide(ds, place, "Quokkamann")
    found = cleaned(ds)
    assert len(found.found) > len(cleaned(an_object()).found)
    assert not any("uokka" in one for one in (*found.found, *found.removed))


def test_what_teaches_is_kept_as_it_was():
    before = an_object()
    after = cleaned(before).ds
    assert after.PixelData == before.PixelData
    for word in KEPT:
        assert after[word].value == before[word].value, word
    assert (after.PatientSex, after.PatientAge, after.Manufacturer) == ("", "090Y", "SIEMENS")


def test_signed_pixels_keep_their_values():
    ds = an_object()
    pixels = np.arange(-1024, -1024 + 48 * 48, dtype="<i2")
    ds.PixelRepresentation, ds.PixelData = 1, pixels.tobytes()
    assert np.array_equal(np.frombuffer(cleaned(ds).ds.PixelData, "<i2"), pixels.clip(-2048, 2047))


def test_it_says_that_it_was_done_and_how():
    after = cleaned(an_object()).ds
    assert after.PatientIdentityRemoved == "YES"
    codes = [one.CodeValue for one in after.DeidentificationMethodCodeSequence]
    assert codes == ["113100", "113107", "113108"]
    assert after.LongitudinalTemporalInformationModified == "MODIFIED"
    assert dcmread(BytesIO(written(after))).PatientID == pseudonym(KEY, PERSON)


def test_all_of_a_person_hang_together_and_nobody_else_does():
    one, two = MrSeries().datasets()[:2]
    two.StudyDate = "20260109"
    first, second = cleaned(one).ds, cleaned(two).ds
    for word in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "PatientID"):
        assert first[word].value == second[word].value != one[word].value
    assert first.SOPInstanceUID != second.SOPInstanceUID
    days = [datetime.strptime(one.StudyDate, "%Y%m%d") for one in (first, second)]  # noqa: DTZ007
    assert (days[1] - days[0]).days == 7
    other = Cleaner(KEY, Person("P2")).clean(one).ds
    assert other.StudyInstanceUID != first.StudyInstanceUID
    assert other.PatientID != first.PatientID
    assert written(cleaned(one).ds) == written(first), "the same object, the same bytes"


def test_without_the_key_a_pseudonym_tells_nothing():
    assert pseudonym(KEY, PERSON) != pseudonym(b"another key", PERSON)
    assert pseudonym(KEY, Person("ab", "c")) != pseudonym(KEY, Person("b", "ca"))


def test_writing_in_the_pixels_cannot_be_removed():
    ds = an_object()
    ds.BurnedInAnnotation = "YES"
    with pytest.raises(IdentityLeft, match="Burned In Annotation is YES"):
        cleaned(ds)


def test_what_was_given_is_left_as_it_was():
    ds = an_object()
    before = written(ds)
    cleaned(ds)
    assert written(ds) == before
