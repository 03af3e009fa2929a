"""The node is killed before and after each commit and each change of the disk, and starts again.

A clean run of each scene tells which moments there are, so none is left out by a person who forgot
it: see :mod:`tests.support.matrix`. A new state, transaction or change of the disk that no scene
comes through fails here.
"""

import sys
from itertools import repeat

import pytest

from dicom_node.questions import FetchState
from dicom_node.values import DeliveryState, JobState, StudyState
from tests.support.matrix import elsewhere
from tests.support.matrix.moments import Moment, some
from tests.support.matrix.sites import commit_sites, disk_sites
from tests.support.matrix.workshop import SQLITE, Clean, open_workshop

STATES = {"study": StudyState, "job": JobState, "delivery": DeliveryState, "fetch": FetchState}
SAMPLE = 4
SEED = 20261123
MOST_MISSED = 0.05


@pytest.fixture(scope="module")
def workshop(tmp_path_factory):
    with open_workshop(tmp_path_factory.mktemp("matrix")) as opened:
        yield opened


@pytest.fixture(scope="module")
def clean(workshop) -> Clean:
    return workshop.clean()


def test_each_scene_ends_well_where_nothing_happens(clean):
    assert {scene: told.wrong for scene, told in clean.told.items() if told.wrong} == {}


def test_every_state_that_there_is_has_a_moment_to_be_killed_at(clean):
    there = {f"{table}={state}" for table, states in STATES.items() for state in states}
    missed = there - clean.of("states")
    assert missed - elsewhere.STATES.keys() == set(), "no scene comes through these"
    assert elsewhere.STATES.keys() - missed == set(), "these are reached, or are no more"


def test_every_transaction_and_every_change_of_the_disk_is_reached_or_accounted_for(clean):
    there = {f"commit {site}" for site in commit_sites()}
    there |= {f"disk {site}" for site in disk_sites()}
    missed = {site.partition(" ")[2] for site in there - clean.of("sites")}
    assert missed - elsewhere.SITES.keys() == set(), "no scene comes through these"
    assert elsewhere.SITES.keys() - missed == set(), "these are reached, or are no more"


def survived(workshop, chosen: list[Moment], clean: Clean, urls) -> dict:
    """Kill at each moment; return what went wrong, and how many were reached."""
    wrong, missed, slowest = {}, [], 0.0
    for moment in chosen:
        told = workshop.run(moment.scene, *moment.aims, url=next(urls))
        late_s = clean.late_s(moment.scene, told)
        slowest = max(slowest, late_s)
        if told.lives <= len(moment.aims):
            missed.append(moment)
        if told.wrong or clean.is_stuck(moment.scene, told):
            wrong[str(moment)] = [*told.wrong, f"{late_s:.0f} s later"]
    sys.stdout.write(f"killed {len(chosen) - len(missed)}, at most {slowest:.0f} s later\n")
    return {"wrong": wrong, "missed": missed}


@pytest.mark.timeout(300)
def test_killed_at_some_of_the_moments_nothing_is_lost_doubled_or_stuck(workshop, clean):
    every = clean.moments()
    found = survived(workshop, some(every, SAMPLE, SEED), clean, repeat(SQLITE))
    assert found["wrong"] == {}


@pytest.mark.slow
@pytest.mark.timeout(2 * 3600)
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_killed_at_every_moment_nothing_is_lost_doubled_or_stuck(workshop, clean, kind, request):
    every = clean.moments()
    urls = (
        repeat(SQLITE) if kind == "sqlite" else iter(request.getfixturevalue("postgres").url, None)
    )
    found = survived(workshop, every, clean, urls)
    assert found["wrong"] == {}
    assert len(every) - len(found["missed"]) >= 200
    assert len(found["missed"]) <= MOST_MISSED * len(every)
