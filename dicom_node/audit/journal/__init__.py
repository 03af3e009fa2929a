"""The journal of audit messages: append-only, each line chained to the one before by its hash.

What enters: messages. What leaves: lines, in order, and whether the chain holds. Files, not rows:
the trail is there when the database is not, and no statement of SQL can change it.
"""

from dicom_node.audit.journal.head import Head, read_head
from dicom_node.audit.journal.journal import Appended, Journal, NewLine
from dicom_node.audit.journal.line import Line, Link
from dicom_node.audit.journal.moment import Moment, moment_of
from dicom_node.audit.journal.read import Read, beginning, follows, lines_after
from dicom_node.audit.journal.retention import Retention
from dicom_node.audit.journal.verify import Verdict, verify

__all__ = [
    "Appended",
    "Head",
    "Journal",
    "Line",
    "Link",
    "Moment",
    "NewLine",
    "Read",
    "Retention",
    "Verdict",
    "beginning",
    "follows",
    "lines_after",
    "moment_of",
    "read_head",
    "verify",
]
