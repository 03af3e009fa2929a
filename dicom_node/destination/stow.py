"""STOW-RS out: results to a DICOMweb server."""

from collections.abc import Iterator, Sequence

from dicom_node.archive.part10 import is_intact
from dicom_node.dicomweb import DicomWeb
from dicom_node.dimse import CannotSend
from dicom_node.values import Instance

__all__ = ["StowSender"]

_MOST, _MOST_BYTES = 16, 64 * 2**20


class StowSender:
    """Sends instances in requests of a few, so that what was stored is known soon.

    Parameters
    ----------
    server : DicomWeb
    """

    def __init__(self, server: DicomWeb) -> None:
        self._server = server

    def send(self, instances: Sequence[Instance]) -> Iterator[tuple[str, int]]:
        """Yield SOP Instance UID and DIMSE status of each, as the server's answers name them.

        One that no answer names is not yielded: nobody knows what became of it.

        Raises
        ------
        PeerAway
            When a request is not answered, or not with what became of its instances.
        CannotSend
            When files are not, byte for byte, what was kept; the others were sent.
        """
        spoilt = 0
        for batch in _batches(instances):
            sound = [one for one in batch if is_intact(one.path, one.sha256)]
            spoilt += len(batch) - len(sound)
            found = self._server.store(sound) if sound else {}
            for instance in sound:
                if instance.sop_instance_uid in found:
                    yield instance.sop_instance_uid, found[instance.sop_instance_uid]
        if spoilt:
            raise CannotSend(f"{spoilt} files are gone, or damaged")


def _batches(instances: Sequence[Instance]) -> Iterator[list[Instance]]:
    batch: list[Instance] = []
    size = 0
    for instance in instances:
        if batch and (len(batch) == _MOST or size + instance.size > _MOST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(instance)
        size += instance.size
    if batch:
        yield batch
