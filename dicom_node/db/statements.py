"""Statements that run once per received batch, built once: building one costs more than it does."""

from dataclasses import dataclass
from functools import cache
from typing import Any, cast

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from dicom_node.db.tables import AssociationRow, Base, InstanceRow, SendingRow, SeriesRow, StudyRow

__all__ = ["Arrivals", "arrivals"]


@dataclass(frozen=True, slots=True)
class Arrivals:
    """What a batch of instances writes; each takes a list of rows.

    Parameters
    ----------
    instances :
        Inserts what is not there, and returns the SOP Instance UIDs that were inserted.
    studies :
        A study that is there is receiving again, its revision raised by the row's.
    series, associations :
        Inserts what is not there.
    sending :
        The latest time for an association and a study.
    """

    instances: Any
    studies: Any
    series: Any
    associations: Any
    sending: Any


def arrivals(session: Session) -> Arrivals:
    """Return the statements for the session's database."""
    return _arrivals(session.get_bind().dialect.name)


@cache
def _arrivals(dialect: str) -> Arrivals:
    module: Any = postgresql if dialect == "postgresql" else sqlite

    def insert(row: type[Base]) -> Any:
        return module.insert(cast(Table, row.__table__))

    instances, studies, sending = insert(InstanceRow), insert(StudyRow), insert(SendingRow)
    return Arrivals(
        instances=instances.on_conflict_do_nothing(index_elements=["sop_instance_uid"]).returning(
            instances.table.c.sop_instance_uid
        ),
        studies=studies.on_conflict_do_update(
            index_elements=["uid"],
            set_={
                "state": studies.excluded.state,
                "revision": studies.table.c.revision + studies.excluded.revision,
                "last_at": studies.excluded.last_at,
            },
        ),
        series=insert(SeriesRow).on_conflict_do_nothing(),
        associations=insert(AssociationRow).on_conflict_do_nothing(),
        sending=sending.on_conflict_do_update(
            index_elements=["association_id", "study_uid"],
            set_={"last_at": sending.excluded.last_at},
        ),
    )
