"""An association of ours on which instances are sent."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext

from dicom_node.dimse.plane import Broken, NotOurs, Plane
from dicom_node.dimse.sender import MEDIUM, InstanceSender, Originator, Taken
from dicom_node.errors import PeerAway
from dicom_node.scu import Ourselves, associated
from dicom_node.settings import Peer
from dicom_node.transcode import Transcoder
from dicom_node.transport import Wire, WireTaken
from dicom_node.values import Instance

__all__ = ["Outgoing", "sending_to"]


class Outgoing:
    """Sends instances to one peer; an end of the association is that the peer is away.

    Parameters
    ----------
    peer : Peer
        Who is sent to.
    assoc : Association
        With it.
    wire : Wire
        Of the association, held.
    sender : InstanceSender
        On the wire.
    """

    def __init__(self, peer: Peer, assoc: Association, wire: Wire, sender: InstanceSender) -> None:
        self._peer = peer
        self._assoc = assoc
        self._wire = wire
        self._sender = sender

    def send(self, instance: Instance) -> int:
        """Send one instance; return the status that it is answered with (PS3.4 B.2.3).

        Raises
        ------
        CannotSend
            When it is not sent, and why; others may follow.
        OSError
            When its file cannot be read; others may follow.
        PeerAway
            When the peer ends the association, or does not answer; or when its file cannot be read
            to the end, and the association had to be aborted for it.
        """
        try:
            return self._sender.send(instance)
        except NotOurs as exc:
            self._wire.hand_back(exc.read)
            raise PeerAway(f"{self._peer.name} ended the association") from exc
        except Broken as exc:
            self._assoc.abort()
            raise PeerAway(f"{self._peer.name} was given up: {exc}") from exc


@contextmanager
def sending_to(
    ourselves: Ourselves,
    peer: Peer,
    contexts: Sequence[PresentationContext],
    transcoder: Transcoder,
    originator: Originator | None = None,
) -> Iterator[Outgoing]:
    """Give what sends to ``peer`` over one association, released at the end.

    It is aborted where a message was begun and not ended, whatever the reason: to the peer, what
    came next would belong to it.

    Parameters
    ----------
    originator : Originator or None
        Who asked, where it was a C-MOVE.

    Raises
    ------
    PeerAway
        When there is no association.
    """
    with associated(ourselves, peer, contexts) as assoc:
        wire = _held(assoc, peer)
        plane = Plane(wire, assoc.acceptor.maximum_length or 0)
        sender = InstanceSender(
            plane,
            Taken(one for one in assoc.accepted_contexts if one.as_scu),
            transcoder,
            originator,
            originator.priority if originator else MEDIUM,
        )
        try:
            yield Outgoing(peer, assoc, wire, sender)
        finally:
            if plane.is_cut and assoc.is_established:
                assoc.abort()
            if wire.is_held:
                wire.hand_back()


def _held(assoc: Association, peer: Peer) -> Wire:
    """Take the connection from pynetdicom, which would else count our reading as silence."""
    assoc.network_timeout = None
    wire = Wire.of(assoc)
    if wire is None:
        raise PeerAway(f"{peer.name} ended the association at once")
    try:
        wire.hold()
    except WireTaken as exc:
        raise PeerAway(f"{peer.name} ended the association at once: {exc}") from exc
    return wire
