"""Disk full or read-only, database locked or gone, the clock set: it is told, and it goes on.

The fault is planted where the system would raise it, at every moment at which it can.
"""

import pytest

from tests.support.matrix.moments import PARTS, Moment, part_of, some
from tests.support.matrix.points import TAKES_SPACE, Aim
from tests.support.matrix.workshop import Clean, Workshop, open_workshop

SAMPLE, SEED = 4, 20261124
MOST_MISSED = 0.05
BURST = 3
HOUR_S = 3600.0
FULL_S = 60.0
"""So long a job waits for room on a full disk before it is tried again."""


@pytest.fixture(scope="module")
def workshop(tmp_path_factory):
    with open_workshop(tmp_path_factory.mktemp("faults")) as opened:
        yield opened


@pytest.fixture(scope="module")
def clean(workshop) -> Clean:
    return workshop.clean()


@pytest.fixture(scope="module")
def delivered(workshop) -> Clean:
    return workshop.clean_of("delivered")


def faults(clean: Clean) -> list[Moment]:
    """Return every moment at which disk or database can fail, with each way to."""
    found = []
    for moment in clean.moments():
        when, what = moment.aim.label.split()[:2]
        acts = ("full", "readonly") if what in TAKES_SPACE else ()
        acts = ("locked", "gone", "full", "readonly") if what == "commit" else acts
        for number, act in enumerate(acts if when == "before" else ()):
            burst = BURST if number % 2 else 1
            aim = Aim(moment.aim.label, moment.aim.number, act, burst)
            found.append(Moment(moment.scene, (*moment.aims[:-1], aim)))
    return found


def failed(
    workshop: Workshop, chosen: list[Moment], clean: Clean
) -> tuple[dict[str, list[str]], list[Moment]]:
    """Let it fail at each moment; return what went wrong, and where nothing ever failed."""
    wrong, missed = {}, []
    for moment in chosen:
        told = workshop.run(moment.scene, *moment.aims)
        if not told.has_met(moment.aims):
            missed.append(moment)
        if told.wrong or clean.is_stuck(moment.scene, told, FULL_S):
            late_s = clean.late_s(moment.scene, told)
            wrong[str(moment)] = [*told.wrong, f"{late_s:.0f} s later", *told.over["failed"]]
    return wrong, missed


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_disk_or_database_that_fails_for_a_moment_costs_a_moment(workshop, clean):
    assert failed(workshop, some(faults(clean), SAMPLE, SEED), clean) == ({}, [])


def test_a_fault_at_a_moment_that_never_comes_is_told(workshop, delivered):
    never = Moment("delivered", (Aim("before commit nobody", 1, "full"),))
    assert failed(workshop, [never], delivered) == ({}, [never])


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("part", range(PARTS))
def test_a_disk_or_database_that_fails_at_any_moment_costs_a_moment(workshop, clean, part):
    chosen = part_of(faults(clean), part)
    wrong, missed = failed(workshop, chosen, clean)
    assert wrong == {}
    assert len(missed) <= MOST_MISSED * len(chosen)


@pytest.mark.parametrize("first_s", [-2 * HOUR_S, 2 * HOUR_S], ids=["back", "forward"])
@pytest.mark.parametrize("passes", [0, 2, 4, 6])
def test_a_clock_that_is_set_and_set_back_holds_nothing_up(workshop, delivered, first_s, passes):
    jumps = [*[0.0] * passes, first_s, 0.0, 0.0, -first_s]
    told = workshop.run("delivered", jumps=jumps)
    assert told.wrong == []
    assert not delivered.is_stuck("delivered", told)
