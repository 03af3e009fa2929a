"""Jobs that end without a result: cancelled, superseded, failed, tried again by a person."""

from concurrent.futures import ThreadPoolExecutor, wait
from datetime import timedelta

import pytest

from dicom_node.errors import NotKnown, NotPossible
from dicom_node.jobs import Ended, JobQueue
from dicom_node.values import JobState
from engine.reason import Code
from tests.dicom_node.jobs.plans import DONE, REASON, US, finishes, plan

WITHOUT_RESULT = [JobState.FAILED, JobState.REFUSED, JobState.CANCELLED]


def test_a_job_whose_rule_fires_no_more_is_cancelled_and_says_so(queue):
    job = queue.add(plan())
    assert queue.do(JobQueue.keep_only, "1.9", {}) == (job.id,)
    assert queue.job(job.id).state is JobState.CANCELLED
    assert "does not fire any more" in queue.job(job.id).reasons[0]["text"]
    assert queue.claim(US) is None


def test_a_job_that_another_rule_still_wants_stays_and_goes_where_that_one_wants_it(queue):
    job = queue.add(plan())
    queue.add(plan(rule="planning", destinations=("rt",)))
    assert queue.do(JobQueue.keep_only, "1.9", {"planning": job.key}) == ()
    assert queue.job(job.id).state is JobState.WAITING
    assert queue.do(JobQueue.destinations, job.id) == ("rt",)


def test_a_superseded_job_that_is_wanted_again_waits_again(queue):
    first = queue.add(plan(0))
    second = queue.add(plan(1))
    queue.do(JobQueue.keep_only, "1.9", {"sct-head": second.key})
    assert queue.job(first.id).state is JobState.CANCELLED
    again = queue.add(plan(0))
    queue.do(JobQueue.keep_only, "1.9", {"sct-head": again.key})
    assert (again.id, queue.job(first.id).state) == (first.id, JobState.WAITING)
    assert queue.job(first.id).reasons == ()
    assert queue.job(second.id).state is JobState.CANCELLED


def test_a_job_that_a_person_cancelled_is_not_revived_by_the_same_study(queue):
    job = queue.add(plan())
    queue.do(JobQueue.cancel, job.id)
    assert queue.add(plan()).state is JobState.CANCELLED


def test_who_wants_a_job_at_the_moment_it_ends_is_not_overlooked(queue):
    """The end waits for the one who adds, or the other way round; either sees the other."""
    job = queue.add(plan())
    held = queue.claim(US)

    def ends() -> tuple[str, ...]:
        with queue.database.transaction() as session:
            JobQueue(session).finish(held, DONE)
            return JobQueue(session).destinations(job.id)

    with ThreadPoolExecutor(1) as pool:
        with queue.database.transaction() as session:
            second = plan(rule="planning", destinations=("rt",))
            seen = JobQueue(session).add(job.key, second, queue.now)
            ending = pool.submit(ends)
            wait([ending], timeout=0.5)
        sent_to = ending.result(20)
    assert "rt" in sent_to or seen.state is JobState.DONE


def ended(queue, state: JobState) -> int:
    """Return a job in ``state``."""
    job = queue.add(plan())
    if state is JobState.CANCELLED:
        queue.do(JobQueue.cancel, job.id)
    elif state is not JobState.WAITING:
        job = queue.claim(US)
        if state is not JobState.RUNNING:
            queue.do(JobQueue.finish, job, Ended(state, (REASON,)))
    return job.id


@pytest.mark.parametrize("state", WITHOUT_RESULT)
def test_a_job_without_result_runs_again_under_its_key(queue, state):
    job_id = ended(queue, state)
    key = queue.job(job_id).key
    queue.now += timedelta(hours=1)
    again = queue.do(JobQueue.retry, job_id, queue.now)
    assert (again.state, again.attempts, again.reasons) == (JobState.WAITING, 0, ())
    claimed = queue.claim(US)
    assert (claimed.id, claimed.key, claimed.attempts) == (job_id, key, 1)


@pytest.mark.parametrize("newer", [False, True], ids=["the CT came", "more slices came"])
@pytest.mark.parametrize("state", WITHOUT_RESULT)
def test_what_nobody_wants_any_more_is_not_retried(queue, state, newer):
    """It would be a synthetic series beside the acquired one, or beside that of more slices."""
    job_id = ended(queue, state)
    wanted = {"sct-head": queue.add(plan(1)).key} if newer else {}
    assert queue.do(JobQueue.keep_only, "1.9", wanted) == ()
    before = queue.job(job_id)
    with pytest.raises(NotPossible, match=f"job {job_id}: no rule .* wants it .*why 1.9'"):
        queue.do(JobQueue.retry, job_id, queue.now)
    assert queue.job(job_id) == before
    assert before.reasons, "how it ended stays"


@pytest.mark.parametrize("state", WITHOUT_RESULT)
def test_what_another_rule_or_a_later_plan_wants_is_retried(queue, state):
    job_id = ended(queue, state)
    key = queue.job(job_id).key
    queue.do(JobQueue.keep_only, "1.9", {})
    queue.add(plan(rule="other"))
    queue.do(JobQueue.keep_only, "1.9", {"other": key})
    assert queue.do(JobQueue.retry, job_id, queue.now).state is JobState.WAITING


def test_a_job_that_was_superseded_is_not_retried(queue):
    job_id = queue.add(plan()).id
    assert queue.do(JobQueue.keep_only, "1.9", {}) == (job_id,)
    with pytest.raises(NotPossible, match="no rule and no request wants it any more"):
        queue.do(JobQueue.retry, job_id, queue.now)


@pytest.mark.parametrize("state", [JobState.WAITING, JobState.RUNNING, JobState.DONE])
def test_any_other_job_is_not_retried(queue, state):
    job_id = ended(queue, state)
    before = queue.job(job_id)
    with pytest.raises(NotPossible, match=f"job {job_id} is {state}; only a job without result"):
        queue.do(JobQueue.retry, job_id, queue.now)
    assert queue.job(job_id) == before


def test_a_job_that_ends_while_it_is_cancelled_is_either_ended_or_cancelled(queue):
    queue.add(plan())
    job = queue.claim(US)

    with ThreadPoolExecutor(1) as pool:
        with queue.database.transaction() as session:
            JobQueue(session).cancel(job.id)
            ending = pool.submit(finishes, queue, job)
            wait([ending], timeout=0.5)
        ended = ending.result(20)
    assert queue.job(job.id).state is (JobState.DONE if ended else JobState.CANCELLED)


@pytest.mark.parametrize("state", [JobState.WAITING, JobState.RUNNING])
def test_an_open_job_is_cancelled(queue, state):
    job_id = ended(queue, state)
    assert queue.do(JobQueue.cancel, job_id).state is JobState.CANCELLED
    assert queue.job(job_id).reasons[0]["code"] == Code.CANCELLED
    assert queue.claim(US) is None


@pytest.mark.parametrize("state", [JobState.DONE, JobState.REFUSED, JobState.CANCELLED])
def test_a_job_that_ended_is_not_cancelled(queue, state):
    job_id = ended(queue, state)
    with pytest.raises(NotPossible, match=f"job {job_id} is {state}; only an open one"):
        queue.do(JobQueue.cancel, job_id)


@pytest.mark.parametrize("step", [JobQueue.cancel, lambda q, i: JobQueue.retry(q, i, None)])
def test_a_job_that_is_not_there_is_not_known(queue, step):
    with pytest.raises(NotKnown, match="no job 17; 'dicom-node jobs list'"):
        queue.do(step, 17)
