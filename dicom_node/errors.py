"""What the node raises.

::

    NodeError
    ├── SettingsError        conf/ or the environment: all mistakes at once
    ├── DatabaseAway         the database is locked, gone, or of another version
    ├── AlreadyRunning       a second node on the same data folder
    ├── ArchiveError         an instance was not kept
    │   ├── ArchiveFull      the disk is nearly full
    │   ├── ArchiveBroken    the disk cannot be written
    │   ├── NotDicom         the bytes are no DICOM object with the four UIDs
    │   └── Mismatched       the data set is not what its command announced
    ├── NotKnown             no such study, job, peer or destination
    ├── NotPossible          the job is in a state that forbids it
    ├── LeaseLost            somebody else took the job meanwhile: a fence, not a fault
    ├── OutputInvalid        an object that must not leave
    └── PeerError            a peer did not do what was asked
        ├── PeerAway         no association: refused, silent, unreachable
        └── PeerRefused      it answered, and not with success
"""

from collections.abc import Sequence

__all__ = [
    "AlreadyRunning",
    "ArchiveBroken",
    "ArchiveError",
    "ArchiveFull",
    "DatabaseAway",
    "LeaseLost",
    "Mismatched",
    "NodeError",
    "NotDicom",
    "NotKnown",
    "NotPossible",
    "OutputInvalid",
    "PeerAway",
    "PeerError",
    "PeerRefused",
    "SettingsError",
]


class NodeError(Exception):
    """Base of all. Its text is what a person reads: what was seen, what was wanted, what to do."""


class SettingsError(NodeError):
    """The configuration cannot be used; every mistake that was found, one a line."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = tuple(mistakes)


class DatabaseAway(NodeError):
    """The database is locked, gone, or of another version."""


class AlreadyRunning(NodeError):
    """A second node on the same data folder."""


class ArchiveError(NodeError):
    """An instance was not kept."""


class ArchiveFull(ArchiveError):
    """The disk is nearly full; nothing was written."""


class ArchiveBroken(ArchiveError):
    """The disk, or the database behind the archive, cannot be written."""


class NotDicom(ArchiveError):
    """The bytes are no DICOM object that can be filed: not parsable, or a UID is absent."""


class Mismatched(ArchiveError):
    """The data set's SOP Class or Instance UID is not the one that its command announced."""


class NotKnown(NodeError):
    """There is no study, job, peer or destination of that name."""


class NotPossible(NodeError):
    """The thing asked for cannot be done in this state."""


class LeaseLost(NodeError):
    """The job, or the delivery, belongs to somebody else by now."""


class OutputInvalid(NodeError):
    """An object that a peer would refuse, or that does not say that it is synthetic."""


class PeerError(NodeError):
    """A peer did not do what was asked."""


class PeerAway(PeerError):
    """No association: refused, silent or unreachable."""


class PeerRefused(PeerError):
    """The peer answered, and not with success."""
