"""The database: the schema on one page, and the only place that commits.

What enters: the URL of SQLite or PostgreSQL. What leaves: sessions inside a transaction, for the
stores alone; rows go no further.
"""

from dicom_node.db.convert import instance_of
from dicom_node.db.session import Database
from dicom_node.db.tables import (
    AssociationRow,
    Base,
    ConflictRow,
    DecisionRow,
    DeliveryItemRow,
    DeliveryRow,
    InstanceRow,
    JobRow,
    SendingRow,
    SeriesRow,
    StudyRow,
    WantedRow,
)

__all__ = [
    "AssociationRow",
    "Base",
    "ConflictRow",
    "Database",
    "DecisionRow",
    "DeliveryItemRow",
    "DeliveryRow",
    "InstanceRow",
    "JobRow",
    "SendingRow",
    "SeriesRow",
    "StudyRow",
    "WantedRow",
    "instance_of",
]
