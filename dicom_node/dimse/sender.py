"""C-STORE out: the bytes of the archive as they are, or in a syntax that the peer takes."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

from pynetdicom.presentation import PresentationContext

from dicom_node.archive.part10 import at_data_set
from dicom_node.content import Spooled, digest_of
from dicom_node.dimse.plane import Broken, Message, Plane, Wanted
from dicom_node.errors import NodeError
from dicom_node.transcode import NATIVE, CannotTranscode, Transcoder, can_become_native
from dicom_node.transport import WITH_DATA_SET, Command, Field, Kind
from dicom_node.values import Instance

__all__ = ["MEDIUM", "CannotSend", "ClassNotTaken", "InstanceSender", "Originator", "Taken"]

MEDIUM = 0x0000
"""Priority of a request (PS3.7 9.1.1.1.7)."""
_LAST_MESSAGE_ID = 0xFFFF
_MOST_ASIDE = 10


class CannotSend(NodeError):
    """An instance cannot go to this peer; the text says why. The association goes on."""


class ClassNotTaken(CannotSend):
    """The peer did not accept the SOP class of an instance."""


@dataclass(frozen=True, slots=True)
class Originator:
    """Who asked for what is sent, and with what priority: of a C-MOVE (PS3.7 9.1.1.1.9)."""

    ae_title: str
    message_id: int
    priority: int = MEDIUM


class Taken:
    """What a peer takes: presentation contexts that were accepted, by class and encoding.

    Parameters
    ----------
    contexts : iterable of PresentationContext
        Those on which we may be the one who sends.
    """

    def __init__(self, contexts: Iterable[PresentationContext]) -> None:
        self._ids: dict[tuple[str, str], int] = {}
        for one in contexts:
            key = str(one.abstract_syntax), str(one.transfer_syntax[0])
            if one.context_id is not None:
                self._ids.setdefault(key, one.context_id)

    def context_for(self, instance: Instance) -> tuple[int, str]:
        """Return a context and its transfer syntax: that of the file if it is taken, else a native.

        Raises
        ------
        CannotSend
            When there is none that the instance can be had in.
        """
        sop_class, stored = instance.sop_class_uid, instance.transfer_syntax_uid
        natives = NATIVE if can_become_native(stored) else ()
        for syntax in (stored, *natives):
            if (sop_class, syntax) in self._ids:
                return self._ids[sop_class, syntax], syntax
        if any(one == sop_class for one, _ in self._ids):
            raise CannotSend(
                f"it is kept in transfer syntax {stored}, which the peer does not take"
            )
        raise ClassNotTaken(f"the peer does not take SOP class {sop_class}")


class InstanceSender:
    """Sends instances over one association, and tells how each was answered.

    Parameters
    ----------
    plane : Plane
        Of the association.
    taken : Taken
        What the peer takes.
    transcoder : Transcoder
        For what it does not take as it is.
    originator : Originator or None
        Who asked, where it was a C-MOVE.
    priority : int
        Of the request that this serves (PS3.7 9.1.1.1.7).
    """

    def __init__(
        self,
        plane: Plane,
        taken: Taken,
        transcoder: Transcoder,
        originator: Originator | None = None,
        priority: int = MEDIUM,
    ) -> None:
        self._plane = plane
        self._taken = taken
        self._transcoder = transcoder
        self._originator = originator
        self._priority = priority
        self._message_id = 0
        self._aside: Wanted = {}
        self._on_aside: Callable[[Message], None] = lambda _: None

    def listen_for(self, wanted: Wanted, on_message: Callable[[Message], None]) -> None:
        """Have other messages taken too, while an answer is waited for: a C-CANCEL."""
        self._aside, self._on_aside = wanted, on_message

    def send(self, instance: Instance) -> int:
        """Send one instance; return the status that it is answered with (PS3.4 B.2.3).

        Raises
        ------
        CannotSend
            When it is not sent, and why; others may follow.
        OSError
            When its file cannot be read.
        Broken, NotOurs
            When nothing can follow on this association.
        """
        context_id, syntax = self._taken.context_for(instance)
        try:
            with self._content(instance, syntax) as content:
                self._message_id = self._message_id % _LAST_MESSAGE_ID + 1
                self._plane.send(context_id, self._request(instance), content)
        except CannotTranscode as exc:
            raise CannotSend(f"it cannot be had in transfer syntax {syntax}: {exc}") from exc
        return self._answer(context_id)

    @contextmanager
    def _content(self, instance: Instance, syntax: str) -> Iterator[tuple[BinaryIO, int]]:
        with _as_it_is(instance) as content:  # what is damaged is not decoded
            if syntax == instance.transfer_syntax_uid:
                yield content
                return
        with self._transcoder.converted(instance.path, syntax) as content:
            yield content

    def _request(self, instance: Instance) -> Command:
        """Return the command (PS3.7 9.3.1.1)."""
        fields: dict[Field, int | str] = {
            Field.AFFECTED_SOP_CLASS_UID: instance.sop_class_uid,
            Field.COMMAND_FIELD: Kind.C_STORE_RQ,
            Field.MESSAGE_ID: self._message_id,
            Field.PRIORITY: self._priority,
            Field.DATA_SET_TYPE: WITH_DATA_SET,
            Field.AFFECTED_SOP_INSTANCE_UID: instance.sop_instance_uid,
        }
        if self._originator is not None:
            fields[Field.ORIGINATOR_AE_TITLE] = self._originator.ae_title
            fields[Field.ORIGINATOR_MESSAGE_ID] = self._originator.message_id
        return Command.of(fields)

    def _answer(self, context_id: int) -> int:
        answers = frozenset({Kind.C_STORE_RSP})
        wanted = {**self._aside, context_id: answers | self._aside.get(context_id, frozenset())}
        for _ in range(_MOST_ASIDE):
            message = self._plane.receive(wanted, is_busy=True)
            if message.kind != Kind.C_STORE_RSP:
                self._on_aside(message)
            elif message.command.responds_to == self._message_id:
                return message.command.number(Field.STATUS)
            else:
                raise Broken("it answered what it was not asked")
        raise Broken("it sent everything but an answer")


@contextmanager
def _as_it_is(instance: Instance) -> Iterator[tuple[BinaryIO, int]]:
    """Give a file at the start of its data set, and the data set's size.

    All of it is read before any of it is sent: what begins to go out cannot be taken back.
    """
    with instance.path.open("rb") as stream:
        there = at_data_set(stream)
        if there != instance.size:
            raise CannotSend(f"its file is damaged: {there} bytes of {instance.size} are there")
        if digest_of(Spooled(stream, stream.tell(), there)) != instance.sha256:
            raise CannotSend("its file is damaged: it has other bytes than were kept")
        yield stream, instance.size
