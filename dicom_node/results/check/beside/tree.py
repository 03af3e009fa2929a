"""Items of a structured report's tree, as they are wanted (PS3.3 C.17.3)."""

from collections.abc import Sequence

from dicom_node.results.check.beside.common import referenced
from dicom_node.results.check.wanted import Table, Wanted, code, exactly, items, near

__all__ = ["Name", "coded", "container", "image", "number", "text", "uid"]

Name = tuple[str, str, str]
"""Code value, scheme and meaning."""
_NEAR = 1e-6
"""By how much a number may be off."""


def coded(relationship: str, name: Name, value: Name) -> Table:
    """Return an item whose value is a code."""
    return {**_item(relationship, "CODE", name), "ConceptCodeSequence": code(*value)}


def text(relationship: str, name: Name, value: str) -> Table:
    """Return an item whose value is a text."""
    return {**_item(relationship, "TEXT", name), "TextValue": exactly(value)}


def uid(relationship: str, name: Name, value: str) -> Table:
    """Return an item whose value is a UID."""
    return {**_item(relationship, "UIDREF", name), "UID": exactly(value)}


def number(relationship: str, name: Name, value: float, unit: tuple[str, str]) -> Table:
    """Return an item whose value is a number; one with a fraction is written twice."""
    measured = {
        "NumericValue": near((value,), _NEAR),
        "MeasurementUnitsCodeSequence": code(unit[0], "UCUM", unit[1]),
    }
    if isinstance(value, float):
        measured["FloatingPointValue"] = near((value,), _NEAR)
    return {**_item(relationship, "NUM", name), "MeasuredValueSequence": items(measured)}


def image(name: Name, pair: tuple[str, str], described: Sequence[Table] = ()) -> Table:
    """Return an item that names an image, and what is said of that."""
    wanted = {**_item("CONTAINS", "IMAGE", name)}
    wanted["ReferencedSOPSequence"] = items(*referenced([pair]))
    return {**wanted, "ContentSequence": items(*described)} if described else wanted


def container(name: Name, content: Sequence[Table], template: Wanted | None = None) -> Table:
    """Return an item that holds others."""
    wanted = {
        **_item("CONTAINS", "CONTAINER", name),
        "ContinuityOfContent": exactly("CONTINUOUS"),
        "ContentSequence": items(*content),
    }
    return wanted if template is None else {**wanted, "ContentTemplateSequence": template}


def _item(relationship: str, kind: str, name: Name) -> dict[str, Wanted]:
    return {
        "RelationshipType": exactly(relationship),
        "ValueType": exactly(kind),
        "ConceptNameCodeSequence": code(*name),
    }
