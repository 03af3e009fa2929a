"""Associations that we open: to send, to ask, to see whether a peer is there."""

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Any, cast

from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE, _config, build_context, evt
from pynetdicom.association import Association
from pynetdicom.dsutils import encode
from pynetdicom.pdu_primitives import SCP_SCU_RoleSelectionNegotiation
from pynetdicom.presentation import PresentationContext

from dicom_node.dicom import (
    IMPLEMENTATION_CLASS_UID,
    IMPLEMENTATION_VERSION_NAME,
    PARSER_ERRORS,
    STUDY_ROOT_FIND,
)
from dicom_node.errors import PeerAway, PeerRefused
from dicom_node.sections import Limits, Outbox, Peer
from dicom_node.tls import Credentials
from dicom_node.transport import MAXIMUM_PDU, Call, Wire, on_message

__all__ = [
    "PENDING",
    "SUCCESS",
    "Askable",
    "Extras",
    "Inquiry",
    "Ourselves",
    "SeriesThere",
    "answers_to",
    "associated",
    "find_series",
    "plainly",
    "takes",
]

SUCCESS, PENDING = 0x0000, (0xFF00, 0xFF01)
"""Status of the last answer to a query or a retrieval, and of those before it (PS3.4 C.4)."""
_CANCELLED = 0xFE00
_PLAIN = (str(ImplicitVRLittleEndian), str(ExplicitVRLittleEndian))
_MOST_ANSWERS = 100_000
_Answers = Generator[tuple[Dataset, Dataset | None], None, None]
_NOT_AGAIN_S = 60.0
"""A peer that did not answer is left alone so long: its studies are not to wait for it."""
_QUESTION_S = 5.0
"""A count that takes longer is none: whatever else is known of the study decides."""


@dataclass(frozen=True, slots=True)
class Inquiry:
    """A query of ours, as it goes over the wire.

    Parameters
    ----------
    identifier : bytes
        Encoded as the transfer syntax says.
    """

    peer: Peer
    sop_class_uid: str
    identifier: bytes
    transfer_syntax_uid: str


@dataclass(frozen=True, slots=True)
class Ourselves:
    """Who calls, and with what patience.

    Parameters
    ----------
    ae_title : str
        Ours.
    times : Outbox
        How long to wait for the connection, and for each answer.
    credentials : Credentials or None
        For peers with ``tls = true``; these are never called without.
    on_query : callable or None
        Told of each query before it goes out.
    limits : Limits
        What peers may answer with: how much, how deep, how wide.
    """

    ae_title: str
    times: Outbox
    credentials: Credentials | None = None
    on_query: Callable[[Inquiry], None] | None = None
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class Extras:
    """What only some associations need.

    Parameters
    ----------
    roles : tuple of SCP_SCU_RoleSelectionNegotiation
        Where the two sides do not have their usual ones (PS3.7 D.3.3.4).
    handlers : tuple
        Of pynetdicom's events.
    """

    roles: tuple[SCP_SCU_RoleSelectionNegotiation, ...] = ()
    handlers: tuple[Any, ...] = ()


@contextmanager
def associated(
    ourselves: Ourselves,
    peer: Peer,
    contexts: Sequence[PresentationContext],
    extras: Extras | None = None,
) -> Iterator[Association]:
    """Give an association with ``peer``, released at the end.

    Parameters
    ----------
    ourselves : Ourselves
    peer : Peer
        With a port.
    contexts : sequence of PresentationContext
        What is proposed.
    extras : Extras
        Roles and handlers, where there are any.

    Raises
    ------
    PeerAway
        When there is none: the text says whether the peer rejected it, what was wrong with TLS,
        that its host's name cannot be resolved, or that it does not answer.
    """
    _config.LOG_RESPONSE_IDENTIFIERS = False  # it would decode answers before we look at them
    call = Call(peer, ourselves.times, ourselves.credentials, ourselves.limits)
    try:
        assoc = _requested(ourselves, peer, contexts, call, extras or Extras())
    except (OSError, UnicodeError) as exc:  # the latter of a name that cannot be one
        raise PeerAway(_unresolved(peer, exc)) from exc
    if not assoc.is_established:
        call.close()
        rejected = _rejection(ourselves.ae_title, peer) if assoc.is_rejected else ""
        raise PeerAway(rejected or call.why_not() or _away(peer))
    try:
        yield assoc
    finally:
        if assoc.is_established:
            assoc.release()
        call.close()


def plainly(*sop_class_uids: str) -> list[PresentationContext]:
    """Return the contexts that are proposed for whatever is no instance.

    Little endian, never deflated: a query and its answer are short, and what is deflated may swell.
    """
    return [build_context(uid, [*_PLAIN]) for uid in sop_class_uids]


def takes(assoc: Association, sop_class_uid: str) -> bool:
    """Whether the peer accepted a presentation context for a SOP class."""
    return any(one.abstract_syntax == sop_class_uid for one in assoc.accepted_contexts)


@dataclass(frozen=True, slots=True)
class SeriesThere:
    """A series as a peer knows it.

    Parameters
    ----------
    instances : int
        0 where the peer does not count.
    label, synthetic, how
        What it shows as far as one of its instances tells, whether it was made, and how that was
        found out; an empty label where it was not.
    """

    peer: str
    series_uid: str
    modality: str
    description: str
    instances: int
    label: str = ""
    synthetic: bool = False
    how: str = ""


def find_series(ourselves: Ourselves, peer: Peer, study_uid: str) -> tuple[SeriesThere, ...]:
    """Return the series of a study that a peer has: C-FIND at series level (PS3.4 C.6.2.1).

    Raises
    ------
    PeerAway, PeerRefused
        When the peer cannot be asked, or answers with a failure or with nonsense.
    """
    with associated(ourselves, peer, plainly(STUDY_ROOT_FIND)) as assoc:
        found = [*answers_to(ourselves, peer, assoc, _question(study_uid))]
        return tuple(_series(identifier, peer.name) for identifier in found)


def answers_to(
    ourselves: Ourselves,
    peer: Peer,
    assoc: Association,
    question: Dataset,
    *,
    cancels: bool = False,
) -> Iterator[Dataset]:
    """Yield the identifiers that answer a query (PS3.4 C.4.1): what was asked for, decoded.

    Parameters
    ----------
    ourselves : Ourselves
        All answers together may take as long as one answer may.
    peer : Peer
    assoc : Association
        With it.
    question : Dataset
        The identifier.
    cancels : bool
        Whether the caller may cancel the query.

    Raises
    ------
    PeerRefused
        When the peer answers with a failure, with what cannot be decoded, or does not come to an
        end; the association is then aborted.
    """
    if not takes(assoc, STUDY_ROOT_FIND):
        raise PeerRefused(f"{peer.name} answers no queries of the Study Root model")
    if ourselves.on_query is not None:
        ourselves.on_query(_inquiry(peer, assoc, question))
    until = monotonic() + ourselves.times.answer_s
    answers = cast(_Answers, assoc.send_c_find(question, STUDY_ROOT_FIND))
    with ExitStack() as unfinished:
        unfinished.callback(assoc.abort)
        unfinished.callback(answers.close)  # before: it may hold a lock that an abort takes
        for count, (status, identifier) in enumerate(answers):
            code = status.get("Status")
            if code not in PENDING:
                unfinished.pop_all()
                if code != SUCCESS and not (cancels and code == _CANCELLED):
                    seen = _nothing(assoc) if code is None else f"status 0x{code:04X}"
                    asked = f"a query at level {question.QueryRetrieveLevel}"
                    raise PeerRefused(f"{peer.name} gave {seen} to {asked}")
            elif monotonic() > until or count >= _MOST_ANSWERS:
                raise PeerRefused(f"{peer.name} had not ended its answer after {count} matches")
            else:
                yield _decoded(peer, question, identifier)


def _nothing(assoc: Association) -> str:
    """Return what came instead of an answer."""
    wire = Wire.of(assoc)
    return f"no answer: {wire.broken}" if wire is not None and wire.broken else "no answer"


class Askable:
    """The peers that may be asked to find.

    Parameters
    ----------
    ourselves : Ourselves
    peers : sequence of Peer
        All of peers.toml.
    """

    def __init__(self, ourselves: Ourselves, peers: Sequence[Peer]) -> None:
        self._ourselves = ourselves
        self._peers = {peer.name: peer for peer in peers if "find" in peer.ask and peer.port}
        self._away_until: dict[str, float] = {}

    def names(self) -> tuple[str, ...]:
        """Return who may be asked now: not who just did not answer."""
        now = monotonic()
        return tuple(name for name in self._peers if self._away_until.get(name, 0.0) <= now)

    def series(self, name: str, study_uid: str) -> tuple[SeriesThere, ...]:
        """Return the series of a study that a peer has, unless it takes long to say.

        Raises
        ------
        PeerAway, PeerRefused
            See :func:`find_series`; the peer is then left alone for a while.
        """
        hasty = replace(self._ourselves, times=self._ourselves.times.within(_QUESTION_S))
        with ExitStack() as unanswered:  # in whatever way it fails
            unanswered.callback(self._leave_alone, name)
            found = find_series(hasty, self._peers[name], study_uid)
            unanswered.pop_all()
        return found

    def _leave_alone(self, name: str) -> None:
        self._away_until[name] = monotonic() + _NOT_AGAIN_S


def _inquiry(peer: Peer, assoc: Association, question: Dataset) -> Inquiry:
    syntax = next(
        one.transfer_syntax[0]
        for one in assoc.accepted_contexts
        if one.abstract_syntax == STUDY_ROOT_FIND
    )
    identifier = encode(question, syntax.is_implicit_VR, syntax.is_little_endian)
    return Inquiry(peer, STUDY_ROOT_FIND, identifier or b"", str(syntax))


def _decoded(peer: Peer, question: Dataset, identifier: Dataset | None) -> Dataset:
    """Return what an answer says of what was asked for; what else it says is nobody's concern.

    pydicom decodes an element when it is first looked at. That is here, and nowhere else.
    """
    ds = Dataset()
    try:
        if identifier is None:
            raise InvalidDicomError("it is no data set")
        for tag in question.keys():  # noqa: SIM118 - iterating decodes
            if tag in identifier:
                ds[tag] = identifier[tag]
        deque(ds.iterall(), maxlen=0)
    except (*PARSER_ERRORS, UserWarning) as exc:
        why = type(exc).__name__  # its text may quote a value
        raise PeerRefused(f"{peer.name} gave an answer that cannot be decoded: {why}") from exc
    return ds


def _question(study_uid: str) -> Dataset:
    ds = Dataset()
    ds.QueryRetrieveLevel = "SERIES"
    ds.StudyInstanceUID = study_uid
    for wanted in (
        "SeriesInstanceUID", "Modality", "SeriesDescription", "NumberOfSeriesRelatedInstances",
    ):  # fmt: skip
        setattr(ds, wanted, "")
    return ds


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
    ourselves: Ourselves,
    peer: Peer,
    contexts: Sequence[PresentationContext],
    call: Call,
    extras: Extras,
) -> Association:
    ae = AE(ae_title=ourselves.ae_title)
    ae.maximum_pdu_size = MAXIMUM_PDU
    ae.implementation_class_uid = IMPLEMENTATION_CLASS_UID
    ae.implementation_version_name = IMPLEMENTATION_VERSION_NAME
    ae.connection_timeout = call.times.connect_s
    ae.acse_timeout = call.times.connect_s
    ae.dimse_timeout = ae.network_timeout = call.times.answer_s
    return ae.associate(
        peer.host,
        peer.port or 0,
        contexts=list(contexts),
        ae_title=peer.ae_title,
        ext_neg=list(extras.roles),
        evt_handlers=[
            (evt.EVT_CONN_OPEN, call.on_open),
            (evt.EVT_DIMSE_RECV, on_message, [ourselves.limits]),
            *extras.handlers,
        ],
    )


def _rejection(ae_title: str, peer: Peer) -> str:
    return (
        f"{peer.name} rejected the association from '{ae_title}' to '{peer.ae_title}'; it may not "
        "know our AE title or address"
    )


def _unresolved(peer: Peer, exc: Exception) -> str:
    return (
        f"{peer.name}: its host {peer.host} cannot be resolved to an address ({exc}); correct it "
        "in peers.toml, or mend the name service"
    )


def _away(peer: Peer) -> str:
    return f"{peer.name} does not answer at {peer.host}:{peer.port}; is it running?"
