"""Wrong and damaged inputs through the gates: nothing passes unseen, and what is sound is taken."""

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.battery.cases import CLEAN, FAULTS, FIRST_SEED, planted, studies
from benchmarks.battery.headers import HEADER_FAULTS
from benchmarks.battery.pixels import PIXEL_FAULTS
from benchmarks.battery.results import RESULT_FAULTS
from benchmarks.battery.run import Case, Share, run, summary
from engine.quality import Verdict

CONF = Path(__file__).parents[2] / "conf"
MODELS = sorted(path.parent.name for path in CONF.glob("models/*/quality.json"))
TOGETHER = 5
"""Subjects that one process draws: what all are drawn from is read but once."""
MODEL = "calf-spine-stir"
"""Of few slices: soon looked at."""
PLANTED = tuple(PIXEL_FAULTS)[::2]


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    """A spine, every fault of a header and every other one of pixels planted once, no network."""
    faults = (CLEAN, *(name for name, _, _ in HEADER_FAULTS), *PLANTED, CLEAN, CLEAN)
    return list(run([Share(CONF, MODEL, (FIRST_SEED,), 1, faults, network=False)], 1))


def test_what_is_sound_passes_and_hardly_a_fault_does(cases):
    """No network has run: what is left is for the gate of results, and for ``make slow``."""
    assert len(cases) >= 60
    passed = {case.fault for case in cases if case.outcome.gate == "none"}
    assert CLEAN in passed
    assert len(passed - {CLEAN}) <= len(PLANTED) // 10
    assert passed - {CLEAN} <= set(PLANTED)


def test_what_a_header_tells_is_refused_before_a_pixel_is_looked_at(cases):
    told = {name for name, _, _ in HEADER_FAULTS}
    gates = {case.outcome.gate for case in cases if case.fault in told}
    assert gates == {"header"}
    assert all(case.outcome.verdict is Verdict.REFUSE for case in cases if case.fault in told)


def test_what_pixels_tell_names_the_figures_that_told(cases):
    for case in cases:
        if case.fault in PIXEL_FAULTS and case.outcome.gate != "none":
            assert case.outcome.gate == "pixels", case.fault
            assert case.outcome.checks, case.fault


def test_the_table_counts_every_case_and_names_who_passed(cases):
    passed = replace(cases[1], outcome=cases[0].outcome)
    found = summary([*cases, passed])
    assert sum(one["cases"] for one in found.values()) == len(cases) + 1
    assert found[cases[1].fault]["odd"] == [{"model": MODEL, "subject": str(FIRST_SEED), "scan": 0}]


def test_a_fault_that_is_unknown_is_an_error():
    study = next(studies(CONF / "train" / f"{MODEL}.toml", [FIRST_SEED]))
    with pytest.raises(ValueError, match="no fault 'rain'"):
        planted(study.series, FIRST_SEED, "rain", {})


UNTOLD = {"two slices exchanged", "slices lost, the rest closed up", "the front third cut off"}
"""Faults of pixels that leave an image as it might have been, now and then: exchanged or lost near
the middle of a head that was scanned in thick sagittal slices, cut where a field of view may end.
docs/quality.md has their numbers."""
MOST_UNTOLD, MOST_REFUSED = 0.01, 0.01


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("model", MODELS)
def test_of_a_fifth_of_a_thousand_faults_hardly_one_passes(model):
    """As ``python -m benchmarks.battery`` does, a model at a time."""
    subjects = -(-1000 // (len(MODELS) * len(FAULTS)))
    seeds = range(FIRST_SEED, FIRST_SEED + subjects)
    found = list(run([Share(CONF, model, (seed,), 1, FAULTS) for seed in seeds], 2))
    assert len(found) * len(MODELS) >= 1000
    passed = [case.fault for case in found if case.outcome.gate == "none"]
    assert set(passed) <= UNTOLD
    assert len(passed) <= max(1, MOST_UNTOLD * len(found))


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("model", MODELS)
def test_of_two_hundred_sound_scans_hardly_one_is_refused(model):
    """What is sound and odd is held for a person: docs/quality.md says how often."""
    seeds = range(FIRST_SEED + 1000, FIRST_SEED + 1000 + 200 // (4 * TOGETHER) * TOGETHER, TOGETHER)
    shares = [
        Share(CONF, model, tuple(range(seed, seed + TOGETHER)), 4, (CLEAN,), False, "clean")
        for seed in seeds
    ]
    taken = list(run(shares, 2))
    assert len(taken) == 200
    refused = [case for case in taken if case.outcome.verdict is Verdict.REFUSE]
    assert len(refused) <= MOST_REFUSED * len(taken)


@pytest.mark.slow
def test_faults_of_results_are_caught_but_lesions():
    """Lesions are reported as they are found, not promised."""
    found = list(
        run([Share(CONF, MODEL, (FIRST_SEED + 500,), 1, tuple(RESULT_FAULTS), part="results")], 1)
    )
    passed = {case.fault for case in found if case.outcome.gate == "none"} - {CLEAN}
    assert {name for name in passed if "lesion" not in name} == set()
