"""Which instances a retrieval is about, and where they lie (PS3.4 C.4.2, C.4.3)."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from sys import intern

from dicom_node.archive.query.attributes import Level
from dicom_node.archive.query.condition import Condition
from dicom_node.archive.query.narrow import narrowed
from dicom_node.archive.studies import Studies
from dicom_node.db import Database, InstanceRow
from dicom_node.errors import TooMany
from dicom_node.values import Instance

__all__ = ["Retriever", "Selected"]

_MOST = 500_000


@dataclass(frozen=True, slots=True)
class Selected:
    """One instance that is to be sent, and how it is kept."""

    sop_instance_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str
    study_uid: str


class Retriever:
    """Finds what is to be sent. What comes later is not part of it: the numbers stay true.

    Parameters
    ----------
    database : Database
        Where the rows are.
    folder : Path
        The archive's.
    most : int
        How many instances one retrieval may be about.
    """

    def __init__(self, database: Database, folder: Path, most: int = _MOST) -> None:
        self._database = database
        self._folder = folder
        self._most = most

    def select(self, conditions: Sequence[Condition]) -> list[Selected]:
        """Return what is there now, series by series, in the order of instance numbers.

        Parameters
        ----------
        conditions : sequence of Condition
            On unique keys alone, each a value or a list of UIDs: an index answers these exactly.

        Raises
        ------
        TooMany
            When it is more than is sent at once.
        DatabaseAway
            When the database does not answer.
        """
        row = InstanceRow
        found: dict[str, Selected] = {}
        with self._database.reading() as session:
            for statement in narrowed(Level.IMAGE, conditions):
                columns = statement.with_only_columns(
                    row.sop_instance_uid, row.sop_class_uid, row.transfer_syntax_uid,
                    row.study_uid,
                    maintain_column_froms=True,
                ).limit(self._most + 1)  # fmt: skip
                for uid, *others in session.execute(columns):
                    found[uid] = Selected(uid, *map(intern, others))
                if len(found) > self._most:
                    raise TooMany(f"more than {self._most} instances; ask for fewer at a time")
        return list(found.values())

    def instances(self, uids: Collection[str]) -> dict[str, Instance]:
        """Return the instances with these UIDs; what is gone meanwhile is absent.

        Raises
        ------
        DatabaseAway
            When the database does not answer.
        """
        with self._database.reading() as session:
            kept = Studies(session, self._folder).instances(list(uids))
        return {one.sop_instance_uid: one for one in kept}
