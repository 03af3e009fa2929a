"""Bytes of a bundle's file, once their hash is the one that the bundle names."""

import hashlib
from pathlib import Path

from engine.errors import ModelMissing, ModelTampered

__all__ = ["content"]


def content(path: Path, sha256: str, *, what: str) -> bytes:
    """Return the bytes of ``path``; errors call it ``what``.

    The bytes that are hashed are the bytes that are parsed: the file is read once, so it cannot
    change between the check and the use.

    Raises
    ------
    ModelMissing
        When there is no such file.
    ModelTampered
        When its SHA-256 differs from ``sha256`` (hex).
    """
    try:
        found = path.read_bytes()
    except OSError as exc:
        raise ModelMissing(
            f"{what} {path.name} cannot be read ({exc.strerror}); put the bundle "
            f"{path.parent.parent.name} back from its source, then retry the job"
        ) from exc
    seen = hashlib.sha256(found).hexdigest()
    if seen != sha256:
        raise ModelTampered(
            f"the SHA-256 of {what} {path.name} is {seen[:16]}…, the bundle names {sha256[:16]}…; "
            "put the file back from its source, or install it as a new version"
        )
    return found
