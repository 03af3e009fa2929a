"""The stages that ask a peer about studies, and fetch from it: one of each a peer.

A peer that is slow delays no other, and no rule for longer than is stated.
"""

from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime, timedelta

from dicom_node import log
from dicom_node.backoff import next_try
from dicom_node.db import Database
from dicom_node.errors import PeerError
from dicom_node.questions import Fetch, Fetches, FetchState, Question, Questions
from dicom_node.remote import Place
from dicom_node.rules.elsewhere import Asked, Inquirer

__all__ = ["AskStage", "FetchStage"]

_log = log.get("rules")
_BUG = "this node failed to do it; its log says why"


class AskStage:
    """Ask one peer about the studies that wait for its answer, one after the other.

    Parameters
    ----------
    inquirer : Inquirer
        Who is asked.
    database : Database
    every_s : float
        It is asked no more often.
    now : callable
        The clock, UTC: asking takes time.
    """

    def __init__(
        self, inquirer: Inquirer, database: Database, every_s: float, now: Callable[[], datetime]
    ) -> None:
        self._inquirer = inquirer
        self._database = database
        self._every = timedelta(seconds=every_s)
        self._now = now
        self._not_before: datetime | None = None
        self._failed = 0

    def tick(self, now: datetime) -> int:
        """Ask for the study that is longest due; return 1 if there was an answer."""
        if self._not_before is not None and now < self._not_before:
            return 0
        with self._database.reading() as session:
            question = Questions(session).due(self._inquirer.name, now)
        if question is None:
            return 0
        self._not_before = self._now() + self._every
        with ExitStack() as after_a_bug:  # what fails in whatever way does not block the others
            after_a_bug.callback(self._unanswered, question, _BUG)
            try:
                found = self._inquirer.ask(
                    question.study_uid, question.here, question.made, question.tasks
                )
            except PeerError as exc:
                after_a_bug.pop_all()
                self._unanswered(question, str(exc))
                return 0
            after_a_bug.pop_all()
        self._failed = 0
        with self._database.transaction() as session:
            Questions(session).answered(question, found, self._now())
        _log.info("peer asked", peer=question.peer, study_uid=question.study_uid,
                  series=len(found))  # fmt: skip
        return 1

    def _unanswered(self, question: Question, why: str) -> None:
        """Put a question off; a peer that is away is away for other studies too."""
        self._failed += 1
        self._not_before = again = next_try(self._now(), self._failed)
        with self._database.transaction() as session:
            Questions(session).unanswered(question, why, again)
        _log.warning("peer not asked", study_uid=question.study_uid, why=why)


class FetchStage:
    """Fetch series from one peer, one after the other.

    Parameters
    ----------
    asked : Asked
        The peer.
    database : Database
    """

    def __init__(self, asked: Asked, database: Database) -> None:
        self._asked = asked
        self._database = database
        self._ended: tuple[Fetch, FetchState, str | None] | None = None

    def tick(self, now: datetime) -> int:
        """Fetch what is wanted next; return 1 if it came."""
        self._end()  # where the database was away when the last one ended
        with self._database.reading() as session:
            fetch = Fetches(session).next(self._asked.name)
        if fetch is None:
            return 0
        left_s = (fetch.until - now).total_seconds()
        if left_s <= 0:
            self._set(fetch, FetchState.FAILED, "its time was over before it was begun")
            return 0
        self._set(fetch, FetchState.FETCHING)
        self._ended = fetch, FetchState.FAILED, _BUG
        try:
            came = self._asked.move(Place(fetch.study_uid, fetch.series_uid), left_s)
            self._ended = fetch, FetchState.FETCHED, None
        except PeerError as exc:
            self._ended = fetch, FetchState.FAILED, str(exc)
            _log.warning("series not fetched", study_uid=fetch.study_uid, why=str(exc))
            return 0
        finally:  # whatever was raised: it is not being fetched any more
            self._end()
        _log.info("series fetched", peer=fetch.peer, study_uid=fetch.study_uid,
                  series_uid=fetch.series_uid, instances=came)  # fmt: skip
        return 1

    def _end(self) -> None:
        """Note how the last fetch ended, unless that is noted."""
        if self._ended is not None:
            self._set(*self._ended)
            self._ended = None

    def _set(self, fetch: Fetch, state: FetchState, error: str | None = None) -> None:
        with self._database.transaction() as session:
            Fetches(session).set(fetch, state, error)
