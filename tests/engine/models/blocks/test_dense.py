from itertools import pairwise

import pytest
import torch

from engine.models.blocks import DenseBlock3d, NestedDense3d
from tests.engine.models.counting import parameters

X = torch.randn(1, 4, 5, 6, 7, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("channels", "growth", "count"),
    [(16, 8, 44_976), (32, 16, 179_808), (48, 32, 560_048), (80, 32, 891_856)],
)
def test_it_has_the_papers_number_of_parameters(channels, growth, count):
    with torch.device("meta"):
        block, nested = DenseBlock3d(channels, growth), NestedDense3d(channels, growth)
    assert parameters(block) == count
    assert parameters(nested) == 3 * count


def test_a_fifth_of_the_last_activation_is_added():
    block = DenseBlock3d(4, 2)
    with torch.no_grad():
        block.convs[-1].weight.zero_()
        block.convs[-1].bias.copy_(torch.tensor([1.0, -1.0, 0.0, 5.0]))
    added = torch.tensor([0.2, -0.04, 0.0, 1.0]).view(1, 4, 1, 1, 1)  # LeakyReLU 0.2 after the last
    torch.testing.assert_close(block(X), X + added)


def test_every_convolution_sees_the_input_and_all_before_it():
    block, seen = DenseBlock3d(4, 2), []
    for conv in block.convs:
        conv.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    block(X)
    assert [inputs.shape[1] for inputs in seen] == [4, 6, 8, 10, 12]
    for earlier, later in pairwise(seen):
        assert torch.equal(later[:, : earlier.shape[1]], earlier)


def test_at_first_a_block_is_close_to_the_identity():
    torch.manual_seed(0)
    made = DenseBlock3d(4, 2)(X)
    assert 0 < (made - X).abs().max() < 0.1


def test_three_blocks_in_a_row_are_added_by_a_fifth():
    nested = NestedDense3d(4, 2)
    torch.testing.assert_close(nested(X), X + 0.2 * nested.blocks(X))
    assert len(nested.blocks) == 3


def test_every_parameter_gets_a_gradient():
    nested = NestedDense3d(4, 2)
    nested(X).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in nested.parameters())
