"""Retrievals into the audit trail: one event a study when they begin, one a study and fate after.

A caller of a C-MOVE has something sent to a third: then all three stand in the event.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from dicom_node.archive.query import Retriever, Selected
from dicom_node.association.caller import Caller
from dicom_node.association.told import Telling
from dicom_node.audit import US, Outcome, Study, events, outcome_of, read_study, remote_of
from dicom_node.settings import Peer

__all__ = ["Account"]


@dataclass(slots=True)
class _Went:
    """Instances of one study that had one fate."""

    because: str
    classes: Counter[str] = field(default_factory=Counter)


class Account:
    """What one retrieval sends, and what became of it.

    Parameters
    ----------
    telling : Telling
    caller : Caller
        Who asked.
    receiver : Peer
        Who is sent to.
    """

    def __init__(self, telling: Telling, caller: Caller, receiver: Peer) -> None:
        self._telling = telling
        asks, takes = remote_of(caller.peer, caller.address), remote_of(receiver)
        self._way = events.Way(US, asks if receiver == caller.peer else takes, asks)
        self._studies: dict[str, Study] = {}
        self._went: dict[tuple[str, Outcome], _Went] = {}
        self.receiver = receiver

    def begin(self, selected: Sequence[Selected], retriever: Retriever) -> None:
        """Record that a transfer begins, study by study (PS3.15 A.5.3.3): before anything leaves.

        Raises
        ------
        DatabaseAway
            When the database does not answer.
        """
        if not self._telling.audit.on:
            return
        classes: dict[str, Counter[str]] = {}
        first: dict[str, str] = {}
        for one in selected:
            first.setdefault(one.study_uid, one.sop_instance_uid)
            classes.setdefault(one.study_uid, Counter())[one.sop_class_uid] += 1
        kept = retriever.instances(first.values())
        told = []
        for uid, instance_uid in first.items():
            instance = kept.get(instance_uid)
            study = read_study(uid, _counts(classes[uid]), instance.path if instance else None)
            self._studies[uid] = study
            told.append(events.transfer_begins(self._telling.now(), self._way, study))
        self._telling.audit.record(*told)

    def answered(self, one: Selected, status: int | None, because: str = "") -> None:
        """Count an instance by the status that it was answered with; None where it was not."""
        if self._telling.audit.on:
            key = one.study_uid, outcome_of(status)
            self._went.setdefault(key, _Went(because)).classes[one.sop_class_uid] += 1

    def end(self) -> None:
        """Record what became of it (PS3.15 A.5.3.7); what was not sent any more is not told."""
        told = []
        for (uid, outcome), went in self._went.items():
            study = replace(self._studies.get(uid, Study(uid)), classes=_counts(went.classes))
            told.append(
                events.instances_transferred(
                    self._telling.now(), self._way, study, outcome=outcome, because=went.because
                )
            )
        self._went.clear()
        self._telling.audit.record(*told)


def _counts(classes: Counter[str]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(classes.items()))
