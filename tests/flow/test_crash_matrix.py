"""The node is killed before and after each commit and each change of the disk, and starts again.

A clean run of each scene tells which moments there are, so none is left out by a person who forgot
it: see :mod:`tests.support.matrix`. A new state, transaction or change of the disk that no scene
comes through fails here.
"""

import sys
from copy import deepcopy
from itertools import repeat

import pytest

from dicom_node.notes import KEY_OBJECT
from tests.support.matrix import elsewhere, states
from tests.support.matrix.moments import PARTS, Moment, part_of, some
from tests.support.matrix.points import TAKEN_BACK, Aim
from tests.support.matrix.sites import commit_sites, disk_sites
from tests.support.matrix.workshop import SQLITE, Clean, open_workshop

SAMPLE, SAMPLE_OF_NOTES = 4, 2
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


def test_there_are_as_many_moments_as_a_node_has_to_outlive(clean):
    assert len(set(clean.moments())) >= 400


def test_every_state_that_there_is_has_a_moment_to_be_killed_at(clean):
    there = set(states.states(states.columns(), states.enumerations()))
    found = states.faults(there, clean.of("states"), elsewhere.STATES)
    assert not any(found.values()), found


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
        if not told.has_met(moment.aims):
            missed.append(moment)
        if told.wrong or clean.is_stuck(moment.scene, told):
            wrong[str(moment)] = [*told.wrong, f"{late_s:.0f} s later"]
    sys.stdout.write(f"killed {len(chosen) - len(missed)}, at most {slowest:.0f} s later\n")
    return {"wrong": wrong, "missed": missed}


@pytest.mark.timeout(300)
def test_killed_at_some_of_the_moments_nothing_is_lost_doubled_or_stuck(workshop, clean):
    every = clean.moments()
    taken_back = [moment for moment in every if TAKEN_BACK in moment.aim.label]
    chosen = [*some(every, SAMPLE, SEED), *some(taken_back, SAMPLE_OF_NOTES, SEED)]
    found = survived(workshop, chosen, clean, repeat(SQLITE))
    assert found == {"wrong": {}, "missed": []}


def test_a_kill_at_a_moment_that_never_comes_is_told(workshop, clean):
    never = Moment("delivered", (Aim("before commit nobody"),))
    found = survived(workshop, [never], clean, repeat(SQLITE))
    assert found == {"wrong": {}, "missed": [never]}


def test_a_note_that_is_lost_doubled_or_short_is_told(workshop):
    site = workshop.site("superseded")
    told = site.run()
    assert told.wrong == []
    kept = site.pacs.kept
    (note,) = [ds for ds in kept.values() if ds.SOPClassUID == KEY_OBJECT]
    lost = {uid: ds for uid, ds in kept.items() if ds is not note}
    twin, short = deepcopy(note), deepcopy(note)
    twin.SOPInstanceUID, twin.SeriesInstanceUID = "2.25.8", "2.25.7"
    (study,) = short.CurrentRequestedProcedureEvidenceSequence
    del study.ReferencedSeriesSequence[0].ReferencedSOPSequence[0]
    for planted, ours in [
        (lost, ["pacs has", "the notes name"]),
        ({**kept, twin.SOPInstanceUID: twin}, ["pacs has", "the notes name"]),
        ({**kept, note.SOPInstanceUID: short}, ["the notes name"]),
    ]:
        site.pacs.kept = planted
        wrong = sorted(site.wrong(told.over))
        assert len(wrong) == len(ours)
        assert all(text.startswith(one) for text, one in zip(wrong, ours, strict=True))


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_killed_at_every_moment_nothing_is_lost_doubled_or_stuck(
    workshop, clean, kind, part, request
):
    chosen = part_of(clean.moments(), part)
    urls = (
        repeat(SQLITE) if kind == "sqlite" else iter(request.getfixturevalue("postgres").url, None)
    )
    found = survived(workshop, chosen, clean, urls)
    assert found["wrong"] == {}
    assert len(found["missed"]) <= MOST_MISSED * len(chosen)
