"""DIMSE answers to C-STORE (PS3.4 B.2.3, PS3.7 C)."""

from enum import IntEnum

from dicom_node.errors import (
    ArchiveBroken,
    ArchiveError,
    ArchiveFull,
    Mismatched,
    NodeError,
    NotDicom,
)

__all__ = ["STATUS_OF", "StoreStatus"]


class StoreStatus(IntEnum):
    """What a sender is told; anything but SUCCESS means that the instance is not here."""

    SUCCESS = 0x0000
    OUT_OF_RESOURCES = 0xA700
    DOES_NOT_MATCH = 0xA900
    CANNOT_UNDERSTAND = 0xC000
    OUR_BUG = 0xC211  # what pynetdicom answers where a handler raises


STATUS_OF: dict[type[NodeError], StoreStatus] = {
    ArchiveError: StoreStatus.OUT_OF_RESOURCES,
    ArchiveFull: StoreStatus.OUT_OF_RESOURCES,
    ArchiveBroken: StoreStatus.OUT_OF_RESOURCES,
    Mismatched: StoreStatus.DOES_NOT_MATCH,
    NotDicom: StoreStatus.CANNOT_UNDERSTAND,
}
"""A7xx says "try again later", A9xx and Cxxx say "not this one". A database that does not answer is
out of resources too."""
