"""Results into a folder, as files that appear whole."""

import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from uuid import uuid4

from dicom_node.errors import PeerAway
from dicom_node.values import Instance

__all__ = ["FolderSender"]


class FolderSender:
    """Copies instances to ``<folder>/<series UID>/<SOP Instance UID>.dcm``.

    The UIDs are ours: what is sent was made here.

    Parameters
    ----------
    name : str
        Of the destination, for messages.
    folder : Path
        Made where it is absent.
    """

    def __init__(self, name: str, folder: Path) -> None:
        self._name = name
        self._folder = folder

    def send(self, instances: Sequence[Instance]) -> Iterator[tuple[str, int]]:
        """Yield SOP Instance UID and 0 for each file in its place.

        Raises
        ------
        PeerAway
            When the folder cannot be written.
        """
        for instance in instances:
            target = self._folder / instance.series_uid / f"{instance.sop_instance_uid}.dcm"
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                part = target.parent / f".{uuid4().hex}.part"
                shutil.copyfile(instance.path, part)
                with part.open("rb") as file:
                    os.fsync(file.fileno())
                part.replace(target)
            except OSError as exc:
                raise PeerAway(f"{self._name}: {self._folder}: {exc.strerror}") from exc
            yield instance.sop_instance_uid, 0x0000
