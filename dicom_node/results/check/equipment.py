"""Who made a result: this node, with this model; and who had a part in it before."""

from collections.abc import Sequence

from pydicom.dataset import Dataset

from dicom_node import __version__
from dicom_node.dicom import MANUFACTURER, MODEL_NAME, device_uid_of
from dicom_node.results.charset import sets_of
from dicom_node.results.check.wanted import Table, Wanted, code, exactly, of_source
from dicom_node.results.making import Making
from dicom_node.results.valid import valid_element, valid_part
from dicom_node.results.words import name_of

__all__ = ["equipment"]

_OF_SCANNER = (
    "ManufacturerModelName", "DeviceSerialNumber", "SoftwareVersions", "StationName",
    "InstitutionName",
)  # fmt: skip
_CODE_VALUES = ("CodeValue", "LongCodeValue", "URNCodeValue")
_LONGEST = 64
"""Characters of a Long String (PS3.5 6.2)."""


def equipment(making: Making, moment: str) -> Table:
    """Return General Equipment and Contributing Equipment, as they are wanted.

    Parameters
    ----------
    making : Making
        What the result was made of.
    moment : str
        When, as a DT in the zone of the result.

    References
    ----------
    PS3.3 C.7.5.1, C.12.1.1.5; CID 7005.
    """
    model, node_uid = making.synthesis.provenance.model, making.site.node_uid
    versions = (
        __version__,
        f"model {model.name} {model.version}",
        f"weights sha256:{model.weights[:16]}",
    )
    node = {
        "Manufacturer": exactly(MANUFACTURER),
        "ManufacturerModelName": exactly(MODEL_NAME),
        "DeviceSerialNumber": exactly(node_uid[-16:]),
        "SoftwareVersions": exactly(*(one.replace("\\", "/")[:_LONGEST] for one in versions)),
    }
    if making.site.institution:
        node["InstitutionName"] = exactly(making.site.institution)
    what = f"Made {name_of(making)} by machine learning; not acquired"
    last = {
        **node,
        "PurposeOfReferenceCodeSequence": code("109100", "DCM", "Synthesizing Equipment"),
        "ContributionDateTime": exactly(moment),
        "ContributionDescription": exactly(what),
    }
    source = making.sources[0].header
    return {
        **node,
        "DeviceUID": exactly(device_uid_of(node_uid, model.digest)),
        "ContributingEquipmentSequence": Wanted((_scanner(source), *_between(source), last)),
    }


def _scanner(source: Dataset) -> Table:
    maker = valid_element(source, "Manufacturer")
    has_maker = maker is not None and not maker.is_empty
    said = {word: valid_element(source, word) for word in _OF_SCANNER}
    return {
        "PurposeOfReferenceCodeSequence": code("109101", "DCM", "Acquisition Equipment"),
        "Manufacturer": of_source(maker) if has_maker else exactly("UNKNOWN"),
        **{
            word: of_source(element)
            for word, element in said.items()
            if element is not None and not element.is_empty
        },
    }


def _between(source: Dataset) -> Sequence[Table]:
    """Return who had a part in the source, of each what it says validly, if it says for what."""
    tables: list[Table] = []
    for item in source.get("ContributingEquipmentSequence") or ():
        table: dict[str, Wanted] = {
            element.keyword: of_source(element) for element in valid_part(item, sets_of(source))
        }
        if not _says_for_what(table.get("PurposeOfReferenceCodeSequence")):
            continue
        if not table.get("Manufacturer", exactly()).values:
            table["Manufacturer"] = exactly("UNKNOWN")
        tables.append(table)
    return tables


def _says_for_what(purpose: Wanted | None) -> bool:
    codes = () if purpose is None else purpose.values
    return any(
        one.get("CodeMeaning") and any(one.get(word) for word in _CODE_VALUES) for one in codes
    )
