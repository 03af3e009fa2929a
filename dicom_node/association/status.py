"""DIMSE answers (PS3.4 B.2.3, C.4, PS3.7 C)."""

from enum import IntEnum

from dicom_node.errors import (
    ArchiveBroken,
    ArchiveError,
    ArchiveFull,
    BeyondLimits,
    Mismatched,
    NodeError,
    NotDicom,
)

__all__ = ["STATUS_OF", "FindStatus", "RetrieveStatus", "StoreStatus"]


class StoreStatus(IntEnum):
    """What a sender is told; anything but SUCCESS means that the instance is not here."""

    SUCCESS = 0x0000
    OUT_OF_RESOURCES = 0xA700
    DOES_NOT_MATCH = 0xA900
    CANNOT_UNDERSTAND = 0xC000
    BEYOND_LIMITS = 0xC010
    OUR_BUG = 0xC211  # what pynetdicom answers where a handler raises


class FindStatus(IntEnum):
    """What a caller is told about its query (PS3.4 C.4.1.1.4)."""

    SUCCESS = 0x0000
    PENDING = 0xFF00
    PENDING_WITH_WARNING = 0xFF01
    CANCELLED = 0xFE00
    OUT_OF_RESOURCES = 0xA700
    DOES_NOT_MATCH = 0xA900
    OUR_BUG = 0xC311  # what pynetdicom answers where a handler raises


class RetrieveStatus(IntEnum):
    """What a caller is told about its retrieval (PS3.4 C.4.2.1.5, C.4.3.1.4)."""

    SUCCESS = 0x0000
    PENDING = 0xFF00
    CANCELLED = 0xFE00
    SOME_FAILED = 0xB000
    CANNOT_CALCULATE = 0xA701
    ALL_FAILED = 0xA702
    DESTINATION_UNKNOWN = 0xA801
    DOES_NOT_MATCH = 0xA900
    OUR_BUG = 0xC511


STATUS_OF: dict[type[NodeError], StoreStatus] = {
    ArchiveError: StoreStatus.OUT_OF_RESOURCES,
    ArchiveFull: StoreStatus.OUT_OF_RESOURCES,
    ArchiveBroken: StoreStatus.OUT_OF_RESOURCES,
    Mismatched: StoreStatus.DOES_NOT_MATCH,
    NotDicom: StoreStatus.CANNOT_UNDERSTAND,
    BeyondLimits: StoreStatus.BEYOND_LIMITS,
}
"""A7xx says "try again later", A9xx and Cxxx say "not this one". A database that does not answer is
out of resources too."""
