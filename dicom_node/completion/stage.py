"""The stages: receiving → complete, and a stage per sender that counts.

What is asked over the network is asked there: a sender that is slow keeps nobody else's studies.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

from dicom_node import log
from dicom_node.archive import Studies, Waiting
from dicom_node.completion.ask import Asks
from dicom_node.completion.policy import Limits, judge
from dicom_node.db import Database
from dicom_node.errors import DatabaseAway, PeerError

__all__ = ["CompletionStage", "SenderStage"]

_log = log.get("completion")
_AFTER_A_BUG = timedelta(minutes=5)
_BEFORE_ALL = datetime(1970, 1, 1, tzinfo=UTC)
"""Nothing is due since then: what a sender sent is all that its stage looks at."""


class _OneByOne:
    """Take studies one after another; one that meets a bug is told of and put off."""

    def __init__(self) -> None:
        self._put_off: dict[str, datetime] = {}

    def count(
        self, waiting: Iterable[Waiting], now: datetime, do: Callable[[Waiting, datetime], bool]
    ) -> int:
        """Do it to each that is not put off; return for how many it said yes.

        Raises
        ------
        DatabaseAway
            Which is no fault of a study's.
        """
        self._put_off = {uid: until for uid, until in self._put_off.items() if now < until}
        due = [study for study in waiting if study.uid not in self._put_off]
        return sum(self._try(study, now, do) for study in due)

    def _try(self, study: Waiting, now: datetime, do: Callable[[Waiting, datetime], bool]) -> bool:
        is_done = False
        with ExitStack() as after_a_bug:
            told = log.noting(_log.bind(study_uid=study.uid), "study not judged")
            after_a_bug.push(told)
            after_a_bug.callback(self._put_off.update, {study.uid: now + _AFTER_A_BUG})
            try:
                is_done = do(study, now)
            except DatabaseAway:  # for all of them
                after_a_bug.pop_all()
                raise
            after_a_bug.pop_all()
        return is_done


class CompletionStage:
    """Mark studies complete once the evidence says so. It asks nobody.

    Parameters
    ----------
    database : Database
    archive_folder : Path
    limits : Limits
        The times of the policy.
    asks : Asks
        Who may be asked for counts: what waits for an answer of theirs is left to wait.
    """

    def __init__(
        self, database: Database, archive_folder: Path, limits: Limits, asks: Asks
    ) -> None:
        self._database = database
        self._folder = archive_folder
        self._limits = limits
        self._asks = asks
        self._studies = _OneByOne()

    def tick(self, now: datetime) -> int:
        """Judge the studies in reception that may be whole; return how many are complete now.

        Nothing but a sender that answers makes one whole before its quiet period is over.
        """
        quiet_since = now - timedelta(seconds=self._limits.quiet_s)
        with self._database.reading() as session:
            waiting = Studies(session, self._folder).receiving(quiet_since, self._asks.names())
        return self._studies.count(waiting, now, self._settle)

    def _settle(self, study: Waiting, now: datetime) -> bool:
        may_ask = self._asks.whom(study.peers) is not None
        verdict = judge(study, now, self._limits, may_ask=may_ask)
        if not verdict.complete:
            return False
        with self._database.transaction() as session:
            studies = Studies(session, self._folder)
            done = studies.complete(study.uid, study.revision, verdict.evidence)
        if done:
            _log.info("study complete", study_uid=study.uid, evidence=verdict.evidence)
        return done


class SenderStage:
    """Ask one sender how many instances it has, study by study, where it is time to.

    Parameters
    ----------
    name : str
        Who is asked.
    database : Database
    archive_folder : Path
    limits : Limits
        The times of the policy.
    asks : Asks
        Who may be asked for counts.
    """

    def __init__(
        self, name: str, database: Database, archive_folder: Path, limits: Limits, asks: Asks
    ) -> None:
        self._name = name
        self._database = database
        self._folder = archive_folder
        self._limits = limits
        self._asks = asks
        self._studies = _OneByOne()

    def tick(self, now: datetime) -> int:
        """Ask about what it sent, the study first that waits longest; return for how many."""
        if self._name not in self._asks.names():
            return 0
        with self._database.reading() as session:
            waiting = Studies(session, self._folder).receiving(_BEFORE_ALL, [self._name])
        return self._studies.count(waiting, now, self._asked)

    def _asked(self, study: Waiting, now: datetime) -> bool:
        """Ask if it is time to, and if it is this sender's turn: it may have failed just now."""
        is_next = self._asks.whom(study.peers) == self._name
        if not is_next or not judge(study, now, self._limits, may_ask=True).ask:
            return False
        expected = self._answer(study)
        with self._database.transaction() as session:  # the next tick of the other judges by it
            Studies(session, self._folder).note_answer(study.uid, study.revision, now, expected)
        return True

    def _answer(self, study: Waiting) -> Mapping[str, int] | None:
        try:
            return self._asks.counts([self._name], study.uid)
        except PeerError as exc:
            _log.warning("sender not asked", study_uid=study.uid, why=str(exc))
            return None
