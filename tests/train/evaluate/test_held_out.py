import json
import re
from dataclasses import replace

import numpy as np
import pytest

from engine.device import choose
from engine.errors import InputRefused
from engine.reason import Code, Reason
from tests.train.evaluate.conftest import learned, task
from tests.train.toys import SPACING_MM, toy_pair
from train import checkpoint
from train.card import card
from train.data import SPLIT, Split, read_index, read_split, write_split
from train.errors import CheckpointInvalid, DataInvalid
from train.evaluate import DOWNSTREAM, EVALUATION, FIGURE, REPORT, held_out, measure, told
from train.pair import read_pair, write_pair
from train.run import fit
from train.served import served
from train.systems import NAMES, presets_of, usual_settings

METHODS = ["model", "regression", "look_up_table", "constant", "passage"]


def test_it_writes_figures_of_all_methods_with_intervals_a_picture_and_a_page(measured):
    run, found = measured["folder"], {k: v for k, v in measured.items() if k != "folder"}
    assert json.loads((run / EVALUATION).read_text(encoding="utf-8")) == found
    assert (run / FIGURE).read_bytes().startswith(b"\x89PNG")
    assert "<h1>Synthetic CT from T1</h1>" in (run / REPORT).read_text(encoding="utf-8")
    assert list(found["figures"]) == METHODS
    for figures in found["figures"].values():
        assert figures["mae"]["low"] <= figures["mae"]["mean"] <= figures["mae"]["high"]
    assert found["subjects"] == {"learned_from": 2, "measured": 2}
    assert "phantom" in found["learned_from"]
    assert "says nothing of patients" in found["measured_on"]
    assert found["phantom_recipe"] == ["toy"]
    assert found["unit"] == "HU"


def test_gains_and_shares_follow_from_the_means(measured):
    mae = {name: figures["mae"]["mean"] for name, figures in measured["figures"].items()}
    for other, gain in measured["mae_below"].items():
        assert gain["mean"] == pytest.approx(mae[other] - mae["model"], abs=0.2)
    for name, share in measured["share_of_look_up_table"].items():
        assert share["mean"] == pytest.approx(mae[name] / mae["look_up_table"], rel=1e-3)


def test_similarity_carries_its_profile_and_range(measured):
    figures = measured["measures"]
    assert figures["psnr"]["profile"] == "synthrad2023"
    assert figures["psnr"]["range"] == [-1024, 3000]
    assert figures["psnr_2025"]["range"] == [-1024, 3071]
    for name, figure in figures.items():
        similarity = name.startswith(("psnr", "ssim", "ms_ssim", "nmse"))
        assert ("range" in figure) == similarity


def test_groups_tissues_and_worst_scans_are_told(measured):
    assert measured["strata"]["plane"]["axial"]["subjects"] == 2
    assert set(measured["tissues"]) == {"csf", "fat"}  # the toys' ball and shell
    errors = [one["mae"] for one in measured["worst"]]
    assert errors == sorted(errors, reverse=True)


def test_measuring_again_gives_the_same_bytes(measured, ct):
    measure(ct.recipe, ct.data, ct.run)
    for name in (EVALUATION, FIGURE, REPORT):
        assert (ct.run / name).read_bytes() == (measured["folder"] / name).read_bytes()


@pytest.mark.parametrize(
    ("sources", "makes", "methods", "unit"),
    [
        (("T1", "T2"), "FLAIR", {*METHODS, "copy"}, "of the range"),
        (("CBCT",), "CT", {*METHODS, "copy"}, "HU"),
        (("T1",), "PT", {*METHODS}, "SUVR"),
    ],
)
def test_every_task_is_measured(base, tmp_path, sources, makes, methods, unit):
    one = learned(task(base, sources, makes), tmp_path)
    found = measure(one.recipe, one.data, one.run)
    assert set(found["figures"]) == methods - {"regression"}
    assert found["unit"] == unit
    assert set(found["measures"]) >= {"mae", "me", "rmse", "psnr"}


def test_a_copy_of_the_truth_has_no_error(base, tmp_path):
    """The toys' CBCT is their CT."""
    one = learned(task(base, ("CBCT",), "CT"), tmp_path)
    found = measure(one.recipe, one.data, one.run)
    assert found["figures"]["copy"]["mae"]["mean"] == 0
    assert found["figures"]["copy"]["ssim"]["mean"] == 1


def test_error_is_what_the_served_generator_is_away_from_the_truth(measured, ct):
    model, split = served(ct.recipe, ct.run, ct.data), read_split(ct.run / SPLIT)
    for entry in read_index(ct.data):
        if entry.subject in split.test:
            pair = read_pair(entry.path)
            made = model.generator(pair.sources, choose("cpu", threads=1)).volume.voxels
            error = np.abs(made - pair.target.voxels)[pair.body].mean()
            row = measured["per_subject"][str(entry.subject)][0]
            assert row["mae"] == pytest.approx(error, rel=1e-4)


def test_a_regression_that_learned_from_others_is_refused(ct):
    split = read_split(ct.run / SPLIT)
    path = ct.run / "regression" / SPLIT
    write_split(path, Split(split.test, split.validation, split.train))
    with pytest.raises(DataInvalid, match="other subjects"):
        measure(ct.recipe, ct.data, ct.run)


def test_a_regression_that_is_named_must_be_there(ct, tmp_path):
    with pytest.raises(DataInvalid, match="no regression"):
        measure(ct.recipe, ct.data, ct.run, tmp_path / "nowhere")


@pytest.mark.parametrize("part", ["test", "train"])
def test_figures_of_fewer_subjects_than_the_split_names_are_refused(ct, part):
    gone = getattr(read_split(ct.run / SPLIT), part)[0]
    for entry in read_index(ct.data):
        if entry.subject == gone:
            entry.path.unlink()
    with pytest.raises(DataInvalid, match=rf"no prepared pair of 1 of \d subjects \({gone}\)"):
        measure(ct.recipe, ct.data, ct.run)


def test_a_split_that_holds_nobody_out_is_refused(ct, monkeypatch):
    load = checkpoint.load  # as one of before it said who it learned from
    monkeypatch.setattr(checkpoint, "load", lambda path: replace(load(path), split=None))
    split = read_split(ct.run / SPLIT)
    for run in (ct.run, ct.run / "regression"):
        write_split(run / SPLIT, Split(split.train + split.test, split.validation, ()))
    with pytest.raises(DataInvalid, match="holds nobody out"):
        measure(ct.recipe, ct.data, ct.run)


def test_a_checkpoint_of_another_recipe_is_not_measured(ct):
    other = replace(ct.recipe, learning=replace(ct.recipe.learning, seed=9))
    with pytest.raises(CheckpointInvalid, match="another recipe"):
        measure(other, ct.data, ct.run)


def test_the_page_shows_what_a_second_program_found(ct):
    row = {"name": "bone", "values": [{"mean": 0.5, "low": 0.4, "high": 0.6}]}
    table = {"question": "Is it <good>?", "of": "Dice", "columns": ["real"], "rows": [row]}
    table["how"] = "by trying"
    table["weights"] = served(ct.recipe, ct.run, ct.data).sha256
    (ct.run / DOWNSTREAM).write_text(json.dumps(table), encoding="utf-8")
    measure(ct.recipe, ct.data, ct.run)
    text = (ct.run / REPORT).read_text(encoding="utf-8")
    assert "Is it &lt;good&gt;?" in text
    assert "0.500 (0.400 to 0.600)" in text
    stale = table | {"weights": "0" * 64}
    (ct.run / DOWNSTREAM).write_text(json.dumps(stale), encoding="utf-8")
    measure(ct.recipe, ct.data, ct.run)
    text = (ct.run / REPORT).read_text(encoding="utf-8")
    assert "0.500 (0.400 to 0.600)" not in text
    assert "is of other weights" in text


def test_what_each_was_given_is_told_beside_the_figures(measured):
    ours, theirs = measured["effort"]["model"], measured["effort"]["regression"]
    given = {"batch": 2, "seed": 1, "learning_rate": 2e-4, "finished": True}
    assert ours == {"updates": 2, "of": 2, **given, "schedule": "cosine", "hold": 0.0}
    assert theirs == {"updates": 1, "of": 1, **given, "schedule": "cosine", "hold": 0.0}
    assert re.fullmatch("([0-9a-f]{12}(-dirty)?)?", measured["commit"])
    text = (measured["folder"] / REPORT).read_text(encoding="utf-8")
    assert "this model 2 updates of 2 at a learning rate of 0.0002" in text


def test_every_system_has_its_learning_rate_told():
    told = {
        (name, preset): usual_settings(name, preset).learning_rate
        for name in NAMES
        for preset in presets_of(name)
    }
    assert len(told) >= 2 * len(NAMES)
    assert all(rate > 0 for rate in told.values())


def test_figures_come_last_and_whole(ct, monkeypatch):
    (ct.run / EVALUATION).unlink(missing_ok=True)

    def breaks(*_: object) -> None:
        assert not (ct.run / EVALUATION).exists()
        raise RuntimeError("power cut")

    monkeypatch.setattr(held_out, "write_report", breaks)
    with pytest.raises(RuntimeError, match="power cut"):
        measure(ct.recipe, ct.data, ct.run)
    assert not (ct.run / EVALUATION).exists()


def test_the_look_up_table_and_the_copy_see_sources_as_registered_as_the_model(
    base, tmp_path, monkeypatch
):
    """Where a step registers, the baselines are given what it leaves, at fit and at use."""
    shift = np.eye(4)
    shift[2, 3] = SPACING_MM  # one slice up lies the second source, and there it is found
    monkeypatch.setattr("engine.preprocess.register.rigid", lambda *_: (shift, 1.0))
    sources = ("T1", "T2")
    recipe = task(base, sources, "FLAIR")
    steps = ({"step": "register", "how": "rigid"}, *recipe.preparation.steps)
    recipe = replace(recipe, preparation=replace(recipe.preparation, steps=steps))
    for subject in range(5):
        pair = toy_pair(subject, labels=sources, makes="FLAIR")
        half = np.random.default_rng(subject).random(pair.body.shape) < 0.5
        seen = np.where(pair.body, np.where(half, 1000, 300), 4).astype(np.float32)
        body = np.where(pair.body, 500, 4).astype(np.float32)  # the first source tells nothing more
        first, second = pair.sources
        both = first.with_voxels(body), second.with_voxels(np.roll(seen, 1, axis=0))
        told = replace(pair, sources=both, target=pair.target.with_voxels(seen))
        write_pair(tmp_path / "data", told)
    fit(recipe, tmp_path / "data", tmp_path / "run")
    still = measure(recipe, tmp_path / "data", tmp_path / "run")
    unregistered = replace(recipe, preparation=replace(recipe.preparation, steps=steps[1:]))
    fit(unregistered, tmp_path / "data", tmp_path / "other")
    moved = measure(unregistered, tmp_path / "data", tmp_path / "other")
    for method in ("look_up_table", "copy"):
        lower, higher = (one["figures"][method]["mae"]["mean"] for one in (still, moved))
        assert lower < 0.2 * higher


def refused_once(monkeypatch, data, *subjects):
    """Let the model's steps refuse these subjects for what they show."""
    plain = held_out._scan
    pairs = {entry.subject: entry for entry in read_index(data)}
    assert set(subjects) <= set(pairs)

    def scan(pair, methods, evidence):
        if pair.about["subject"] in subjects:
            raise InputRefused([Reason(Code.OUT_OF_DISTRIBUTION, "no grey matter found")])
        return plain(pair, methods, evidence)

    monkeypatch.setattr(held_out, "_scan", scan)


def test_a_held_out_scan_that_the_steps_refuse_is_named_and_not_measured(ct, monkeypatch):
    first, second = read_split(ct.run / SPLIT).test
    refused_once(monkeypatch, ct.data, first)
    found = measure(ct.recipe, ct.data, ct.run)
    why = "OUT_OF_DISTRIBUTION: no grey matter found"
    assert found["refused"] == [{"subject": first, "scan": 0, "why": why}]
    assert list(found["per_subject"]) == [str(second)]
    assert found["subjects"]["measured"] == 1
    said = f"Refused by the model's own steps, as the node would, and not measured: subject {first}"
    assert said in told(found)
    assert f"subject {first}: {why}" in (ct.run / REPORT).read_text(encoding="utf-8")
    facts = {"updates": 1, "parameters_bytes": 4, "sha256": "0", "network": {"sizes": {}}}
    assert said in card(ct.recipe, found, facts)


def test_nobody_left_to_measure_is_an_error(ct, monkeypatch):
    refused_once(monkeypatch, ct.data, *read_split(ct.run / SPLIT).test)
    with pytest.raises(DataInvalid, match="refuse every scan held out; the first: OUT_OF_DIST"):
        measure(ct.recipe, ct.data, ct.run)


def test_a_model_that_errs_more_than_another_is_said_to_in_its_card(ct, measured):
    found = {k: v for k, v in measured.items() if k != "folder"}
    found["mae_below"] = {
        "regression": {"mean": -0.0107, "low": -0.015, "high": -0.006},
        "look_up_table": {"mean": 0.02, "low": 0.01, "high": 0.03},
        "constant": {"mean": 0.02, "low": -0.01, "high": 0.03},
    }
    network = {"name": "hlsnc_gan", "preset": "robust", "sizes": {"width": 4}}
    facts = {"updates": 1, "parameters_bytes": 4, "sha256": "0" * 64, "network": network}
    assert "Nothing is said of better or worse: 2 held out, 5" in card(ct.recipe, found, facts)
    found["subjects"] = {"learned_from": 2, "measured": 20}
    told_of = card(ct.recipe, found, facts)
    assert "**Error above that of regression, same network** by 0.0107 (0.006 to 0.015)" in told_of
    assert "Error below that of best look-up table by 0.02 (0.01 to 0.03) HU: clear of 0" in told_of
    assert "by 0.02 (-0.01 to 0.03) HU: not clear of 0" in told_of


TOLD = {
    "weights": "0", "question": "?", "of": "Dice", "how": "so", "columns": ["a"],
    "rows": [{"name": "fat", "values": [{"mean": 1, "low": 0, "high": 1}]}],
}  # fmt: skip


@pytest.mark.parametrize(
    "content",
    ['{"weights": ', "5", "[]", '{"weights": "0"}', json.dumps({**TOLD, "rows": [5]}),
     json.dumps({**TOLD, "rows": [{"name": "fat", "values": [{}]}]}),
     json.dumps({**TOLD, "columns": ["a", "b"]})],
)  # fmt: skip
def test_what_a_second_program_left_is_read_before_anything_is_measured(ct, monkeypatch, content):
    (ct.run / DOWNSTREAM).write_text(content, encoding="utf-8")
    monkeypatch.setattr(held_out, "_scans", lambda *_: pytest.fail("it was measured"))
    with pytest.raises(DataInvalid, match=r"downstream\.json is not what .*run that again, or"):
        measure(ct.recipe, ct.data, ct.run)


def test_what_a_second_program_found_is_taken_as_it_was_written(tmp_path):
    (tmp_path / DOWNSTREAM).write_text(json.dumps(TOLD), encoding="utf-8")
    assert held_out._found_downstream(tmp_path / DOWNSTREAM) == TOLD


def test_a_model_that_has_not_learned_to_its_end_is_not_judged(ct):
    short = replace(ct.recipe, learning=replace(ct.recipe.learning, steps=9))
    run = ct.run.parent / "short"
    fit(short, ct.data, run, until=2)
    found = measure(short, ct.data, run)
    assert found["effort"]["model"]["finished"] is False
    assert "this model has learned 2 of its 9 updates, unfinished" in told(found)
    page = (run / REPORT).read_text(encoding="utf-8")
    assert "too early to say" in page
    assert ">better<" not in page
    assert ">worse<" not in page
