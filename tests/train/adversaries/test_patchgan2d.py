import pytest
import torch

from engine.errors import ShapeError
from train.adversaries import PatchGan2d


@pytest.mark.parametrize(("channels", "count"), [(1, 2_763_585), (2, 2_764_609), (3, 2_765_633)])
def test_it_has_the_papers_number_of_parameters(channels, count):
    with torch.device("meta"):
        judge = PatchGan2d(channels_in=channels)
    assert sum(p.numel() for p in judge.parameters()) == count


def test_its_layers_have_the_papers_numbers_of_parameters():
    with torch.device("meta"):
        layers = PatchGan2d(channels_in=2).layers
    counts = [sum(p.numel() for p in layer.parameters()) for layer in layers]
    normed = [131_072, 256, 0, 524_288, 512, 0, 2_097_152, 1_024, 0]
    assert counts == [2_112, 0, *normed, 8_193]


def test_a_slice_of_256_is_judged_in_30_by_30_patches():
    with torch.inference_mode():
        assert PatchGan2d(width=4)(torch.zeros(1, 2, 256, 256)).shape == (1, 1, 30, 30)


def test_a_patch_is_70_pixels_wide():
    judge = PatchGan2d(width=4).eval()
    x = torch.randn(1, 2, 256, 256, generator=torch.Generator().manual_seed(0)).requires_grad_()
    judge(x)[0, 0, 15, 15].backward()
    rows = x.grad.abs().sum(dim=(0, 1, 3)).nonzero().flatten()
    assert rows.max() - rows.min() + 1 == 70


def test_it_gives_logits_without_a_sigmoid():
    judge = PatchGan2d(width=4)
    with torch.no_grad():
        judge.layers[-1].bias.fill_(7.0)
    assert judge(torch.zeros(1, 2, 64, 64)).max() > 1


def test_every_parameter_gets_a_gradient():
    judge = PatchGan2d(width=4)
    x = torch.randn(2, 2, 48, 48, generator=torch.Generator().manual_seed(0))
    judge(x).square().sum().backward()
    for name, parameter in judge.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize("shape", [(1, 2, 24, 64), (1, 3, 64, 64), (2, 64, 64)])
def test_other_shapes_are_refused_with_a_remedy(shape):
    with pytest.raises(ShapeError, match=r"\(B, 2, H, W\).*at least 32.*stack the sources"):
        PatchGan2d(width=4)(torch.zeros(shape))
