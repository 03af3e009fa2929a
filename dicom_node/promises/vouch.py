"""Whether an instance is here for good."""

from collections.abc import Collection, Sequence
from datetime import datetime
from pathlib import Path

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from dicom_node.commitment import Failure, Reference, Report, Request
from dicom_node.db import ConflictRow, InstanceRow

__all__ = ["vouch"]

_AT_ONCE = 500


def vouch(
    session: Session, folder: Path, request: Request, senders: Collection[str], now: datetime
) -> Report:
    """Return what of a request the archive holds: row committed, file in its place.

    What it holds is marked, and stays from then on: whoever is told may delete their own. Nobody
    deletes it while it is looked at.

    Parameters
    ----------
    folder : Path
        The archive's.
    senders : collection of str
        The AE titles of who asks. What it sent under a UID that was taken by other content lies
        apart: what is here under that UID is not what it has. Of a UID that is named under two
        classes nothing is held, either.
    """
    held: list[Reference] = []
    failed: dict[str, int] = {}
    classes: dict[str, str] = {}
    for start in range(0, len(request.instances), _AT_ONCE):
        some = request.instances[start : start + _AT_ONCE]
        rows, apart = _rows(session, some), _apart(session, some, senders)
        for one in some:
            why = _against(one, rows, folder)
            if one.sop_instance_uid in apart:
                why = Failure.PROCESSING
            if why is None:
                held.append(one)
            else:
                failed[one.sop_instance_uid] = int(why)
                classes[one.sop_instance_uid] = one.sop_class_uid
        _mark(session, [one.sop_instance_uid for one in some], failed, now)
    sure = tuple(one for one in held if one.sop_instance_uid not in failed)
    return Report(request.transaction_uid, sure, failed, classes)


def _rows(session: Session, some: Sequence[Reference]) -> dict[str, tuple[str, str, int]]:
    row = InstanceRow
    query = (
        select(row.sop_instance_uid, row.sop_class_uid, row.path, row.size)
        .where(row.sop_instance_uid.in_([one.sop_instance_uid for one in some]))
        .order_by(row.sop_instance_uid)  # in one order: two that look never wait crosswise
        .with_for_update()
    )
    return {uid: (sop_class, path, size) for uid, sop_class, path, size in session.execute(query)}


def _mark(session: Session, uids: Sequence[str], failed: Collection[str], now: datetime) -> None:
    held = [uid for uid in uids if uid not in failed]
    session.execute(
        update(InstanceRow)
        .where(InstanceRow.sop_instance_uid.in_(held), InstanceRow.promised_at.is_(None))
        .values(promised_at=now)
    )


def _apart(session: Session, some: Sequence[Reference], senders: Collection[str]) -> set[str]:
    query = select(ConflictRow.sop_instance_uid).where(
        ConflictRow.sop_instance_uid.in_([one.sop_instance_uid for one in some]),
        ConflictRow.sender.in_(senders),
    )
    return set(session.scalars(query))


def _against(one: Reference, rows: dict[str, tuple[str, str, int]], folder: Path) -> Failure | None:
    """Return what is against an instance; None where it is here for good."""
    if one.sop_instance_uid not in rows:
        return Failure.NO_SUCH_INSTANCE
    sop_class_uid, path, size = rows[one.sop_instance_uid]
    if sop_class_uid != one.sop_class_uid:
        return Failure.CLASS_CONFLICT
    try:
        whole = (folder / path).stat().st_size >= size  # the file has a meta header besides
    except OSError:
        whole = False
    return None if whole else Failure.PROCESSING
