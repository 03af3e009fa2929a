import pytest
import torch
from torch import nn

from engine.errors import ShapeError
from engine.models.blocks import SwitchNorm2d

X = torch.randn(3, 4, 7, 9, generator=torch.Generator().manual_seed(0)) * 2 + 1


def pushed(kind: int) -> SwitchNorm2d:
    """A norm whose softmax gives all its weight to one kind of statistics."""
    norm = SwitchNorm2d(4)
    with torch.no_grad():
        for weight in (norm.mean_weight, norm.var_weight):
            weight.zero_()[kind] = 50.0
        norm.weight.copy_(torch.tensor([1.0, 2.0, 0.5, -1.0]))
        norm.bias.copy_(torch.tensor([0.0, 0.1, -0.2, 0.3]))
    return norm


def like(other: nn.Module, norm: SwitchNorm2d) -> nn.Module:
    with torch.no_grad():
        other.weight.copy_(norm.weight)
        other.bias.copy_(norm.bias)
    return other


def test_all_weight_on_the_first_is_instance_normalisation():
    norm = pushed(0)
    expected = like(nn.InstanceNorm2d(4, affine=True), norm)(X)
    torch.testing.assert_close(norm(X), expected, atol=1e-5, rtol=1e-5)


def test_all_weight_on_the_second_is_layer_normalisation_over_channels_and_place():
    norm = pushed(1)
    expected = like(nn.GroupNorm(1, 4), norm)(X)
    torch.testing.assert_close(norm(X), expected, atol=1e-5, rtol=1e-5)


def test_all_weight_on_the_third_is_batch_normalisation():
    norm = pushed(2)
    expected = like(nn.BatchNorm2d(4), norm)(X)
    torch.testing.assert_close(norm(X), expected, atol=1e-5, rtol=1e-5)


def test_in_evaluation_batch_statistics_are_the_running_ones():
    norm = pushed(2)
    other = like(nn.BatchNorm2d(4), norm)
    for seed in range(5):
        x = torch.randn(2, 4, 6, 6, generator=torch.Generator().manual_seed(seed))
        norm(x)
        other(x)
    other.running_var.copy_(norm.running_var)  # torch's are unbiased, the paper's are not
    torch.testing.assert_close(norm.eval()(X), other.eval()(X), atol=1e-5, rtol=1e-5)


def test_with_a_batch_of_one_batch_statistics_are_instance_statistics():
    torch.testing.assert_close(pushed(2)(X[:1]), pushed(0)(X[:1]), atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("channels", [1, 4, 256])
def test_it_has_two_parameters_per_channel_and_six_weights(channels):
    norm = SwitchNorm2d(channels)
    assert sum(p.numel() for p in norm.parameters()) == 2 * channels + 6


def test_every_parameter_gets_a_gradient():
    norm = SwitchNorm2d(4)
    (norm(X) * X.roll(1, 0)).sum().backward()
    for name, parameter in norm.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_another_number_of_channels_is_refused():
    with pytest.raises(ShapeError, match=r"\(B, 4, H, W\) is wanted"):
        SwitchNorm2d(4)(torch.zeros(1, 5, 3, 3))
