"""Every criterion of a gate file: what is sound passes, each fault fails the one for it."""

from dataclasses import replace

import numpy as np
import pytest

from train.verdict import Changes, GateFile, Impact, Proof, Seen, judge

PROOF = Proof(better_by=0.0, fewest=10, worst=30.0, stratum=5.0, bias=5.0, shift_mm=0.3, blur=0.1,
              lesions=0.8, leak=2.0, held=0.05, phantoms=5.0)  # fmt: skip
GATE = GateFile(Changes("head-ct", ("weights",)), PROOF, Impact("b", "h", "w"), "0" * 64)


def active() -> list[Seen]:
    """Twenty held out, ten watched, six phantoms; a lesion of each kind in every one."""
    rng = np.random.default_rng(3)
    groups = ["held out"] * 20 + ["watched"] * 10 + ["phantoms"] * 6
    found = []
    for number, group in enumerate(groups):
        mae = 100 + float(rng.normal(0, 15))
        figures = {"mae": mae, "me": 12.0, "me_dark": 30.0, "me_middle": 2.0, "me_bright": -60.0,
                   "shift_mm": 0.2, "sharp": 0.4}  # fmt: skip
        if number % 2:
            figures["lesions"] = 0.5
        strata = {"scanner": "S1" if number % 3 else "S2"}
        lesions = (0.01, -0.02, 0.02, -0.01)
        found.append(
            Seen(number, 0, group, strata, figures, lesions, spoilt=(True, number % 2 == 0))
        )
    return found


def better(scans: list[Seen], by: float = 8.0) -> list[Seen]:
    """Return a candidate that errs less, by about as much in everybody."""
    rng = np.random.default_rng(4)
    return [with_figures(one, mae=one.figures["mae"] - by - float(rng.normal(0, 3)))
            for one in scans]  # fmt: skip


def with_figures(one: Seen, **changed: float) -> Seen:
    return replace(one, figures={**one.figures, **changed})


def of(scans: list[Seen], group: str, change) -> list[Seen]:
    """Return the scans, those of a group changed."""
    return [change(one) if one.group == group else one for one in scans]


def failed(candidate: list[Seen], gate: GateFile = GATE, changed=("weights",)) -> set[str]:
    return {one.name for one in judge(active(), candidate, gate, changed) if not one.passed}


def test_what_is_better_and_sound_passes_every_criterion():
    found = judge(active(), better(active()), GATE, ("weights",))
    assert [one.name for one in found if not one.passed] == []
    assert {one.name for one in found} == {
        "changes", "enough", "refused", "better", "worst", "stratum scanner S1",
        "stratum scanner S2", "bias all voxels", "bias dark voxels", "bias middle voxels",
        "bias bright voxels", "shift", "blur", "bright lesions", "dark lesions",
        "lesions of phantoms", "leak", "held", "limits", "phantoms",
    }  # fmt: skip


def test_the_same_model_is_not_better():
    assert failed(active()) == {"better"}
    assert failed(active(), changed=()) == {"better", "changes"}


def test_a_gain_that_chance_explains_is_none():
    rng = np.random.default_rng(5)
    chance = [with_figures(one, mae=one.figures["mae"] - 2 + float(rng.normal(0, 12)))
              for one in active()]  # fmt: skip
    assert "better" in failed(chance)


def lost_one(scans):
    return [with_figures(scans[0], mae=scans[0].figures["mae"] + 60), *scans[1:]]


def lost_a_scanner(scans):
    return [with_figures(one, mae=one.figures["mae"] + 30) if one.strata["scanner"] == "S2"
            and one.group == "held out" else one for one in scans]  # fmt: skip


def each(**changed: float):
    return lambda scans: [with_figures(one, **changed) for one in scans]


def without(kind: int, left: float):
    """Let a candidate show less of bright (0) or dark (1) lesions."""
    return lambda scans: [
        replace(one, lesions=tuple(value * (left if number % 2 == kind else 1)
                                   for number, value in enumerate(one.lesions)))
        for one in scans
    ]  # fmt: skip


def known_by_heart(scans):
    return of(scans, "held out", lambda one: with_figures(one, mae=one.figures["mae"] * 0.5))


FAULTS = {
    "one person loses much": (lost_one, {"worst"}),
    "one scanner is worse": (lost_a_scanner, {"stratum scanner S2"}),
    "all too high": (each(me=20.0), {"bias all voxels"}),
    "bone too low": (each(me_bright=-70.0), {"bias bright voxels"}),
    "moved": (each(shift_mm=0.9), {"shift"}),
    "smoothed": (each(sharp=0.3), {"blur"}),
    "bright lesions erased": (without(0, 0.3), {"bright lesions"}),
    "dark lesions erased": (without(1, 0.0), {"dark lesions"}),
    "lesions of phantoms erased": (
        lambda scans: [with_figures(one, lesions=0.1) if "lesions" in one.figures else one
                       for one in scans], {"lesions of phantoms"}),
    "the held-out known by heart": (known_by_heart, {"leak"}),
    "strong answers to some lesions, none to others": (
        lambda scans: [replace(one, lesions=tuple(v * (0, 3)[one.subject % 2]
                                                  for v in one.lesions)) for one in scans],
        {"bright lesions", "dark lesions"}),
    "nothing in one of five persons": (
        lambda scans: [replace(one, lesions=tuple(v * bool(one.subject % 5) for v in one.lesions))
                       for one in scans], {"bright lesions", "dark lesions"}),
    "the other way round": (
        lambda scans: [replace(one, lesions=tuple(-v for v in one.lesions)) for one in scans],
        {"bright lesions", "dark lesions"}),
    "bright bone on one scanner, dark on the other": (
        lambda scans: [with_figures(one, me_bright=-60.0 + (100 if one.strata["scanner"] == "S2"
                                                            else -50)) for one in scans],
        {"bias bright voxels"}),
    "limits that let a spoilt source through": (
        lambda scans: [replace(one, spoilt=(False, *one.spoilt[1:])) if one.subject == 4 else one
                       for one in scans], {"limits"}),
    "its limits stop more": (
        lambda scans: [replace(one, stopped="way_up") if one.subject < 3 else one
                       for one in scans], {"held"}),
    "worse on phantoms": (
        lambda scans: of(scans, "phantoms",
                         lambda one: with_figures(one, mae=one.figures["mae"] + 40)),
        {"phantoms"}),
    "refuses a scan": (
        lambda scans: [Seen(0, 0, "held out", {}, stopped="refused: dark"), *scans[1:]],
        {"refused"}),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_fails_the_criterion_that_is_for_it_and_no_other(fault):
    change, wanted = FAULTS[fault]
    assert failed(change(better(active(), by=20.0))) == wanted


def test_parts_that_the_gate_file_does_not_name_may_not_change():
    candidate = better(active())
    assert failed(candidate, changed=("weights", "scope")) == {"changes"}


def test_too_few_held_out_nobody_watched_or_no_lesions_prove_nothing():
    fewer = replace(GATE, proof=replace(PROOF, fewest=21))
    assert failed(better(active()), fewer) == {"enough"}
    bare = [replace(one, lesions=()) for one in active()]
    found = judge(bare, better(bare), GATE, ("weights",))
    assert {one.name for one in found if not one.passed} == {"bright lesions", "dark lesions"}
    for group, name in (("watched", "leak"), ("phantoms", "phantoms")):
        alone = [one for one in active() if one.group != group]
        found = judge(alone, better(alone), GATE, ("weights",))
        assert {one.name for one in found if not one.passed} == {name}
    few = [one for one in active() if one.group != "watched" or one.subject < 24]
    (leak,) = [one for one in judge(few, better(few), GATE, ("weights",)) if one.name == "leak"]
    assert leak.text.startswith("4 were only looked at while learning, and 20 are held out; 10 of")


def test_nobody_held_out_is_no_proof_and_no_crash():
    drawn = [one for one in active() if one.group == "phantoms"]
    found = judge(drawn, better(drawn), GATE, ("weights",))
    assert {one.name for one in found if not one.passed} == {"enough"}


def test_each_criterion_says_what_was_seen_and_what_is_wanted():
    found = {one.name: one for one in judge(active(), better(active()), GATE, ("weights",))}
    assert found["enough"].text == "20 held out and measured; 10 or more are wanted"
    assert found["blur"].text.startswith("0% of the active model's fine detail is lost; at most 10")
    assert found["better"].limit == 0.0
    assert found["better"].seen > 5
