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
    │   ├── BeyondLimits     it is larger, deeper or more deflated than is taken
    │   └── Mismatched       the data set is not what its command announced
    ├── BackupError          a backup cannot be made, or not be restored here
    │   └── BackupDamaged    it is not what its manifest says
    ├── NotKnown             no such study, job, peer or destination
    ├── NotPossible          the job is in a state that forbids it
    ├── TokenRefused         what was sent is no token that is good here
    ├── QueryInvalid         a query that cannot be answered as it stands
    ├── TooMany              a retrieval of more than is sent at once
    ├── CommitmentInvalid    a request or report of storage commitment that makes no sense
    ├── Unreadable           an archived object, or its pixels, cannot be read or decoded
    ├── LeaseLost            somebody else took the job meanwhile: a fence, not a fault
    ├── OutputInvalid        an object that must not leave
    ├── JournalBroken        the audit trail cannot be written, or does not hold
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
    "BackupDamaged",
    "BackupError",
    "BeyondLimits",
    "CommitmentInvalid",
    "DatabaseAway",
    "JournalBroken",
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
    "QueryInvalid",
    "SettingsError",
    "TokenRefused",
    "TooMany",
    "Unreadable",
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
    """The bytes are no DICOM object that can be filed.

    They cannot be parsed, a UID is absent, or the database takes none of their values.
    """


class BeyondLimits(ArchiveError):
    """A data set that is larger, deeper or more deflated than ``[limits]`` takes."""


class Mismatched(ArchiveError):
    """The data set's SOP Class or Instance UID is not the one that its command announced."""


class BackupError(NodeError):
    """A backup cannot be made, or cannot be restored here."""


class BackupDamaged(BackupError):
    """A backup is not what its manifest says."""


class NotKnown(NodeError):
    """There is no study, job, peer or destination of that name."""


class NotPossible(NodeError):
    """The thing asked for cannot be done in this state."""


class TokenRefused(NodeError):
    """What was sent is no bearer token, or one that is unknown, expired or revoked."""


class QueryInvalid(NodeError):
    """A query that cannot be answered as it stands: its level, a key, or a value of one."""


class TooMany(NodeError):
    """A retrieval of more instances than are sent at once."""


class CommitmentInvalid(NodeError):
    """A request or a report of storage commitment that makes no sense: what it lacks, or has."""


class Unreadable(NodeError):
    """An archived object, or its pixels, cannot be read, or cannot be decoded here."""


class LeaseLost(NodeError):
    """The job, or the delivery, belongs to somebody else by now."""


class OutputInvalid(NodeError):
    """An object that a peer would refuse, or that does not say that it is synthetic."""


class JournalBroken(NodeError):
    """The audit trail cannot be written, or a line of it is not as it was written."""


class PeerError(NodeError):
    """A peer did not do what was asked."""


class PeerAway(PeerError):
    """No association: refused, silent or unreachable."""


class PeerRefused(PeerError):
    """The peer answered, and not with success."""
