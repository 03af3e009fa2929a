"""Requests that pynetdicom has read although we serve them: after a C-ECHO it reads on."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, cast

from pynetdicom.association import Association
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.dimse_primitives import C_FIND, C_GET, C_MOVE

from dicom_node import log
from dicom_node.dimse import Message, Wanted
from dicom_node.transport import NO_DATA_SET, WITH_DATA_SET, Command, Field, Kind

__all__ = ["Inbox"]

_log = log.get("association")
_NOTED = log.noting(_log, "bug in a service")
"""As pynetdicom does with bugs of its handlers."""
_KINDS = {C_FIND: Kind.C_FIND_RQ, C_GET: Kind.C_GET_RQ, C_MOVE: Kind.C_MOVE_RQ}


class Inbox:
    """Stands in for pynetdicom's message provider: what we serve does not get past it.

    Parameters
    ----------
    inner : DIMSEServiceProvider
        What is stood in for.
    wanted : mapping
        What we serve, by presentation context.
    serve : callable
        Serves a request, and is told whether it is cancelled already.
    """

    def __init__(
        self,
        inner: DIMSEServiceProvider,
        wanted: Wanted,
        serve: Callable[[Message, bool], None],
    ) -> None:
        self._inner = inner
        self._wanted = wanted
        self._serve = serve

    @classmethod
    def put_into(
        cls, assoc: Association, wanted: Wanted, serve: Callable[[Message, bool], None]
    ) -> None:
        """Stand in for the provider of ``assoc``."""
        assoc.dimse = cast(DIMSEServiceProvider, cls(assoc.dimse, wanted, serve))

    @staticmethod
    def behind(assoc: Association) -> DIMSEServiceProvider:
        """Return the provider of ``assoc`` itself, whose messages nobody serves."""
        provider: object = assoc.dimse
        return provider.inner if isinstance(provider, Inbox) else assoc.dimse

    @property
    def inner(self) -> DIMSEServiceProvider:
        """What is stood in for."""
        return self._inner

    def __getattr__(self, name: str) -> Any:
        """Return what the real one has."""
        return getattr(self._inner, name)

    @property
    def cancel_req(self) -> dict[int, Any]:
        """Cancel requests that were read, by the message that they are about."""
        return self._inner.cancel_req

    @cancel_req.setter
    def cancel_req(self, value: dict[int, Any]) -> None:
        self._inner.cancel_req = value

    def get_msg(self, block: bool = False) -> Any:  # noqa: FBT001 - pynetdicom's own words
        """Return the next message for pynetdicom; one of ours is served here and now."""
        context_id, primitive = self._inner.get_msg(block=block)
        message = self._ours(context_id, primitive)
        if message is None:
            return context_id, primitive
        is_cancelled = message.command.message_id in self.cancel_req
        self.cancel_req = {}
        with ExitStack() as bugs:
            bugs.push(_NOTED)  # this thread is pynetdicom's; it would end, and nobody see why
            self._serve(message, is_cancelled)
        return None, None

    def _ours(self, context_id: int | None, primitive: Any) -> Message | None:
        kind = _KINDS.get(type(primitive))
        if kind is None or context_id is None or primitive.MessageID is None:
            return None
        if kind not in self._wanted.get(context_id, frozenset()):
            return None
        content = b"" if primitive.Identifier is None else primitive.Identifier.getvalue()
        fields: dict[Field, int | str] = {
            Field.AFFECTED_SOP_CLASS_UID: str(primitive.AffectedSOPClassUID or ""),
            Field.COMMAND_FIELD: kind,
            Field.MESSAGE_ID: primitive.MessageID,
            Field.PRIORITY: primitive.Priority or 0,
            Field.DATA_SET_TYPE: WITH_DATA_SET if content else NO_DATA_SET,
        }
        if kind is Kind.C_MOVE_RQ:
            fields[Field.MOVE_DESTINATION] = str(primitive.MoveDestination or "")
        return Message(context_id, Command.of(fields), content)
