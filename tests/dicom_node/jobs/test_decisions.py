"""What persons decide: once, by name, about what is held and nothing else."""

import pytest

from dicom_node.errors import NotKnown, NotPossible
from dicom_node.jobs import Decisions, Ended, JobQueue
from dicom_node.values import Decided, JobState
from engine.reason import Code
from tests.dicom_node.jobs.plans import US, plan

WAITS = {"code": "RELEASE_WANTED", "text": "somebody has to look"}


@pytest.fixture
def held(queue):
    job = queue.add(plan())
    queue.do(JobQueue.finish, queue.claim(US), Ended(JobState.HELD, (WAITS,), ("1.8",)))
    return job.id


def decided(queue, what: str, by: str = "A. Physicist") -> Decided:
    return Decided(what, by, "seen", queue.now, "ab" * 32)


def decide(queue, how, job_id: int, what: str, by: str = "A. Physicist"):
    with queue.database.transaction() as session:
        return how(Decisions(session), job_id, decided(queue, what, by))


def test_what_is_released_is_done_and_says_by_whom_and_what_it_was_held_for(queue, held):
    decide(queue, Decisions.release, held, "released")
    job = queue.job(held)
    assert (job.state, job.series_uids) == (JobState.DONE, ("1.8",))
    assert job.reasons == (WAITS,)
    assert (job.decided["what"], job.decided["by"]) == ("released", "A. Physicist")
    assert job.decided["content"] == "sha256:" + "ab" * 32


def test_what_is_rejected_is_refused_in_a_persons_words_and_made_nothing(queue, held):
    decide(queue, Decisions.reject, held, "rejected")
    job = queue.job(held)
    assert (job.state, job.series_uids) == (JobState.REFUSED, ())
    assert [reason["code"] for reason in job.reasons] == ["RELEASE_WANTED", Code.REJECTED]
    assert job.reasons[-1]["text"] == "rejected by A. Physicist: seen"


@pytest.mark.parametrize("second", [Decisions.release, Decisions.reject])
def test_the_second_of_two_is_told_who_was_first(queue, held, second):
    decide(queue, Decisions.release, held, "released")
    with pytest.raises(NotPossible, match=r"job \d+ is done, released by A\. Physicist; only one"):
        decide(queue, second, held, "rejected", "B. Late")
    assert queue.job(held).decided["by"] == "A. Physicist"


def test_nothing_else_is_decided_about(queue):
    job = queue.add(plan())
    with pytest.raises(NotPossible, match="is waiting; only one that is held is released"):
        decide(queue, Decisions.release, job.id, "released")
    with pytest.raises(NotKnown, match="there is no job 99"):
        decide(queue, Decisions.reject, 99, "rejected")


def test_a_rejected_job_can_be_tried_again_and_is_undecided_then(queue, held):
    decide(queue, Decisions.reject, held, "rejected")
    again = queue.do(JobQueue.retry, held, queue.now)
    assert (again.state, again.decided, again.reasons) == (JobState.WAITING, None, ())


def test_what_is_held_is_not_claimed_cancelled_or_tried_again(queue, held):
    assert queue.claim(US) is None
    with pytest.raises(NotPossible, match="is held"):
        queue.do(JobQueue.cancel, held)
    with pytest.raises(NotPossible, match="is held"):
        queue.do(JobQueue.retry, held, queue.now)


def test_more_of_the_study_takes_the_place_of_what_is_held(queue, held):
    newer = queue.add(plan(1))
    assert queue.do(JobQueue.keep_only, "1.9", {"sct-head": newer.key}) == (held,)
    job = queue.job(held)
    assert (job.state, job.series_uids) == (JobState.CANCELLED, ())
    with pytest.raises(NotPossible, match="is cancelled"):
        decide(queue, Decisions.release, held, "released")
