"""What is on the disk for good: contents and the entries of folders, whatever the power does."""

import os
from pathlib import Path

__all__ = ["sync_file", "sync_folder"]


def sync_file(path: Path) -> None:
    """Make the content of a file survive a power cut.

    Raises
    ------
    OSError
        When the disk does not take it.
    """
    _sync(path, os.O_RDONLY)


def sync_folder(folder: Path) -> None:
    """Make the entries of a folder survive a power cut.

    Raises
    ------
    OSError
        When the disk does not take them, or the folder is gone.
    """
    _sync(folder, os.O_RDONLY | os.O_DIRECTORY)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
