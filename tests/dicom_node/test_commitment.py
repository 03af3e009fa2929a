"""Requests and reports of storage commitment, as values and as data sets."""

from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.config import disable_value_validation
from pydicom.dataset import Dataset
from pynetdicom.dsutils import decode, encode

from dicom_node.commitment import (
    CommitmentStatus,
    Failure,
    Reference,
    Report,
    Request,
    Taken,
    answer_report,
    failure_in_words,
    read_report,
    read_request,
    report_of,
    request_of,
)
from dicom_node.errors import CommitmentInvalid

UIDS = st.lists(st.integers(0, 99), min_size=1, max_size=4).map(
    lambda parts: "1.2." + ".".join(map(str, parts))
)
REFERENCES = st.builds(Reference, UIDS, UIDS)


def wired(ds: Dataset, implicit: bool) -> Dataset:
    return decode(BytesIO(encode(ds, implicit, True)), implicit, True)


def item(**values) -> Dataset:
    ds = Dataset()
    for keyword, value in values.items():
        setattr(ds, keyword, value)
    return ds


@given(uid=UIDS, some=st.lists(REFERENCES, min_size=1, unique=True), implicit=st.booleans())
def test_a_request_comes_out_as_it_went_in(uid, some, implicit):
    request = Request(uid, tuple(some))
    assert read_request(wired(request_of(request), implicit)) == request


@given(
    uid=UIDS,
    some=st.lists(REFERENCES, unique_by=lambda one: one.sop_instance_uid),
    lost=st.integers(0, 3),
    implicit=st.booleans(),
)
def test_a_report_comes_out_as_it_went_in(uid, some, lost, implicit):
    lacking, held = some[:lost], some[lost:]
    report = Report(
        uid,
        tuple(held),
        {one.sop_instance_uid: int(Failure.NO_SUCH_INSTANCE) for one in lacking},
        {one.sop_instance_uid: one.sop_class_uid for one in lacking},
    )
    event_type, ds = report_of(report)
    assert event_type == (2 if lacking else 1)
    assert read_report(wired(ds, implicit)) == report


def test_what_is_named_on_both_lists_is_not_vouched_for():
    both = {"ReferencedSOPClassUID": "1.2", "ReferencedSOPInstanceUID": "1.2.3"}
    ds = item(
        TransactionUID="1.2.9",
        ReferencedSOPSequence=[item(**both)],
        FailedSOPSequence=[item(**both)],
    )
    report = read_report(ds)
    assert report.held == ()
    assert report.failed == {"1.2.3": Failure.PROCESSING}, "no reason was given"


@pytest.mark.parametrize("uid", ["", "1.2.x", "1" * 65, "1.2\\1.3"])
def test_a_uid_that_is_none_is_named_with_what_is_wanted(uid):
    request = request_of(Request("1.2", (Reference("1.2", "1.2.3"),)))
    with disable_value_validation():
        request.ReferencedSOPSequence[0].ReferencedSOPInstanceUID = uid
    with pytest.raises(CommitmentInvalid, match="ReferencedSOPInstanceUID = "):
        read_request(request)


def test_a_uid_that_breaks_a_rule_is_reported_on_as_it_was_asked_for():
    """With a leading zero, say: whoever names its images so wants to know of them too."""
    odd = Reference("1.2", "1.02.3")
    ds = request_of(Request("1.2", (odd,)))
    assert encode(ds, False, True).count(b"1.02.3") == 1


def test_a_failure_is_told_in_words_whatever_its_number():
    assert failure_in_words(0x0112) == "no such instance there, 0x0112"
    assert failure_in_words(0x9999) == "a reason of its own, 0x9999"


@pytest.mark.parametrize(
    ("information", "taken", "status"),
    [
        (item(TransactionUID="1.2"), Taken.NEWS, CommitmentStatus.SUCCESS),
        (item(TransactionUID="1.2"), Taken.KNOWN, CommitmentStatus.SUCCESS),
        (item(TransactionUID="1.2"), Taken.NOT_OURS, CommitmentStatus.INVALID_ARGUMENT),
        (item(), Taken.NEWS, CommitmentStatus.INVALID_ARGUMENT),
    ],
)
def test_who_reports_is_told_whether_it_was_taken(information, taken, status):
    seen, why = answer_report(lambda: information, lambda _: taken, (ValueError,))
    assert seen is status
    assert bool(why) is (status is not CommitmentStatus.SUCCESS)


def test_a_report_that_cannot_be_read_is_a_failure_and_no_crash():
    def broken():
        raise ValueError("no data set")

    status, why = answer_report(broken, lambda _: Taken.NEWS, (ValueError,))
    assert (status, why) == (CommitmentStatus.PROCESSING_FAILURE, "it cannot be read: no data set")
