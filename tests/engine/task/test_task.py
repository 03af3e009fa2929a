import json
from dataclasses import FrozenInstanceError

import pytest

from engine.errors import SpecError
from engine.task import GRIDS, LABELS_MADE, LABELS_MR, LABELS_TAKEN, Task, read_bundle, read_task

TOML = 'needs = ["T1"]\nmakes = "CT"\nmodel = "tiny"\n'
CONTRACT, INFERENCE = "contract.json", "configs/inference.json"
UNIT = {"CT": "HU", "PT": "SUVR"}


@pytest.fixture
def models(bundle_folder):
    return {"tiny": read_bundle(bundle_folder)}


@pytest.fixture
def task(tmp_path, models):
    """Read a task from TOML."""

    def read(text: str) -> Task:
        path = tmp_path / "ct_from_mr.toml"
        path.write_text(text, encoding="utf-8")
        return read_task(path, models)

    return read


def test_a_task_is_read_with_its_model(task, models):
    assert task(TOML) == Task("ct_from_mr", ("T1",), "CT", models["tiny"], "native")
    assert task(TOML + 'grid = "rt-axial"\ndescription = "x"').grid == "rt-axial"


def test_a_task_stays_what_it_was(task):
    with pytest.raises(FrozenInstanceError):
        task(TOML).makes = "PT"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('["T1"]', '"T1"', r"needs = 'T1'; a list of T1, T1CE"),
        ('["T1"]', "[]", r"needs = \[\]; a list of T1"),
        ('["T1"]', '["T1", "DWI"]', r"needs = \['T1', 'DWI'\]; a list of T1"),
        ('["T1"]', "[[1]]", r"needs = \[\[1\]\]; a list of T1"),
        ('needs = ["T1"]\n', "", r"needs = None; a list of T1"),
        ('"CT"', '"CBCT"', r"makes = 'CBCT'; one of T1, T1CE, .*PT is wanted"),
        ('"CT"', '["CT"]', r"makes = \['CT'\]; one of"),
        ('makes = "CT"\n', "", r"makes = None; one of"),
        ('"tiny"', '"huge"', r"model = 'huge' is not among the models \(tiny\)"),
        ('"tiny"', "[1]", r"model = \[1\] is not among the models \(tiny\)"),
        ('model = "tiny"\n', "", r"model = None is not among the models \(tiny\)"),
        ("model =", 'grid = "axial"\nmodel =', r"grid = 'axial'; one of native, rt-axial"),
        ("model =", "grid = []\nmodel =", r"grid = \[\]; one of native, rt-axial"),
        ("model =", "zzz = 1\nmodel =", r"unknown key 'zzz'; keys are .*makes, model, needs"),
        ("model =", "model", r"not readable as TOML"),
    ],
)
def test_a_mistake_in_a_task_names_file_key_and_remedy(task, old, new, said):
    assert old in TOML
    with pytest.raises(SpecError, match=rf"^ct_from_mr\.toml: {said}"):
        task(TOML.replace(old, new))


def test_all_mistakes_of_a_task_are_named_at_once(task):
    with pytest.raises(SpecError) as refused:
        task('need = ["T1"]\nmake = "CT"\ngrid = "axial"\n')
    for said in ("'make'", "'need'", "needs =", "makes =", "grid =", "model ="):
        assert said in str(refused.value)


def test_where_no_model_is_installed_the_task_says_so(tmp_path):
    path = tmp_path / "ct_from_mr.toml"
    path.write_text(TOML)
    with pytest.raises(SpecError, match=r"model = 'tiny' .* \(none is installed\)"):
        read_task(path, {})


def test_a_task_that_is_not_there_or_not_text_is_named(tmp_path):
    with pytest.raises(SpecError, match=r"^absent\.toml: not readable"):
        read_task(tmp_path / "absent.toml", {})
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SpecError, match=r"^binary\.toml: not readable"):
        read_task(tmp_path / "binary.toml", {})


@pytest.mark.parametrize(
    ("old", "new"), [('["T1"]', '["T2"]'), ('["T1"]', '["T1", "T2"]'), ('"CT"', '"PT"')]
)
def test_a_task_and_its_model_agree_on_what_is_needed_and_made(task, old, new):
    with pytest.raises(SpecError, match="its model tiny makes CT from T1; name another model"):
        task(TOML.replace(old, new))


@pytest.fixture
def other(task, spoilt, models):
    """Read a task whose model was made for it."""

    def read(needs: list[str], makes: str) -> Task:
        spoilt(INFERENCE, "output", "unit", to=UNIT.get(makes, "1"), read=False)
        spoilt(INFERENCE, "output", "window", to=[0, 2000], read=False)
        spoilt(CONTRACT, "accepts", "labels", to=needs, read=False)
        models["tiny"] = spoilt(CONTRACT, "makes", to=makes)
        return task(f'needs = {json.dumps(needs)}\nmakes = "{makes}"\nmodel = "tiny"\n')

    return read


@pytest.mark.parametrize(
    ("needs", "makes"),
    [
        (["T1", "T1"], "CT"),
        (["T1", "T2", "T1"], "FLAIR"),
        (["CT"], "CT"),
        (["T1", "T2"], "T2"),
        (["PT"], "CT"),
        (["T1", "PT"], "CT"),
    ],
)
def test_a_task_that_this_version_cannot_do_is_refused_when_it_is_read(other, needs, makes):
    said = (
        rf"^ct_from_mr\.toml: makes {makes} from {', '.join(needs)}; this version makes one label "
        r"from others, each needed once, of T1, T1CE, T2, PD, FLAIR, STIR, CT, CBCT$"
    )
    with pytest.raises(SpecError, match=said):
        other(needs, makes)


@pytest.mark.parametrize(
    ("needs", "makes"),
    [
        *((label_of_mr, "CT") for label_of_mr in ([one] for one in LABELS_MR)),
        (["CBCT"], "CT"),
        (["T1"], "PT"),
        (["T1"], "STIR"),
        (["T1", "T2"], "FLAIR"),
        (["T2", "FLAIR", "PD"], "T1"),
        (["CT"], "PT"),
    ],
)
def test_a_task_that_makes_one_label_from_others_is_read(other, needs, makes):
    made = other(needs, makes)
    assert (made.needs, made.makes) == (tuple(needs), makes)


def test_labels_are_those_of_the_interface():
    assert LABELS_TAKEN == ("T1", "T1CE", "T2", "PD", "FLAIR", "STIR", "CT", "CBCT", "PT")
    assert set(LABELS_MADE) == set(LABELS_TAKEN) - {"CBCT"}
    assert set(LABELS_MR) == set(LABELS_TAKEN) - {"CT", "CBCT", "PT"}
    assert GRIDS == ("native", "rt-axial")
