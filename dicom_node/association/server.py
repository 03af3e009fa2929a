"""Bind, serve, stop."""

import socket
import socketserver
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, cast

from pynetdicom import AE, _config, evt
from pynetdicom.association import Association
from pynetdicom.events import Event
from pynetdicom.transport import AssociationSocket, ThreadedAssociationServer

from dicom_node import log
from dicom_node.archive import Archive, Associations
from dicom_node.association.caller import Callers
from dicom_node.association.contexts import contexts_for, is_storage
from dicom_node.association.peers import admit
from dicom_node.association.plane import DataPlane, Request
from dicom_node.association.store import keep, on_store
from dicom_node.association.wire import Wire
from dicom_node.db import Database
from dicom_node.dicom import (
    IMPLEMENTATION_CLASS_UID,
    IMPLEMENTATION_VERSION_NAME,
    VERIFICATION,
)
from dicom_node.errors import DatabaseAway, SettingsError
from dicom_node.settings import Listen, Peer

__all__ = ["Listener"]

_log = log.get("association")
_MAXIMUM_PDU = 131072
"""16 kB, the usual value, costs eight times as many steps per image."""
_LONGEST_PDU = 2 * _MAXIMUM_PDU
"""Some peers count the header in and some do not; beyond doubt is beyond this."""
_REJECTED_PERMANENT, _SERVICE_USER, _CALLING_AE_UNKNOWN = 0x01, 0x01, 0x03


class _Server(ThreadedAssociationServer):
    """pynetdicom's server with a longer queue of connections that wait to be accepted."""

    request_queue_size = 128


class Listener:
    """The C-ECHO and C-STORE SCP.

    Parameters
    ----------
    ae_title : str
        Ours; a caller that wants another is rejected.
    listen : Listen
        Where, and how many.
    peers : sequence of Peer
        Who may call.
    archive, database
        Where instances and the ends of associations go.
    now : callable
        The clock, UTC.
    """

    def __init__(
        self,
        ae_title: str,
        listen: Listen,
        peers: Sequence[Peer],
        archive: Archive,
        database: Database,
        now: Callable[[], datetime],
    ) -> None:
        self._listen = listen
        self._peers = peers
        self._archive = archive
        self._database = database
        self._now = now
        self._callers = Callers()
        self._ae = AE(ae_title=ae_title)
        self._ae.maximum_pdu_size = _MAXIMUM_PDU
        self._ae.maximum_associations = listen.max_associations
        self._ae.network_timeout = listen.idle_s
        self._ae.dimse_timeout = listen.idle_s
        self._ae.require_called_aet = True
        self._ae.implementation_class_uid = IMPLEMENTATION_CLASS_UID
        self._ae.implementation_version_name = IMPLEMENTATION_VERSION_NAME
        self._ae.add_supported_context(VERIFICATION)  # the rest per peer: see _on_requested
        self._server: ThreadedAssociationServer | None = None

    def start(self) -> int:
        """Bind and serve in threads; return the port, which port 0 leaves to the system.

        Raises
        ------
        SettingsError
            When the address cannot be bound.
        """
        _config.LOG_HANDLER_LEVEL = "none"  # a log line per PDU costs more than the PDU
        address = (self._listen.host, self._listen.port)
        try:
            server = self._ae.make_server(
                address, evt_handlers=self._handlers(), server_class=_Server
            )
        except OSError as exc:
            text = f"listen: {address[0]}:{address[1]} cannot be bound: {exc.strerror or exc}"
            raise SettingsError([f"node.toml: {text}; is another program there?"]) from exc
        self._server = server
        threading.Thread(target=server.serve_forever, name="listener", daemon=True).start()
        port = int(server.server_address[1])
        _log.info("listening", host=address[0], port=port, ae_title=self._ae.ae_title)
        return port

    def stop(self, grace_s: float) -> None:
        """Take no new association, let the open ones end for ``grace_s``, then abort them."""
        server, self._server = self._server, None
        if server is None:
            return
        socketserver.BaseServer.shutdown(server)
        server.server_close()
        deadline = time.monotonic() + grace_s
        while server.active_associations and time.monotonic() < deadline:
            time.sleep(0.05)
        for assoc in server.active_associations:
            assoc.abort()

    def _handlers(self) -> list[Any]:
        return [
            (evt.EVT_CONN_OPEN, _on_open),
            (evt.EVT_REQUESTED, self._on_requested),
            (evt.EVT_REJECTED, _on_rejected),
            (evt.EVT_ESTABLISHED, self._on_established),
            (evt.EVT_C_STORE, on_store, [self._archive, self._callers]),
            (evt.EVT_RELEASED, self._on_released),
            (evt.EVT_ABORTED, self._on_cut_off),
            (evt.EVT_CONN_CLOSE, self._on_cut_off),
        ]

    def _on_requested(self, event: Event) -> None:
        """Let a peer in with what it may do, or reject it (PS3.8 9.3.4)."""
        assoc, request = event.assoc, event.assoc.requestor.primitive
        if request is None:
            return
        calling = str(request.calling_ae_title)
        address = str(assoc.requestor.address)
        admission = admit(calling, address, self._peers)
        if admission.peer is None:
            _log.warning("association rejected", address=address, why=admission.refusal)
            assoc.acse.send_reject(_REJECTED_PERMANENT, _SERVICE_USER, _CALLING_AE_UNKNOWN)
            assoc.kill()
            return
        if str(request.called_ae_title).strip() != self._ae.ae_title:
            text = f"it calls '{request.called_ae_title}', we are '{self._ae.ae_title}'"
            _log.warning("association rejected", peer=admission.peer.name, why=text)
            return  # pynetdicom rejects it: called AE title not recognised
        self._callers.admit(assoc, admission.peer, self._now())
        wanted = contexts_for(assoc.requestor.requested_contexts, admission.peer.may)
        assoc.acceptor.supported_contexts = wanted
        if not wanted:
            _log.warning("nothing accepted", peer=admission.peer.name, may=admission.peer.may)
        if self._listen.data_plane and assoc.dul.socket is not None:
            assoc.dul.socket = cast(AssociationSocket, Wire(assoc.dul.socket))

    def _on_established(self, event: Event) -> None:
        """Serve C-STORE on this thread until something else comes."""
        assoc, wire = event.assoc, _wire(event.assoc)
        caller = self._callers.of(assoc)
        if wire is None or wire.raw is None or caller is None:
            return
        accepted = {c.context_id: str(c.transfer_syntax[0]) for c in assoc.accepted_contexts}

        def store(request: Request) -> int:
            announced = request.sop_class_uid, request.sop_instance_uid
            syntax = accepted[request.context_id]
            return keep(request.content, syntax, announced, caller, self._archive)

        contexts = frozenset(
            c.context_id
            for c in assoc.accepted_contexts
            if c.context_id is not None and is_storage(str(c.abstract_syntax))
        )
        before = wire.raw.gettimeout()
        wire.raw.settimeout(self._listen.idle_s)
        try:  # a bug goes on to pynetdicom, which logs it
            why = DataPlane(wire, contexts, store, _LONGEST_PDU).run()
        finally:
            if wire.raw is not None:
                wire.raw.settimeout(before)
        if why:
            _log.warning("association aborted", peer=caller.peer.name, why=why)
            assoc.abort()

    def _on_released(self, event: Event) -> None:
        self._ended(event, released=True)

    def _on_cut_off(self, event: Event) -> None:
        self._ended(event, released=bool(event.assoc.is_released))

    def _ended(self, event: Event, *, released: bool) -> None:
        """Keep how an association ended; one that stored nothing is no evidence of anything."""
        caller = self._callers.of(event.assoc)
        if caller is None or not caller.stored or caller.released:
            return
        caller.released = released
        try:
            with self._database.transaction() as session:
                Associations(session).ended(caller.id, self._now(), released=released)
        except DatabaseAway as exc:  # it then counts as open, and no longer than quiet_s
            _log.warning("end of association not kept", peer=caller.peer.name, why=str(exc))
        if released:
            _log.info("received", peer=caller.peer.name, instances=caller.stored)


def _wire(assoc: Association) -> Wire | None:
    connection: object = assoc.dul.socket
    return connection if isinstance(connection, Wire) else None


def _on_rejected(event: Event) -> None:
    """Let pynetdicom see the peer go: nothing will be served."""
    wire = _wire(event.assoc)
    if wire is not None:
        wire.hand_back()


def _on_open(event: Event) -> None:
    """Answer at once: with Nagle's algorithm each C-STORE response would wait for an ACK."""
    connection = event.assoc.dul.socket
    raw = connection.socket if connection else None
    if raw is not None:
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
