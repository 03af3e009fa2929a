"""SOP classes, transfer syntaxes and roles that are accepted: all of storage; query and retrieve.

What is received is kept as it came, so an encoding needs no decoder to be accepted.
"""

from collections.abc import Iterable, Mapping, Sequence

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

from dicom_node.dicom import (
    PATIENT_ROOT_FIND,
    PATIENT_ROOT_GET,
    PATIENT_ROOT_MOVE,
    STORAGE_COMMITMENT,
    STUDY_ROOT_FIND,
    STUDY_ROOT_GET,
    STUDY_ROOT_MOVE,
    VERIFICATION,
)
from dicom_node.settings import May
from dicom_node.transport import Kind

__all__ = ["Roles", "asks", "contexts_for", "is_storage", "kinds_on"]

Roles = Mapping[str, tuple[bool, bool]]
"""SOP class to the roles that its proposer wants: SCU, SCP (PS3.7 D.3.3.4)."""

_STORAGE = frozenset(str(context.abstract_syntax) for context in AllStoragePresentationContexts)
_STORAGE_ROOT = "1.2.840.10008.5.1.4.1.1."
"""Storage SOP classes of the standard, the retired ones included (PS3.6 A)."""
_STANDARD_ROOT = "1.2.840.10008."
_MAY: Mapping[str, May] = {
    VERIFICATION: "echo",
    PATIENT_ROOT_FIND: "find",
    STUDY_ROOT_FIND: "find",
    PATIENT_ROOT_MOVE: "move",
    STUDY_ROOT_MOVE: "move",
    PATIENT_ROOT_GET: "get",
    STUDY_ROOT_GET: "get",
    STORAGE_COMMITMENT: "commit",
}
_KINDS: Mapping[str, Kind] = {
    PATIENT_ROOT_FIND: Kind.C_FIND_RQ,
    STUDY_ROOT_FIND: Kind.C_FIND_RQ,
    PATIENT_ROOT_MOVE: Kind.C_MOVE_RQ,
    STUDY_ROOT_MOVE: Kind.C_MOVE_RQ,
    PATIENT_ROOT_GET: Kind.C_GET_RQ,
    STUDY_ROOT_GET: Kind.C_GET_RQ,
}
"""What is asked on a context of a query model, besides to cancel it."""
_PLAIN = (ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian)
"""Encodings of identifiers. Deflated ones are not taken: a few bytes would swell without end."""
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
    requested: Iterable[PresentationContext],
    may: Sequence[May],
    roles: Roles | None = None,
    *,
    reports: bool = False,
) -> list[PresentationContext]:
    """Return what a peer's request is negotiated against.

    A peer that may get may take the role of SCP for storage: instances are then sent to it on its
    own association.

    Parameters
    ----------
    requested : iterable of PresentationContext
        What the peer proposes.
    may : sequence of str
        What it may do to us: ``echo``, ``store``, ``find``, ``move``, ``get``, ``commit``.
    roles : mapping or None
        The roles that it proposes; a SOP class that is absent means SCU.
    reports : bool
        Whether it may report on what we ask it to commit itself to. Then the roles are those that
        it proposes: it is the SCP of the service, and we are its SCU.

    References
    ----------
    PS3.8 7.1.1.13 (Presentation Context Definition List), PS3.4 B.5; PS3.7 D.3.3.4 and PS3.4 J.3.3
    (roles of storage commitment).
    """
    offered: dict[str, list[UID]] = {}
    granted: dict[str, tuple[bool, bool]] = {}
    for context in requested:
        uid = str(context.abstract_syntax)
        granted[uid] = _granted(uid, may, roles or {}, reports=reports)
        if granted[uid] != (False, False):
            offered.setdefault(uid, []).extend(context.transfer_syntax)
    return [
        _context(uid, syntaxes, granted[uid] if uid in (roles or {}) else None)
        for uid, syntaxes in offered.items()
    ]


def asks(context: PresentationContext) -> bool:
    """Whether a context is of a query model: C-FIND, C-GET or C-MOVE."""
    return str(context.abstract_syntax) in _KINDS


def kinds_on(context: PresentationContext) -> frozenset[Kind]:
    """Return the requests that may come on an accepted context and need no pynetdicom."""
    uid = str(context.abstract_syntax)
    if uid in _KINDS:
        return frozenset({_KINDS[uid], Kind.C_CANCEL_RQ})
    is_stored = context.as_scp and is_storage(uid)
    return frozenset({Kind.C_STORE_RQ}) if is_stored else frozenset()


def _granted(uid: str, may: Sequence[May], roles: Roles, *, reports: bool) -> tuple[bool, bool]:
    """Return the roles that a peer is granted for an abstract syntax: SCU, SCP."""
    as_scu, as_scp = roles.get(uid, (True, False))
    if uid == STORAGE_COMMITMENT:
        return as_scu and (reports or "commit" in may), as_scp and reports
    return as_scu and _needed(uid) in may, as_scp and is_storage(uid) and "get" in may


def _context(
    uid: str, syntaxes: Sequence[UID], roles: tuple[bool, bool] | None
) -> PresentationContext:
    plain = [one for one in syntaxes if one in _PLAIN] if uid in _KINDS else syntaxes
    context = build_context(_served(uid), _ordered(plain) or [_PLAIN[0]])
    if roles is not None:
        context.scu_role, context.scp_role = roles
    return context


def _needed(uid: str) -> May | None:
    """Return what a peer has to be allowed for an abstract syntax; None for one that is unknown."""
    if is_storage(uid):
        return "store"
    return _MAY.get(uid)


def _served(uid: str) -> str:
    """Have pynetdicom serve a storage class that it does not know as one."""
    if is_storage(uid) and uid_to_service_class(uid) is not StorageServiceClass:
        register_uid(uid, f"Storage_{uid.replace('.', '_')}", StorageServiceClass)
    return uid


def _ordered(syntaxes: Sequence[UID]) -> list[str | UID]:
    offered = list(dict.fromkeys(syntaxes))
    preferred: list[str | UID] = [uid for uid in _PREFERRED if uid in offered]
    return preferred + [uid for uid in offered if uid not in preferred]
