"""Questions: one a study and peer, open until it is answered or its time is over."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from dicom_node.db import InstanceRow, QuestionRow, RequestRow, StudyRow, series_of_jobs
from dicom_node.db.upsert import insert_into
from dicom_node.scu import SeriesThere
from dicom_node.values import Origin

__all__ = ["Answer", "Question", "Questions"]


@dataclass(frozen=True, slots=True)
class Question:
    """What a peer is to be asked.

    Parameters
    ----------
    here, made : frozenset of str
        Series of the study that are in the archive, and those of them that were made here.
    tasks : frozenset of str
        What somebody has asked to be made of the study: series that it makes are of interest too.
    """

    study_uid: str
    peer: str
    attempts: int
    here: frozenset[str]
    made: frozenset[str]
    tasks: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Answer:
    """What a peer has of a study; an error where it was not found out in time."""

    peer: str
    series: tuple[SeriesThere, ...]
    error: str | None = None


class Questions:
    """Questions to peers. Uses the caller's session; never commits it."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def consult(
        self, study_uid: str, peers: Sequence[str], now: datetime, wait_s: float, cache_s: float
    ) -> tuple[list[Answer], datetime | None]:
        """Return what peers have of a study, as far as they have answered.

        Who has not been asked, or not for ``cache_s``, is to be asked now. The rows are locked: an
        answer that comes meanwhile wakes the study after the caller has put it off.

        Returns
        -------
        (list of Answer, datetime or None)
            And until when to wait for the rest; None where there is nothing to wait for.
        """
        until = now + timedelta(seconds=wait_s)
        answers, open_until = [], []
        for peer in sorted(peers):  # in one order everywhere: two processes never wait crosswise
            row = self._row(study_uid, peer)
            if row is None or _settled(row, now) + timedelta(seconds=cache_s) <= now:
                self._ask(study_uid, peer, now, until)
                open_until.append(until)
            elif row.answered_at is None and row.until > now:
                open_until.append(row.until)
            else:
                series = tuple(SeriesThere(**one) for one in row.series or ())
                answers.append(Answer(peer, series, row.error))
        return answers, max(open_until, default=None)

    def known(self, study_uid: str, now: datetime, cache_s: float) -> dict[str, Answer]:
        """Return the answers that still count, by peer; nobody is asked."""
        rows = self._session.scalars(select(QuestionRow).where(QuestionRow.study_uid == study_uid))
        return {
            row.peer: Answer(row.peer, tuple(SeriesThere(**one) for one in row.series or ()))
            for row in rows
            if row.answered_at is not None and row.answered_at + timedelta(seconds=cache_s) > now
        }

    def due(self, peer: str, now: datetime) -> Question | None:
        """Return the question that a peer is to be asked next; None where there is none."""
        row = self._session.scalars(
            select(QuestionRow)
            .where(
                QuestionRow.peer == peer,
                QuestionRow.answered_at.is_(None),
                QuestionRow.due <= now,
                QuestionRow.until > now,
            )
            .order_by(QuestionRow.due)
            .limit(1)
        ).first()
        if row is None:
            return None
        found = self._session.execute(
            select(InstanceRow.series_uid, InstanceRow.origin)
            .where(InstanceRow.study_uid == row.study_uid)
            .distinct()
        ).all()
        here = frozenset(uid for uid, _ in found)
        made = frozenset(uid for uid, origin in found if origin == Origin.MADE)
        made |= series_of_jobs(self._session, row.study_uid)  # deleted here since, or given up
        wishes = select(RequestRow.task).where(
            RequestRow.study_uid == row.study_uid, RequestRow.granted
        )
        tasks = frozenset(self._session.scalars(wishes))
        return Question(row.study_uid, peer, row.attempts, here, made, tasks)

    def answered(self, question: Question, series: Sequence[SeriesThere], now: datetime) -> None:
        """Keep an answer, and have the study planned."""
        answer = {"answered_at": now, "series": [asdict(one) for one in series], "error": None}
        self._set(question, {"attempts": question.attempts + 1, **answer})
        self._wake(question.study_uid)

    def told(self, study_uid: str, peer: str, series: Sequence[SeriesThere], now: datetime) -> None:
        """Keep what a peer has just told without a question of ours: it counts like an answer."""
        values = {
            "asked_at": now, "until": now, "due": now, "attempts": 1, "answered_at": now,
            "error": None, "series": [asdict(one) for one in series],
        }  # fmt: skip
        self._put(study_uid, peer, values)

    def unanswered(self, question: Question, error: str, due: datetime) -> None:
        """Note why there is no answer yet, and ask again when it is ``due``."""
        self._set(question, {"attempts": question.attempts + 1, "error": error, "due": due})

    def _row(self, study_uid: str, peer: str) -> QuestionRow | None:
        return self._session.get(QuestionRow, (study_uid, peer), with_for_update=True)

    def _ask(self, study_uid: str, peer: str, now: datetime, until: datetime) -> None:
        values = {
            "asked_at": now, "until": until, "due": now, "attempts": 0, "answered_at": None,
            "error": None, "series": None,
        }  # fmt: skip
        self._put(study_uid, peer, values)

    def _put(self, study_uid: str, peer: str, values: Mapping[str, object]) -> None:
        insert = insert_into(self._session, QuestionRow).values(
            study_uid=study_uid, peer=peer, **values
        )
        self._session.execute(
            insert.on_conflict_do_update(index_elements=["study_uid", "peer"], set_=values)
        )

    def _set(self, question: Question, values: Mapping[str, object]) -> None:
        self._session.execute(
            update(QuestionRow)
            .where(QuestionRow.study_uid == question.study_uid, QuestionRow.peer == question.peer)
            .values(dict(values))
        )

    def _wake(self, study_uid: str) -> None:
        self._session.execute(
            update(StudyRow).where(StudyRow.uid == study_uid).values(plan_at=None)
        )


def _settled(row: QuestionRow, now: datetime) -> datetime:
    """Return since when a question is settled; one that is open is not, and does not grow old."""
    return row.answered_at or (row.until if row.until <= now else now)
