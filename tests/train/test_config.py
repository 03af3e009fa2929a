import dataclasses

import pytest

from tests.train.conftest import SHIPPED
from train.config import read_recipe
from train.errors import RecipeInvalid


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
        ("window = [-1000, 2000]", "window = [2000, -1000]", r"\[preparation\] window .* is empty"),
        ('step = "orient"', 'step = "turn"', r"\[preparation\] no step 'turn'"),
        ("test = 1 ", "test = 4 ", "at least one subject is wanted in each"),
        ("batch = 2 ", "batch = 0 ", "1 or more"),
        ("[learning.augment]", "[learning", "not readable as TOML"),
    ],
)
def test_a_mistake_is_named_with_file_key_and_remedy(recipe_file, old, new, named):
    with pytest.raises(RecipeInvalid, match=named):
        read_recipe(changed(recipe_file, old, new))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(RecipeInvalid, match=r"none\.toml: not readable"):
        read_recipe(tmp_path / "none.toml")


def test_what_decides_learning_decides_the_digest_and_words_do_not(recipe):
    words = dataclasses.replace(recipe.model, description="other words")
    assert dataclasses.replace(recipe, model=words).digest == recipe.digest
    other = dataclasses.replace(recipe.learning, seed=99)
    assert dataclasses.replace(recipe, learning=other).digest != recipe.digest
