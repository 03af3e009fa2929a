"""What an answer to a C-STORE says of the transfer."""

from dicom_node.audit.message import Outcome
from dicom_node.dicom import STORED, STORED_WITH_WARNING

__all__ = ["outcome_of"]


def outcome_of(status: int | None) -> Outcome:
    """Return how the transfer of an instance ended; without an answer it is not there."""
    if status == STORED:
        return Outcome.SUCCESS
    return Outcome.MINOR if status in STORED_WITH_WARNING else Outcome.SERIOUS
