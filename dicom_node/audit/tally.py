"""What one association brought, until it is told: by study, and by what became of it."""

import threading
from collections import Counter
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path

from dicom_node.archive import Kept, Outcome, Studies
from dicom_node.audit.message import Action, Study, read_study
from dicom_node.audit.message import Outcome as Ended
from dicom_node.db import Database
from dicom_node.errors import DatabaseAway

__all__ = ["Brought", "Fate", "Tally"]


class Fate(Enum):
    """What became of instances: the action, the outcome, and what is said of it."""

    NEW = Action.CREATE, Ended.SUCCESS, ""
    SAME = Action.READ, Ended.SUCCESS, ""
    DIFFERS = (
        Action.UPDATE,
        Ended.MINOR,
        "their UIDs were here with other content; the first stays, these lie apart",
    )
    REFUSED = Action.CREATE, Ended.SERIOUS, "they were refused, and not kept"
    DRAWN = Action.CREATE, Ended.SUCCESS, "they were drawn to learn from, and lie apart"
    LOOKED_AT = Action.READ, Ended.SUCCESS, "they were fetched to be looked at, and not kept"

    @property
    def action(self) -> Action:
        """EventActionCode."""
        return self.value[0]

    @property
    def outcome(self) -> Ended:
        """EventOutcomeIndicator."""
        return self.value[1]

    @property
    def because(self) -> str:
        """EventOutcomeDescription."""
        return self.value[2]


_FATES = {Outcome.NEW: Fate.NEW, Outcome.SAME: Fate.SAME, Outcome.DIFFERS: Fate.DIFFERS}


@dataclass(slots=True)
class Brought:
    """Instances of one study that shared one fate.

    Parameters
    ----------
    classes : Counter
        SOP Class UID to number of instances.
    kept : str
        SOP Instance UID of one that is in the archive; empty when none is.
    apart : Study or None
        What was read of the first that is not.
    """

    fate: Fate
    study_uid: str
    classes: Counter[str] = field(default_factory=Counter)
    kept: str = ""
    apart: Study | None = None

    def study(self, database: Database, archive: Path) -> Study:
        """Return the study with these instances, and with its patient as far as that is known.

        Parameters
        ----------
        archive : Path
            The archive's folder.
        """
        if self.apart is not None:
            return replace(self.apart, classes=self._counts())
        try:
            with database.reading() as session:
                found = Studies(session, archive).instances([self.kept])
        except DatabaseAway:
            found = []
        return read_study(self.study_uid, self._counts(), found[0].path if found else None)

    def _counts(self) -> tuple[tuple[str, int], ...]:
        return tuple(sorted(self.classes.items()))


class Tally:
    """Counts what comes. Safe for threads: an association may end while one is still kept."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._brought: dict[tuple[str, Fate], Brought] = {}

    def kept(self, kept: Kept) -> None:
        """Count an instance that is in the archive."""
        with self._lock:
            one = self._of(kept.study_uid, _FATES[kept.outcome])
            one.classes[kept.sop_class_uid] += 1
            one.kept = kept.sop_instance_uid

    def knows_apart(self, study_uid: str, fate: Fate) -> bool:
        """Whether an instance of the study had this fate before: the patient is known then."""
        with self._lock:
            return (study_uid, fate) in self._brought

    def apart(self, study: Study, fate: Fate, sop_class_uid: str) -> None:
        """Count an instance that is not."""
        with self._lock:
            one = self._of(study.uid, fate)
            one.classes[sop_class_uid] += 1
            one.apart = one.apart or study

    def take(self) -> list[Brought]:
        """Return what was counted since the last time."""
        with self._lock:
            brought, self._brought = self._brought, {}
        return list(brought.values())

    def _of(self, study_uid: str, fate: Fate) -> Brought:
        return self._brought.setdefault((study_uid, fate), Brought(fate, study_uid))
