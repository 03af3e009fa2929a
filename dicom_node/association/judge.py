"""Who may have an association, and why somebody else may not (PS3.8 9.3.4)."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from pynetdicom.association import Association

from dicom_node.association.caller import Caller, Callers
from dicom_node.association.door import Doorway, Reason, Refused
from dicom_node.association.peers import admit
from dicom_node.settings import Peer
from dicom_node.tls import Certificate

__all__ = ["REJECTIONS", "Judge"]

_PERMANENT, _TRANSIENT = 0x01, 0x02
_SERVICE_USER, _PRESENTATION = 0x01, 0x03
REJECTIONS: Mapping[Reason, tuple[int, int, int]] = {
    Reason.UNKNOWN_CALLER: (_PERMANENT, _SERVICE_USER, 0x03),
    Reason.OTHER_CERTIFICATE: (_PERMANENT, _SERVICE_USER, 0x03),
    Reason.UNKNOWN_CALLED: (_PERMANENT, _SERVICE_USER, 0x07),
    Reason.TOO_MANY: (_TRANSIENT, _PRESENTATION, 0x02),
    Reason.TOO_MANY_OF_PEER: (_TRANSIENT, _PRESENTATION, 0x02),
}
"""Result, source and reason of an A-ASSOCIATE-RJ."""


class Judge:
    """Lets callers in, or says why not.

    Parameters
    ----------
    ae_title : str
        Ours.
    doorway : Doorway
        How many, and with which certificates.
    peers : sequence of Peer
        Who may call.
    callers : Callers
        Takes up whoever is let in.
    now : callable
        The clock, UTC.
    """

    def __init__(
        self,
        ae_title: str,
        doorway: Doorway,
        peers: Sequence[Peer],
        callers: Callers,
        now: Callable[[], datetime],
    ) -> None:
        self._ae_title = ae_title
        self._doorway = doorway
        self._peers = peers
        self._callers = callers
        self._now = now

    def judge(self, assoc: Association, certificate: Certificate | None) -> Caller | Refused:
        """Return who calls, taken up among the callers, or why it is not let in.

        Parameters
        ----------
        assoc : Association
            That is requested.
        certificate : Certificate or None
            What was shown; None where it is plain DICOM.
        """
        request: Any = assoc.requestor.primitive
        calling, called = str(request.calling_ae_title), str(request.called_ae_title).strip()
        address = str(assoc.requestor.address)
        admission = admit(calling, address, self._peers)
        peer = admission.peer
        if peer is None:
            return Refused(Reason.UNKNOWN_CALLER, address, admission.refusal, calling.strip())
        if certificate and peer.certificate and not certificate.is_of(peer.certificate):
            text = f"peers.toml wants '{peer.certificate}', it showed that of '{certificate.name}'"
            return Refused(Reason.OTHER_CERTIFICATE, address, text, peer.name)
        if called != self._ae_title:
            text = f"it calls '{called}', we are '{self._ae_title}'"
            return Refused(Reason.UNKNOWN_CALLED, address, text, peer.name)
        caller = Caller(peer, self._now(), address)
        most, of_peer = self._doorway.listen.max_associations, self._doorway.limits.per_peer
        full = self._callers.admit(assoc, caller, most, of_peer)
        if full is not None:
            text = f"listen.max_associations = {most}, limits.per_peer = {of_peer}"
            return Refused(full, address, text, peer.name)
        if certificate and self._doorway.credentials is not None:
            self._doorway.credentials.saw(peer.name, certificate)
        return caller

    def may_report(self, peer: Peer) -> bool:
        """Whether we may have asked it, under any of its names, to commit itself to something."""
        return any("commit" in one.ask for one in self._peers if one.ae_title == peer.ae_title)
