"""What the engine does by a model's gate: before the network runs, and with what it made."""

import json

import pytest

from engine.errors import InputRefused, ResultRefused
from engine.pipeline import synthesise
from engine.task import RESULT, SOURCE, Task, read_bundle
from tests.engine.heads import phantom
from tests.engine.networks import bundle_of, lively
from tests.support.gated import hold, limits, put_gate, refuse


def task_with(folder, source={}, result={}) -> Task:  # noqa: B006
    bundle = put_gate(bundle_of(lively(), folder / "lively"), limits(source, result))
    return Task("sct", ("T1",), "CT", read_bundle(bundle))


def test_what_the_gate_refuses_costs_no_network(tmp_path, cpu):
    task = task_with(tmp_path, {"symmetry": refuse(1.1, None)})
    task.bundle.weights_path.unlink()  # it would be missed if it were looked for
    with pytest.raises(InputRefused) as caught:
        synthesise([phantom()], task, cpu)
    (reason,) = caught.value.reasons
    assert str(reason.code) == "OUT_OF_DISTRIBUTION"
    assert "(symmetry)" in reason.text


def test_what_the_gate_holds_is_made_and_says_why(tmp_path, cpu):
    held = {"noise": hold(0.5, None)}, {"p50": hold(None, -999)}
    synthesis = synthesise([phantom()], task_with(tmp_path, *held), cpu)
    assert [str(one.code) for one in synthesis.held] == ["OUT_OF_DISTRIBUTION", "QC_FAILED"]
    assert ["(noise)" in synthesis.held[0].text, "(p50)" in synthesis.held[1].text] == [True, True]


def test_what_is_within_its_limits_waits_for_nobody_and_every_figure_is_told(tmp_path, cpu):
    synthesis = synthesise([phantom()], task_with(tmp_path), cpu)
    assert synthesis.held == ()
    assert [one.name for one in synthesis.checks] == [*SOURCE, *RESULT]
    assert synthesis.spread.grid.same_as(synthesis.volume.grid)
    assert float(synthesis.spread.voxels.max()) >= 30  # the floor of the limits
    assert {one.name: one.figure for one in synthesis.checks}.items() <= synthesis.quality.items()


def test_a_result_that_is_refused_is_not_given(tmp_path, cpu):
    task = task_with(tmp_path, result={"body_dice": refuse(1.01, None)})
    with pytest.raises(ResultRefused, match=r"\(body_dice\) is .*; at least 1.01 is wanted"):
        synthesise([phantom()], task, cpu)


def test_on_a_straight_grid_the_result_is_judged_where_its_source_sees(tmp_path, cpu):
    native = task_with(tmp_path, result={"body_dice": hold(0.5, None)})
    task = Task("sct", ("T1",), "CT", native.bundle, grid="rt-axial")
    figures = [synthesise([phantom()], one, cpu).quality["body_dice"] for one in (native, task)]
    assert abs(figures[0] - figures[1]) < 0.05


def made_by(folder, cpu):
    return synthesise([phantom()], Task("sct", ("T1",), "CT", read_bundle(folder)), cpu)


def test_what_a_model_without_limits_makes_is_held_for_nobody_knows_what_it_should_be(
    tmp_path, cpu
):
    synthesis = made_by(bundle_of(lively(), tmp_path / "lively"), cpu)
    assert (synthesis.checks, synthesis.spread) == ((), None)
    (reason,) = synthesis.held
    assert str(reason.code) == "QC_FAILED"
    assert "nothing is known about what results of lively@1.0.0 look like" in reason.text
    assert "'dicom-train calibrate RECIPE BUNDLE --data PAIRS' sets limits" in reason.text


def test_limits_of_weights_that_were_exchanged_since_judge_nothing(tmp_path, cpu):
    folder = put_gate(bundle_of(lively(), tmp_path / "lively"), limits())
    assert made_by(folder, cpu).held == ()
    before = read_bundle(folder).weights_sha256
    named = json.loads((folder / "contract.json").read_text())
    bundle_of(lively(seed=4), folder)  # the contract names the new ones, and the limits as before
    contract = json.loads((folder / "contract.json").read_text())
    gate = {key: named[key] for key in ("quality", "likeness")}
    (folder / "contract.json").write_text(json.dumps({**contract, **gate}))
    synthesis = made_by(folder, cpu)
    (reason,) = synthesis.held
    own = contract["weights"]["sha256"]
    assert f"set on weights {before[:16]}…, its own are {own[:16]}…" in reason.text
    assert (synthesis.checks, synthesis.spread) == ((), None)


def test_what_limits_were_not_set_on_is_judged_and_held_all_the_same(tmp_path, cpu):
    said = {"planes": [["sagittal"]]}
    folder = bundle_of(lively(), tmp_path / "lively")
    synthesis = made_by(put_gate(folder, {**limits(), "calibrated_on": said}), cpu)
    assert [one.name for one in synthesis.checks] == [*SOURCE, *RESULT]
    (reason,) = synthesis.held
    assert "set on sagittal slices of T1, these are axial" in reason.text
