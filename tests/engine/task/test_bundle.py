import pytest

from engine.errors import ModelMissing, SpecError
from engine.reason import Code
from engine.task import Generation, NamedFile, Output, read_bundle
from tests.support.bundle import write_bundle

CONTRACT, INFERENCE, METADATA = "contract.json", "configs/inference.json", "configs/metadata.json"


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
        (("accepts", "colour"), 1, "unknown key 'colour'; keys are age_years, anatomy, body_part"),
        (("accepts", "makes"), "CT", "unknown key 'makes'; keys are age_years"),
        (
            ("accepts", "planes"),
            [],
            r"planes is \[\]; a list of axial, sagittal, coronal is wanted",
        ),
        (("accepts", "planes"), "axial", "planes is 'axial'; a list of axial"),
        (("accepts", "planes"), ["oblique"], r"planes is \['oblique'\]; a list of axial"),
        (("accepts", "planes"), [["axial"]], r"planes is \[\['axial'\]\]; a list of axial"),
        (("accepts", "age_years"), [90, 18], r"age_years is \[90, 18\]; \[low, high\]"),
        (("accepts", "age_years"), None, r"age_years is None; \[low, high\]"),
        (("accepts", "field_strength_t"), 3, r"field_strength_t is 3; \[low, high\]"),
        (("accepts", "sop_classes"), [], r"sop_classes is \[\]; a list of SOP Class UIDs"),
        (("accepts", "sop_classes"), "1.2", "sop_classes is '1.2'; a list of SOP Class UIDs"),
        (("accepts", "sop_classes"), ["MR"], r"sop_classes is \['MR'\]; a list of SOP Class"),
        (("accepts", "distortion_corrected"), 1, "distortion_corrected is 1; true or false"),
        (("accepts", "unstated"), "ask", 'unstated is .ask.; "refuse" or "accept"'),
        (("makes",), "CBCT", "makes is 'CBCT'; one of T1"),
        (("weights", "sha256"), "AB" * 32, "sha256 is .*; 64 hexadecimal digits, lower case"),
    ],
)
def test_a_contract_that_is_impossible_is_refused(spoilt, keys, value, said):
    where = ": ".join(["tiny", CONTRACT, *keys[:-1]])
    with pytest.raises(SpecError, match=f"^{where}: {said}"):
        spoilt(CONTRACT, *keys, to=value)


def test_limits_of_patient_and_scanner_are_there_where_a_contract_has_them(spoilt, bundle_folder):
    plain = read_bundle(bundle_folder).contract
    assert (plain.age_years, plain.field_strength_t) == (None, None)
    assert (plain.sop_classes, plain.distortion_corrected) == ((), False)
    assert spoilt(CONTRACT, "accepts", "age_years", to=[18, 90]).contract.age_years == (18, 90)
    found = spoilt(CONTRACT, "accepts", "sop_classes", to=["1.2.840.10008.5.1.4.1.1.4"])
    assert found.contract.sop_classes == ("1.2.840.10008.5.1.4.1.1.4",)


def test_a_model_of_one_plane_says_so_and_any_other_takes_all(spoilt, bundle_folder):
    assert read_bundle(bundle_folder).contract.planes == ()
    found = spoilt(CONTRACT, "accepts", "planes", to=["sagittal", "coronal"])
    assert found.contract.planes == ("sagittal", "coronal")


@pytest.mark.parametrize(
    ("file", "key", "keys"),
    [
        (
            CONTRACT,
            "accept",
            "accepts, atlas, intended_use, learned_from, likeness, limits, makes, quality, weights",
        ),
        (INFERENCE, "generation", "generate, network, output, preprocess"),
    ],
)
def test_a_key_that_nobody_reads_is_refused_and_the_known_ones_are_named(spoilt, file, key, keys):
    with pytest.raises(SpecError, match=f"^tiny: {file}: unknown key '{key}'; keys are {keys}$"):
        spoilt(file, key, to={"how": "whole"})


@pytest.mark.parametrize("file", ["../other/model.safetensors", "/etc/passwd", "models/../../x"])
def test_weights_lie_inside_their_bundle(spoilt, file):
    with pytest.raises(SpecError, match=r"file is .*; a path inside the bundle is wanted"):
        spoilt(CONTRACT, "weights", "file", to=file)


@pytest.mark.parametrize("key", ["preset", "sizes"])
def test_a_network_that_says_no_preset_or_size_has_the_usual_one(spoilt, key):
    assert key not in spoilt(INFERENCE, "network", key, drop=True).network


@pytest.mark.parametrize("key", ["_network", "size"])
def test_a_key_of_the_network_that_nobody_reads_is_refused(spoilt, key):
    said = f"^tiny: {INFERENCE}: network: unknown key '{key}'; keys are name, preset, sizes$"
    with pytest.raises(SpecError, match=said):
        spoilt(INFERENCE, "network", key, to={})


def test_a_model_without_a_step_is_refused(spoilt):
    said = rf"^tiny: {INFERENCE}: preprocess is \[\]; a list of one step or more is wanted$"
    with pytest.raises(SpecError, match=said):
        spoilt(INFERENCE, "preprocess", to=[])


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


def test_a_bundle_that_says_nothing_of_generation_goes_by_slices(spoilt, bundle_folder):
    assert read_bundle(bundle_folder).generation == Generation("slices")
    windows = {"how": "windows", "size": [48, 48, 32], "overlap": 0.5}
    found = spoilt(INFERENCE, "generate", to=windows).generation
    assert found == Generation("windows", (48, 48, 32), 0.5)
    assert found.record() == windows


def test_a_bundle_that_says_nothing_of_the_networks_range_has_the_usual_one(spoilt, bundle_folder):
    assert read_bundle(bundle_folder).output == Output((-1000, 2000), -1000, "HU", (-1, 1), 0)
    found = spoilt(INFERENCE, "output", "onto", to=[0, 1]).output
    assert found.onto == (0.0, 1.0)


@pytest.mark.parametrize("value", [5, [], {}, {"how": "slice"}, None])
def test_a_generation_that_is_none_is_named_by_its_place(spoilt, value):
    with pytest.raises(SpecError, match=f"^tiny: {INFERENCE}: generate"):
        spoilt(INFERENCE, "generate", to=value)


@pytest.mark.parametrize(
    ("makes", "unit"),
    [("PT", "HU"), ("T2", "HU"), ("CT", "1"), ("PT", "1"), ("PT", "g/ml")],
)
def test_what_is_made_has_a_unit_of_its_kind(spoilt, makes, unit):
    spoilt(INFERENCE, "output", "unit", to=unit, read=False)
    said = rf"output: unit is '{unit}'; for a result that is {makes} .* is wanted$"
    with pytest.raises(SpecError, match=said):
        spoilt(CONTRACT, "makes", to=makes)


@pytest.mark.parametrize("low", [-1, 5])
def test_brightness_of_mr_starts_at_nothing(spoilt, low):
    """Stored values of MR have no intercept, so what lies below 0 would be lost."""
    spoilt(INFERENCE, "output", "unit", to="1", read=False)
    spoilt(INFERENCE, "output", "window", to=[low, 10], read=False)
    said = (
        rf"^tiny: {INFERENCE}: output: window is \[{low}, 10\]; for a result that is T2 .* from 0"
    )
    with pytest.raises(SpecError, match=said):
        spoilt(CONTRACT, "makes", to="T2")
    assert spoilt(INFERENCE, "output", "window", to=[0, 10]).output.window == (0, 10)


def test_an_atlas_is_named_by_file_and_hash(spoilt, bundle_folder):
    assert read_bundle(bundle_folder).atlas is None
    named = {"file": "models/atlas.safetensors", "sha256": "ab" * 32}
    assert spoilt(CONTRACT, "atlas", to=named).atlas == NamedFile(named["file"], "ab" * 32)


@pytest.mark.parametrize(
    ("atlas", "said"),
    [
        ("x", "atlas is 'x'; an object"),
        ({"file": "a"}, "atlas: sha256 is absent; 64 hexadecimal digits"),
        ({"file": "../a", "sha256": "ab" * 32}, "file is '../a'; a path inside the bundle"),
        ({"file": "a", "sha256": "ab" * 32, "size": 1}, "unknown key 'size'; keys are file, sha"),
    ],
)
def test_an_atlas_that_is_none_is_refused(spoilt, atlas, said):
    with pytest.raises(SpecError, match=said):
        spoilt(CONTRACT, "atlas", to=atlas)
