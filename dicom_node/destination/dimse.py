"""C-STORE out, and C-ECHO to see whether a peer is there."""

from collections.abc import Iterator, Sequence

from pydicom import dcmread
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import build_context
from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext

from dicom_node import log
from dicom_node.dicom import VERIFICATION
from dicom_node.errors import PeerAway
from dicom_node.scu import associated
from dicom_node.settings import Outbox, Peer
from dicom_node.values import Instance

__all__ = ["DimseSender", "echo"]

_log = log.get("destination")
_NOT_SUPPORTED = 0x0122
"""SOP class not supported (PS3.7 C.5): what a peer would answer that took such an instance."""


class DimseSender:
    """Sends instances to one peer, one association per call.

    Parameters
    ----------
    ae_title : str
        Ours.
    peer : Peer
        With a port.
    outbox : Outbox
        Time limits.
    """

    def __init__(self, ae_title: str, peer: Peer, outbox: Outbox) -> None:
        self._ae_title = ae_title
        self._peer = peer
        self._outbox = outbox

    def send(self, instances: Sequence[Instance]) -> Iterator[tuple[str, int]]:
        """Yield SOP Instance UID and status (PS3.4 B.2.3) of each instance as it is answered.

        One whose class the peer did not accept counts as refused with 0x0122: the peer is there,
        and will hardly ever take it.

        Raises
        ------
        PeerAway
            When there is no association, or it ends before the last answer.
        """
        contexts = _contexts(sorted({one.sop_class_uid for one in instances}))
        with associated(self._ae_title, self._peer, contexts, self._outbox) as assoc:
            for instance in instances:
                yield instance.sop_instance_uid, self._store(assoc, instance)

    def _store(self, assoc: Association, instance: Instance) -> int:
        ds = dcmread(instance.path)
        try:
            answer = assoc.send_c_store(ds)
        except ValueError as exc:  # no context for it
            _log.warning(
                "class not accepted",
                peer=self._peer.name,
                sop_class_uid=instance.sop_class_uid,
                why=str(exc),
            )
            return _NOT_SUPPORTED
        except RuntimeError as exc:
            raise PeerAway(f"{self._peer.name} ended the association: {exc}") from exc
        status = answer.get("Status")
        if status is None:
            raise PeerAway(
                f"{self._peer.name} did not answer a C-STORE in {self._outbox.answer_s:g} s, or "
                "ended the association"
            )
        return int(status)


def _contexts(classes: Sequence[str]) -> list[PresentationContext]:
    """Propose each syntax in a context of its own: then the archived bytes go out as they are.

    In one context the peer would choose, and many choose implicit. Implicit is there for those that
    take nothing else. Verification is there so that a peer that takes none of the classes gives an
    association all the same: one without any context would look like a peer that is away.
    """
    return [
        build_context(VERIFICATION),
        *(
            build_context(uid, syntax)
            for uid in classes
            for syntax in (ExplicitVRLittleEndian, ImplicitVRLittleEndian)
        ),
    ]


def echo(ae_title: str, peer: Peer, outbox: Outbox) -> None:
    """Ask a peer whether it is there (PS3.4 A.4).

    Raises
    ------
    PeerAway
        When it is not, or does not answer with success.
    """
    with associated(ae_title, peer, [build_context(VERIFICATION)], outbox) as assoc:
        status = assoc.send_c_echo().get("Status")
    if status != 0x0000:
        seen = "nothing" if status is None else f"status 0x{status:04X}"
        raise PeerAway(f"{peer.name} answered C-ECHO with {seen}")
