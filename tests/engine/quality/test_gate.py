"""The gate of a bundle: what it reads, what it will not read, and what it decides."""

import json

import numpy as np
import pytest

from engine.errors import ModelMissing, ModelTampered, SpecError
from engine.quality import Verdict, read_gate, unjudged, worst
from engine.task import RESULT, SOURCE, read_bundle
from tests.engine.heads import head, head_grid
from tests.support.bundle import write_bundle
from tests.support.gated import ANY, LIKENESS, QUALITY, hold, likeness, limits, put_gate, refuse

HU = "HU"


@pytest.fixture
def folder(tmp_path):
    return write_bundle(tmp_path / "tiny")


def gate_of(folder, values, **arrays):
    return read_gate(read_bundle(put_gate(folder, values, **arrays)))


def test_a_bundle_without_limits_has_no_gate(folder):
    assert read_gate(read_bundle(folder)) is None


def test_every_figure_is_held_against_its_own_limit_and_named(folder):
    volume = head(head_grid())
    gate = gate_of(folder, limits({"noise": hold(0.5, None), "symmetry": refuse(1.1, None)}))
    checks = gate.of_sources([volume])
    assert [one.name for one in checks] == list(SOURCE)
    found = {one.name: one for one in checks if one.verdict is not Verdict.PASS}
    assert found.keys() == {"noise", "symmetry"}
    assert (found["noise"].verdict, found["symmetry"].verdict) == (Verdict.HOLD, Verdict.REFUSE)
    assert str(found["noise"].reason.code) == "OUT_OF_DISTRIBUTION"
    assert "at least 0.5 is wanted" in found["noise"].reason.text
    assert worst(checks) is Verdict.REFUSE


def test_a_result_is_judged_beside_its_source_and_that_of_the_mirrored_one(folder):
    source = head(head_grid())
    made = source.with_voxels(np.asarray(source.voxels) - 1000, unit=HU)
    again = made.with_voxels(np.asarray(made.voxels) + 40)
    gate = gate_of(folder, limits(result={"disagreement": hold(None, 10)}))
    checks = gate.of_result(source, made, again)
    assert [one.name for one in checks] == list(RESULT)
    (found,) = [one for one in checks if one.verdict is not Verdict.PASS]
    assert (found.name, found.figure) == ("disagreement", pytest.approx(40, abs=0.1))
    assert "in HU (disagreement) is 40; at most 10 is wanted" in found.reason.text


def of(checks, *names):
    return {one.name: (str(one.verdict), str(one.code)) for one in checks if one.name in names}


def test_a_figure_that_has_no_limit_is_for_a_person_to_judge(folder):
    nothing = {"hold": ANY, "refuse": ANY}
    values = without(limits({"halo": nothing, "noise": hold(0, None)}), "sources", 0, "symmetry")
    checks = gate_of(folder, values).of_sources([head(head_grid())])
    held = ("HOLD", "QC_FAILED")
    assert of(checks, "halo", "noise", "symmetry") == dict.fromkeys(
        ("halo", "noise", "symmetry"), held
    ), "no limit at all, none above, and not a word of it"
    assert {one.name for one in checks if one.verdict is not Verdict.PASS} == {
        "halo", "noise", "symmetry",
    }  # fmt: skip
    (reason,) = [one.reason for one in checks if one.name == "halo"]
    assert reason.text.endswith("; the model's limits do not say what is wanted")


def test_a_figure_that_is_beyond_the_one_limit_it_has_says_that_one(folder):
    gate = gate_of(folder, limits({"noise": hold(0.9, None)}))
    checks = gate.of_sources([head(head_grid())])
    assert of(checks, "noise") == {"noise": ("HOLD", "OUT_OF_DISTRIBUTION")}


def test_a_result_without_a_limit_for_a_figure_is_held(folder):
    source = head(head_grid())
    made = source.with_voxels(np.asarray(source.voxels) - 1000, unit=HU)
    gate = gate_of(folder, without(limits(), "result", "told"))
    checks = gate.of_result(source, made, made)
    assert of(checks, "told", "p50") == {
        "told": ("HOLD", "QC_FAILED"),
        "p50": ("PASS", "QC_FAILED"),
    }


def test_limits_of_other_weights_are_no_gate(folder):
    values = limits()
    assert gate_of(folder, {**values, "calibrated_on": {"weights": "ab" * 32}}) is None


@pytest.mark.parametrize(
    ("planes", "held"),
    [(None, False), ([["axial", "coronal"]], False), ([["coronal", "sagittal"]], True)],
)
def test_slices_of_a_plane_that_no_limits_were_set_on_are_for_a_person_to_judge(
    folder, planes, held
):
    said = {} if planes is None else {"planes": planes}
    bundle = read_bundle(put_gate(folder, {**limits(), "calibrated_on": said}))
    reasons = unjudged(bundle, read_gate(bundle), [head(head_grid())])
    assert len(reasons) == held
    for reason in reasons:
        assert "set on coronal and sagittal slices of T1, these are axial" in reason.text


def test_a_figure_that_is_no_number_is_the_worst(folder):
    gate = gate_of(folder, limits({"noise": hold(0, 1)}))
    assert gate.sources[0]["noise"].verdict(float("nan")) is Verdict.REFUSE


@pytest.mark.parametrize("file", [QUALITY, LIKENESS])
@pytest.mark.parametrize("change", ["one byte", "gone"])
def test_what_the_contract_does_not_name_is_not_read(folder, file, change):
    bundle = read_bundle(put_gate(folder, limits()))
    path = folder / file
    if change == "gone":
        path.unlink()
        error = ModelMissing
    else:
        content = bytearray(path.read_bytes())
        content[-3] ^= 1
        path.write_bytes(content)
        error = ModelTampered
    with pytest.raises(error, match=path.name):
        read_gate(bundle)


@pytest.mark.parametrize("one", ["quality", "likeness"])
def test_limits_and_likeness_go_together(folder, one):
    put_gate(folder, limits())
    contract = json.loads((folder / "contract.json").read_text())
    del contract[one]
    (folder / "contract.json").write_text(json.dumps(contract))
    with pytest.raises(SpecError, match="quality and likeness"):
        read_bundle(folder)


def test_other_limits_are_another_model(folder):
    first = read_bundle(put_gate(folder, limits())).digest
    assert read_bundle(put_gate(folder, limits({"noise": hold(0, 1)}))).digest != first


def without(values, *path):
    part = values
    for key in path[:-1]:
        part = part[key]
    del part[path[-1]]
    return values


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda values: b"{", "not JSON"),
        (lambda values: b"[]", "an object is wanted"),
        (lambda values: {**values, "more": 1}, "unknown key 'more'"),
        (lambda values: {**values, "sources": []}, "sources .* limits for each of T1"),
        (lambda values: {**values, "bands": [3, 1]}, "bands"),
        (lambda values: {**values, "calibrated_on": {"planes": []}}, "a list for each source"),
        (lambda values: {**values, "calibrated_on": {"planes": [["flat"]]}}, "a list of axial"),
        (lambda values: {**values, "result": {**values["result"], "x": 1}}, "unknown key 'x'"),
        (lambda values: limits({"noise": {"hold": [0, 2], "refuse": [1, 2]}}),
         "noise: refuse is .* a range around that of hold"),
        (lambda values: {**values, "uncertainty": {"floor": -1.0, "slope": 0.0}}, "floor is -1"),
        (lambda values: without(values, "uncertainty"), "uncertainty"),
        (lambda values: limits({"noise": {"hold": [0], "refuse": [0, 1]}}), "noise: hold is"),
        (lambda values: limits({"noise": {"hold": ["a", 1], "refuse": [0, 1]}}), "noise: hold is"),
    ],
)  # fmt: skip
def test_limits_that_say_something_else_are_refused_by_name(folder, spoil, said):
    with pytest.raises(SpecError, match=said):
        gate_of(folder, spoil(limits()))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda arrays: {**arrays, "more": arrays["mean"]}, "more"),
        (lambda arrays: {**arrays, "mean": arrays["mean"][:9]}, "mean is"),
        (lambda arrays: {**arrays, "spreads": 0 * arrays["spreads"]}, "more than 0"),
        (lambda arrays: {**arrays, "axes": np.nan * arrays["axes"]}, "finite"),
    ],
)
def test_a_space_of_pictures_that_is_none_is_refused(folder, spoil, said):
    with pytest.raises(SpecError, match=said):
        gate_of(folder, limits(), arrays=spoil(likeness()))
