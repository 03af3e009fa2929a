"""What nobody may be given of what was made here, wherever the instances come from."""

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from dicom_node.db import DeliveryRow, Place, RejectionRow, makers_of
from dicom_node.rejections.recalls import Recalls
from dicom_node.values import Instance, Origin

__all__ = ["Standing"]

_WAITS = "it was made here and waits for a person, or waited and was never released"


class Standing:
    """What is against handing out instances. Uses the caller's session; never commits it.

    What was made here and somebody sent back is received, and stands as what was made does: whether
    its model is recalled, it is rejected, or was never released.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def barred(self, instances: Iterable[Instance]) -> dict[str, str]:
        """Return which of some instances nobody may be given, each with why.

        Returns
        -------
        dict
            SOP Instance UID to a sentence.
        """
        asked = list(instances)
        places = {(one.study_uid, one.series_uid) for one in asked}
        made = {(one.study_uid, one.series_uid) for one in asked if one.origin is Origin.MADE}
        recalls = Recalls(self._session).against(places)
        recalled = {place: str(one.reason) for place, one in recalls.items()}
        against = {**self._unreleased(places - made), **self._rejected(places), **recalled}
        found = {
            one.sop_instance_uid: against.get((one.study_uid, one.series_uid)) for one in asked
        }
        return {uid: why for uid, why in found.items() if why is not None}

    def _rejected(self, places: Iterable[Place]) -> dict[Place, str]:
        row, asked = RejectionRow, list(places)
        query = select(row.series_uid, row.because, row.by, row.why)
        found = self._session.execute(query.where(row.series_uid.in_({uid for _, uid in asked})))
        why = {uid: f"it is {because} by {by}: {words}" for uid, because, by, words in found}
        return {place: why[place[1]] for place in asked if place[1] in why}

    def _unreleased(self, places: Iterable[Place]) -> dict[Place, str]:
        """Return what was received, made here, and never entered.

        What was once queued for anyone was: its job may be to run again, for retention deleted it.
        """
        makers = makers_of(self._session, set(places))
        kept = {place for place, by in makers.items() if by.is_marked or not by.is_out}
        row, uids = DeliveryRow, {series for _, series in kept}
        query = select(row.series_uid).where(row.series_uid.in_(uids)).distinct()
        went = set(self._session.scalars(query)) if uids else set()
        return {at: _WAITS for at in kept if makers[at].is_marked or at[1] not in went}
