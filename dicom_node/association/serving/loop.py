"""The loop that serves one association on its wire."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass

from pynetdicom.presentation import PresentationContext

from dicom_node.association.caller import Caller
from dicom_node.association.contexts import kinds_on
from dicom_node.association.serving.exchange import Exchange, Service
from dicom_node.dimse import Broken, Message, NotOurs, Plane, Taken, Wanted
from dicom_node.errors import BeyondLimits
from dicom_node.extent import check_extent
from dicom_node.settings import Limits
from dicom_node.transport import Kind, Wire

__all__ = ["Agreed", "Loop"]


@dataclass(frozen=True, slots=True)
class Agreed:
    """What was negotiated.

    Parameters
    ----------
    wanted : mapping
        Presentation context to the requests that may come on it.
    syntaxes : mapping
        Presentation context to its transfer syntax.
    taken : Taken
        What the peer takes from us: where it was granted the role of SCP (PS3.7 D.3.3.4).
    """

    wanted: Wanted
    syntaxes: Mapping[int, str]
    taken: Taken

    @classmethod
    def of(cls, contexts: Sequence[PresentationContext], served: frozenset[Kind]) -> "Agreed":
        """Return what ``contexts``, all of them accepted, say.

        Parameters
        ----------
        served : set of Kind
            What there is a service for; a cancel needs none.
        """
        wanted: dict[int, frozenset[Kind]] = {}
        syntaxes: dict[int, str] = {}
        for one in contexts:
            kinds = kinds_on(one)
            if one.context_id is not None and kinds & served:
                wanted[one.context_id] = kinds & (served | {Kind.C_CANCEL_RQ})
                syntaxes[one.context_id] = str(one.transfer_syntax[0])
        return cls(wanted, syntaxes, Taken(one for one in contexts if one.as_scu))


class Loop:
    """Serves the requests of one association, until something else comes.

    Parameters
    ----------
    wire : Wire
        Of the association.
    plane : Plane
        On the wire.
    agreed : Agreed
        What was negotiated.
    services : mapping
        Command field to what serves such a request.
    caller : Caller
        Who calls.
    limits : Limits
        How deep and wide an identifier may be.
    """

    def __init__(
        self,
        wire: Wire,
        plane: Plane,
        agreed: Agreed,
        services: Mapping[Kind, Service],
        caller: Caller,
        limits: Limits,
    ) -> None:
        self._wire = wire
        self._plane = plane
        self._agreed = agreed
        self._services = services
        self._caller = caller
        self._limits = limits

    @property
    def wanted(self) -> Wanted:
        """What is served, by presentation context."""
        return self._agreed.wanted

    def run(self, first: Message | None = None, *, is_cancelled: bool = False) -> str:
        """Serve until something else comes; then hand the wire back.

        A bug in a service is let out: its request is answered with a status that says so first, and
        the wire handed back, so that pynetdicom goes on with the association.

        Parameters
        ----------
        first : Message or None
            A request that pynetdicom has read.
        is_cancelled : bool
            Whether it has read that this one is cancelled, too.

        Returns
        -------
        str
            Why the association has to be aborted: the peer broke the protocol in the middle of a
            message, was silent or slow for too long there or between two of them, sent too much, or
            took no answer. Empty when there is no reason to, and pynetdicom goes on.
        """
        try:
            if first is not None:
                self._serve(first, is_cancelled=is_cancelled)
            while True:
                self._serve(self._plane.receive(self._agreed.wanted))
        except NotOurs as exc:
            self._wire.hand_back(exc.read)
            return ""
        except Broken as exc:
            self._wire.hand_back()
            return str(exc)
        finally:
            self._plane.forget()

    def _serve(self, message: Message, *, is_cancelled: bool = False) -> None:
        if message.kind == Kind.C_CANCEL_RQ:
            return  # of a request that was answered meanwhile
        service = self._services[Kind(message.kind)]
        syntax = self._agreed.syntaxes[message.context_id]
        self._look(message, syntax)
        exchange = Exchange(self._plane, message, syntax, self._caller, self._agreed.taken)
        if is_cancelled:
            exchange.cancel()
        with ExitStack() as after_a_bug:
            after_a_bug.callback(self._give_up, exchange, service)
            try:
                service.serve(exchange)
            except (Broken, NotOurs):
                after_a_bug.pop_all()
                raise
            after_a_bug.pop_all()

    def _look(self, message: Message, transfer_syntax_uid: str) -> None:
        """Look at an identifier before anybody decodes it; the archive looks at what is stored."""
        if message.kind == Kind.C_STORE_RQ:
            return
        try:
            check_extent(message.content, transfer_syntax_uid, self._limits)
        except BeyondLimits as exc:
            raise Broken(f"it sent {exc}") from exc

    def _give_up(self, exchange: Exchange, service: Service) -> None:
        """Answer a request that met a bug of ours, and leave the rest to pynetdicom.

        In the middle of a message of ours nothing can be answered: the association is aborted.
        """
        with suppress(Broken, NotOurs):
            exchange.answer(service.bug_status)
        if self._plane.is_cut:
            self._wire.give_up("a message to it was begun and not ended: a bug of ours")
        self._wire.hand_back(self._plane.left)
