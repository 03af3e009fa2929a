import pytest
import torch
import torch.nn.functional as fn
from torch import Tensor

from engine.models import build

STEPS = 50


def two_pairs(channels: int, side: int) -> tuple[Tensor, Tensor]:
    """Two slices of smooth shapes, and the same slices in another contrast."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(2, channels, 6, 6, generator=generator)
    source = fn.interpolate(coarse, size=(side, side), mode="bilinear").clamp(0.2, 0.8)
    return source, (source.mean(dim=1, keepdim=True) - 0.8).abs()


@pytest.mark.parametrize(
    ("name", "preset", "sizes", "shape"),
    [
        ("calf_gan", "paper", {"width": 8, "blocks": 1, "latent": 8}, (1, 64)),
        ("resunet", "paper", {"width": 8}, (2, 32)),
        ("agi_net", "paper", {"width": 8}, (2, 32)),
        ("agi_net", "robust", {"width": 8}, (2, 32)),
    ],
)
def test_in_fifty_steps_two_pairs_are_learned_to_less_than_half_the_error(
    name, preset, sizes, shape
):
    torch.manual_seed(0)
    network = build(name, preset, sizes).train()
    source, target = two_pairs(*shape)
    adam = torch.optim.Adam(network.parameters(), lr=2e-3, betas=(0.5, 0.999))
    errors = []
    for _ in range(STEPS):
        error = fn.l1_loss(network(source), target)
        adam.zero_grad()
        error.backward()
        adam.step()
        errors.append(error.item())
    assert errors[-1] < 0.5 * errors[0]
