"""What is ours in the DICOM world: UIDs, names, and how UIDs are derived."""

import re
import struct
import zlib
from uuid import NAMESPACE_URL, UUID, uuid4, uuid5

from pydicom.errors import BytesLengthException, InvalidDicomError

from dicom_node import __version__

__all__ = [
    "IMPLEMENTATION_CLASS_UID",
    "IMPLEMENTATION_VERSION_NAME",
    "MANUFACTURER",
    "MODEL_NAME",
    "OWN_SIGN",
    "PARSER_ERRORS",
    "PATIENT_ROOT_FIND",
    "PATIENT_ROOT_GET",
    "PATIENT_ROOT_MOVE",
    "PIXEL_TAGS",
    "STORAGE_COMMITMENT",
    "STORAGE_COMMITMENT_INSTANCE",
    "STORED",
    "STORED_WITH_WARNING",
    "STUDY_ROOT_FIND",
    "STUDY_ROOT_GET",
    "STUDY_ROOT_MOVE",
    "VERIFICATION",
    "derive_uid",
    "device_uid_of",
    "held_kind",
    "is_uid",
    "new_uid",
    "series_uid",
]

_NAMESPACE = uuid5(NAMESPACE_URL, "urn:dicom-synthesis-node/uid/v1")
_UID = re.compile(r"(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))+")

VERIFICATION = "1.2.840.10008.1.1"
PATIENT_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.1.1"
PATIENT_ROOT_MOVE = "1.2.840.10008.5.1.4.1.2.1.2"
PATIENT_ROOT_GET = "1.2.840.10008.5.1.4.1.2.1.3"
STUDY_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.2.1"
STUDY_ROOT_MOVE = "1.2.840.10008.5.1.4.1.2.2.2"
STUDY_ROOT_GET = "1.2.840.10008.5.1.4.1.2.2.3"
STORAGE_COMMITMENT = "1.2.840.10008.1.20.1"
"""SOP classes that are not storage (PS3.6 A)."""

STORAGE_COMMITMENT_INSTANCE = "1.2.840.10008.1.20.1.1"
"""The one instance of the Storage Commitment Push Model (PS3.4 J.3.5)."""

STORED, STORED_WITH_WARNING = 0x0000, (0xB000, 0xB006, 0xB007)
"""Answers to C-STORE that mean that the object is there (PS3.4 B.2.3): as it was sent; changed or
doubted."""

MANUFACTURER = "DICOM Synthesis Node project"
MODEL_NAME = "DICOM Synthesis Node"
"""Stable: planning systems choose density curves by it, and it is no scanner's name."""

OWN_SIGN = "this node made it"
"""What is said of a series that bears this node's marks, wherever its UIDs come from."""

PIXEL_TAGS = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
"""Float, Double Float and integer Pixel Data (PS3.3 C.7.6.3, C.7.6.24, C.7.6.25)."""

PARSER_ERRORS = (
    ArithmeticError, AttributeError, BytesLengthException, EOFError, InvalidDicomError, KeyError,
    NotImplementedError, OSError, RecursionError, TypeError, ValueError, struct.error, zlib.error,
)  # fmt: skip
"""What pydicom raises on bytes that are no DICOM."""


def _from_uuid(value: UUID) -> str:
    return f"2.25.{value.int}"


def derive_uid(*parts: str) -> str:
    """Return the UID that ``parts`` always give.

    Each part is prefixed with its length, so that ``("ab", "c")`` and ``("a", "bc")`` differ.

    References
    ----------
    PS3.5 B.2 (UUID derived UID).
    """
    return _from_uuid(uuid5(_NAMESPACE, "".join(f"{len(part)}:{part}" for part in parts)))


def series_uid(job_key: str, kind: str) -> str:
    """Return the Series Instance UID; one series per job and kind of output."""
    return derive_uid("series", job_key, kind)


def held_kind(makes: str) -> str:
    """Return the kind of output that a marked copy is, of a result that waits for a person."""
    return f"{makes} held"


def device_uid_of(node_uid: str, bundle_digest: str) -> str:
    """Return the Device UID (0018,1002) of a model on this node: another model, another device."""
    return derive_uid("device", node_uid, bundle_digest)


def new_uid() -> str:
    """Return a UID that nobody has."""
    return _from_uuid(uuid4())


def is_uid(text: str) -> bool:
    """Whether ``text`` is a UID by PS3.5 9.1: at most 64 characters, no leading zeros."""
    return len(text) <= 64 and _UID.fullmatch(text) is not None


IMPLEMENTATION_CLASS_UID = derive_uid("implementation", "1")
IMPLEMENTATION_VERSION_NAME = f"SYNTHNODE_{__version__}"[:16]
