"""Every way in which an element of a result may be other than it should, found from the result."""

import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO

from pydicom import config, dcmread, dcmwrite
from pydicom.datadict import dictionary_VR, keyword_for_tag
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence as Items
from pydicom.tag import BaseTag, Tag

Above = tuple[tuple[BaseTag, int], ...]
"""The sequences around an element, each with the index of the item."""

SAMPLES = {
    "AE": "X", "AS": "099Y", "CS": "X", "DA": "19990909", "DS": "7.5", "DT": "19990909111111",
    "FD": 7.5, "FL": 7.5, "IS": "7", "LO": "X", "LT": "X", "OB": b"\7\7", "OW": b"\7\7",
    "PN": "X^Y", "SH": "X", "SL": 7, "SS": 7, "ST": "X", "TM": "111111", "UI": "1.2.3", "UC": "X",
    "AT": 0x00100010, "UL": 7, "UR": "x:y", "US": 7, "US or SS": 7,
    "OB or OW": b"\7\7", "UT": "X", "UN": b"\7\7",
}  # fmt: skip
"""A value of each VR that no element of a result has."""
TEXT = frozenset({"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UT"})
NUMBERS = frozenset({"DS", "IS", "US", "SS", "UL", "SL", "FD", "FL"})


@dataclass(frozen=True)
class Mutation:
    """One thing done to one element."""

    above: Above
    tag: BaseTag
    what: str
    do: Callable[[Dataset, BaseTag], None]

    @property
    def keyword(self) -> str:
        return keyword_for_tag(self.tag) or str(self.tag)

    def __str__(self) -> str:
        path = "".join(f"{keyword_for_tag(tag)}[{index + 1}]." for tag, index in self.above)
        return f"{path}{self.keyword}: {self.what}"

    def on(self, content: bytes) -> bytes:
        """Return a file with this done to it."""
        with config.disable_value_validation():
            ds = dcmread(BytesIO(content))
            item = ds
            for tag, index in self.above:
                item = item[tag].value[index]
            self.do(item, self.tag)
            return written(ds)


def written(ds: Dataset) -> bytes:
    """Return a file without the writer's own checks: the gate has to see what it lets through."""
    buffer = BytesIO()
    with warnings.catch_warnings(), config.disable_value_validation():
        warnings.simplefilter("ignore")
        dcmwrite(buffer, ds, enforce_file_format="SOPInstanceUID" in ds)
    return buffer.getvalue()


def mutations(content: bytes, source: Dataset) -> list[Mutation]:
    """Return every mutation of a file; what its source has and it has not is added to it."""
    ds = dcmread(BytesIO(content))
    found = list(_of_elements(ds, ()))
    found += [_added(element, ()) for element in source if element.tag not in ds]
    found += [_added(element, ()) for element in FOREIGN if element.tag not in ds]
    return found


def _of_elements(ds: Dataset, above: Above) -> Iterator[Mutation]:
    for element in ds:
        for what, do in _changes(element):
            yield Mutation(above, element.tag, what, do)
        for index, item in enumerate(element.value if element.VR == "SQ" else ()):
            inside = (*above, (element.tag, index))
            yield from _of_elements(item, inside)
            yield _added(DataElement(0x00204000, "LT", "X"), inside)
            yield _added(DataElement(0x00990010, "LO", "ACME"), inside)


def _added(element: DataElement, above: Above) -> Mutation:
    def add(ds: Dataset, tag: BaseTag) -> None:
        ds[tag] = element

    return Mutation(above, element.tag, "added", add)


def _changes(element: DataElement) -> Iterator[tuple[str, Callable]]:
    def drop(ds: Dataset, tag: BaseTag) -> None:
        del ds[tag]

    yield "removed", drop
    if element.is_empty or (element.VR == "SQ" and not element.value):
        yield "filled", _putting(_sample(element))
    else:
        yield "emptied", _putting([] if element.VR == "SQ" else None)
        for value in _others(element):
            yield f"changed to {_short(value)}", _putting(value)
    if element.VR in TEXT:
        yield "of another VR", _as_vr("ST" if element.VR == "LT" else "LT")
    if element.VR in ("US", "SS") and _is_short(element.value):
        yield "of another VR", _as_vr("SS" if element.VR == "US" else "US")


def _is_short(value: object) -> bool:
    """Whether both VRs can write it."""
    values = [value] if isinstance(value, int) else value
    return all(one < 2**15 for one in values)


def _short(value: object) -> str:
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    if isinstance(value, Items):
        return f"{len(value)} items"
    return re.sub(r"\s+", " ", str(value))[-40:]


def _putting(value: object) -> Callable[[Dataset, BaseTag], None]:
    def put(ds: Dataset, tag: BaseTag) -> None:
        ds[tag] = DataElement(tag, ds[tag].VR, value)

    return put


def _as_vr(vr: str) -> Callable[[Dataset, BaseTag], None]:
    def rewrite(ds: Dataset, tag: BaseTag) -> None:
        value = ds[tag].value
        if vr in TEXT:
            values = value if isinstance(value, MultiValue) else [value]
            value = "\\".join(map(str, values))
        ds[tag] = DataElement(tag, vr, value)

    return rewrite


def _sample(element: DataElement) -> object:
    if element.VR != "SQ":
        return SAMPLES[element.VR]
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = "1", "99X", "One"
    return Items([item])


def _others(element: DataElement) -> Iterator[object]:
    """Yield other values of the same VR: each value changed, one more, one less, turned round."""
    if element.VR == "SQ":
        yield from _other_items(element.value)
        return
    if element.VR in ("OW", "OB"):
        yield from _other_bytes(element.value)
        return
    values = list(element.value) if element.VM > 1 else [element.value]
    for index, value in enumerate(values):
        for other in _other_values(value, element.VR):
            yield [*values[:index], other, *values[index + 1 :]]
    if len(values) > 1:
        yield values[:-1]
    if len(values) > 1 and values != values[::-1]:
        yield values[::-1]
    if element.VR not in ("LT", "ST", "UT"):  # these have one value, whatever stands in it
        yield [*values, values[0]]


def _other_items(items: Items) -> Iterator[Items]:
    for index in range(len(items)):
        if len(items) > 1:
            yield Items([*items[:index], *items[index + 1 :]])
        yield Items([*items, items[index]])
    if len(items) > 1:
        yield Items(items[::-1])


def _other_bytes(content: bytes) -> Iterator[bytes]:
    for at in (0, len(content) // 2, len(content) - 1):
        yield content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
    yield content[:-2]
    yield content + bytes(2)
    yield bytes(len(content))


def _other_values(value: object, vr: str) -> Iterator[object]:
    if vr in NUMBERS:
        number = float(value)
        yield from _numbers(number, vr)
    elif vr == "UI":
        yield "1.2.3"
        yield f"{str(value)[:-1]}{(int(str(value)[-1]) + 1) % 10}"
    elif vr == "AT":
        yield SAMPLES[vr]
    else:
        text = str(value)
        yield SAMPLES[vr]
        if text.swapcase() != text and vr not in ("CS", "DA", "TM", "DT", "AS"):
            yield text[:-2] + text[-2:].swapcase() if text[-2:].isalpha() else text.swapcase()
        if len(text) > 1:
            middle = len(text) // 2
            yield text[:middle] + ("7" if text[middle] != "7" else "8") + text[middle + 1 :]


def _numbers(number: float, vr: str) -> Iterator[object]:
    whole = vr not in ("DS", "FD", "FL")
    for other in (number + 1, 2 * number + 3, number * 1.0001 + 0.0001):
        if not whole:
            yield f"{other:.10g}" if vr == "DS" else other
        elif other == int(other) and abs(other) < 2**15:
            yield str(int(other)) if vr == "IS" else int(other)


def _foreign() -> Iterator[DataElement]:
    """Yield what no result may hold: other images' looks, physics of scans, private matter."""
    for tag, vr, value in (
        (0x00080000, "UL", 4), (0x00990010, "LO", "ACME"), (0x60000010, "US", 16),
        (0x60003000, "OW", b"\0\0"), (0x50000005, "US", 1), (0xFFFCFFFC, "OB", b"\0\0"),
    ):  # fmt: skip
        yield DataElement(tag, vr, value)
    for word in (
        "ContrastBolusAgent", "IconImageSequence", "ReferencedImageSequence", "ModalityLUTSequence",
        "VOILUTSequence", "EchoTime", "KVP", "Exposure", "ExposureTime", "XRayTubeCurrent",
        "ConvolutionKernel", "CTDIvol", "IrradiationEventUID", "InversionTime", "FlipAngle",
        "MagneticFieldStrength", "SequenceName", "ProtocolName", "SAR", "RescaleSlope",
        "RescaleIntercept", "RescaleType", "SUVType", "DecayFactor", "DoseCalibrationFactor",
        "SmallestImagePixelValue", "LargestImagePixelValue", "RealWorldValueMappingSequence",
        "DigitalSignaturesSequence", "OriginalAttributesSequence", "InstanceOriginStatus",
        "SOPInstanceStatus", "PerformedProcedureStepID", "AcquisitionUID", "PatientPosition",
        "LossyImageCompressionRatio", "AcquisitionContrast", "OperatorsName", "PatientAddress",
        "RadiopharmaceuticalInformationSequence", "PixelPaddingValue", "PixelPaddingRangeLimit",
        "SourceImageSequence", "WindowCenterWidthExplanation", "VOILUTFunction",
        "ImageIndex", "PresentationLUTShape", "PixelIntensityRelationship", "PatientBirthTime",
    ):  # fmt: skip
        tag = Tag(word)
        vr = dictionary_VR(tag)
        item = Dataset()
        item.CodeValue = "1"
        value = Items([item]) if vr == "SQ" else SAMPLES[vr]
        yield DataElement(tag, {"US or SS": "US"}.get(vr, vr), value)


FOREIGN = tuple(_foreign())
