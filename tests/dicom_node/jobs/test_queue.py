"""The queue: each job held by one, finished only by who holds it; on both databases."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from datetime import timedelta
from threading import Barrier

import pytest

from dicom_node.errors import LeaseLost
from dicom_node.jobs import Ended, JobQueue, job_key
from dicom_node.lease import Lease, process_owner
from dicom_node.values import JobState, Priority
from engine.reason import Code
from tests.dicom_node.jobs.plans import DONE, REASON, US, finishes, plan

ELSEWHERE = Lease("another-host/boot/1/1", 30.0)


@pytest.fixture
def dead():
    """The name of a process of this host that ended."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    owner = process_owner(process.pid)
    process.communicate(b"\n")
    return Lease(owner, 30.0)


def test_a_job_comes_back_as_it_was_planned(queue):
    wanted = plan()
    job = queue.add(wanted)
    assert (job.key, job.state, job.attempts, job.token) == (
        job_key("1.2.3", wanted), JobState.WAITING, 0, 0,
    )  # fmt: skip
    assert (job.study_uid, job.rule, job.task, job.grid, job.priority, job.model, job.sources) == (
        wanted.study_uid, wanted.rule, wanted.task, wanted.grid, wanted.priority, wanted.model,
        wanted.sources,
    )  # fmt: skip
    assert (job.created_at, job.reasons, job.series_uids) == (queue.now, (), ())
    assert queue.job(job.id) == job


def test_the_same_again_finds_the_job_that_is_there(queue):
    job = queue.add(plan())
    queue.now += timedelta(seconds=9)
    assert queue.add(plan()) == job
    assert queue.claim(US).id == job.id
    queue.do(JobQueue.finish, queue.job(job.id), DONE)
    again = queue.add(plan())
    assert (again.state, again.series_uids) == (JobState.DONE, ("1.7",))
    assert len(queue.do(JobQueue.list)) == 1


def test_many_that_add_the_same_at_once_make_one_job(queue):
    at_once = Barrier(6)

    def add(_):
        at_once.wait()
        return queue.add(plan()).id

    with ThreadPoolExecutor(6) as pool:
        assert len(set(pool.map(add, range(6)))) == 1
    assert len(queue.do(JobQueue.list)) == 1


def test_two_rules_share_a_job_and_its_result_goes_where_either_wants_it(queue):
    job = queue.add(plan(rule="b", destinations=("pacs", "share")))
    assert queue.add(plan(rule="a", destinations=("planning", "pacs"))).id == job.id
    assert queue.do(JobQueue.destinations, job.id) == ("planning", "pacs", "share")
    queue.add(plan(rule="b", destinations=("archive",)))
    assert queue.do(JobQueue.destinations, job.id) == ("planning", "pacs", "archive")
    assert queue.job(job.id).rule == "b"


def test_a_more_urgent_rule_makes_the_job_more_urgent_and_no_rule_less(queue):
    job = queue.add(plan(priority=Priority.ROUTINE))
    assert queue.add(plan(rule="other", priority=Priority.BULK)).priority is Priority.ROUTINE
    assert queue.add(plan(rule="third", priority=Priority.STAT)).priority is Priority.STAT
    assert queue.job(job.id).priority is Priority.STAT


def test_the_most_urgent_comes_first_and_then_the_oldest(queue):
    order = [Priority.BULK, Priority.ROUTINE, Priority.STAT, Priority.ROUTINE, Priority.STAT]
    ids = []
    for number, priority in enumerate(order):
        ids.append(queue.add(plan(number, priority=priority)).id)
        queue.now += timedelta(seconds=1)
    claimed = [queue.claim(US).id for _ in order]
    assert claimed == [ids[2], ids[4], ids[1], ids[3], ids[0]]
    assert queue.claim(US) is None


def test_a_claimed_job_runs_under_a_lease(queue):
    queue.add(plan())
    job = queue.claim(US)
    assert (job.state, job.attempts, job.token) == (JobState.RUNNING, 1, 1)
    assert queue.claim(ELSEWHERE) is None
    assert not queue.do(JobQueue.anything, queue.now)


def test_a_job_that_is_not_due_waits(queue):
    queue.add(plan())
    job = queue.claim(US)
    queue.do(JobQueue.try_again, job, queue.now, [REASON])
    assert queue.job(job.id).reasons == (REASON,)
    assert queue.claim(US) is None
    assert not queue.do(JobQueue.anything, queue.now)
    queue.now += timedelta(seconds=2)
    assert queue.do(JobQueue.anything, queue.now)
    assert queue.claim(US).attempts == 2


def test_two_that_claim_at_once_never_hold_the_same_job(queue):
    ids = {queue.add(plan(number)).id for number in range(40)}
    at_once = Barrier(4)

    def work(_) -> list[int]:
        held = []
        at_once.wait()
        while queue.do(JobQueue.anything, queue.now):
            if (job := queue.claim(US)) is not None:
                held.append(job.id)
        return held

    with ThreadPoolExecutor(4) as pool:
        held = [job_id for found in pool.map(work, range(4)) for job_id in found]
    assert sorted(held) == sorted(ids)


STEPS = {
    "finish": lambda queue, job: queue.do(JobQueue.finish, job, DONE),
    "try again": lambda queue, job: queue.do(JobQueue.try_again, job, queue.now, [REASON]),
    "hand back": lambda queue, job: queue.do(JobQueue.hand_back, job, queue.now),
}


def taken_over(queue):
    """Another worker took the job when the lease of the first had run out."""
    queue.now += timedelta(seconds=31)
    assert len(queue.do(JobQueue.reclaim, queue.now)) == 1
    assert queue.claim(ELSEWHERE).token == 2


def reclaimed(queue):
    queue.now += timedelta(seconds=31)
    queue.do(JobQueue.reclaim, queue.now)


def cancelled(queue):
    (job,) = queue.do(JobQueue.list)
    queue.do(JobQueue.cancel, job.id)


def superseded(queue):
    newer = queue.add(plan(1))
    queue.do(JobQueue.keep_only, newer.study_uid, {newer.rule: newer.key})


def finished(queue):
    (job,) = queue.do(JobQueue.list)
    queue.do(JobQueue.finish, job, Ended(JobState.REFUSED, (REASON,)))


@pytest.mark.parametrize("lost", [taken_over, reclaimed, cancelled, superseded, finished])
@pytest.mark.parametrize("step", STEPS)
def test_who_was_thought_dead_can_do_nothing_with_the_job_any_more(queue, step, lost):
    queue.add(plan())
    job = queue.claim(ELSEWHERE)
    lost(queue)
    before = queue.job(job.id)
    assert not queue.do(JobQueue.renew, job, queue.now, ELSEWHERE)
    with pytest.raises(LeaseLost, match=f"job {job.id} was taken"):
        STEPS[step](queue, job)
    assert queue.job(job.id) == before


@pytest.mark.parametrize("state", [JobState.DONE, JobState.REFUSED, JobState.FAILED])
def test_who_holds_a_job_ends_it_for_good(queue, state):
    queue.add(plan())
    job = queue.claim(US)
    queue.do(JobQueue.finish, job, Ended(state, (REASON,), ("1.7",)))
    ended = queue.job(job.id)
    assert (ended.state, ended.reasons, ended.series_uids) == (state, (REASON,), ("1.7",))
    queue.now += timedelta(days=1)
    assert queue.do(JobQueue.reclaim, queue.now) == []
    assert queue.claim(US) is None


def test_each_failure_is_followed_by_a_longer_wait(queue):
    queue.add(plan())
    for attempt, wait_s in ((1, 2), (2, 4), (3, 8)):
        job = queue.claim(US)
        assert job.attempts == attempt
        queue.do(JobQueue.try_again, job, queue.now, [REASON])
        queue.now += timedelta(seconds=wait_s - 1)
        assert queue.claim(US) is None
        queue.now += timedelta(seconds=1)
    assert queue.claim(US).attempts == 4


def test_a_job_that_is_handed_back_has_lost_no_attempt(queue):
    queue.add(plan())
    job = queue.claim(US)
    queue.do(JobQueue.hand_back, job, queue.now)
    assert (queue.job(job.id).state, queue.job(job.id).attempts) == (JobState.WAITING, 0)
    again = queue.claim(US)
    assert (again.attempts, again.token) == (1, 2)


def test_a_lease_that_is_renewed_does_not_run_out(queue):
    queue.add(plan())
    job = queue.claim(ELSEWHERE)
    for _ in range(3):
        queue.now += timedelta(seconds=20)
        assert queue.do(JobQueue.renew, job, queue.now, ELSEWHERE)
        assert queue.do(JobQueue.reclaim, queue.now) == []
    queue.now += timedelta(seconds=31)
    assert [lost.id for lost in queue.do(JobQueue.reclaim, queue.now)] == [job.id]
    assert queue.claim(US).id == job.id


def test_a_job_of_a_dead_process_is_free_at_once_and_one_of_a_living_is_not(queue, dead):
    queue.add(plan(0))
    queue.add(plan(1))
    lost, held = queue.claim(dead), queue.claim(US)
    assert queue.do(JobQueue.anything, queue.now)
    assert [job.id for job in queue.do(JobQueue.reclaim, queue.now)] == [lost.id]
    assert queue.job(held.id).state is JobState.RUNNING
    again = queue.claim(US)
    assert (again.id, again.attempts, again.token) == (lost.id, 2, 2)


def test_a_job_that_ends_while_it_is_reclaimed_is_either_ended_or_reclaimed(queue):
    queue.add(plan())
    job = queue.claim(ELSEWHERE)
    queue.now += timedelta(seconds=31)

    with ThreadPoolExecutor(1) as pool:
        with queue.database.transaction() as session:
            reclaimed = JobQueue(session).reclaim(queue.now)
            ending = pool.submit(finishes, queue, job)
            wait([ending], timeout=0.5)  # it either ends now or stands behind the lock
        ended = ending.result(20)
    assert len(reclaimed) == 1
    assert queue.job(job.id).state is (JobState.DONE if ended else JobState.WAITING)


def test_a_job_from_more_instances_takes_the_place_of_what_is_not_ended(queue):
    waiting, running, ended = (queue.add(plan(number)) for number in range(3))
    assert [queue.claim(US).id for _ in range(3)] == [waiting.id, running.id, ended.id]
    queue.do(JobQueue.hand_back, queue.job(waiting.id), queue.now)
    queue.do(JobQueue.finish, queue.job(ended.id), DONE)
    key = queue.add(plan(3)).key
    assert queue.do(JobQueue.keep_only, "1.9", {"sct-head": key}) == (waiting.id, running.id)
    assert queue.do(JobQueue.keep_only, "1.9", {"sct-head": key}) == ()
    states = {job.id: job.state for job in queue.do(JobQueue.list)}
    assert [states[job.id] for job in (waiting, running, ended)] == [
        JobState.CANCELLED, JobState.CANCELLED, JobState.DONE,
    ]  # fmt: skip
    assert queue.job(waiting.id).reasons[0]["code"] == Code.SUPERSEDED
    assert queue.claim(US).key == key


@pytest.mark.parametrize("other", [{"rule": "other"}, {"study_uid": "1.9.9"}])
def test_what_is_another_matter_is_not_superseded(queue, other):
    queue.study("1.9.9")
    job = queue.add(plan(0, **other))
    newer = queue.add(plan(1))
    wanted = {"sct-head": newer.key, "other": job.key}
    assert queue.do(JobQueue.keep_only, "1.9", wanted) == ()
    assert queue.job(job.id).state is JobState.WAITING


def test_jobs_are_listed_newest_first_and_by_state(queue):
    ids = [queue.add(plan(number)).id for number in range(3)]
    queue.do(JobQueue.cancel, ids[1])
    listed = [job.id for job in queue.do(JobQueue.list)]
    assert listed == ids[::-1]
    assert [job.id for job in queue.do(JobQueue.list, [JobState.CANCELLED])] == [ids[1]]
    assert queue.do(JobQueue.list, [JobState.DONE, JobState.FAILED]) == []


def test_a_plan_of_several_sources_keeps_their_order(queue):
    sources = (*plan().sources, replace(plan().sources[0], label="T2", series_uid="1.7"))
    queue.add(plan(sources=sources))
    assert queue.claim(US).sources == sources
