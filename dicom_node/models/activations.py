"""Which version of a model is used: switched, and switched back, in one row."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from dicom_node.db import ActivationRow
from dicom_node.errors import NotPossible
from dicom_node.values import Model

__all__ = ["Activation", "Activations"]

_FOUND = "as found"
"""Who activated the version that was used before anybody chose one."""


@dataclass(frozen=True, slots=True)
class Activation:
    """That a version of a model is used since a time, and on whose word."""

    model: Model
    by: str
    at: datetime


class Activations:
    """What names of models stand for. Uses the caller's session; never commits it.

    A job keeps the model that it was planned with, whatever is switched meanwhile.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def current(self) -> dict[str, Activation]:
        """Return what each name stands for, of those that somebody ever chose a version of."""
        last = select(func.max(ActivationRow.id)).group_by(ActivationRow.name)
        rows = self._session.scalars(select(ActivationRow).where(ActivationRow.id.in_(last)))
        return {row.name: _value(row) for row in rows}

    def digests(self) -> Mapping[str, str]:
        """Return the digest that each name stands for."""
        return {name: one.model.digest for name, one in self.current().items()}

    def activate(self, model: Model, found: Model, by: str, now: datetime) -> None:
        """Use a version from now on.

        Parameters
        ----------
        found : Model
            What is used where nobody ever chose: a rollback of the first choice goes back to it.

        Raises
        ------
        NotPossible
            When it is used already.
        """
        row = self._last(model.name) or self._add(found, _FOUND, now, None)
        if row.digest == model.digest:
            raise NotPossible(f"{model.name}@{model.version} is what is used already")
        self._add(model, by, now, row.id)

    def rollback(self, name: str, by: str, now: datetime) -> Activation:
        """Use what was used before the last choice that still stands; return that.

        Raises
        ------
        NotPossible
            When there is nothing to go back to.
        """
        row = self._last(name)
        before = None if row is None or row.before is None else self._row(row.before)
        if before is None:
            raise NotPossible(f"no version of {name} was used before this one; activate another")
        model = Model(before.name, before.version, before.digest)
        return _value(self._add(model, by, now, before.before))

    def _last(self, name: str) -> ActivationRow | None:
        query = select(ActivationRow).where(ActivationRow.name == name)
        return self._session.scalars(query.order_by(ActivationRow.id.desc()).limit(1)).first()

    def _row(self, row_id: int) -> ActivationRow | None:
        return self._session.get(ActivationRow, row_id)

    def _add(self, model: Model, by: str, now: datetime, before: int | None) -> ActivationRow:
        row = ActivationRow(
            name=model.name,
            version=model.version,
            digest=model.digest,
            activated_by=by,
            activated_at=now,
            before=before,
        )
        self._session.add(row)
        self._session.flush()
        return row


def _value(row: ActivationRow) -> Activation:
    return Activation(Model(row.name, row.version, row.digest), row.activated_by, row.activated_at)
