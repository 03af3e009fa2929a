"""The stage: receiving → complete."""

from collections.abc import Mapping
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path

from dicom_node import log
from dicom_node.archive import Studies, Waiting
from dicom_node.completion.ask import Asks
from dicom_node.completion.policy import Limits, Verdict, judge
from dicom_node.db import Database
from dicom_node.errors import DatabaseAway, PeerError

__all__ = ["CompletionStage"]

_log = log.get("completion")
_AFTER_A_BUG = timedelta(minutes=5)


class CompletionStage:
    """Mark studies complete once the evidence says so.

    Parameters
    ----------
    database : Database
    archive_folder : Path
    limits : Limits
        The times of the policy.
    asks : Asks
        Who may be asked for counts.
    """

    def __init__(
        self, database: Database, archive_folder: Path, limits: Limits, asks: Asks
    ) -> None:
        self._database = database
        self._folder = archive_folder
        self._limits = limits
        self._asks = asks
        self._put_off: dict[str, datetime] = {}

    def tick(self, now: datetime) -> int:
        """Judge the studies in reception that may be whole; return how many are complete now.

        Nothing but a sender that answers makes one whole before its quiet period is over.
        """
        quiet_since = now - timedelta(seconds=self._limits.soonest_s)
        with self._database.reading() as session:
            waiting = Studies(session, self._folder).receiving(quiet_since, self._asks.names())
        self._put_off = {uid: until for uid, until in self._put_off.items() if now < until}
        due = [study for study in waiting if study.uid not in self._put_off]
        return sum(self._try(study, now) for study in due)

    def _try(self, study: Waiting, now: datetime) -> bool:
        """Judge a study; a bug that it meets is told and puts it off, and the others are judged."""
        is_complete = False
        with ExitStack() as after_a_bug:
            told = log.noting(_log.bind(study_uid=study.uid), "study not judged")
            after_a_bug.push(told)
            after_a_bug.callback(self._put_off.update, {study.uid: now + _AFTER_A_BUG})
            try:
                is_complete = self._settle(study, now)
            except DatabaseAway:  # for all of them
                after_a_bug.pop_all()
                raise
            after_a_bug.pop_all()
        return is_complete

    def _settle(self, study: Waiting, now: datetime) -> bool:
        verdict = self._judge(study, now)
        if verdict.ask:
            expected = self._ask(study)
            with self._database.transaction() as session:
                Studies(session, self._folder).note_answer(study.uid, study.revision, now, expected)
            return False  # the next tick judges by the answer
        if not verdict.complete:
            return False
        with self._database.transaction() as session:
            studies = Studies(session, self._folder)
            done = studies.complete(study.uid, study.revision, verdict.evidence)
        if done:
            _log.info("study complete", study_uid=study.uid, evidence=verdict.evidence)
        return done

    def _judge(self, study: Waiting, now: datetime) -> Verdict:
        return judge(study, now, self._limits, may_ask=self._asks.may_ask(study.peers))

    def _ask(self, study: Waiting) -> Mapping[str, int] | None:
        try:
            return self._asks.counts(study.peers, study.uid)
        except PeerError as exc:
            _log.warning("sender not asked", study_uid=study.uid, why=str(exc))
            return None
