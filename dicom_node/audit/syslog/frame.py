"""A line of the journal as a syslog message (RFC 5424), as ATNA wants it."""

import re

from dicom_node.audit.journal import Line

__all__ = ["framed"]

_FACILITY = 10  # security and authorization (PS3.15 A.6)
_NOTICE, _WARNING = 5, 4
_APP_NAME, _MSGID = "dicom-node", "IHE+RFC-3881"
_BOM = b"\xef\xbb\xbf"
_SUCCESS = re.compile(r'<AuditMessage><EventIdentification [^>]*EventOutcomeIndicator="0"')
_NOT_PRINTED = re.compile(r"[^\x21-\x7e]")
_MOST_SEQUENCE = 2**31


def framed(line: Line, host: str, process_id: int) -> bytes:
    """Return the message, without the octet count that streams put before it.

    ``meta sequenceId`` is the number of the journal's line: a receiver sees a gap, and its copy can
    be held against the journal line by line.

    Parameters
    ----------
    host, process_id : str, int
        Who sends it.

    References
    ----------
    RFC 5424 6 (format), 6.4 (BOM before UTF-8), 7.3.1 (sequenceId); PS3.15 A.6.
    """
    severity = _NOTICE if _SUCCESS.match(line.message) else _WARNING
    name = _NOT_PRINTED.sub("", host)[:255] or "-"
    sequence = line.link.seq % _MOST_SEQUENCE or 1
    header = (
        f"<{_FACILITY * 8 + severity}>1 {line.time} {name} {_APP_NAME} {process_id} {_MSGID} "
        f'[meta sequenceId="{sequence}"] '
    )
    return header.encode("ascii") + _BOM + line.message.encode()
