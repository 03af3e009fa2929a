"""SOP classes and transfer syntaxes that are accepted: every storage class, every encoding.

What is received is kept as it came, so an encoding needs no decoder to be accepted.
"""

from collections.abc import Iterable, Sequence

from pydicom.uid import (
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)
from pynetdicom import AllStoragePresentationContexts, build_context
from pynetdicom.presentation import PresentationContext
from pynetdicom.service_class import StorageServiceClass
from pynetdicom.sop_class import register_uid, uid_to_service_class

from dicom_node.dicom import VERIFICATION
from dicom_node.settings import May

__all__ = ["contexts_for", "is_storage"]

_STORAGE = frozenset(str(context.abstract_syntax) for context in AllStoragePresentationContexts)
_STORAGE_ROOT = "1.2.840.10008.5.1.4.1.1."
"""Storage SOP classes of the standard, the retired ones included (PS3.6 A)."""
_STANDARD_ROOT = "1.2.840.10008."
_PREFERRED = (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEG2000Lossless,
    RLELossless,
    ExplicitVRBigEndian,
)
"""Asked for in this order where a peer offers several; after these, in the peer's order."""


def is_storage(uid: str) -> bool:
    """Whether ``uid`` is a storage SOP class: one of the standard's, or a vendor's own."""
    return uid in _STORAGE or uid.startswith(_STORAGE_ROOT) or not uid.startswith(_STANDARD_ROOT)


def contexts_for(
    requested: Iterable[PresentationContext], may: Sequence[May]
) -> list[PresentationContext]:
    """Return what a peer's request is negotiated against.

    Parameters
    ----------
    requested : iterable of PresentationContext
        What the peer proposes.
    may : sequence of str
        What it may do to us: ``echo``, ``store``.

    References
    ----------
    PS3.8 7.1.1.13 (Presentation Context Definition List), PS3.4 B.5.
    """
    offered: dict[str, list[UID]] = {}
    for context in requested:
        uid = str(context.abstract_syntax)
        if (uid == VERIFICATION and "echo" in may) or (is_storage(uid) and "store" in may):
            offered.setdefault(uid, []).extend(context.transfer_syntax)
    return [build_context(_served(uid), _ordered(syntaxes)) for uid, syntaxes in offered.items()]


def _served(uid: str) -> str:
    """Have pynetdicom serve a storage class that it does not know as one."""
    if uid != VERIFICATION and uid_to_service_class(uid) is not StorageServiceClass:
        register_uid(uid, f"Storage_{uid.replace('.', '_')}", StorageServiceClass)
    return uid


def _ordered(syntaxes: Sequence[UID]) -> list[str | UID]:
    offered = list(dict.fromkeys(syntaxes))
    preferred: list[str | UID] = [uid for uid in _PREFERRED if uid in offered]
    return preferred + [uid for uid in offered if uid not in preferred]
