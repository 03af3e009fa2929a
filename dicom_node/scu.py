"""Associations that we open: to send, to ask, to see whether a peer is there."""

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Any

from pydicom.dataset import Dataset
from pynetdicom import AE, build_context, evt
from pynetdicom.association import Association
from pynetdicom.events import Event
from pynetdicom.presentation import PresentationContext

from dicom_node.dicom import (
    IMPLEMENTATION_CLASS_UID,
    IMPLEMENTATION_VERSION_NAME,
    STUDY_ROOT_FIND,
)
from dicom_node.errors import PeerAway, PeerRefused
from dicom_node.settings import Outbox, Peer

__all__ = ["Askable", "SeriesThere", "associated", "find_series"]

_MAXIMUM_PDU = 131072
_SUCCESS, _PENDING = 0x0000, (0xFF00, 0xFF01)
_NOT_AGAIN_S = 60.0
"""A peer that did not answer is left alone so long: other studies are not to wait for it."""


@contextmanager
def associated(
    ae_title: str, peer: Peer, contexts: Sequence[PresentationContext], times: Outbox
) -> Iterator[Association]:
    """Give an association with ``peer``, released at the end.

    Parameters
    ----------
    ae_title : str
        Ours.
    peer : Peer
        With a port.
    contexts : sequence of PresentationContext
        What is proposed.
    times : Outbox
        How long to wait for the connection, and for each answer.

    Raises
    ------
    PeerAway
        When there is none: the text says whether the peer rejected it or does not answer.
    """
    assoc = _requested(ae_title, peer, contexts, times)
    if not assoc.is_established:
        raise PeerAway(_refusal(assoc, ae_title, peer))
    try:
        yield assoc
    finally:
        if assoc.is_established:
            assoc.release()


@dataclass(frozen=True, slots=True)
class SeriesThere:
    """A series as a peer knows it.

    Parameters
    ----------
    instances : int
        0 where the peer does not count.
    """

    peer: str
    series_uid: str
    modality: str
    description: str
    instances: int


def find_series(
    ae_title: str, peer: Peer, study_uid: str, times: Outbox
) -> tuple[SeriesThere, ...]:
    """Return the series of a study that a peer has: C-FIND at series level (PS3.4 C.6.2.1).

    Raises
    ------
    PeerAway, PeerRefused
        When the peer cannot be asked, or answers with a failure or with nonsense.
    """
    with associated(ae_title, peer, [build_context(STUDY_ROOT_FIND)], times) as assoc:
        answers = assoc.send_c_find(_question(study_uid), STUDY_ROOT_FIND)
        return tuple(_found(answers, peer.name))


class Askable:
    """The peers that may be asked to find.

    Parameters
    ----------
    ae_title : str
        Ours.
    peers : sequence of Peer
        All of peers.toml.
    times : Outbox
        How long to wait for the connection, and for each answer.
    """

    def __init__(self, ae_title: str, peers: Sequence[Peer], times: Outbox) -> None:
        self._ae_title = ae_title
        self._peers = {peer.name: peer for peer in peers if "find" in peer.ask and peer.port}
        self._times = times
        self._away_until: dict[str, float] = {}

    def names(self) -> tuple[str, ...]:
        """Return who may be asked now: not who just did not answer."""
        now = monotonic()
        return tuple(name for name in self._peers if self._away_until.get(name, 0.0) <= now)

    def series(self, name: str, study_uid: str) -> tuple[SeriesThere, ...]:
        """Return the series of a study that a peer has.

        Raises
        ------
        PeerAway, PeerRefused
            See :func:`find_series`; the peer is then left alone for a while.
        """
        self._away_until[name] = monotonic() + _NOT_AGAIN_S
        found = find_series(self._ae_title, self._peers[name], study_uid, self._times)
        del self._away_until[name]
        return found


def _question(study_uid: str) -> Dataset:
    ds = Dataset()
    ds.QueryRetrieveLevel = "SERIES"
    ds.StudyInstanceUID = study_uid
    for wanted in (
        "SeriesInstanceUID", "Modality", "SeriesDescription", "NumberOfSeriesRelatedInstances",
    ):  # fmt: skip
        setattr(ds, wanted, "")
    return ds


def _found(answers: Any, peer: str) -> Iterator[SeriesThere]:
    for status, identifier in answers:
        code = status.get("Status")
        if code not in (_SUCCESS, *_PENDING):
            seen = "no answer" if code is None else f"status 0x{code:04X}"
            raise PeerRefused(f"{peer} gave {seen} to a query for series of a study")
        if identifier is not None:
            yield _series(identifier, peer)


def _series(identifier: Dataset, peer: str) -> SeriesThere:
    try:
        return SeriesThere(
            peer=peer,
            series_uid=str(identifier.get("SeriesInstanceUID") or ""),
            modality=str(identifier.get("Modality") or ""),
            description=str(identifier.get("SeriesDescription") or ""),
            instances=int(identifier.get("NumberOfSeriesRelatedInstances") or 0),
        )
    except (TypeError, ValueError) as exc:
        raise PeerRefused(f"{peer} counts what is no number: {exc}") from exc


def _requested(
    ae_title: str, peer: Peer, contexts: Sequence[PresentationContext], times: Outbox
) -> Association:
    ae = AE(ae_title=ae_title)
    ae.maximum_pdu_size = _MAXIMUM_PDU
    ae.implementation_class_uid = IMPLEMENTATION_CLASS_UID
    ae.implementation_version_name = IMPLEMENTATION_VERSION_NAME
    ae.connection_timeout = times.connect_s
    ae.acse_timeout = times.connect_s
    ae.dimse_timeout = ae.network_timeout = times.answer_s
    handlers: list[Any] = [(evt.EVT_CONN_OPEN, _on_open), (evt.EVT_PDU_SENT, _on_sent)]
    return ae.associate(
        peer.host,
        peer.port or 0,
        contexts=list(contexts),
        ae_title=peer.ae_title,
        evt_handlers=handlers,
    )


def _refusal(assoc: Association, ae_title: str, peer: Peer) -> str:
    if assoc.is_rejected:
        return (
            f"{peer.name} rejected the association from '{ae_title}' to '{peer.ae_title}'; it may "
            "not know our AE title or address"
        )
    return f"{peer.name} does not answer at {peer.host}:{peer.port}; is it running?"


def _raw_socket(assoc: Association) -> socket.socket | None:
    connection = assoc.dul.socket
    return connection.socket if connection else None


def _on_open(event: Event) -> None:
    raw = _raw_socket(event.assoc)
    if raw is not None:
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _on_sent(event: Event) -> None:
    """Acknowledge at once what the peer answers: else it waits 40 ms for our ACK (Linux)."""
    raw = _raw_socket(event.assoc)
    if raw is not None and hasattr(socket, "TCP_QUICKACK"):
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
