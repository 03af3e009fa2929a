import json
from dataclasses import FrozenInstanceError

import pytest

from engine.errors import ModelMissing, SpecError
from engine.reason import Code
from engine.task import (
    GRIDS,
    LABELS_MADE,
    LABELS_MR,
    LABELS_TAKEN,
    Task,
    read_bundle,
    read_task,
)
from tests.support.bundle import write_bundle

TOML = 'needs = ["T1"]\nmakes = "CT"\nmodel = "tiny"\n'
CONTRACT, INFERENCE, METADATA = "contract.json", "configs/inference.json", "configs/metadata.json"


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


@pytest.fixture
def spoilt(bundle_folder):
    """Read the bundle after one value of a file was set, or taken away."""

    def read(file: str, *keys: str | int, to: object = None, drop: bool = False):
        path = bundle_folder / file
        whole = held = json.loads(path.read_text())
        for key in keys[:-1]:
            held = held[key]
        if drop:
            del held[keys[-1]]
        else:
            held[keys[-1]] = to
        path.write_text(json.dumps(whole))
        return read_bundle(bundle_folder)

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


@pytest.mark.parametrize(
    ("needs", "makes"),
    [
        (["T1", "T2"], "CT"),
        (["T1", "T1"], "CT"),
        (["CBCT"], "CT"),
        (["CT"], "CT"),
        (["PT"], "CT"),
        (["T1"], "STIR"),
        (["CT"], "PT"),
    ],
)
def test_a_task_that_this_version_cannot_do_is_refused_when_it_is_read(
    task, spoilt, models, needs, makes
):
    spoilt(CONTRACT, "accepts", "labels", to=needs)
    models["tiny"] = spoilt(CONTRACT, "makes", to=makes)
    said = (
        rf"^ct_from_mr\.toml: makes {makes} from {', '.join(needs)}; "
        r"this version makes CT from one of T1, T1CE, T2, PD, FLAIR, STIR$"
    )
    with pytest.raises(SpecError, match=said):
        task(f'needs = {json.dumps(needs)}\nmakes = "{makes}"\nmodel = "tiny"\n')


@pytest.mark.parametrize("label", LABELS_MR)
def test_a_task_that_makes_ct_from_one_mr_label_is_read(task, spoilt, models, label):
    models["tiny"] = spoilt(CONTRACT, "accepts", "labels", to=[label])
    assert task(TOML.replace("T1", label)).needs == (label,)


def test_labels_are_those_of_the_interface():
    assert LABELS_TAKEN == ("T1", "T1CE", "T2", "PD", "FLAIR", "STIR", "CT", "CBCT", "PT")
    assert set(LABELS_MADE) == set(LABELS_TAKEN) - {"CBCT"}
    assert set(LABELS_MR) == set(LABELS_TAKEN) - {"CT", "CBCT", "PT"}
    assert GRIDS == ("native", "rt-axial")


def test_a_bundle_is_read_whole(bundle_folder):
    bundle = read_bundle(bundle_folder)
    assert (bundle.name, bundle.version, bundle.contract.makes) == ("tiny", "1.0.0", "CT")
    assert bundle.contract.labels == ("T1",)
    assert bundle.contract.extent_mm == (100.0, 500.0)
    assert bundle.contract.anatomy == ("HEAD", "BRAIN", "SKULL")
    assert [step["step"] for step in bundle.steps] == [
        "orient",
        "resample",
        "crop_pad",
        "normalise",
    ]
    assert bundle.weights_path.is_file()
    identity = bundle.identity
    assert identity.digest == f"sha256:{bundle.digest}"
    assert (identity.name, identity.weights) == ("tiny", bundle.weights_sha256)


def test_the_same_bundle_has_the_same_digest_wherever_it_lies(tmp_path):
    one, other = write_bundle(tmp_path / "a" / "tiny"), write_bundle(tmp_path / "b" / "tiny")
    assert read_bundle(one).digest == read_bundle(other).digest


@pytest.mark.parametrize("file", [CONTRACT, INFERENCE, METADATA])
def test_one_changed_byte_of_any_file_is_another_model(bundle_folder, file):
    before = read_bundle(bundle_folder).digest
    path = bundle_folder / file
    path.write_text(path.read_text() + " ")
    assert read_bundle(bundle_folder).digest != before


def test_other_weights_are_another_model(tmp_path):
    one, other = (read_bundle(write_bundle(tmp_path / f"m{n}", seed=n)) for n in (1, 2))
    assert one.weights_sha256 != other.weights_sha256
    assert one.digest != other.digest


@pytest.mark.parametrize("file", [CONTRACT, INFERENCE, METADATA])
def test_a_missing_file_of_a_bundle_is_a_missing_model(bundle_folder, file):
    (bundle_folder / file).unlink()
    with pytest.raises(ModelMissing, match=f"bundle tiny has no readable {file}; put it back") as e:
        read_bundle(bundle_folder)
    assert e.value.reasons[0].code == Code.MODEL_MISSING


def test_a_missing_folder_is_a_missing_model(tmp_path):
    with pytest.raises(ModelMissing, match="bundle absent"):
        read_bundle(tmp_path / "absent")


def test_reading_a_bundle_needs_no_weights(bundle_folder):
    (bundle_folder / "models/model.safetensors").unlink()
    assert read_bundle(bundle_folder).name == "tiny"


@pytest.mark.parametrize("name", ["Tiny", "ti ny", "-tiny", "t" * 49])
def test_a_bundle_has_a_plain_name(tmp_path, name):
    with pytest.raises(SpecError, match=r"lower case, digits and \. _ - only"):
        read_bundle(write_bundle(tmp_path / name))


@pytest.mark.parametrize("file", [CONTRACT, INFERENCE, METADATA])
@pytest.mark.parametrize(
    ("text", "said"), [("{", "not JSON"), ("\xff", "not JSON"), ("[1]", "holds a list, an object")]
)
def test_a_file_that_is_no_object_is_named(bundle_folder, file, text, said):
    (bundle_folder / file).write_bytes(text.encode("latin-1"))
    with pytest.raises(SpecError, match=f"^tiny: {file}: {said}"):
        read_bundle(bundle_folder)


@pytest.mark.parametrize(
    "key",
    ["version", "monai_version", "pytorch_version", "numpy_version", "required_packages_version",
     "task", "description", "authors", "copyright", "network_data_format"],
)  # fmt: skip
def test_metadata_has_every_key_that_monai_makes_mandatory(spoilt, key):
    with pytest.raises(SpecError, match=f"^tiny: {METADATA}: lacks {key}$"):
        spoilt(METADATA, key, drop=True)


REQUIRED = [
    (CONTRACT, ("makes",)),
    (CONTRACT, ("learned_from",)),
    (CONTRACT, ("weights",)),
    (CONTRACT, ("weights", "file")),
    (CONTRACT, ("weights", "sha256")),
    (CONTRACT, ("accepts",)),
    (CONTRACT, ("accepts", "labels")),
    (CONTRACT, ("accepts", "anatomy")),
    (CONTRACT, ("accepts", "body_part")),
    (CONTRACT, ("accepts", "min_slices")),
    (CONTRACT, ("accepts", "pixel_spacing_mm")),
    (CONTRACT, ("accepts", "slice_step_mm")),
    (CONTRACT, ("accepts", "extent_mm")),
    (CONTRACT, ("accepts", "contrast_agent")),
    (INFERENCE, ("network",)),
    (INFERENCE, ("network", "name")),
    (INFERENCE, ("preprocess",)),
    (INFERENCE, ("output",)),
    (INFERENCE, ("output", "window")),
    (INFERENCE, ("output", "outside")),
    (INFERENCE, ("output", "unit")),
]


POSSIBLE = {
    ("accepts", "anatomy"): (["x", "y"], []),
    ("preprocess",): ([],),
    ("output", "outside"): (5.5,),
}


@pytest.mark.parametrize(("file", "keys"), REQUIRED)
def test_what_a_bundle_must_say_is_asked_for_by_file_and_key(spoilt, file, keys):
    where = ": ".join(["tiny", file, *keys])
    with pytest.raises(SpecError, match=f"^{where} is absent; .* is wanted$"):
        spoilt(file, *keys, drop=True)


@pytest.mark.parametrize(("file", "keys"), REQUIRED)
@pytest.mark.parametrize(
    "value", [None, 5.5, float("inf"), [], [1], ["x", "y"], [[1]], {"x": 1}, ""]
)
def test_a_value_of_another_kind_is_refused_by_file_and_key(spoilt, file, keys, value):
    if value in POSSIBLE.get(keys, ()):
        assert spoilt(file, *keys, to=value).name == "tiny"
    else:
        with pytest.raises(SpecError, match=f"^tiny: {file}: {keys[0]}"):
            spoilt(file, *keys, to=value)


@pytest.mark.parametrize(
    ("keys", "value", "said"),
    [
        (("accepts", "labels"), "T1", "labels is 'T1'; a list of T1, T1CE"),
        (("accepts", "labels"), ["T1", "MRA"], r"labels is \['T1', 'MRA'\]; a list of"),
        (("accepts", "min_slices"), 0, "min_slices is 0; a whole number of at least 1"),
        (("accepts", "min_slices"), True, "min_slices is True; a whole number"),
        (("accepts", "contrast_agent"), "no", "contrast_agent is 'no'; true or false"),
        (("accepts", "extent_mm"), [500, 100], r"extent_mm is \[500, 100\]; \[low, high\]"),
        (("accepts", "extent_mm"), [1, 2, 3], r"extent_mm is \[1, 2, 3\]; \[low, high\]"),
        (("accepts", "extent_mm"), [0, float("nan")], r"extent_mm is \[0, nan\]; \[low, high\]"),
        (("accepts", "colour"), 1, "unknown key 'colour'"),
        (("makes",), "CBCT", "makes is 'CBCT'; one of T1"),
        (("weights", "sha256"), "AB" * 32, "sha256 is .*; 64 hexadecimal digits, lower case"),
    ],
)
def test_a_contract_that_is_impossible_is_refused(spoilt, keys, value, said):
    where = ": ".join(["tiny", CONTRACT, *keys[:-1]])
    with pytest.raises(SpecError, match=f"^{where}: {said}"):
        spoilt(CONTRACT, *keys, to=value)


@pytest.mark.parametrize("file", ["../other/model.safetensors", "/etc/passwd", "models/../../x"])
def test_weights_lie_inside_their_bundle(spoilt, file):
    with pytest.raises(SpecError, match=r"file is .*; a path inside the bundle is wanted"):
        spoilt(CONTRACT, "weights", "file", to=file)


@pytest.mark.parametrize("key", ["preset", "sizes"])
def test_a_network_that_says_no_preset_or_size_has_the_usual_one(spoilt, key):
    assert key not in spoilt(INFERENCE, "network", key, drop=True).network


@pytest.mark.parametrize(("key", "value"), [("preset", []), ("sizes", 5)])
def test_presets_and_sizes_have_their_kind(spoilt, key, value):
    with pytest.raises(SpecError, match=f"^tiny: {INFERENCE}: network: {key} is"):
        spoilt(INFERENCE, "network", key, to=value)


def test_a_window_has_a_low_end_below_its_high_end(spoilt):
    with pytest.raises(SpecError, match=r"window is \[5, 5\]; \[low, high\] with low below high"):
        spoilt(INFERENCE, "output", "window", to=[5, 5])


def test_no_word_of_a_bundle_is_executed(spoilt, tmp_path):
    trap = tmp_path / "ran"
    code = f"$__import__('pathlib').Path({str(trap)!r}).touch()"
    assert spoilt(INFERENCE, "network", "name", to=code).network["name"] == code
    assert not trap.exists()
