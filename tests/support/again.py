"""A study that was planned, to be planned again: as if an instance of it had come."""

from sqlalchemy import update
from sqlalchemy.orm import Session

from dicom_node.db.tables import StudyRow
from dicom_node.values import StudyState


def plan_again(session: Session, study_uid: str) -> None:
    result = session.execute(
        update(StudyRow)
        .where(StudyRow.uid == study_uid, StudyRow.state == StudyState.ROUTED)
        .values(state=StudyState.COMPLETE, plan_at=None)
    )
    assert result.rowcount == 1
