"""What a person does who recalls a version of a model."""

from collections.abc import Callable
from threading import Event
from time import monotonic

from dicom_node.app.build import Node
from dicom_node.app.clock import utc_now
from dicom_node.app.recall.report import told_everywhere
from dicom_node.errors import NotKnown
from dicom_node.jobs import Decisions
from dicom_node.notes import carry_out
from dicom_node.rejections import Recall, Recalls

__all__ = ["recall_model"]

_LOOK_EVERY_S = 0.5


def recall_model(
    node: Node,
    model: tuple[str, str],
    said: tuple[str, str],
    wait_s: float,
    tell: Callable[[Recall], None],
) -> Recall:
    """Recall a version for good: nothing is made by it any more, and what was made is rejected.

    Recalled again, the first word stays, and what was left is finished.

    Parameters
    ----------
    model, said : (name, version), (by whom, why)
    wait_s : float
        How long it is waited for destinations to answer the notes, which the serving process sends.
    tell : callable
        Writes the act into the audit trail, in the transaction that recalls.

    Raises
    ------
    NotKnown
        When there is no such version, and no job was ever done by it.
    """
    now = utc_now()
    with node.database.transaction() as session:
        if not (_is_installed(node, model) or Decisions(session).of_model(*model)):
            name, version = model
            text = f"no model {name} {version} is installed, and no job was done by it"
            raise NotKnown(f"{text}; 'dicom-node models list' shows what there is")
        recall = Recalls(session).add(model, *said, now)
        tell(recall)
    carry_out((node.database, node.archive.folder), recall, now)
    _wait(node, recall, wait_s)
    return recall


def _wait(node: Node, recall: Recall, wait_s: float) -> None:
    """Have the notes made, and wait until they are answered; not for long."""
    stage, until = node.notes_stage(), monotonic() + wait_s
    while True:
        stage.tick(utc_now())
        if told_everywhere(node, recall) or monotonic() >= until:
            return
        Event().wait(_LOOK_EVERY_S)


def _is_installed(node: Node, model: tuple[str, str]) -> bool:
    """Whether any version that is here is this one: not only those that are used."""
    identities = (one.identity for one in node.catalogue.by_digest.values())
    return any((one.name, one.version) == model for one in identities)
