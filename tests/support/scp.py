"""A storage SCP that answers as it is told: a PACS with opinions."""

from collections.abc import Callable
from ssl import SSLContext

from pynetdicom import AE, StoragePresentationContexts, evt
from pynetdicom.transport import ThreadedAssociationServer

from dicom_node.dicom import VERIFICATION


class Served:
    """Something that listens between ``start`` and ``stop``, always on the same port.

    It speaks TLS where ``secured`` is a context for it.
    """

    port: int
    secured: SSLContext | None
    _server: ThreadedAssociationServer | None = None

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server = None

    def _serve(self, ae: AE, *handlers: tuple) -> None:
        self._server = ae.start_server(
            ("127.0.0.1", self.port),
            block=False,
            evt_handlers=list(handlers),
            ssl_context=self.secured,
        )


class Scp(Served):
    """Answers each C-STORE with ``answer(event)``; keeps what it answered with 0000."""

    def __init__(
        self,
        port: int,
        answer: Callable[[evt.Event], int] | None = None,
        secured: SSLContext | None = None,
    ) -> None:
        self.port = port
        self.secured = secured
        self.answer = answer or (lambda _event: 0x0000)
        self.contexts = StoragePresentationContexts
        self.kept: dict[str, bytes] = {}
        self.asked: list[str] = []

    def start(self) -> "Scp":
        ae = AE(ae_title="PACS")
        ae.supported_contexts = self.contexts
        ae.add_supported_context(VERIFICATION)
        self._serve(ae, (evt.EVT_C_STORE, self._store))
        return self

    def _store(self, event: evt.Event) -> int:
        uid = str(event.request.AffectedSOPInstanceUID)
        self.asked.append(uid)
        status = self.answer(event)
        if status == 0x0000:
            self.kept[uid] = event.encoded_dataset(include_meta=False)
        return status
