import logging
import math

import pytest
import torch
from safetensors.torch import save_file

from engine.errors import ShapeError
from engine.models import bake, build
from tests.train.systems.tiny import TINY, gan, pairs
from train.data import Batch
from train.errors import RecipeInvalid
from train.losses import Vgg19
from train.systems.mdaunet3d import PRESETS


@pytest.fixture
def vgg(tmp_path) -> str:
    torch.manual_seed(0)
    path = tmp_path / "vgg.safetensors"
    save_file({name: 3 * value for name, value in Vgg19(width=2).state_dict().items()}, path)
    return str(path)


def test_the_papers_preset_is_the_papers():
    paper = PRESETS["paper"]
    assert (paper.voxel, paper.perceptual, paper.adversarial) == (1, 1, 1e-4)
    assert (paper.learning_rate, paper.betas, paper.form) == (1e-4, (0.9, 0.999), "relativistic")
    assert (paper.schedule, paper.milestones, paper.factor) == (
        "multistep",
        (0.2, 0.4, 0.6, 0.8),
        0.5,
    )
    assert (paper.pyramid, paper.perceptual_share, paper.adversary_width) == ("nearest", 1.0, 8)
    assert (paper.average, paper.clip, paper.r1, paper.air, paper.dense) == (0, 0, 0, 1, 1)


def test_at_first_both_sides_pay_ln_2_per_level():
    losses = gan("mdaunet3d").update(pairs("mdaunet3d"), 0)
    assert losses["adversary"] == pytest.approx(4 * math.log(2), abs=0.02)
    assert losses["adversarial"] == pytest.approx(4 * math.log(2), abs=0.02)


def test_the_adversary_teaches_the_generator():
    """What the released trainer loses: the generator's gradient through the judge."""
    system, batch = gan("mdaunet3d"), pairs("mdaunet3d")
    levels = system.run_levels(system.generator, batch.source)
    system.against(batch, levels)["adversarial"].backward()
    assert all(head.weight.grad.abs().sum() > 0 for head in system.generator.heads)


@pytest.mark.parametrize("how", ["nearest", "average"])
def test_the_voxel_term_sums_over_levels_of_the_same_pyramid_that_the_judge_sees(how):
    system, batch = gan("mdaunet3d", pyramid=how), pairs("mdaunet3d")
    seen = []
    system.adversary.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0]))
    with torch.no_grad():
        levels = system.run_levels(system.generator, batch.source)
    spread = [system.levels_of(batch.target)[n] for n in range(4)]
    expected = sum((o - y).abs().mean().item() for o, y in zip(levels, spread, strict=True))
    assert system.update(batch, 0)["voxel"] == pytest.approx(expected, rel=1e-3)
    assert all(torch.equal(a, b) for a, b in zip(seen[0], spread, strict=True))
    half = batch.target[..., ::2, ::2, ::2]
    assert torch.equal(spread[1], half) == (how == "nearest")


@pytest.mark.parametrize(
    ("sizes", "settings", "judged"),
    [
        ({"multi_input": False}, {}, 4),
        ({"multi_output": False}, {}, 4),
        ({}, {"multi_resolution": False}, 1),
        ({"multi_output": False}, {"multi_resolution": False}, 1),
    ],
)
def test_the_papers_ablations_learn(sizes, settings, judged):
    system, batch = gan("mdaunet3d", sizes=sizes, **settings), pairs("mdaunet3d")
    losses = system.update(batch, 0)
    assert losses["adversary"] == pytest.approx(judged * math.log(2), abs=0.02)
    assert math.isfinite(losses["voxel"])


def test_without_relativity_each_image_is_judged_by_itself():
    system, batch = gan("mdaunet3d", form="entropy"), pairs("mdaunet3d")
    levels = system.run_levels(system.generator, batch.source)
    logits = system.judge(batch.source, levels)
    expected = sum(torch.nn.functional.softplus(-one).mean().item() for one in logits)
    assert system.against(batch, levels)["adversarial"].item() == pytest.approx(expected, rel=1e-3)


def test_without_a_file_of_vgg_the_term_is_left_out_and_the_log_says_so(caplog):
    with caplog.at_level(logging.WARNING):
        losses = gan("mdaunet3d").update(pairs("mdaunet3d"), 0)
    assert "perceptual" not in losses
    assert "the perceptual term, Eq. 4, is left out" in caplog.text
    caplog.clear()
    gan("mdaunet3d", perceptual=0)
    assert not caplog.text


def test_with_a_file_the_term_counts_and_is_frozen(vgg, caplog):
    system, without = gan("mdaunet3d", vgg=vgg), gan("mdaunet3d")
    caplog.clear()
    before = [p.clone() for p in system.vgg.parameters()]
    patches = pairs("mdaunet3d", shape=(16, 16, 16))
    losses = system.update(patches, 0)
    without.update(patches, 0)
    assert losses["perceptual"] > 0
    assert all(torch.equal(p, q) for p, q in zip(before, system.vgg.parameters(), strict=True))
    assert "vgg" not in system.networks
    mine, other = (one.generator.heads[0].weight.grad for one in (system, without))
    assert not torch.equal(mine, other)


def test_a_file_that_is_named_and_absent_is_an_error(tmp_path):
    with pytest.raises(RecipeInvalid, match=r"none\.safetensors does not hold"):
        gan("mdaunet3d", vgg=str(tmp_path / "none.safetensors"))


def test_patches_that_cannot_be_halved_thrice_are_refused():
    odd = Batch(torch.rand(1, 1, 12, 16, 16), torch.rand(1, 1, 12, 16, 16))
    with pytest.raises(ShapeError, match="multiples of 8"):
        gan("mdaunet3d").update(odd, 0)


def test_the_average_serves_after_baking_what_it_gave_before():
    """Spectral norms of averaged kernels are their own; no parametrisation is left."""
    system, batch = gan("mdaunet3d", "robust", learning_rate=1e-2), pairs("mdaunet3d")
    for step in range(3):
        system.update(batch, step)
    average, sizes = system.networks["average"], TINY["mdaunet3d"].sizes
    with torch.no_grad():
        expected = average(batch.source)
        baked, weights = bake("mdaunet3d", "robust", sizes, average.state_dict())
        served = build("mdaunet3d", "robust", baked)
        served.load_state_dict(weights)
        assert torch.equal(served.eval()(batch.source), expected)
