"""The configuration folder's files, but for what may be a secret."""

import os
from collections.abc import Collection, Iterator
from fnmatch import fnmatch
from pathlib import Path

__all__ = ["configuration"]

_SECRET = (".*", "*.key", "*.p12", "*.pfx", "*secret*", "*password*", "*token*")
_KEY = b"PRIVATE KEY-----"
_LOOK = 2**16


def configuration(folder: Path, without: Collection[Path]) -> Iterator[tuple[Path, bool]]:
    """Yield each file of a configuration folder, and whether it may be copied.

    A secret has no place in these files; one that lies beside them is known by its name, or as a
    private key by its content. What cannot be read may be one.

    Parameters
    ----------
    without : collection of Path
        Folders that are no configuration, though they lie in it: a data folder may.
    """
    for at, folders, names in os.walk(folder):
        here = Path(at)
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and (here / name).resolve() not in without
        )
        for name in sorted(names):
            if (here / name).is_file():
                yield here / name, not _is_secret(here / name)


def _is_secret(path: Path) -> bool:
    if any(fnmatch(path.name.lower(), pattern) for pattern in _SECRET):
        return True
    try:
        with path.open("rb") as file:
            return _KEY in file.read(_LOOK)
    except OSError:
        return True
