"""The database: the schema on one page, and the only place that commits.

What enters: the URL of SQLite or PostgreSQL. What leaves: sessions inside a transaction, for the
stores alone; rows go no further.
"""

from dicom_node.db.beside import (
    ActivationRow,
    DeletionRow,
    DoomedRow,
    HeldRow,
    ProcessRow,
    RecallRow,
    RejectionRow,
    RequestRow,
    SigningRow,
    TokenRow,
    TrailRow,
)
from dicom_node.db.convert import instance_of, model_of
from dicom_node.db.session import Database
from dicom_node.db.tables import (
    AssociationRow,
    Base,
    CommitmentRow,
    ConflictRow,
    DecisionRow,
    DeliveryItemRow,
    DeliveryRow,
    FetchRow,
    InstanceRow,
    JobRow,
    PatientNameRow,
    PromiseRow,
    QuestionRow,
    SendingRow,
    SeriesRow,
    StudyRow,
    WantedRow,
)

__all__ = [
    "ActivationRow",
    "AssociationRow",
    "Base",
    "CommitmentRow",
    "ConflictRow",
    "Database",
    "DecisionRow",
    "DeletionRow",
    "DeliveryItemRow",
    "DeliveryRow",
    "DoomedRow",
    "FetchRow",
    "HeldRow",
    "InstanceRow",
    "JobRow",
    "PatientNameRow",
    "ProcessRow",
    "PromiseRow",
    "QuestionRow",
    "RecallRow",
    "RejectionRow",
    "RequestRow",
    "SendingRow",
    "SeriesRow",
    "SigningRow",
    "StudyRow",
    "TokenRow",
    "TrailRow",
    "WantedRow",
    "instance_of",
    "model_of",
]
