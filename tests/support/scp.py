"""A storage SCP that answers as it is told: a PACS with opinions."""

from collections.abc import Callable
from ssl import SSLContext

from pynetdicom import AE, StoragePresentationContexts, evt

from dicom_node.dicom import VERIFICATION


class Scp:
    """Answers each C-STORE with ``answer(event)``; keeps what it answered with 0000.

    It listens only between ``start`` and ``stop``, always on the same port; over TLS where it is
    given a context for it.
    """

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
        self._server = None

    def start(self) -> "Scp":
        ae = AE(ae_title="PACS")
        ae.supported_contexts = self.contexts
        ae.add_supported_context(VERIFICATION)
        self._server = ae.start_server(
            ("127.0.0.1", self.port),
            block=False,
            evt_handlers=[(evt.EVT_C_STORE, self._store)],
            ssl_context=self.secured,
        )
        return self

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server = None

    def _store(self, event: evt.Event) -> int:
        uid = str(event.request.AffectedSOPInstanceUID)
        self.asked.append(uid)
        status = self.answer(event)
        if status == 0x0000:
            self.kept[uid] = event.encoded_dataset(include_meta=False)
        return status
