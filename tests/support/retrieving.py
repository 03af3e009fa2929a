"""A workstation that retrieves: what it was answered, and the bytes that it was sent."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from pydicom.dataset import Dataset
from pynetdicom import AE, build_context, build_role, evt

from dicom_node.dicom import STUDY_ROOT_GET, STUDY_ROOT_MOVE

EXPLICIT, IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"
NO_ANSWER = -1
"""In place of a status: the association ended first."""


@dataclass
class Retrieved:
    """Everything that came of one request."""

    statuses: list[int] = field(default_factory=list)
    responses: list[Dataset] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    kept: dict[str, bytes] = field(default_factory=dict)
    syntaxes: dict[str, str] = field(default_factory=dict)
    accepted: list = field(default_factory=list)
    ended: bool = False

    @property
    def last(self) -> int:
        return self.statuses[-1]

    def counts(self, at: int = -1) -> tuple:
        """Return remaining, completed, failed and warning sub-operations; None where absent."""
        names = ("Remaining", "Completed", "Failed", "Warning")
        return tuple(self.responses[at].get(f"NumberOf{name}Suboperations", None) for name in names)


def identifier(level: str, **keys) -> Dataset:
    ds = Dataset()
    ds.QueryRetrieveLevel = level
    for keyword, value in keys.items():
        setattr(ds, keyword, value)
    return ds


def get(
    port: int,
    ds: Dataset,
    contexts: Iterable[tuple[str, str]],
    *,
    model: str = STUDY_ROOT_GET,
    answer: Callable[[evt.Event], int] | None = None,
    implicit: bool = False,
) -> Retrieved:
    """Ask by C-GET; ``contexts`` are storage class and syntax, each proposed by itself."""
    found, wanted = Retrieved(), list(contexts)
    names = [build_role(uid, scp_role=True) for uid in dict.fromkeys(uid for uid, _ in wanted)]
    assoc = _workstation().associate(
        "127.0.0.1",
        port,
        contexts=[
            build_context(model, IMPLICIT if implicit else None),
            *(build_context(*one) for one in wanted),
        ],
        ext_neg=names,
        ae_title="SYNTHNODE",
        evt_handlers=[(evt.EVT_C_STORE, _keep(found, answer))],
    )
    _listen(found, assoc, assoc.send_c_get(ds, model, msg_id=7))
    return found


def move(port: int, ds: Dataset, destination: str, *, model: str = STUDY_ROOT_MOVE) -> Retrieved:
    """Ask by C-MOVE."""
    found = Retrieved()
    assoc = _workstation().associate(
        "127.0.0.1", port, contexts=[build_context(model)], ae_title="SYNTHNODE"
    )
    _listen(found, assoc, assoc.send_c_move(ds, destination, model, msg_id=7))
    return found


def _workstation() -> AE:
    ae = AE(ae_title="SCANNER")
    ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = 90
    return ae


def _listen(found: Retrieved, assoc, responses) -> None:
    found.accepted = assoc.accepted_contexts
    for status, names in responses:
        found.statuses.append(int(status.get("Status", NO_ANSWER)))
        found.responses.append(status)
        if names is not None and "FailedSOPInstanceUIDList" in names:
            listed = names.FailedSOPInstanceUIDList
            found.failed = [listed] if isinstance(listed, str) else list(listed)
    found.ended = not assoc.is_established
    if found.statuses[-1:] == [NO_ANSWER]:  # whom we lost answers no release either
        assoc.abort()
    elif assoc.is_established:
        assoc.release()


def _keep(found: Retrieved, answer: Callable[[evt.Event], int] | None):
    def store(event: evt.Event) -> int:
        status = answer(event) if answer else 0x0000
        if not status:
            uid = str(event.request.AffectedSOPInstanceUID)
            found.kept[uid] = event.encoded_dataset(include_meta=False)
            found.syntaxes[uid] = str(event.context.transfer_syntax)
        return status

    return store
