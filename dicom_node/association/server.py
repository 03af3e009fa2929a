"""Bind, serve, stop."""

import socket
import socketserver
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Protocol, cast

from pynetdicom import AE, _config, evt
from pynetdicom.association import Association
from pynetdicom.events import Event
from pynetdicom.transport import AssociationSocket

from dicom_node import log
from dicom_node.archive import Archive, Associations
from dicom_node.association.caller import Caller, Callers
from dicom_node.association.contexts import contexts_for
from dicom_node.association.door import Door, Doorway, Reason, Refused, Server
from dicom_node.association.judge import REJECTIONS, Judge
from dicom_node.association.serving import Agreed, Inbox, Loop, Offer, Service
from dicom_node.association.store import Apart, on_store, store_service
from dicom_node.association.told import Telling, refusal_teller, tell
from dicom_node.audit import Audit
from dicom_node.db import Database
from dicom_node.dicom import (
    IMPLEMENTATION_CLASS_UID,
    IMPLEMENTATION_VERSION_NAME,
    VERIFICATION,
)
from dicom_node.dimse import Message, Plane
from dicom_node.draws import Drawn
from dicom_node.errors import DatabaseAway, SettingsError
from dicom_node.probes import Probes
from dicom_node.settings import Limits, Peer, is_loopback
from dicom_node.transport import Bounds, Kind, Memory, Wire, WireTaken, on_message

__all__ = ["Handling", "Listener"]

_log = log.get("association")
_GOES_ON_S = 2.0
_MB = 2**20
_NOT_COUNTED = 100_000
"""pynetdicom counts threads, those of associations that have just ended too; we count for it."""


class Handling(Protocol):
    """What is served by pynetdicom's events: messages that the wire leaves to it."""

    def handlers(self, callers: Callers) -> list[Any]:
        """Return pynetdicom's handlers of its events."""


class Listener:
    """The C-ECHO and C-STORE SCP, and what else is offered.

    Parameters
    ----------
    ae_title : str
        Ours; a caller that wants another is rejected.
    doorway : Doorway
        Where, how many, with which certificates, and who is told of refusals.
    peers : sequence of Peer
        Who may call.
    store : (Archive, Database)
        Where instances and the ends of associations go.
    now : callable
        The clock, UTC.
    audit : Audit
        Told who was refused, and what an association brought.
    """

    def __init__(
        self,
        ae_title: str,
        doorway: Doorway,
        peers: Sequence[Peer],
        store: tuple[Archive, Database],
        now: Callable[[], datetime],
        audit: Audit,
    ) -> None:
        listen, limits = doorway.listen, doorway.limits
        self._telling = Telling(audit, now)
        self._doorway = doorway = doorway.also(refusal_teller(self._telling, peers))
        self._door = Door(doorway, now)
        self._listen = listen
        self._bounds = _bounds(listen.idle_s, limits)
        self._archive, self._database = store
        self._now = now
        self._offers: list[Offer] = []
        self._callers = Callers()
        self._judge = Judge(ae_title, doorway, peers, self._callers, now)
        self._ae = AE(ae_title=ae_title)
        self._ae.maximum_pdu_size = limits.pdu_kb * 1024
        self._ae.maximum_associations = _NOT_COUNTED
        self._ae.acse_timeout = limits.artim_s
        self._ae.network_timeout = listen.idle_s
        self._ae.dimse_timeout = listen.idle_s
        self._ae.require_called_aet = True
        self._ae.implementation_class_uid = IMPLEMENTATION_CLASS_UID
        self._ae.implementation_version_name = IMPLEMENTATION_VERSION_NAME
        self._ae.add_supported_context(VERIFICATION)  # the rest per peer: see _on_requested
        self._handlings: list[Handling] = []
        self._apart = Apart(Probes(ae_title))
        self._server: Server | None = None

    def offer(self, offer: Offer) -> None:
        """Have requests of more kinds served; call it before :meth:`start`."""
        self._offers.append(offer)

    def add(self, handling: Handling) -> None:
        """Serve this too; call it before :meth:`start`."""
        self._handlings.append(handling)

    def catch(self, probes: Probes, drawn: Drawn | None = None) -> None:
        """Hand over what these expect, instead of archiving it; call it before :meth:`start`."""
        self._apart = Apart(probes, drawn)

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
            made = self._ae.make_server(address, evt_handlers=self._handlers(), server_class=Server)
        except OSError as exc:
            text = f"listen: {address[0]}:{address[1]} cannot be bound: {exc.strerror or exc}"
            raise SettingsError([f"node.toml: {text}; is another program there?"]) from exc
        server = cast(Server, made)
        server.door = self._door
        self._server = server
        threading.Thread(target=server.serve_forever, name="listener", daemon=True).start()
        port = int(server.server_address[1])
        tls = self._doorway.credentials is not None
        _log.info("listening", host=address[0], port=port, ae_title=self._ae.ae_title, tls=tls)
        if not (tls or is_loopback(address[0])):
            _log.warning("listening without TLS", host=address[0], why="listen.plain = true")
        return port

    def stop(self, grace_s: float) -> None:
        """Take no new association, let the open ones end for ``grace_s``, then abort them."""
        server, self._server = self._server, None
        if server is None:
            return
        socketserver.BaseServer.shutdown(server)
        server.server_close()
        self._door.close()
        deadline = time.monotonic() + grace_s
        while server.active_associations and time.monotonic() < deadline:
            time.sleep(0.05)
        for assoc in server.active_associations:
            assoc.abort()
        for offer in self._offers:
            offer.close()

    def _handlers(self) -> list[Any]:
        return [
            (evt.EVT_CONN_OPEN, self._on_open),
            (evt.EVT_REQUESTED, self._on_requested),
            (evt.EVT_ESTABLISHED, self._on_established),
            (evt.EVT_DIMSE_RECV, on_message, [self._doorway.limits]),
            (evt.EVT_C_STORE, on_store, [self._archive, self._callers, self._apart]),
            (evt.EVT_RELEASED, self._on_released),
            (evt.EVT_ABORTED, self._on_cut_off),
            (evt.EVT_CONN_CLOSE, self._on_cut_off),
            *(one for other in self._handlings for one in other.handlers(self._callers)),
        ]

    def _on_open(self, event: Event) -> None:
        """Put the wire between: what has been read at the door is read first."""
        connection = cast(AssociationSocket, event.assoc.dul.socket)
        arrival = self._door.arrival(cast(socket.socket, connection.socket))
        if arrival is None:  # cannot be: pynetdicom is given nobody else
            return
        arrival.line.push(arrival.request)
        told = partial(self._on_broken, event.assoc)
        Wire(connection, arrival.line, self._bounds, told).put_into(event.assoc)

    def _on_broken(self, assoc: Association, why: str) -> None:
        caller = self._callers.of(assoc)
        peer = caller.peer.name if caller else ""
        address = str(assoc.requestor.address)
        self._doorway.refuse(Refused(Reason.BROKEN_OFF, address, why, peer))

    def _on_requested(self, event: Event) -> None:
        """Let a peer in with what it may do, or reject it (PS3.8 9.3.4)."""
        assoc, wire = event.assoc, Wire.of(event.assoc)
        if assoc.requestor.primitive is None or wire is None:
            return
        judged = self._judge.judge(assoc, wire.line.certificate)
        if isinstance(judged, Refused):
            self._doorway.refuse(judged)
            assoc.acse.send_reject(*REJECTIONS[Reason(judged.reason)])
            assoc.kill()
            return
        peer = judged.peer
        roles = {
            str(uid): (bool(role.scu_role), bool(role.scp_role))
            for uid, role in assoc.requestor.role_selection.items()
        }
        requested, reports = assoc.requestor.requested_contexts, self._judge.may_report(peer)
        wanted = contexts_for(requested, peer.may, roles, reports=reports)
        assoc.acceptor.supported_contexts = wanted
        if not wanted:
            _log.warning("nothing accepted", peer=peer.name, may=peer.may)

    def _on_established(self, event: Event) -> None:
        """Serve on this thread until something comes that is pynetdicom's."""
        assoc, wire = event.assoc, Wire.of(event.assoc)
        caller = self._callers.of(assoc)
        if wire is None or caller is None:
            return
        loop = self._loop(assoc, wire, caller)
        if not loop.wanted:
            wire.hand_back()
            return

        def serve(message: Message, is_cancelled: bool) -> None:  # noqa: FBT001 - called by Inbox
            """Serve what pynetdicom has read, and all that follows."""
            try:
                wire.hold()
            except WireTaken as exc:
                self._end(assoc, str(exc))
            else:
                self._end(assoc, loop.run(message, is_cancelled=is_cancelled))

        Inbox.put_into(assoc, loop.wanted, serve)
        self._end(assoc, loop.run())  # a bug goes on to pynetdicom, which logs it

    def _loop(self, assoc: Association, wire: Wire, caller: Caller) -> Loop:
        services: dict[Kind, Service] = {}
        for offer in self._offers:
            services |= offer.services()
        if self._listen.data_plane:
            services[Kind.C_STORE_RQ] = store_service(caller, self._archive, self._apart)
        agreed = Agreed.of(assoc.accepted_contexts, frozenset(services))
        plane = Plane(wire, assoc.requestor.maximum_length or 0)
        return Loop(wire, plane, agreed, services, caller, self._doorway.limits)

    def _end(self, assoc: Association, why: str) -> None:
        """Leave an association to pynetdicom, or abort it where there is a reason to."""
        if why:
            if self._server is not None:  # else it was we who ended it
                self._on_broken(assoc, why)
            assoc.abort()
            return
        deadline = time.monotonic() + _GOES_ON_S
        while assoc.dul.idle_timer_expired() and time.monotonic() < deadline:
            time.sleep(0.001)  # its clock ran while we read; it is set right with what it reads now

    def _on_released(self, event: Event) -> None:
        self._ended(event, released=True)

    def _on_cut_off(self, event: Event) -> None:
        self._ended(event, released=bool(event.assoc.is_released))

    def _ended(self, event: Event, *, released: bool) -> None:
        """Keep how an association ended, and tell what it brought."""
        caller = self._callers.of(event.assoc)
        if caller is None:
            return
        try:  # told first: a crash in between tells it twice, and never not at all
            tell(caller, self._telling, self._database, self._archive)
        finally:
            self._keep_end(caller, released=released)

    def _keep_end(self, caller: Caller, *, released: bool) -> None:
        """Keep how it ended; one that stored nothing is no evidence of anything."""
        if not caller.stored or caller.released:
            return
        caller.released = released
        try:
            with self._database.transaction() as session:
                Associations(session).ended(caller.id, self._now(), released=released)
        except DatabaseAway as exc:  # it then counts as open, and no longer than quiet_s
            _log.warning("end of association not kept", peer=caller.peer.name, why=str(exc))
        if released:
            _log.info("received", peer=caller.peer.name, instances=caller.stored)


def _bounds(idle_s: float, limits: Limits) -> Bounds:
    return Bounds(
        idle_s=idle_s,
        message_s=limits.message_s,
        # some peers count the head in and some do not; beyond doubt is beyond twice as much
        longest_pdu=2 * limits.pdu_kb * 1024,
        data_set=limits.data_set_mb * _MB,
        other=limits.message_mb * _MB,
        memory=Memory(limits.memory_mb * _MB),
    )
