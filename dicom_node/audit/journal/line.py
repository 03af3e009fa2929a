"""One line of the journal: a message, the hash of the line before, and a hash over both."""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime

from dicom_node.errors import JournalBroken

__all__ = ["GENESIS", "Line", "Link", "decode", "encode"]

GENESIS = "0" * 64
"""What stands for the hash of the line before the first."""
_HEAD, _TAIL = b',"hash":"', b'"}\n'
_SUFFIX = len(_HEAD) + 64 + len(_TAIL)


@dataclass(frozen=True, slots=True)
class Link:
    """The place of a line in the chain: its number, and its hash."""

    seq: int
    hash: str

    def __str__(self) -> str:
        return f"{self.seq}:{self.hash}"


@dataclass(frozen=True, slots=True)
class Line:
    """One message as it was kept.

    Parameters
    ----------
    link, before : Link
        Its own, and that of the line before.
    time : str
        When it was written: ISO 8601, UTC. When the event happened, the message says.
    message : str
        XML.
    deleted : str
        Of a line that tells that older ones were deleted: the last link of these. Else empty.
    """

    link: Link
    before: Link
    time: str
    message: str
    deleted: str = ""


def encode(before: Link, time: datetime, message: str, deleted: str = "") -> tuple[bytes, Link]:
    """Return the bytes of the line that follows ``before``, and its link."""
    fields = {"seq": before.seq + 1, "time": time.isoformat(), "before": before.hash}
    if deleted:
        fields["deleted"] = deleted
    fields["message"] = message
    body = json.dumps(fields, separators=(",", ":"))[:-1].encode("ascii")
    digest = hashlib.sha256(body).hexdigest()
    return body + _HEAD + digest.encode() + _TAIL, Link(before.seq + 1, digest)


def decode(raw: bytes) -> Line:
    """Return the line in ``raw``, its newline included.

    Raises
    ------
    JournalBroken
        When it is no whole line, or not the one that its hash was taken of.
    """
    if not raw.endswith(_TAIL) or raw[-_SUFFIX : -_SUFFIX + len(_HEAD)] != _HEAD:
        raise JournalBroken("it is no whole line; its end is missing or was changed")
    body, digest = raw[:-_SUFFIX], raw[-_SUFFIX + len(_HEAD) : -len(_TAIL)]
    if hashlib.sha256(body).hexdigest().encode() != digest:
        raise JournalBroken("its content is not what its hash was taken of; it was changed")
    try:
        fields = json.loads(body + b"}")
        seq = int(fields["seq"])
        return Line(
            link=Link(seq, digest.decode()),
            before=Link(seq - 1, fields["before"]),
            time=fields["time"],
            message=fields["message"],
            deleted=fields.get("deleted", ""),
        )
    except (KeyError, TypeError, ValueError) as exc:
        raise JournalBroken(f"it was not written by this program: {exc}") from exc
