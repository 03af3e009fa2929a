"""Whether limits are there, and are those of the very weights that they stand beside."""

import json

import pytest

from engine.errors import ModelMissing, ModelTampered, SpecError
from engine.task import lacking, read_bundle, read_limits
from tests.support.bundle import write_bundle
from tests.support.gated import QUALITY, limits, put_gate

OTHER = "ab" * 32


@pytest.fixture
def folder(tmp_path):
    return write_bundle(tmp_path / "tiny")


def about(**said):
    return {**limits(), "calibrated_on": said}


def test_limits_of_its_own_are_all_that_a_model_needs(folder):
    assert lacking(read_bundle(put_gate(folder, limits()))) is None


def test_of_a_model_without_limits_nothing_is_known_and_the_command_that_sets_them_is_named(folder):
    reason = lacking(read_bundle(folder))
    assert str(reason) == (
        "QC_FAILED: nothing is known about what results of tiny@1.0.0 look like: it has no limits "
        "to hold them against; 'dicom-train calibrate RECIPE BUNDLE --data PAIRS' sets limits on "
        "held-out subjects"
    )


def test_limits_that_were_set_on_other_weights_are_none_and_both_digests_are_named(folder):
    bundle = read_bundle(put_gate(folder, about(weights=OTHER)))
    own = bundle.weights_sha256[:16]
    said = f"its limits were set on weights {OTHER[:16]}…, its own are {own}…"
    assert said in lacking(bundle).text


@pytest.mark.parametrize("weights", [None, 7, ["ab"]])
def test_limits_that_do_not_say_on_which_weights_they_were_set_are_none(folder, weights):
    bundle = read_bundle(put_gate(folder, about(weights=weights)))
    assert "set on weights that they do not name" in lacking(bundle).text


@pytest.mark.parametrize("subjects", [0, 19, None, "many", True])
def test_limits_of_too_few_subjects_are_none(folder, subjects):
    bundle = read_bundle(folder)
    said = about(weights=bundle.weights_sha256, subjects=subjects)
    text = lacking(read_bundle(put_gate(folder, said))).text
    assert f"its limits were set on {subjects} subjects, at least 20 are wanted" in text


@pytest.mark.parametrize("where", ["sources", "result"])
@pytest.mark.parametrize("how", ["absent", "on the other side alone", "out of reach"])
def test_a_figure_without_a_limit_on_its_side_is_named(folder, where, how):
    """Limits that were set before a figure was thought of: a person has to judge every result."""
    values = json.loads(json.dumps(limits()))
    part, name = (
        (values["sources"][0], "slice_gap") if where == "sources" else (values["result"], "sided")
    )
    if how == "absent":
        del part[name]
    elif how == "out of reach":
        part[name] = {"hold": [-1e308, 1e308], "refuse": [None, None]}
    else:
        part[name] = {"hold": part[name]["hold"][::-1], "refuse": [None, None]}
    reason = lacking(read_bundle(put_gate(folder, values)))
    assert f"1 of its figures have no limit: {name}; " in reason.text


@pytest.mark.parametrize("hold", [None, [1], "high"])
def test_a_limit_that_is_none_is_an_error(folder, hold):
    values = json.loads(json.dumps(limits()))
    values["result"]["sided"] = {"hold": hold}
    with pytest.raises(SpecError, match="result: sided: hold is"):
        lacking(read_bundle(put_gate(folder, values)))


def test_limits_without_a_word_of_what_set_them_are_none(folder):
    values = {key: one for key, one in limits().items() if key != "calibrated_on"}
    bundle = read_bundle(put_gate(folder, json.dumps(values).encode()))
    assert "set on weights that they do not name" in lacking(bundle).text


@pytest.mark.parametrize("ask", [lacking, read_limits])
def test_limits_that_are_gone_or_not_as_they_were_named_are_an_error_of_their_own(folder, ask):
    bundle = read_bundle(put_gate(folder, limits()))
    (folder / QUALITY).write_bytes((folder / QUALITY).read_bytes() + b" ")
    with pytest.raises(ModelTampered, match=QUALITY):
        ask(bundle)
    (folder / QUALITY).unlink()
    with pytest.raises(ModelMissing, match=QUALITY):
        ask(bundle)


@pytest.mark.parametrize(("text", "said"), [(b"{", "not JSON"), (b"[]", "an object is wanted")])
def test_limits_that_are_no_object_are_refused(folder, text, said):
    with pytest.raises(SpecError, match=said):
        lacking(read_bundle(put_gate(folder, text)))


def test_nothing_is_read_where_no_limits_are_named(folder):
    with pytest.raises(ModelMissing, match="tiny names no limits"):
        read_limits(read_bundle(folder))
