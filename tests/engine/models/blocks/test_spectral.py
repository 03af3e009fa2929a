import copy

import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from engine.models.blocks import SpectralConv3d, plain_weights

X = torch.randn(1, 3, 4, 5, 6, generator=torch.Generator().manual_seed(0))


def conv(seed: int = 0) -> SpectralConv3d:
    torch.manual_seed(seed)
    return SpectralConv3d(3, 5)


def norm(kernel: torch.Tensor) -> float:
    return float(torch.linalg.matrix_norm(kernel.detach().flatten(1), ord=2))


def settled(seed: int = 0) -> SpectralConv3d:
    """After so many passes that the singular vectors have arrived."""
    module = conv(seed)
    for _ in range(300):
        module(X)
    return module.eval()


def test_the_kernel_that_acts_has_norm_one():
    assert abs(norm(settled().divided()) - 1) < 1e-4


def test_it_convolves_with_that_kernel():
    module = settled()
    expected = nn.functional.conv3d(X, module.divided(), module.bias, padding=1)
    assert torch.equal(module(X), expected)
    assert module(X).shape == (1, 5, 4, 5, 6)


def test_it_agrees_with_torchs_own():
    module = settled()
    other = nn.Conv3d(3, 5, 3, padding=1)
    other.load_state_dict({"weight": module.weight, "bias": module.bias})
    spectral_norm(other, n_power_iterations=300)
    other(X)
    torch.testing.assert_close(module(X), other.eval()(X), atol=1e-5, rtol=1e-5)


def test_the_vectors_follow_the_weight_while_learning_and_stand_still_in_evaluation():
    module = conv()
    before = module.left.clone()
    module(X)
    assert not torch.equal(module.left, before)
    before = module.left.clone()
    module.eval()(X)
    assert torch.equal(module.left, before)


def test_two_passes_may_come_before_one_backward_pass():
    module = conv()
    (module(X).sum() + module(2 * X).square().sum()).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in module.parameters())


def test_the_gradient_knows_that_a_larger_weight_changes_nothing():
    module = settled()
    module(X).square().sum().backward()
    along = (module.weight.grad * module.weight).sum()
    assert abs(along) < 1e-3 * module.weight.grad.norm() * module.weight.norm()


def test_vectors_that_were_averaged_and_are_shorter_give_the_same_kernel():
    module = settled()
    expected = module.divided()
    shorter = copy.deepcopy(module)
    shorter.left.mul_(0.9)
    shorter.right.mul_(0.8)
    torch.testing.assert_close(shorter.divided(), expected)


def test_half_precision_around_it_does_not_reach_the_norm():
    module = settled()
    expected = module.divided()
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(module.divided(), expected)
        module.train()(X)
    assert module.left.dtype == torch.float32


def test_a_plain_convolution_takes_the_weights_and_gives_the_same_bit_for_bit():
    module = settled()
    plain = nn.Conv3d(3, 5, 3, padding=1)
    plain.load_state_dict(plain_weights(module))
    assert torch.equal(plain(X), module(X))


def test_in_a_network_only_spectral_kernels_are_divided():
    network = nn.Sequential(conv(0), nn.Conv3d(5, 3, 1), conv(1))
    weights = plain_weights(network)
    assert set(weights) == {f"{k}.{name}" for k in range(3) for name in ("weight", "bias")}
    assert torch.equal(weights["1.weight"], network[1].weight)
    assert torch.equal(weights["2.weight"], network[2].divided())
