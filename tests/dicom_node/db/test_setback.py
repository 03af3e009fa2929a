"""Every column with a time is either brought back with the clock, or says what happened when."""

from sqlalchemy import Column, MetaData, Table

from dicom_node.db import Base
from dicom_node.db.setback import WAITED_FOR
from dicom_node.db.tables import UtcDateTime

HAPPENED = {
    "activated_at", "answered_at", "asked_at", "changed_at", "closed_at", "created_at",
    "decided_at", "deleted_at", "ended_at", "erased_at", "first_at", "made_at", "opened_at",
    "promised_at", "recalled_at", "receipted_at", "received_at", "rejected_at", "revoked_at",
    "seen_at", "sent_at", "signed_at", "started_at",
}  # fmt: skip
"""What these columns say is past: nobody waits until then."""
NOT_BROUGHT_BACK = {"token.expires_at": "until when a person said that a token is good"}


def times(metadata: MetaData) -> set[str]:
    """Return every column that holds a time."""
    return {str(one) for table in metadata.sorted_tables for one in table.columns
            if isinstance(one.type, UtcDateTime)}  # fmt: skip


def forgotten(columns: set[str], waited_for: set[str]) -> set[str]:
    """Return what is due some time, and stays where the clock goes back."""
    due = {one for one in columns if one.split(".")[1] not in HAPPENED}
    return due - waited_for - set(NOT_BROUGHT_BACK)


def brought_back() -> set[str]:
    return {f"{one.class_.__tablename__}.{one.key}" for one in WAITED_FOR}


def test_whatever_is_due_goes_back_with_the_clock():
    assert forgotten(times(Base.metadata), brought_back()) == set()


def test_no_column_is_named_that_is_not_there():
    assert set(NOT_BROUGHT_BACK) | brought_back() <= times(Base.metadata)


def test_a_column_that_was_forgotten_is_found():
    for one in ("rejection.due", "job.lease_until", "question.until"):
        assert forgotten(times(Base.metadata), brought_back() - {one}) == {one}
    new = MetaData()
    Table("new", new, Column("due", UtcDateTime()), Column("sent_at", UtcDateTime()))
    assert forgotten(times(new), brought_back()) == {"new.due"}
