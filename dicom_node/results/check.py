"""The gate before anything may leave: refuses what a peer would refuse, and what is not marked.

It looks at the encoded bytes, as a peer will, and at the source for identity and place.
"""

from collections.abc import Iterator, Sequence
from io import BytesIO

import numpy as np
from pydicom import config, dcmread
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.uid import ExplicitVRLittleEndian

from dicom_node.dicom import is_uid
from dicom_node.errors import OutputInvalid
from dicom_node.results.copy import IDENTITY
from dicom_node.results.iod import Iod, iod_of
from dicom_node.results.making import Making

__all__ = ["check_series"]

WITH_VALUE = (
    "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "Modality",
    "FrameOfReferenceUID", "ImageType", "PatientID", "BodyPartExamined", "ImagePositionPatient",
    "ImageOrientationPatient", "PixelSpacing", "SliceThickness", "SamplesPerPixel",
    "PhotometricInterpretation", "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit",
    "PixelRepresentation", "PixelData", "WindowCenter",
    "WindowWidth", "Manufacturer", "ManufacturerModelName", "SoftwareVersions", "DeviceUID",
    "SeriesDescription", "SeriesNumber", "InstanceNumber", "InstanceCreatorUID",
    "InstanceCreationDate", "SeriesDate", "ContentDate", "ContentTime", "SyntheticData",
    "ContentQualification", "BurnedInAnnotation", "LossyImageCompression", "ImageComments",
    "DerivationDescription", "DerivationCodeSequence", "CodingSchemeIdentificationSequence",
    "SourceImageSequence", "ReferencedSeriesSequence", "RelatedSeriesSequence",
    "ContributingEquipmentSequence",
)  # fmt: skip
"""Type 1 of all kinds of image, and the marks: present, with a value."""
FORBIDDEN = (
    "ContrastBolusAgent", "IconImageSequence", "ReferencedImageSequence", "ModalityLUTSequence",
    "VOILUTSequence",
)  # fmt: skip
"""What no result may say: another image's looks; what its kind may not say stands in its IOD."""
NEAR_MM = 0.01


def check_series(encoded: Sequence[bytes], making: Making) -> None:
    """Refuse a series that must not leave.

    Parameters
    ----------
    encoded : sequence of bytes
        Part 10 files, in slice order.
    making : Making
        What they were made of.

    Raises
    ------
    OutputInvalid
        Naming every fault of the first slice that has one.
    """
    slices = making.synthesis.stored.pixels.shape[0]
    if len(encoded) != slices:
        raise OutputInvalid(f"{len(encoded)} objects for {slices} slices")
    read = [_parsed(content) for content in encoded]
    for number, ds in enumerate(read, start=1):
        if faults := list(_faults(ds, making)):
            raise OutputInvalid(f"slice {number}: {'; '.join(faults)}")
    if faults := list(_series_faults(read, making)):
        raise OutputInvalid("; ".join(faults))


def _parsed(content: bytes) -> Dataset:
    try:
        with config.disable_value_validation():  # identity is the source's, valid or not
            ds = dcmread(BytesIO(content))
            ds.decode()
    except (InvalidDicomError, EOFError, ValueError, KeyError, TypeError, LookupError) as exc:
        raise OutputInvalid(f"an object cannot be read back: {exc}") from exc
    return ds


def _faults(ds: Dataset, making: Making) -> Iterator[str]:
    iod = iod_of(making.task.makes)
    wanted, present = (*WITH_VALUE, *iod.with_value), (*IDENTITY, *iod.present)
    yield from (f"{word} has no value" for word in wanted if _empty(ds, word))
    yield from (f"{word} is absent" for word in present if word not in ds)
    yield from (f"{word} must not be there" for word in (*FORBIDDEN, *iod.forbidden) if word in ds)
    yield from _mark_faults(ds, iod.image_type(making.task.makes))
    yield from _identity_faults(ds, making, iod)
    yield from _pixel_faults(ds, making, iod)


def _empty(ds: Dataset, word: str) -> bool:
    return word not in ds or ds[word].is_empty or (ds[word].VR == "SQ" and not ds[word].value)


def _mark_faults(ds: Dataset, wanted_type: list[str]) -> Iterator[str]:
    """Every mark in its place: many tools know only some of them."""
    image_type = list(ds.get("ImageType") or [])
    if image_type != wanted_type:
        yield f"Image Type is {image_type}"
    if ds.get("SyntheticData") != "YES":
        yield "Synthetic Data (0008,001C) is not YES"
    for word in ("SeriesDescription", "ImageComments", "DerivationDescription"):
        if "SYNTHETIC" not in str(ds.get(word, "")).upper():
            yield f"{word} does not say SYNTHETIC"
    codes = [
        str(code.get("CodeValue"))
        for item in ds.get("ContributingEquipmentSequence") or []
        for code in item.get("PurposeOfReferenceCodeSequence") or []
    ]
    if codes[:1] != ["109101"] or codes[-1:] != ["109100"]:
        yield f"contributing equipment is {codes}, 109101 first and 109100 last are wanted"
    if any(element.tag.is_private for element in ds.iterall()):
        yield "there is a private element"
    if any(0x6000 <= element.tag.group <= 0x60FF for element in ds):
        yield "there is an overlay"


def _identity_faults(ds: Dataset, making: Making, iod: Iod) -> Iterator[str]:
    source = making.sources[0].header
    for word in IDENTITY:
        if str(ds.get(word, "") or "") != str(source.get(word, "") or ""):
            yield f"{word} is not the source's"
    for word in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "FrameOfReferenceUID"):
        if not is_uid(str(ds.get(word, ""))):
            yield f"{word} is no UID"
    if ds.get("SOPClassUID") != iod.sop_class_uid or ds.get("Modality") != iod.modality:
        yield f"it is no {iod.modality} image"
    if ds.file_meta.get("TransferSyntaxUID") != ExplicitVRLittleEndian:
        yield "it is not Explicit VR Little Endian"
    if ds.get("SeriesInstanceUID") in {str(s.header.SeriesInstanceUID) for s in making.sources}:
        yield "its series is the source's own"


def _pixel_faults(ds: Dataset, making: Making, iod: Iod) -> Iterator[str]:
    number = ds.get("InstanceNumber")
    pixels = making.synthesis.stored.pixels
    if not isinstance(number, int) or not 1 <= number <= pixels.shape[0]:
        yield f"Instance Number is {number}"
        return
    expected = pixels[number - 1]
    held = np.frombuffer(bytes(ds.get("PixelData") or b""), dtype=iod.dtype)
    if (ds.get("Rows"), ds.get("Columns")) != expected.shape or held.size != expected.size:
        yield f"{held.size} pixels, {ds.get('Rows')} × {ds.get('Columns')} announced"
    elif not np.array_equal(held.reshape(expected.shape), expected):
        yield "the pixels are not those that were made"
    bits = [ds.get(w) for w in ("BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation")]
    if bits != list(iod.bits):
        yield f"bits are {bits}"
    stored = making.synthesis.stored
    rescale = (ds.get("RescaleSlope"), ds.get("RescaleIntercept"))
    if "RescaleSlope" in iod.with_value and rescale != (stored.slope, stored.intercept):
        yield "the rescale is not the one that was used"
    if ds.get("PixelPaddingValue") != stored.padding:
        yield "Pixel Padding Value is not the one that was used"


def _series_faults(read: Sequence[Dataset], making: Making) -> Iterator[str]:
    """Yield what only the whole series shows: one stack, each slice once, in its place."""
    if len({ds.SOPInstanceUID for ds in read}) != len(read):
        yield "a SOP Instance UID is used twice"
    if [ds.InstanceNumber for ds in read] != list(range(1, len(read) + 1)):
        yield "instance numbers do not count the slices"
    for word in ("SeriesInstanceUID", "ImageOrientationPatient", "PixelSpacing", "DeviceUID"):
        if len({str(ds[word].value) for ds in read}) > 1:
            yield f"{word} differs between slices"
    grid = making.synthesis.volume.grid
    for z, ds in enumerate(read):
        seen = np.array([float(value) for value in ds.ImagePositionPatient])
        wanted = (
            np.array(making.sources[0].planes[z].position_mm)
            if making.grid == "native"
            else grid.affine[:3, 3] + z * grid.affine[:3, 0]
        )
        if np.abs(seen - wanted).max() > NEAR_MM:
            yield f"slice {z + 1} lies {np.abs(seen - wanted).max():.2f} mm from its place"
            return
    cosines = np.array([float(value) for value in read[0].ImageOrientationPatient])
    spacing = [float(value) for value in read[0].PixelSpacing]
    away = np.abs(cosines[:3] * spacing[1] - grid.affine[:3, 2]).max()
    away = max(away, np.abs(cosines[3:] * spacing[0] - grid.affine[:3, 1]).max())
    if away * max(grid.shape) > NEAR_MM:
        yield "orientation or pixel spacing is not the volume's"
