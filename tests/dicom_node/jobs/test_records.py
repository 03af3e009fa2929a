"""What is kept of how a result was made, with the job that made it."""

import pytest

from dicom_node.errors import NotKnown, NotPossible
from dicom_node.jobs import Ended, JobQueue, Records
from dicom_node.values import JobState
from tests.dicom_node.jobs.plans import DONE, PLAN, US, plan

KEPT = {
    "makes": "CT",
    "site": {"node_uid": "1.2.3", "institution": "Ward 9", "qualification": "RESEARCH"},
    "engine": {"system": "hlsnc_gan", "steps": [{"step": "orient", "axes": [0, 1, 2]}]},
    "device": {"name": "cpu", "batch": 8},
    "software": {"torch": "2.13.0"},
    "sources": ["ab" * 32],
    "result": {"series_uid": "1.7", "objects": 2, "sha256": "cd" * 32},
}


def of_job(queue, job_id: int):
    with queue.database.reading() as session:
        return Records(session).of_job(job_id)


def finished(queue, ended: Ended):
    job = queue.add(plan())
    queue.do(JobQueue.finish, queue.claim(US), ended)
    return job


def test_a_record_says_everything_that_a_series_is_made_of_and_with(queue):
    job = finished(queue, Ended(JobState.DONE, (), ("1.7",), KEPT))
    assert of_job(queue, job.id) == {
        "format": 1,
        "job": {"key": job.key, "created_at": job.created_at.isoformat(), "study_uid": "1.9"},
        "task": {"name": "ct_from_mr", "makes": "CT", "grid": "native"},
        "model": {"name": "tiny", "version": "1.0.0", "digest": "sha256:00"},
        "sources": [
            {
                "label": "T1",
                "series_uid": "1.8",
                "sha256": "ab" * 32,
                "instances": ["1.1", "1.2.0"],
            }
        ],
        **{part: KEPT[part] for part in ("site", "engine", "device", "software", "result")},
    }
    assert queue.job(job.id).model == PLAN.model


def test_a_record_stays_where_the_job_runs_again_in_vain(queue):
    job = finished(queue, Ended(JobState.REFUSED, (), (), KEPT))
    before = of_job(queue, job.id)
    queue.do(JobQueue.retry, job.id, queue.now)
    queue.do(JobQueue.finish, queue.claim(US), Ended(JobState.FAILED))
    assert of_job(queue, job.id) == before


def test_a_job_that_has_made_nothing_has_no_record(queue):
    job = finished(queue, DONE)
    with pytest.raises(NotPossible, match=rf"job {job.id} is done and has no provenance record"):
        of_job(queue, job.id)
    with pytest.raises(NotKnown, match="there is no job 99"):
        of_job(queue, 99)
