import pytest
import torch

from engine.errors import ShapeError
from train.adversaries import Patch2d


@pytest.mark.parametrize(("channels", "count"), [(1, 2_764_499), (2, 2_765_523)])
def test_it_has_the_papers_number_of_parameters(channels, count):
    assert sum(p.numel() for p in Patch2d(channels_in=channels).parameters()) == count


def test_a_slice_of_256_is_judged_in_30_by_30_patches():
    with torch.inference_mode():
        assert Patch2d(width=4)(torch.zeros(1, 1, 256, 256)).shape == (1, 1, 30, 30)


def test_it_gives_logits_without_a_sigmoid():
    judge = Patch2d(width=4)
    with torch.no_grad():
        judge.layers[-1].bias.fill_(7.0)
    assert judge(torch.zeros(1, 1, 64, 64)).max() > 1


def test_every_parameter_gets_a_gradient():
    judge = Patch2d(width=4)
    x = torch.randn(2, 1, 48, 48, generator=torch.Generator().manual_seed(0))
    judge(x).square().sum().backward()
    for name, parameter in judge.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_too_small_a_slice_is_refused():
    with pytest.raises(ShapeError, match="at least 32"):
        Patch2d(width=4)(torch.zeros(1, 1, 24, 64))
