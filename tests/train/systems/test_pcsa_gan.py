import pytest
import torch

from engine.errors import ShapeError
from tests.train.systems.tiny import gan, pairs
from train.data import Batch
from train.losses import ms_ssim
from train.systems.pcsa_gan import PRESETS


def test_the_papers_preset_is_the_papers_where_it_says_anything():
    paper = PRESETS["paper"]
    assert (paper.learning_rate, paper.adversary_rate, paper.betas) == (1e-4, 4e-4, (0.9, 0.999))
    assert (paper.adversarial, paper.voxel, paper.structure) == (0.01, 1, 1)
    assert (paper.window, paper.side, paper.adversary_width) == (11, 64, 24)
    assert (paper.schedule, paper.average, paper.clip, paper.r1) == ("constant", 0, 0, 0)


def test_terms_by_hand():
    system, batch = gan("pcsa_gan"), pairs("pcsa_gan")
    with torch.no_grad():
        made = system.generator(batch.source)
        real, fake = (
            system.adversary(torch.cat((batch.source, one), 1)) for one in (batch.target, made)
        )
    losses = system.update(batch, 0)
    softplus = torch.nn.functional.softplus
    assert losses["voxel"] == pytest.approx((made - batch.target).abs().mean().item(), rel=1e-4)
    assert losses["structure"] == pytest.approx(
        1 - ms_ssim(made, batch.target, window=3).item(), rel=1e-4
    )
    whole = softplus(-real).mean() + softplus(fake).mean()
    assert losses["adversary"] == pytest.approx(whole.item(), rel=1e-4)


@pytest.mark.parametrize(
    ("off", "left"),
    [
        ({"voxel": 0, "structure": 0}, {"adversary", "adversarial", "voxel"}),
        ({"structure": 0}, {"adversary", "adversarial", "voxel"}),
        ({"adversarial": 0}, {"voxel", "structure"}),
    ],
)
def test_terms_can_be_left_out_and_the_difference_is_told_all_the_same(off, left):
    system = gan("pcsa_gan", **off)
    assert set(system.update(pairs("pcsa_gan"), 0)) == left


def test_a_difference_of_weight_0_teaches_nothing():
    system, batch = gan("pcsa_gan", voxel=0, structure=0), pairs("pcsa_gan")
    against = gan("pcsa_gan")
    system.update(batch, 0)
    against.teach_adversary(batch, (against.generator(batch.source),), 0)
    made = against.generator(batch.source)
    (0.01 * against.against(batch, (made,))["adversarial"]).backward()
    mine, other = (one.generator.image.conv.weight.grad for one in (system, against))
    torch.testing.assert_close(mine, other)


@pytest.mark.parametrize("attention", [16, 0])
def test_attention_elsewhere_or_nowhere_learns(attention):
    system = gan("pcsa_gan", sizes={"attention": attention})
    assert system.update(pairs("pcsa_gan"), 0)["structure"] > 0


def test_volumes_of_another_side_than_the_judges_are_refused():
    large = Batch(torch.rand(1, 1, 32, 32, 32), torch.rand(1, 1, 32, 32, 32))
    with pytest.raises(ShapeError, match="build the judge for the shape"):
        gan("pcsa_gan").update(large, 0)
