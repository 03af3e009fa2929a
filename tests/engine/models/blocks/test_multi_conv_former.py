import pytest
import torch
import torch.nn.functional as fn

from engine.models.blocks.multi_conv_former import (
    MultiConvFormer,
    MultiScaleAttention,
    share_out,
)
from tests.engine.models.counting import parameters


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_the_papers_block_has_its_number_of_parameters():
    with torch.device("meta"):
        block = MultiConvFormer(256, 64)
    assert parameters(block) == 1_558_016
    assert parameters(block.attention) == 376_832


def test_at_the_start_the_shares_of_a_head_sum_to_a_little_less_than_one():
    attention = MultiScaleAttention(32, 16)
    x = noise(2, 32, 64, 64)
    maps = fn.conv2d(x, attention.kernels["planar"], padding=1)
    shares = share_out(maps).reshape(2, 2, 8, 64, 64).sum(dim=2)
    assert shares.mean().item() == pytest.approx(0.9995, abs=5e-5)


def test_a_map_that_is_high_in_one_place_takes_that_place_from_its_head_and_from_no_other():
    maps = torch.zeros(1, 16, 8, 8)
    maps[0, 3, 2, 5] = 20.0
    shares = share_out(maps)
    assert shares[0, 3, 2, 5] > 0.9
    assert shares[0, 0, 2, 5] < 0.1
    torch.testing.assert_close(shares[0, 8:], torch.full((8, 8, 8), 0.125), atol=1e-4, rtol=0)


def test_the_way_back_exchanges_the_channels_of_the_kernel_and_does_not_flip_it():
    attention = MultiScaleAttention(8, 8)
    with torch.no_grad():
        for kernel in attention.kernels.values():
            kernel.zero_()
        attention.kernels["vertical"][4, 2, 0, 0] = 3.0  # looks three rows up
    x = noise(1, 8, 10, 10)
    made = attention(x)
    expected = torch.zeros_like(x)
    shares = share_out(fn.conv2d(x, attention.kernels["vertical"], padding=(3, 0)))
    expected[:, 2, 3:] = 3 * shares[:, 4, :-3]  # and hands its share back three rows down
    torch.testing.assert_close(made, expected)


def test_three_kernels_see_a_column_a_square_and_a_row():
    shapes = {name: tuple(k.shape[2:]) for name, k in MultiScaleAttention(8, 8).kernels.items()}
    assert shapes == {"vertical": (7, 1), "planar": (3, 3), "horizontal": (1, 7)}


def test_each_normalisation_follows_its_sum():
    block = MultiConvFormer(8, 8)
    x = noise(2, 8, 12, 9)
    z = block.norm_attention(block.attention(x) + x)
    torch.testing.assert_close(block(x), block.norm_mlp(block.mlp(z) + z))


def test_the_size_stays_whatever_it_is():
    assert MultiConvFormer(8, 8)(noise(2, 8, 5, 13)).shape == (2, 8, 5, 13)


def test_in_half_precision_the_shares_are_computed_in_single_precision():
    maps = noise(1, 8, 64, 64)
    half = share_out(maps.bfloat16())
    assert half.dtype == torch.float32
    torch.testing.assert_close(half, share_out(maps), atol=2e-3, rtol=2e-2)
