import hashlib
from dataclasses import replace

import pytest

from train.errors import CheckpointInvalid
from train.run import fit
from train.served import served


def test_it_is_the_checkpoints_network_under_the_recipes_steps(recipe, data, tmp_path):
    fit(recipe, data, tmp_path, until=1)
    found = served(recipe, tmp_path, data)
    assert found.step == 1
    assert found.network["name"] == "hlsnc_gan"
    assert not found.generator.network.training
    assert found.generator.output.window == recipe.preparation.window
    assert found.atlas is None
    assert found.sha256 == hashlib.sha256(found.content).hexdigest()


def test_a_checkpoint_of_another_recipe_is_not_served(recipe, data, tmp_path):
    fit(recipe, data, tmp_path, until=1)
    other = replace(recipe, learning=replace(recipe.learning, steps=99))
    with pytest.raises(CheckpointInvalid, match="another recipe"):
        served(other, tmp_path, data)


def test_an_atlas_that_is_wanted_and_not_there_is_asked_for(recipe, data, tmp_path):
    fit(recipe, data, tmp_path, until=1)
    template = {"step": "template", "spacing_mm": 3.0, "shape": [8, 8, 8]}
    steps = (*recipe.preparation.steps, template, {"step": "grey_matter"})
    wanting = replace(recipe, preparation=replace(recipe.preparation, steps=steps))
    with pytest.raises(CheckpointInvalid, match="another recipe"):
        served(wanting, tmp_path, data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(recipe), "digest", recipe.digest)
        with pytest.raises(CheckpointInvalid, match="atlas"):
            served(wanting, tmp_path, tmp_path / "nowhere")
