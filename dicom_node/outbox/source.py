"""Where the files of a delivery lie: in the archive, or apart, as marked copies do."""

from collections.abc import Collection
from pathlib import Path

from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.orm import Session

from dicom_node.db import DeliveryRow, HeldRow, InstanceRow, instance_of
from dicom_node.values import Instance, Origin, Role

__all__ = ["files_of", "is_marked", "uids_of"]

_IS_COPY = HeldRow.role == Role.MARKED


def is_marked() -> ColumnElement[bool]:
    """Return whether a delivery is of a marked copy of what waits for a person."""
    return exists().where(HeldRow.series_uid == DeliveryRow.series_uid, _IS_COPY)


def files_of(session: Session, folder: Path, uids: Collection[str]) -> list[Instance]:
    """Return what is here of objects that were made, by their UIDs; the absent are left out.

    A marked copy that a destination has sent back is not what was made.
    """
    found: dict[str, Instance] = {}
    own = InstanceRow.sop_instance_uid.in_(uids)
    found |= {row.sop_instance_uid: instance_of(row, folder)
              for row in session.scalars(select(InstanceRow).where(own))}  # fmt: skip
    apart = HeldRow.sop_instance_uid.in_(uids), _IS_COPY
    found |= {row.sop_instance_uid: instance_of(row, folder)
              for row in session.scalars(select(HeldRow).where(*apart))}  # fmt: skip
    return [found[uid] for uid in sorted(found)]


def uids_of(session: Session, study_uid: str, series_uid: str, role: Role) -> list[str]:
    """Return the objects of a series that were made, and are here; in order.

    Of the result those that may be shown: what somebody sent here under our UID is not ours.
    """
    row, apart = InstanceRow, HeldRow
    if role is Role.RESULT:
        query = select(row.sop_instance_uid).where(
            row.study_uid == study_uid, row.series_uid == series_uid, row.origin == Origin.MADE
        )
    else:
        query = select(apart.sop_instance_uid).where(
            apart.study_uid == study_uid, apart.series_uid == series_uid, apart.role == role
        )
    return sorted(session.scalars(query))
