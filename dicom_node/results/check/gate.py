"""The gate before anything may leave: every element of every object is what it has to be.

It looks at the encoded bytes, as a peer will, and holds each element against what source, task and
synthesis say that it must be. What is absent, changed, or there without being wanted, is a fault.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
from pydicom import config
from pydicom.datadict import keyword_for_tag
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag, Tag

from dicom_node.dicom import is_uid
from dicom_node.errors import OutputInvalid
from dicom_node.results.charset import CHARACTER_SET, sets_of
from dicom_node.results.check.equipment import equipment
from dicom_node.results.check.geometry import (
    faults_of_grid,
    place,
    shape_of_slices,
    wanted_planes,
)
from dicom_node.results.check.identity import copied, faults_of_set, instance, series
from dicom_node.results.check.kinds import Kind, kind_of
from dicom_node.results.check.marks import faults_of_words, marks
from dicom_node.results.check.part10 import Raw, decode, faults_of_file, measure, raw_of, read
from dicom_node.results.check.pixels import faults_of_made, pixels
from dicom_node.results.check.references import SourceImages, references
from dicom_node.results.check.sources import faults_of_provenance, faults_of_sources
from dicom_node.results.check.wanted import Table, exactly, faults_of_element, name_of, plain
from dicom_node.results.iod import iod_of
from dicom_node.results.making import Making

__all__ = ["FORBIDDEN", "WITH_VALUE", "check_series"]

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
_UIDS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "FrameOfReferenceUID")
_PIXEL_DATA = Tag("PixelData")
_MOST_FAULTS = 8
"""Faults that one message names."""


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
        Naming the faults of what it was made of, or of the first slice that has one.
    """
    slices = making.synthesis.stored.pixels.shape[0]
    if len(encoded) != slices:
        _refuse("series", [f"there are {len(encoded)} objects for {slices} slices"])
    with config.disable_value_validation():  # identity is the source's, valid or not
        kind = kind_of(making.task.makes)
        _refuse("what was made", _faults_of_making(making, kind))
        gate = _Gate(making, kind)
        for z, content in enumerate(encoded):
            _refuse(f"slice {z + 1} of {slices}", gate.faults(content, z))


def _refuse(where: str, faults: Iterable[str]) -> None:
    """Refuse what has a fault.

    Raises
    ------
    OutputInvalid
        When there is one.
    """
    try:
        found = list(dict.fromkeys(faults))
    except OutputInvalid as exc:
        found = [str(exc)]
    if not found:
        return
    more = [f"and {len(found) - _MOST_FAULTS} more"] if len(found) > _MOST_FAULTS else []
    text = "; ".join(found[:_MOST_FAULTS] + more)
    raise OutputInvalid(f"{where}: {text}. Nothing of the series leaves; report this line as a bug")


def _faults_of_making(making: Making, kind: Kind) -> Iterator[str]:
    yield from faults_of_sources(making)
    yield from faults_of_provenance(making)
    yield from faults_of_words(making)
    yield from faults_of_grid(making)
    yield from faults_of_made(making, kind.bits)
    stored = making.synthesis.stored
    slope = stored.slope if kind.slope is None else kind.slope
    if (stored.slope, stored.intercept) != (slope, kind.intercept):
        yield (
            f"the rescale that was used is {stored.slope}, {stored.intercept}; "
            f"{slope}, {kind.intercept} is wanted"
        )


class _Gate:
    """What every slice of one series has to be.

    Elements that all slices share are compared by value in the first, and by their bytes with the
    first in the others: a series of 300 slices names its 300 sources 300 times.
    """

    def __init__(self, making: Making, kind: Kind) -> None:
        self._making, self._kind, self._iod = making, kind, iod_of(making.task.makes)
        self._source, self._planes = making.sources[0].header, wanted_planes(making)
        self._images, self._first = SourceImages(making), dict[BaseTag, Raw]()
        resampled = making.grid != "native" or self._images.resampled
        own = series(making)
        moment = "".join(str(own[f"Content{word}"].values[0]) for word in ("Date", "Time"))
        body_part = making.task.bundle.contract.body_part
        self._shared = {
            **copied(self._source, body_part, acquired=kind.acquired),
            **own,
            **marks(making, resampled=resampled),
            **equipment(making, moment),
            **references(making),
            **shape_of_slices(making),
            **pixels(making, kind.bits),
            **kind.table(making),
        }

    def faults(self, content: bytes, z: int) -> Iterator[str]:
        """Yield what is wrong with slice ``z`` (from 0)."""
        ds = read(content)
        raw = raw_of(content)
        yield from faults_of_file(content, ds, raw)
        changed = [tag for tag, one in raw.items() if self._first.get(tag) != one]
        for tag in changed:
            if raw[tag][0] == "SQ":
                measure(raw[tag][1])
        decode(ds, changed)
        if z == 0:
            self._first = raw
            yield from self._faults_of_first(ds)
        yield from self._faults_of_elements(ds, changed, z)
        yield from _faults_of_unknown(raw)
        yield from self._faults_of_pixels(raw.get(_PIXEL_DATA), z)

    def _faults_of_first(self, ds: Dataset) -> Iterator[str]:
        for word in (*WITH_VALUE, *self._iod.with_value):
            if word != "PixelData" and word in ds and not plain(ds[word]):
                yield f"{word} has no value"
        for word in _UIDS:
            if not is_uid(str(ds.get(word, ""))):
                yield f"{word} is no UID"
        for word in (*FORBIDDEN, *self._iod.forbidden):
            if word in ds:
                yield f"{word} must not be there"
        yield from faults_of_set(ds, self._source)
        if CHARACTER_SET in ds:
            self._shared[CHARACTER_SET] = exactly(*sets_of(ds))

    def _faults_of_elements(self, ds: Dataset, changed: Sequence[BaseTag], z: int) -> Iterator[str]:
        own = self._of_slice(ds, z)
        table = {**self._shared, **own}
        for keyword in table:
            if keyword not in ds:
                yield f"{keyword} is absent"
        for tag in dict.fromkeys((*changed, *(Tag(word) for word in own if word in ds))):
            keyword = keyword_for_tag(tag)
            if tag == _PIXEL_DATA:
                continue
            if keyword not in table:
                yield f"{name_of(tag)} must not be there"
                continue
            faults = faults_of_element(ds[tag], table[keyword], signed=self._kind.bits.signed)
            found = list(faults)
            if not found and z and keyword not in own:
                found = [f"{keyword} is written otherwise than in slice 1"]
            yield from found

    def _of_slice(self, ds: Dataset, z: int) -> Table:
        return {
            **instance(self._making, z),
            **place(self._planes[z]),
            **self._kind.of_slice(z),
            "SourceImageSequence": self._images.of_slice(z, ds),
        }

    def _faults_of_pixels(self, element: Raw | None, z: int) -> Iterator[str]:
        wanted = self._making.synthesis.stored.pixels[z]
        if element is None:
            yield "PixelData is absent"
            return
        vr, content = element
        if vr != "OW":
            yield f"PixelData is written as {vr}, OW is wanted"
        if len(content) != 2 * wanted.size:
            yield f"PixelData has {len(content)} bytes, {2 * wanted.size} are wanted"
        elif content != np.ascontiguousarray(wanted, self._kind.bits.dtype).tobytes():
            yield "PixelData is not what was made"


def _faults_of_unknown(raw: Mapping[BaseTag, Raw]) -> Iterator[str]:
    """Yield what is written as unknown: pydicom reads it by the dictionary, others need not."""
    for tag, (vr, _) in raw.items():
        if vr == "UN":
            yield f"{name_of(tag)} is written as UN"
