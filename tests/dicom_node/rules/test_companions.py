"""What is wanted beside a result: one job for all who want that result, and never two series."""

from dataclasses import replace

import pytest

from dicom_node.jobs import JobQueue
from dicom_node.values import Companion, Job
from tests.dicom_node.rules.test_request import NEVER, ask
from tests.dicom_node.rules.test_stage import Scene
from tests.support.again import plan_again
from tests.support.mr import MrSeries


@pytest.fixture
def series(request) -> MrSeries:
    return MrSeries(seed=request.node.name)


def jobs_of(scene: Scene) -> list[Job]:
    with scene.store.database.reading() as session:
        return JobQueue(session).list()


def test_two_rules_with_the_same_task_share_one_job_with_what_both_want(store, task, series):
    scene = Scene(store, task, companions=(Companion.PDF,))
    (rule,) = scene.rules
    scene.rules = (
        rule,
        replace(rule, name="other", destinations=("other",), companions=(Companion.REPORT,)),
        replace(rule, name="axial", grid="rt-axial", companions=()),
    )
    scene.stage._current = scene.current
    scene.send(series.datasets())
    scene.plan()
    axial, shared = jobs_of(scene)
    assert (axial.grid, axial.companions) == ("rt-axial", ())
    assert shared.companions == (Companion.REPORT, Companion.PDF)
    (seen,) = [one for one in scene.why(series)["jobs"] if one["id"] == shared.id]
    assert (seen["rules"], seen["companions"]) == (["other", "sct"], ["report", "pdf"])


def test_who_asks_for_a_series_gets_the_job_of_the_rule_with_its_companions(store, task, series):
    asked = Scene(store, task, when=NEVER, companions=(Companion.REPORT,))
    asked.send(series.datasets())
    asked.plan()
    job = ask(asked, series).job
    assert job.companions == (Companion.REPORT,)
    ruled = Scene(store, task, companions=(Companion.REPORT,))
    with store.database.transaction() as session:
        plan_again(session, series.study_uid)
    assert ruled.plan() == 1
    assert [one.id for one in jobs_of(ruled)] == [job.id]
