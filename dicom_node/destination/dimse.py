"""C-STORE out, and C-ECHO to see whether a peer is there."""

from collections import Counter
from collections.abc import Iterator, Sequence

from dicom_node import log
from dicom_node.dicom import VERIFICATION
from dicom_node.dimse import CannotSend, ClassNotTaken, Outgoing, batches, proposed, sending_to
from dicom_node.errors import PeerAway
from dicom_node.scu import Ourselves, associated, plainly
from dicom_node.settings import Peer
from dicom_node.transcode import Transcoder
from dicom_node.values import Instance

__all__ = ["DimseSender", "echo"]

_log = log.get("destination")
_NOT_SUPPORTED = 0x0122
"""SOP class not supported (PS3.7 C.5): what a peer would answer that took such an instance."""

_NAMED = 3


class DimseSender:
    """Sends instances to one peer, one association per call.

    Parameters
    ----------
    ourselves : Ourselves
    peer : Peer
        With a port.
    """

    def __init__(self, ourselves: Ourselves, peer: Peer) -> None:
        self._ourselves = ourselves
        self._peer = peer

    def send(self, instances: Sequence[Instance]) -> Iterator[tuple[str, int]]:
        """Yield SOP Instance UID and status (PS3.4 B.2.3) of each instance as it is answered.

        One whose class the peer did not accept counts as refused with 0x0122: the peer is there,
        and will hardly ever take it. One that cannot be sent for another reason, a damaged file
        say, has no status: the peer was not asked.

        Raises
        ------
        CannotSend
            When all others were sent, with what kept some from being sent.
        PeerAway
            When there is no association, or it ends before the last answer.
        OSError
            When a file cannot be read.
        """
        unsent: Counter[str] = Counter()
        with Transcoder() as transcoder:
            for part in batches(instances):
                contexts = proposed(part)
                with sending_to(self._ourselves, self._peer, contexts, transcoder) as sender:
                    for instance in part:
                        try:
                            yield instance.sop_instance_uid, self._store(sender, instance)
                        except CannotSend as exc:
                            unsent[str(exc)] += 1
        if unsent:
            raise CannotSend(_sentence(unsent))

    def _store(self, sender: Outgoing, instance: Instance) -> int:
        try:
            return sender.send(instance)
        except CannotSend as exc:
            _log.warning(
                "instance not sent",
                peer=self._peer.name,
                sop_instance_uid=instance.sop_instance_uid,
                sop_class_uid=instance.sop_class_uid,
                why=str(exc),
            )
            if isinstance(exc, ClassNotTaken):
                return _NOT_SUPPORTED
            raise


def _sentence(unsent: Counter[str]) -> str:
    told = [f"{count} not sent: {why}" for why, count in unsent.most_common(_NAMED)]
    return "; ".join(told)


def echo(ourselves: Ourselves, peer: Peer) -> None:
    """Ask a peer whether it is there (PS3.4 A.4).

    Raises
    ------
    PeerAway
        When it is not, or does not answer with success.
    """
    with associated(ourselves, peer, plainly(VERIFICATION)) as assoc:
        status = assoc.send_c_echo().get("Status")
    if status != 0x0000:
        seen = "nothing" if status is None else f"status 0x{status:04X}"
        raise PeerAway(f"{peer.name} answered C-ECHO with {seen}")
