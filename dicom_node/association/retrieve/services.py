"""C-FIND, C-GET and C-MOVE as services (PS3.4 C.4)."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from dicom_node import log
from dicom_node.archive import INCOMING
from dicom_node.archive.query import Finder, Selected
from dicom_node.association.find import find_service
from dicom_node.association.retrieve.asked import RETRIEVE_LEVELS, read_wanted
from dicom_node.association.retrieve.delivery import Delivery
from dicom_node.association.retrieve.told import Account
from dicom_node.association.retrieve.vetting import VettingRetriever
from dicom_node.association.serving import Exchange, Service
from dicom_node.association.status import RetrieveStatus
from dicom_node.association.told import Telling
from dicom_node.db import Database
from dicom_node.dimse import Originator, batches, proposed, sending_to
from dicom_node.errors import DatabaseAway, PeerAway, QueryInvalid, TooMany
from dicom_node.scu import Ourselves
from dicom_node.settings import Peer
from dicom_node.transcode import Transcoder
from dicom_node.transport import Field, Kind

__all__ = ["QueryRetrieve"]

_log = log.get("association")
_PENDING_S = 0.5


class QueryRetrieve:
    """Serves C-FIND, C-GET and C-MOVE.

    Parameters
    ----------
    store : (Database, Path)
        The database, and the archive's folder.
    peers : sequence of Peer
        All that are configured: those with a port may be named as a destination.
    ourselves : Ourselves
        How a destination is called.
    telling : Telling
        Told what is asked, and what is sent to whom.
    pending_s : float
        How much time at least lies between two pending responses of a retrieval.
    """

    def __init__(
        self,
        store: tuple[Database, Path],
        peers: Sequence[Peer],
        ourselves: Ourselves,
        telling: Telling,
        pending_s: float = _PENDING_S,
    ) -> None:
        self._finder = Finder(*store)
        self._retriever = VettingRetriever(*store)
        self._transcoder = Transcoder(scratch=store[1] / INCOMING)
        self._peers = peers
        self._ourselves = ourselves
        self._telling = telling
        self._pending_s = pending_s

    def services(self) -> Mapping[Kind, Service]:
        """Return what serves each kind of request."""
        return {
            Kind.C_FIND_RQ: find_service(self._finder, self._ourselves.ae_title, self._telling),
            Kind.C_GET_RQ: Service(self._guarded(self._get), RetrieveStatus.OUR_BUG),
            Kind.C_MOVE_RQ: Service(self._guarded(self._move), RetrieveStatus.OUR_BUG),
        }

    def close(self) -> None:
        """End what runs beside: call it when no request is served any more."""
        self._transcoder.close()

    def _guarded(self, serve: Callable[[Exchange], None]) -> Callable[[Exchange], None]:
        """Return ``serve`` with an answer to each error that it may raise."""

        def guarded(exchange: Exchange) -> None:
            try:
                serve(exchange)
            except QueryInvalid as exc:
                _refuse(exchange, RetrieveStatus.DOES_NOT_MATCH, str(exc))
            except (DatabaseAway, TooMany) as exc:
                _refuse(exchange, RetrieveStatus.CANNOT_CALCULATE, str(exc))

        return guarded

    def _get(self, exchange: Exchange) -> None:
        """Send what is asked for on the association on which it is asked for."""
        selected = self._selected(exchange)
        with self._delivery(exchange, exchange.peer, selected) as delivery:
            delivery.run(selected, exchange.sender(self._transcoder))
            delivery.finish()

    def _move(self, exchange: Exchange) -> None:
        """Send what is asked for to a third."""
        title = exchange.command.text(Field.MOVE_DESTINATION)
        destination = self._known(title, exchange.peer)
        if destination is None:
            why = f"no peer '{title}' with a port in peers.toml"
            _refuse(exchange, RetrieveStatus.DESTINATION_UNKNOWN, why)
            return
        selected = self._selected(exchange)
        with self._delivery(exchange, destination, selected) as delivery:
            for part in batches(selected):
                if not delivery.is_cancelled:
                    self._part(exchange, destination, delivery, part)
            delivery.finish()

    def _part(
        self, exchange: Exchange, destination: Peer, delivery: Delivery, part: Sequence[Selected]
    ) -> None:
        """Send what goes over one association."""
        before = delivery.tally.remaining
        command, contexts = exchange.command, proposed(part)
        asked = Originator(
            exchange.peer.ae_title, command.message_id, command.number(Field.PRIORITY)
        )
        try:
            with sending_to(
                self._ourselves, destination, contexts, self._transcoder, asked
            ) as sender:
                delivery.run(part, sender)
        except PeerAway as exc:
            delivery.give_up(part[before - delivery.tally.remaining :], str(exc))

    def _selected(self, exchange: Exchange) -> list[Selected]:
        levels = RETRIEVE_LEVELS.get(exchange.sop_class_uid, ())
        return self._retriever.select(read_wanted(exchange.identifier(), levels))

    @contextmanager
    def _delivery(
        self, exchange: Exchange, receiver: Peer, selected: Sequence[Selected]
    ) -> Iterator[Delivery]:
        """Give what sends; that it begins is told before, and what became of it behind."""
        account = Account(self._telling, exchange.caller, receiver)
        account.begin(selected, self._retriever)
        try:
            yield Delivery(exchange, self._retriever, account, len(selected), self._pending_s)
        finally:
            account.end()

    def _known(self, title: str, caller: Peer) -> Peer | None:
        """Return the peer of an AE title that we can send to; the caller first, if it is that."""
        candidates = [caller, *self._peers]
        found = (one for one in candidates if one.ae_title.strip() == title and one.port)
        return next(found, None)


def _refuse(exchange: Exchange, status: RetrieveStatus, why: str) -> None:
    _log.warning("retrieval refused", peer=exchange.peer.name, status=hex(status), why=why)
    exchange.refuse(status, why)
