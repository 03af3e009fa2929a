"""Storage commitment as it goes over the wire: requests and reports as values and data sets."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import Any

from pydicom import config
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.uid import UID

from dicom_node.errors import CommitmentInvalid

__all__ = [
    "ASKED",
    "HELD",
    "NOT_ALL_HELD",
    "CommitmentStatus",
    "Failure",
    "Reference",
    "Report",
    "Request",
    "Taken",
    "answer_report",
    "failure_in_words",
    "read_report",
    "read_request",
    "report_of",
    "request_of",
]

ASKED = 1
"""Action Type ID of a request (PS3.4 J.3.2.1.1)."""
HELD, NOT_ALL_HELD = 1, 2
"""Event Type IDs of a report (PS3.4 J.3.3.1.1): of everything, or of less."""
_UID = re.compile(r"[0-9.]{1,64}")
_CLASS, _INSTANCE = 0x00081150, 0x00081155


class Failure(IntEnum):
    """Why an instance is not vouched for: Failure Reason (0008,1197), PS3.4 J.3.3.1.1."""

    PROCESSING = 0x0110
    NO_SUCH_INSTANCE = 0x0112
    CLASS_CONFLICT = 0x0119
    CLASS_NOT_SUPPORTED = 0x0122
    DUPLICATE_TRANSACTION = 0x0131
    RESOURCES = 0x0213


_WORDS: Mapping[int, str] = {
    Failure.PROCESSING: "processing failure",
    Failure.NO_SUCH_INSTANCE: "no such instance there",
    Failure.CLASS_CONFLICT: "there under another SOP class",
    Failure.CLASS_NOT_SUPPORTED: "SOP class not supported",
    Failure.DUPLICATE_TRANSACTION: "transaction UID in use",
    Failure.RESOURCES: "out of resources",
}


class CommitmentStatus(IntEnum):
    """Answers to N-ACTION and N-EVENT-REPORT (PS3.7 10.1.1.1.8, 10.1.4.1.10)."""

    SUCCESS = 0x0000
    PROCESSING_FAILURE = 0x0110
    NO_SUCH_INSTANCE = 0x0112
    NO_SUCH_EVENT = 0x0113
    INVALID_ARGUMENT = 0x0115
    NO_SUCH_ACTION = 0x0123
    NOT_AUTHORISED = 0x0124
    OUT_OF_RESOURCES = 0x0213


@dataclass(frozen=True, slots=True)
class Reference:
    """An instance by SOP class and UID."""

    sop_class_uid: str
    sop_instance_uid: str


@dataclass(frozen=True, slots=True)
class Request:
    """What one side asks the other to vouch for."""

    transaction_uid: str
    instances: tuple[Reference, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """What the other side vouches for, and what not.

    Parameters
    ----------
    failed : mapping
        SOP Instance UID to the reason (0008,1197).
    classes : mapping
        SOP Instance UID to class, of what failed.
    """

    transaction_uid: str
    held: tuple[Reference, ...]
    failed: Mapping[str, int] = field(default_factory=dict)
    classes: Mapping[str, str] = field(default_factory=dict)


class Taken(Enum):
    """What became of a report."""

    NEWS = "news"
    KNOWN = "known"
    NOT_OURS = "not ours"


def failure_in_words(reason: int) -> str:
    """Return a failure reason for a person."""
    return f"{_WORDS.get(reason, 'a reason of its own')}, 0x{reason:04X}"


def request_of(request: Request) -> Dataset:
    """Return the action information of an N-ACTION (PS3.4 J.3.2.1.1)."""
    ds = Dataset()
    ds.TransactionUID = UID(request.transaction_uid)
    ds.ReferencedSOPSequence = [_item(one) for one in request.instances]
    return ds


def read_request(ds: Dataset) -> Request:
    """Return what an N-ACTION asks for.

    Raises
    ------
    CommitmentInvalid
        When it names no transaction, no instance, or one whose UIDs are none.
    """
    instances = _references(ds, "ReferencedSOPSequence")
    if not instances:
        raise CommitmentInvalid("it names no instance; ReferencedSOPSequence is wanted, not empty")
    return Request(_uid(ds, "TransactionUID"), tuple(dict.fromkeys(instances)))


def report_of(report: Report) -> tuple[int, Dataset]:
    """Return Event Type ID and event information of an N-EVENT-REPORT (PS3.4 J.3.3.1.1)."""
    ds = Dataset()
    ds.TransactionUID = UID(report.transaction_uid)
    if report.held:
        ds.ReferencedSOPSequence = [_item(one) for one in report.held]
    if not report.failed:
        return HELD, ds
    items = []
    for uid, reason in report.failed.items():
        item = _item(Reference(report.classes.get(uid, ""), uid))
        item.FailureReason = reason
        items.append(item)
    ds.FailedSOPSequence = items
    return NOT_ALL_HELD, ds


def read_report(ds: Dataset) -> Report:
    """Return what an N-EVENT-REPORT says; its lists count, whatever its event type is.

    Raises
    ------
    CommitmentInvalid
        When it names no transaction, or an instance whose UIDs are none.
    """
    failed: dict[str, int] = {}
    classes: dict[str, str] = {}
    for item in ds.get("FailedSOPSequence") or ():
        reference = _reference(item)
        reason = item.get("FailureReason")
        failed[reference.sop_instance_uid] = int(Failure.PROCESSING if reason is None else reason)
        classes[reference.sop_instance_uid] = reference.sop_class_uid
    held = [
        one
        for one in _references(ds, "ReferencedSOPSequence")
        if one.sop_instance_uid not in failed  # said both ways: nobody vouches for it
    ]
    return Report(_uid(ds, "TransactionUID"), tuple(held), failed, classes)


def answer_report(
    information: Callable[[], Dataset],
    take: Callable[[Report], Taken],
    unreadable: tuple[type[Exception], ...],
) -> tuple[CommitmentStatus, str]:
    """Have a report taken; return the status to answer, and why where it is none of success.

    One that is known already, or came too late to change anything, is a success: who sent it is
    not to send it again. One that is not the sender's to make is refused like one that nobody
    asked for, so that nobody learns which transactions there are.

    Parameters
    ----------
    information : callable
        Decodes the event information.
    unreadable : tuple of exception types
        What that raises on bytes that are no data set.
    """
    try:
        report = read_report(information())
    except CommitmentInvalid as exc:
        return CommitmentStatus.INVALID_ARGUMENT, str(exc)
    except unreadable as exc:
        return CommitmentStatus.PROCESSING_FAILURE, f"it cannot be read: {exc}"
    if take(report) is Taken.NOT_OURS:
        text = f"no transaction {report.transaction_uid} was asked of it"
        return CommitmentStatus.INVALID_ARGUMENT, text
    return CommitmentStatus.SUCCESS, ""


def _item(one: Reference) -> Dataset:
    item = Dataset()
    for tag, uid in ((_CLASS, one.sop_class_uid), (_INSTANCE, one.sop_instance_uid)):
        item[tag] = DataElement(tag, "UI", uid, validation_mode=config.IGNORE)  # as it came
    return item


def _references(ds: Dataset, keyword: str) -> Iterable[Reference]:
    return [_reference(item) for item in ds.get(keyword) or ()]


def _reference(item: Dataset) -> Reference:
    return Reference(_uid(item, "ReferencedSOPClassUID"), _uid(item, "ReferencedSOPInstanceUID"))


def _uid(ds: Dataset, keyword: str) -> str:
    value: Any = ds.get(keyword)
    text = str(value or "").strip(" \0")
    if not _UID.fullmatch(text):
        raise CommitmentInvalid(f"{keyword} = {text[:80]!a}; a UID is wanted")
    return text
