"""The four kinds of companion: what each is written as, and which series number it has."""

from collections.abc import Mapping
from dataclasses import dataclass

from pydicom.uid import (
    Comprehensive3DSRStorage,
    EncapsulatedPDFStorage,
    GrayscaleSoftcopyPresentationStateStorage,
    ParametricMapStorage,
)

from dicom_node.results.copy import IN_NO_DOCUMENT
from dicom_node.values import Companion

__all__ = ["KINDS", "OVERLAY", "PDF", "REPORT", "UNCERTAINTY", "Kind"]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of companion.

    Parameters
    ----------
    name : Companion
        As rules say it; part of its UIDs.
    title : str
        With which its Series Description begins.
    sop_class_uid, modality : str
        As written.
    slot : int
        Its series number after the result's. Results take two of ten numbers, one per grid.
    lacks : tuple of str
        Keywords of what crosses from a source, and that its IOD does not have.
    """

    name: Companion
    title: str
    sop_class_uid: str
    modality: str
    slot: int
    lacks: tuple[str, ...] = ()


UNCERTAINTY = Kind(Companion.UNCERTAINTY, "Uncertainty", str(ParametricMapStorage), "OT", slot=2)
REPORT = Kind(
    Companion.REPORT, "Quality report", str(Comprehensive3DSRStorage), "SR", slot=4,
    lacks=IN_NO_DOCUMENT,
)  # fmt: skip
OVERLAY = Kind(
    Companion.OVERLAY, "Warning overlay", str(GrayscaleSoftcopyPresentationStateStorage), "PR",
    slot=6, lacks=("FrameOfReferenceUID", "PositionReferenceIndicator"),
)  # fmt: skip
PDF = Kind(
    Companion.PDF, "Report", str(EncapsulatedPDFStorage), "DOC", slot=8, lacks=IN_NO_DOCUMENT
)
KINDS: Mapping[Companion, Kind] = {kind.name: kind for kind in (UNCERTAINTY, REPORT, OVERLAY, PDF)}
