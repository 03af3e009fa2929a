"""One request and its responses."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from types import MappingProxyType
from typing import Protocol

from pydicom.dataset import Dataset
from pydicom.uid import UID
from pynetdicom.dsutils import decode, encode

from dicom_node.association.caller import Caller
from dicom_node.dicom import PARSER_ERRORS
from dicom_node.dimse import Broken, InstanceSender, Message, Plane, Taken
from dicom_node.errors import QueryInvalid
from dicom_node.settings import Peer
from dicom_node.transcode import Transcoder
from dicom_node.transport import NO_DATA_SET, WITH_DATA_SET, Command, Field, Kind

__all__ = ["Exchange", "Offer", "Service"]

_RESPONSE = 0x8000
_LONGEST_COMMENT = 64  # LO, PS3.5 6.2
_NONE: Mapping[Field, int | str] = MappingProxyType({})


class Exchange:
    """A request that is being served.

    Parameters
    ----------
    plane : Plane
        Of the association.
    message : Message
        The request.
    transfer_syntax_uid : str
        Of its presentation context.
    caller : Caller
        Who asks.
    taken : Taken
        What it takes on the same association.
    """

    def __init__(
        self, plane: Plane, message: Message, transfer_syntax_uid: str, caller: Caller, taken: Taken
    ) -> None:
        self._plane = plane
        self._taken = taken
        self._syntax = UID(transfer_syntax_uid)
        self._cancelled = False
        self.message = message
        self.caller = caller

    @property
    def peer(self) -> Peer:
        """Who asks, as peers.toml has it."""
        return self.caller.peer

    @property
    def command(self) -> Command:
        """The request's command set."""
        return self.message.command

    @property
    def sop_class_uid(self) -> str:
        """Affected SOP Class UID: the storage class, or the query model."""
        return self.command.text(Field.AFFECTED_SOP_CLASS_UID)

    @property
    def transfer_syntax_uid(self) -> str:
        """How data sets are encoded on its presentation context."""
        return str(self._syntax)

    @property
    def was_cancelled(self) -> bool:
        """Whether a cancel was heard; nothing is read to find out."""
        return self._cancelled

    def identifier(self) -> Dataset:
        """Return the request's data set.

        Raises
        ------
        QueryInvalid
            When it cannot be read.
        """
        syntax, content = self._syntax, BytesIO(self.message.content)
        try:
            return decode(content, syntax.is_implicit_VR, syntax.is_little_endian)
        except (*PARSER_ERRORS, UserWarning) as exc:
            raise QueryInvalid(f"the identifier cannot be read: {type(exc).__name__}") from exc

    def answer(
        self,
        status: int,
        identifier: Dataset | None = None,
        fields: Mapping[Field, int | str] = _NONE,
    ) -> None:
        """Send a response (PS3.7 9.3).

        Raises
        ------
        Broken
            When the peer does not take it.
        """
        content = b"" if identifier is None else self._encoded(identifier)
        command = Command.of(
            {
                Field.AFFECTED_SOP_CLASS_UID: self.sop_class_uid,
                Field.COMMAND_FIELD: self.message.kind | _RESPONSE,
                Field.RESPONDED_TO: self.command.message_id,
                Field.DATA_SET_TYPE: WITH_DATA_SET if content else NO_DATA_SET,
                Field.STATUS: status,
                **fields,
            }
        )
        self._plane.send(self.message.context_id, command, content)

    def refuse(self, status: int, why: str) -> None:
        """Answer with a failure and its reason, as long as an Error Comment may be (PS3.7 C.4)."""
        self.answer(status, fields={Field.ERROR_COMMENT: why[:_LONGEST_COMMENT]})

    def is_cancelled(self) -> bool:
        """Whether the peer wants no more of it (PS3.7 9.3.2.3).

        Raises
        ------
        NotOurs
            When the peer has ended the association.
        Broken
            When it asks for something else, or breaks the protocol.
        """
        while not self._cancelled and self._plane.has_more:
            wanted = {self.message.context_id: frozenset({Kind.C_CANCEL_RQ})}
            self.note(self._plane.receive(wanted, is_busy=True))
        return self._cancelled

    def note(self, message: Message) -> None:
        """Take in a cancel that came meanwhile: of this request, or of an old one."""
        if message.command.responds_to == self.command.message_id:
            self.cancel()

    def cancel(self) -> None:
        """Have it count as cancelled."""
        self._cancelled = True

    def sender(self, transcoder: Transcoder) -> InstanceSender:
        """Return what sends instances on the same association, and hears a cancel meanwhile."""
        priority = self.command.number(Field.PRIORITY)
        sender = InstanceSender(self._plane, self._taken, transcoder, priority=priority)
        sender.listen_for({self.message.context_id: frozenset({Kind.C_CANCEL_RQ})}, self.note)
        return sender

    def _encoded(self, ds: Dataset) -> bytes:
        content = encode(ds, self._syntax.is_implicit_VR, self._syntax.is_little_endian)
        if content is None:
            raise Broken("its answer cannot be encoded; see the log")
        return content


@dataclass(frozen=True, slots=True)
class Service:
    """What serves requests of one kind.

    Parameters
    ----------
    serve : callable
        Answers an exchange, to the last response.
    bug_status : int
        What is answered where it meets a bug.
    """

    serve: Callable[[Exchange], None]
    bug_status: int


class Offer(Protocol):
    """Services that a listener may be given besides its own."""

    def services(self) -> Mapping[Kind, Service]:
        """Return what serves each kind of request."""

    def close(self) -> None:
        """End what runs beside: no request is served any more."""
