import pytest
import torch
import torch.nn.functional as fn
from torch import nn

from engine.errors import ShapeError
from engine.models.blocks import PYRAMIDS, PyramidUNet3d, pyramid

X = torch.rand(2, 3, 8, 16, 24, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("how", PYRAMIDS)
def test_every_level_has_half_the_resolution_of_the_one_before(how):
    shapes = [tuple(level.shape) for level in pyramid(X, how)]
    assert shapes == [(2, 3, 8 // f, 16 // f, 24 // f) for f in (1, 2, 4, 8)]


@pytest.mark.parametrize("how", PYRAMIDS)
def test_the_first_level_is_the_volume_itself(how):
    assert pyramid(X, how)[0] is X


def test_nearest_keeps_the_first_voxel_as_torch_does():
    for level, factor in zip(pyramid(X, "nearest"), (1, 2, 4, 8), strict=True):
        assert torch.equal(level, fn.interpolate(X, scale_factor=1 / factor, mode="nearest"))


def test_average_keeps_the_mean():
    for level in pyramid(X, "average"):
        torch.testing.assert_close(level.mean(), X.mean())


def test_trilinear_is_the_mean_of_the_eight_voxels_in_the_middle():
    half, quarter = pyramid(X, "trilinear")[1:3]
    torch.testing.assert_close(half, pyramid(X, "average")[1])
    middle = X[..., 1:3, 1:3, 1:3].mean((2, 3, 4))
    torch.testing.assert_close(quarter[..., 0, 0, 0], middle)


@pytest.mark.parametrize("shape", [(1, 1, 8, 8, 12), (1, 8, 8, 8)])
def test_sides_that_cannot_be_halved_three_times_are_refused(shape):
    with pytest.raises(ShapeError, match=r"multiples of 8.*pad first"):
        pyramid(torch.zeros(shape), "nearest")


def unet(*, multi: bool) -> tuple[PyramidUNet3d, list[tuple[int, int]]]:
    built: list[tuple[int, int]] = []

    def block(seen: int, made: int) -> nn.Module:
        built.append((seen, made))
        return nn.Conv3d(seen, made, 1)

    def stem(made: int) -> nn.Module:
        return nn.Conv3d(3, made, 1)

    return PyramidUNet3d(2, multi=multi, stem=stem, encoder=block, decoder=block), built


def test_every_level_sees_the_volume_and_the_level_above():
    network, built = unet(multi=True)
    assert built == [(2, 2), (4, 4), (6, 8), (10, 16), (6, 2), (12, 4), (24, 8)]
    features = network(pyramid(X, "nearest"))
    assert [tuple(level.shape) for level in features] == [
        (2, 2 * 2**k, 8 >> k, 16 >> k, 24 >> k) for k in range(4)
    ]


def test_shown_one_resolution_only_the_first_level_has_a_stem():
    network, built = unet(multi=False)
    assert built == [(2, 2), (2, 4), (4, 8), (8, 16), (6, 2), (12, 4), (24, 8)]
    assert len(network(pyramid(X, "nearest")[:1])) == 4


def test_features_are_halved_and_doubled_without_moving():
    network, _ = unet(multi=False)
    with torch.no_grad():
        for part in network.modules():
            if isinstance(part, nn.Conv3d):  # every channel the sum of all before: no place moves
                part.weight.fill_(1.0)
                part.bias.zero_()
        impulse = torch.zeros(1, 3, 8, 8, 8)
        impulse[..., 0, 0, 0] = 1.0
        finest = network([impulse])[0][0, 0]
    assert torch.equal(finest > 0, torch.ones(8, 8, 8, dtype=torch.bool))
    assert finest[0, 0, 0] > finest[1, 1, 1] > finest[3, 3, 3] > finest[7, 7, 7]
