"""One input, one model, one way of computing: one job for ever. Any difference: another."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_node.dicom import is_uid
from dicom_node.jobs import job_key, together
from dicom_node.values import Companion, Model, Priority, Source
from tests.dicom_node.jobs.plans import PLAN

NODE = "2.25.1"
UIDS = st.lists(st.integers(0, 999).map(lambda n: f"1.2.{n}"), min_size=1, max_size=6, unique=True)
SOURCES = st.lists(
    st.builds(lambda label, uids: Source(label, "1.8", tuple(uids)), st.sampled_from("AB"), UIDS),
    min_size=1,
    max_size=3,
).map(tuple)
WORDS = st.text("ab1:.", max_size=4)


def roles(sources) -> list[tuple[str, str]]:
    """Return what counts: which instance stands for which label."""
    return sorted((source.label, uid) for source in sources for uid in source.sop_instance_uids)


@given(sources=SOURCES, data=st.data())
def test_the_order_of_sources_and_of_instances_does_not_matter(sources, data):
    shuffled = data.draw(st.permutations(sources))
    shuffled = [
        replace(one, sop_instance_uids=tuple(data.draw(st.permutations(one.sop_instance_uids))))
        for one in shuffled
    ]
    one, other = replace(PLAN, sources=sources), replace(PLAN, sources=tuple(shuffled))
    assert job_key(NODE, one) == job_key(NODE, other)
    assert is_uid(job_key(NODE, one))


@given(one=SOURCES, other=SOURCES)
def test_another_instance_or_another_role_is_another_job(one, other):
    keys = job_key(NODE, replace(PLAN, sources=one)), job_key(NODE, replace(PLAN, sources=other))
    assert (keys[0] == keys[1]) == (roles(one) == roles(other))


@given(task=WORDS, grid=WORDS, name=WORDS, version=WORDS, digest=WORDS, config=WORDS)
def test_no_two_ways_of_computing_share_a_job(task, grid, name, version, digest, config):
    other = replace(
        PLAN, task=task, grid=grid, model=Model(name, version, digest), config_sha256=config
    )
    assert (job_key(NODE, other) == job_key(NODE, PLAN)) == (other == PLAN)


@pytest.mark.parametrize(
    "change",
    [
        {"task": "other"}, {"grid": "rt-axial"}, {"pipeline_version": 2},
        {"config_sha256": "d" * 64}, {"attempt": 1},
        {"model": Model("other", "1.0.0", "sha256:00")},
        {"model": Model("tiny", "1.0.1", "sha256:00")},
        {"model": Model("tiny", "1.0.0", "sha256:01")},
    ],
)  # fmt: skip
def test_whatever_changes_the_result_changes_the_key(change):
    assert job_key(NODE, replace(PLAN, **change)) != job_key(NODE, PLAN)


def test_another_node_is_other_equipment():
    assert job_key("2.25.2", PLAN) != job_key(NODE, PLAN)


@pytest.mark.parametrize(
    "change", [{"rule": "other"}, {"priority": Priority.STAT}, {"destinations": ()}]
)
def test_who_wants_it_and_how_soon_changes_nothing(change):
    assert job_key(NODE, replace(PLAN, **change)) == job_key(NODE, PLAN)


def test_other_companions_are_another_job_and_none_leave_the_key_as_it_was():
    keys = {job_key(NODE, replace(PLAN, companions=wanted)) for wanted in (
        (), (Companion.REPORT,), (Companion.PDF,), (Companion.REPORT, Companion.PDF),
    )}  # fmt: skip
    assert len(keys) == 4
    assert job_key(NODE, PLAN) == "2.25.73679990243145705533344595567425148680"


def test_two_rules_that_make_the_same_of_a_study_get_all_companions_and_one_result():
    one = replace(PLAN, rule="one", companions=(Companion.PDF,))
    other = replace(PLAN, rule="other", companions=(Companion.REPORT,))
    elsewhere = replace(PLAN, rule="axial", grid="rt-axial")
    first, second, third = together([one, other, elsewhere])
    assert first.companions == second.companions == (Companion.REPORT, Companion.PDF)
    assert (third.companions, first.rule, second.rule) == ((), "one", "other")
    assert job_key(NODE, first) == job_key(NODE, second) != job_key(NODE, third)
