"""Results leave: C-STORE to peers, STOW-RS to DICOMweb servers, files to folders.

What enters: deliveries from the outbox. What leaves: objects, and for each the word of how it was
answered. A destination has a stage of its own, so one that is dead delays no other.
"""

from dicom_node.destination.dimse import DimseSender, echo
from dicom_node.destination.folder import FolderSender
from dicom_node.destination.stage import (
    CountedSender,
    DestinationStage,
    Patience,
    Sender,
    Target,
)

__all__ = [
    "CountedSender",
    "DestinationStage",
    "DimseSender",
    "FolderSender",
    "Patience",
    "Sender",
    "Target",
    "echo",
]
