"""What became of the sub-operations of a retrieval: counts, and the names of what failed."""

from collections.abc import Mapping

from pydicom.dataset import Dataset

from dicom_node.association.status import RetrieveStatus
from dicom_node.dicom import STORED, STORED_WITH_WARNING
from dicom_node.transport import Field

__all__ = ["Tally"]

_LARGEST = 0xFFFF  # US
_LONGEST_LIST = 0xFFFE
"""Bytes of a UI value where its length takes two bytes (PS3.5 7.1.2)."""


class Tally:
    """Counts sub-operations.

    Parameters
    ----------
    total : int
        How many there are to be.
    """

    def __init__(self, total: int) -> None:
        self.total = total
        self.completed = 0
        self.warning = 0
        self.failed: list[str] = []

    @property
    def remaining(self) -> int:
        """How many were neither done nor given up."""
        return self.total - self.completed - self.warning - len(self.failed)

    def answered(self, sop_instance_uid: str, status: int) -> None:
        """Count one by the answer to its C-STORE (PS3.4 B.2.3)."""
        if status == STORED:
            self.completed += 1
        elif status in STORED_WITH_WARNING:
            self.warning += 1
        else:
            self.failed.append(sop_instance_uid)

    def gave_up(self, sop_instance_uid: str) -> None:
        """Count one that was not sent, or not answered."""
        self.failed.append(sop_instance_uid)

    @property
    def status(self) -> RetrieveStatus:
        """What to say at the end (PS3.4 Table C.4-2, C.4-3)."""
        if self.failed and len(self.failed) == self.total:
            return RetrieveStatus.ALL_FAILED
        if self.failed or self.warning:
            return RetrieveStatus.SOME_FAILED
        return RetrieveStatus.SUCCESS

    def fields(self, *, is_last: bool) -> Mapping[Field, int]:
        """Return the counts as a response has them (PS3.7 9.1.3.1, 9.1.4.1).

        One that is too large for its element is left out, where the alternative is untrue.

        Parameters
        ----------
        is_last : bool
            Whether nothing follows: then nothing remains to be said of what remains.
        """
        counts = {
            Field.COMPLETED: self.completed,
            Field.FAILED: len(self.failed),
            Field.WARNING: self.warning,
        }
        if not is_last:
            counts[Field.REMAINING] = self.remaining
        return {field: count for field, count in counts.items() if count <= _LARGEST}

    def names(self) -> Dataset | None:
        """Return the identifier that names what failed, as much as one holds; None where none did.

        References
        ----------
        PS3.4 C.4.2.1.4.2 (Failed SOP Instance UID List).
        """
        if not self.failed:
            return None
        named, size = [], 0
        for uid in self.failed:
            size += len(uid) + 1
            if size > _LONGEST_LIST:
                break
            named.append(uid)
        ds = Dataset()
        ds.FailedSOPInstanceUIDList = named
        return ds
