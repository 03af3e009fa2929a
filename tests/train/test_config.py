import dataclasses
import json

import pytest
import torch

from engine.errors import ShapeError
from engine.models import build
from engine.task import read_bundle
from engine.task.labels import UNITS
from tests.train.conftest import SHIPPED
from train.config import Cohort, Gate, checked, read_recipe
from train.config.consistent import _CHANGES, _RANGES, _SIDES
from train.data import Augment
from train.errors import RecipeInvalid
from train.pair import UNITS as STORED


def changed(recipe_file, old: str, new: str):
    text = recipe_file.read_text(encoding="utf-8")
    assert text.count(old) == 1, old
    recipe_file.write_text(text.replace(old, new), encoding="utf-8")
    return recipe_file


def test_the_shipped_recipe_is_read_and_says_what_it_learns_from():
    recipe = read_recipe(SHIPPED)
    assert recipe.name == "hlsnc-head-ct"
    assert recipe.model.learned_from == "phantom heads (no patient data)"
    assert recipe.preparation.window == (-1000.0, 2000.0)
    assert "Not for diagnosis" in recipe.model.intended_use


def test_every_key_of_the_shipped_recipe_is_commented_or_speaks_for_itself():
    for line in SHIPPED.read_text(encoding="utf-8").split("[model]")[0].splitlines():
        if "=" in line and line[0] not in "# ]" and "[" not in line.split("=")[1]:
            assert "#" in line or line.startswith(("unit", "batch", "labels", "contrast")), line


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        (
            "voxel = 100.0",
            "voxel = 100.0\n[extra]\nkey = 1",
            r"tiny\.toml: unknown section \[extra\]",
        ),
        (
            "first_seed = 0",
            "first_seed = 0\ncolour = 1",
            r"\[phantoms\] unknown key 'colour'; keys",
        ),
        ("min_slices = 16", "", r"\[accepts\] key 'min_slices' is missing; add it"),
        ("outside = -1000 ", 'outside = "air" ', r"\[preparation\] outside = 'air'; a float"),
        ("first_seed = 0", "first_seed = true", r"first_seed = True; a int is wanted"),
        ("window = [-1000, 2000]", "window = [-1000]", r"window = \[-1000\]; 2 values"),
        ("window = [-1000, 2000]", "window = [2000, -1000]", r"\[preparation\] result: window is"),
        ('step = "orient"', 'step = "turn"', r"\[preparation\] no step 'turn'"),
        ("test = 1 ", "test = 4 ", "one subject or more is wanted in each"),
        ("batch = 2 ", "batch = 0 ", r"\[learning\] batch = 0; a number from 1 to 2147483647"),
        ("shift_mm = 0.0", "shift_mm = -1.0", r"shift_mm = -1.0; a number from 0 to 100 is wanted"),
        ("shift_mm = 0.0", "shift_mm = inf", r"\[phantoms\] shift_mm = inf; a finite number"),
        ("spacing_mm = 4.0 ", "spacing_mm = nan ", r"\[phantoms\] spacing_mm = nan; a finite"),
        ("spacing_mm = 4.0 ", "spacing_mm = 0.1 ", r"spacing_mm = 0.1; a number from 0.5 to 8"),
        ("first_seed = 0", "first_seed = -1", r"first_seed = -1; a number from 0 to 2147483647"),
        ("\nseed = 1 ", "\nseed = -1 ", r"\[learning\] seed = -1; a number from 0 to 2147483647"),
        ("\nseed = 1 ", f"\nseed = {2**62} ", rf"seed = {2**62}; a number from 0 to 2147483647"),
        ("\nseed = 1 ", f"\nseed = {2**99} ", "seed is a whole number of more than 64 bits"),
        ("\nseed = 1 ", f"\nseed = {'9' * 5000} ", "not readable as TOML"),
        ("threads = 1 ", "threads = 0 ", r"\[learning\] threads = 0; a number from 1 to 1024"),
        ("threads = 1 ", "threads = -3 ", r"threads = -3; a number from 1 to 1024"),
        ("threads = 1 ", f"threads = {10**9} ", r"threads = 1000000000; a number from 1 to"),
        ("flip = 0.5 ", "flip = 7 ", r"\[learning.augment\] flip = 7; a number from 0 to 1 is"),
        ("flip = 0.5 ", "flip = true ", r"flip = True; a number from 0 to 1 is wanted"),
        ("flip = 0.5 ", 'flip = "1" ', r"flip = '1'; a number from 0 to 1 is wanted"),
        ("gain = 0.15 ", "gain = 1e308 ", r"gain = 1e\+308; a number from 0 to 10 is wanted"),
        ("gain = 0.15 ", "gian = 0.15 ", r"augment\] unknown key 'gian'; keys are flip, gain"),
        ("voxel = 100.0", "voxel = nan", r"\[learning\] settings.voxel = nan; a finite number"),
        ("voxel = 100.0", "voxel = 2026-01-01", r"settings.voxel = 2026-01-01; a number, a text"),
        ("high = 0.995 }", "high = inf }", r"\[preparation\] steps.high = inf; a finite number"),
        ("outside = -1000 ", "outside = 100000 ", r"outside = 100000 and window = .* set outside"),
        ("relative = 0.0", "relative = 0.99", r"relative = 0.99 and unit = 'HU' .* relative = 0"),
        ("min_slices = 16", "min_slices = 0", r"refuse the bundle: contract.json: accepts: min_s"),
        ("[0.4, 2.2]", "[2.2, 0.4]", r"accepts: pixel_spacing_mm is .*; \[low, high\] is wanted"),
        ("[0.4, 2.2]", "[nan, nan]", r"\[accepts\] pixel_spacing_mm = nan; a finite number"),
        (
            "[accepts] ",
            "[gate]\nfirst_seed = 4\nsubjects = 20\n[accepts] ",
            r"\[gate\] first_seed = 4 sets limits on subjects of .*; take others, from 5 up",
        ),
        (
            "[accepts] ",
            "[gate]\nfirst_seed = 50\nsubjects = 3\n[accepts] ",
            r"\[gate\] subjects = 3; a number from 20",
        ),
        ('version = "0.2.0"', 'version = ""', r"\[model\] version = ''; write a text that says"),
        ('body_part = "HEAD"', 'body_part = ""', r"\[accepts\] body_part = ''; write a text"),
        ("phantom heads (no patient data)", " ", r"\[model\] learned_from = ' '; write a text"),
        (
            "min_slices = 16",
            'min_slices = 16\nplanes = ["axial", "axial"]',
            r"\[accepts\] planes = \['axial', 'axial'\]; say each of them once",
        ),
        ('anatomy = "head"', 'anatomy = "knee"', "anatomy = 'knee'; choose one of head, spine"),
        ('draw = "slices"', 'draw = "rows"', "draw = 'rows'; choose one of slices, tiles, pat"),
        ('draw = "slices"', 'draw = "tiles"', r"patch = \[48, 48, 48\]; a tile is \[1, rows"),
        (
            '{ how = "slices" }',
            '{ how = "whole" }',
            r"\[preparation\] generate.how = 'whole' and \[learning\] draw = 'slices' do not fit",
        ),
        ('{ how = "slices" }', '{ how = "rows" }', r"\[preparation\] generate: how is"),
        ("relative = 0.0", "relative = 0.2", r"\[preparation\] result: relative is 0.2; a share"),
        ("onto = [-1, 1]", "onto = [1, -1]", r"\[preparation\] result: onto is .*\[low, high\]"),
        ("average = 0.995 }", "average = 0.995 }\nrate = 1", r"\[baseline\] unknown key 'rate'"),
        ("[learning.augment]", "[learning", "not readable as TOML"),
        (
            'labels = ["T1"]',
            'labels = ["T2"]',
            r"\[accepts\] labels = \['T2'\] and \[phantoms\] sources = \['T1'\]: .* make them the",
        ),
        ('makes = "CT"', 'makes = "PT"', r"\[model\] makes = 'PT' and \[phantoms\] target = 'CT'"),
        (
            'unit = "HU"',
            'unit = "SUVR"',
            r"unit = 'SUVR' and \[phantoms\] target = 'CT' do not fit; set unit = 'HU'",
        ),
        (
            "min_slices = 16",
            'min_slices = 16\nplanes = ["axial", "oblique"]',
            "planes = 'oblique'; choose one of axial, sagittal, coronal",
        ),
    ],
)
def test_a_mistake_is_named_with_file_key_and_remedy(recipe_file, old, new, named):
    with pytest.raises(RecipeInvalid, match=named):
        read_recipe(changed(recipe_file, old, new))


@pytest.mark.parametrize("path", sorted(SHIPPED.parent.glob("*.toml")), ids=lambda path: path.stem)
def test_every_shipped_recipe_is_taken_and_its_regression_too(path):
    recipe = read_recipe(path)
    if recipe.baseline is not None:
        assert recipe.regression().learning.system == "regression"


@pytest.mark.parametrize("path", sorted(SHIPPED.parent.glob("*.toml")), ids=lambda path: path.stem)
def test_the_bundle_that_is_checked_before_learning_is_the_one_that_is_written(path):
    shipped = SHIPPED.parents[1] / "models" / path.stem
    if not shipped.is_dir():
        pytest.skip("no bundle of this recipe is shipped")
    made, kept = checked(read_recipe(path), path.stem), read_bundle(shipped)
    for what in ("version", "description", "contract", "steps", "generation", "output"):
        assert getattr(made, what) == getattr(kept, what), what


def test_whatever_a_change_may_be_has_a_most():
    assert set(_CHANGES) == {one.name for one in dataclasses.fields(Augment)}


def test_every_count_and_seed_has_a_range(recipe):
    recipe = dataclasses.replace(recipe, gate=Gate(first_seed=50, subjects=20))
    for part, ranges in _RANGES.items():
        holder = {"phantoms": recipe.pairs, "cohort": Cohort("head", ("T1",), "CT", "salt")}.get(
            part
        )
        values = dataclasses.asdict(holder or getattr(recipe, part))
        counted = {key for key, value in values.items() if type(value) in {int, float}}
        assert counted == set(ranges), part


def test_the_planes_of_a_model_are_read_and_do_not_decide_what_it_learns(recipe_file, recipe):
    text = 'min_slices = 16\nplanes = ["sagittal"]'
    read = read_recipe(changed(recipe_file, "min_slices = 16", text))
    assert (recipe.accepts.planes, read.accepts.planes) == ((), ("sagittal",))
    assert read.digest == recipe.digest


def test_the_model_of_sagittal_spines_is_given_no_others():
    accepts = read_recipe(SHIPPED.with_name("calf-spine-stir.toml")).accepts
    assert accepts.planes == ("sagittal",)
    assert "THORAX" not in accepts.anatomy


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(RecipeInvalid, match=r"none\.toml: not readable"):
        read_recipe(tmp_path / "none.toml")


def test_the_regression_shares_all_but_the_adversary(recipe):
    made = recipe.regression()
    assert made.name == "tiny-regression"
    assert made.learning.system == "regression"
    assert made.learning.network == recipe.learning.network == "hlsnc_gan"
    assert made.learning.settings == recipe.baseline.settings
    same = ("sizes", "seed", "steps", "batch", "preset", "augment", "draw")
    for key in same:
        assert getattr(made.learning, key) == getattr(recipe.learning, key), key
    assert (made.phantoms, made.preparation) == (recipe.pairs, recipe.preparation)
    assert made.digest != recipe.digest


def test_the_regression_may_have_steps_and_a_preset_of_its_own_and_is_always_paired(recipe):
    baseline = dataclasses.replace(recipe.baseline, steps=9, preset="paper")
    unpaired = dataclasses.replace(recipe.learning, paired=False)
    other = dataclasses.replace(recipe, baseline=baseline, learning=unpaired).regression()
    assert (other.learning.steps, other.learning.preset, other.learning.paired) == (
        9,
        "paper",
        True,
    )


def test_a_recipe_without_a_baseline_says_so(recipe):
    with pytest.raises(RecipeInvalid, match=r"tiny: no section \[baseline\]; add one"):
        dataclasses.replace(recipe, baseline=None).regression()


def test_the_baseline_does_not_decide_what_the_system_learns(recipe):
    assert dataclasses.replace(recipe, baseline=None).digest == recipe.digest


def test_the_network_is_the_systems_own_unless_said(recipe):
    learning = dataclasses.replace(recipe.learning, network="")
    assert learning.network == "hlsnc_gan"


def test_what_decides_learning_decides_the_digest_and_words_do_not(recipe):
    words = dataclasses.replace(recipe.model, description="other words")
    assert dataclasses.replace(recipe, model=words).digest == recipe.digest
    other = dataclasses.replace(recipe.learning, seed=99)
    assert dataclasses.replace(recipe, learning=other).digest != recipe.digest
    scaled = dataclasses.replace(recipe.preparation, headroom=2.0)
    assert dataclasses.replace(recipe, preparation=scaled).digest != recipe.digest


def test_a_key_that_came_later_changes_no_digest_of_recipes_without_it():
    """Else what was learned and measured before would count as another recipe's."""
    shipped = SHIPPED.with_name("calf-spine-stir.toml")
    measured = SHIPPED.parents[1] / "models" / "calf-spine-stir" / "evaluation.json"
    assert read_recipe(shipped).digest == json.loads(measured.read_text("utf-8"))["recipe"]


def test_a_target_that_nobody_makes_is_named(recipe_file):
    changed(recipe_file, 'makes = "CT"', 'makes = "CBCT"')
    with pytest.raises(
        RecipeInvalid, match=r"target = 'CBCT' do not fit; set target to one of CT, PT, T1"
    ):
        read_recipe(changed(recipe_file, 'target = "CT"', 'target = "CBCT"'))


@pytest.mark.parametrize("name", ["mdaunet-head-ct", "mdaunet-head-cbct"])
@pytest.mark.parametrize(
    ("size", "patch", "network", "named"),
    [
        ("48, 48, 24", "32, 32, 32", "mdaunet3d", r"\[48, 48, 24\] is smaller than .* patch"),
        ("4, 48, 48", "4, 32, 32", "mdaunet3d", r"takes sides of 8 or more in steps of 1: set"),
        ("40, 48, 48", "32, 32, 32", "pcsa_gan", r"pcsa_gan takes sides of 16 or more in st"),
    ],
)  # fmt: skip
def test_windows_fit_the_network_and_hold_a_patch(tmp_path, name, size, patch, network, named):
    text = SHIPPED.with_name(f"{name}.toml").read_text(encoding="utf-8")
    shipped = read_recipe(SHIPPED.with_name(f"{name}.toml")).preparation.generate["size"]
    for old, new in (
        (f"size = {list(shipped)}", f"size = [{size}]"),
        ("patch = [32, 32, 32]", f"patch = [{patch}]"),
        ('system = "mdaunet3d" ', f'network = "{network}"\nsystem = "mdaunet3d" '),
    ):
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    path = tmp_path / "windows.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RecipeInvalid, match=named):
        read_recipe(path)


def test_the_unit_wanted_is_the_one_that_pairs_are_kept_in():
    assert {units[0] for units in UNITS.values()} == set(STORED)


@pytest.mark.parametrize("network", ["mdaunet3d", "pcsa_gan"])
def test_what_a_recipe_refuses_as_too_small_the_network_refuses_too(network):
    made = build(network, "paper", {"width": 6} if network == "pcsa_gan" else {"width": 4}).eval()
    least = _SIDES[network][0]
    with torch.no_grad(), pytest.raises(ShapeError):
        made(torch.zeros(1, 1, least, least, least // 2))
    with torch.no_grad():
        assert made(torch.rand(1, 1, least, least, least)).shape[-1] == least
