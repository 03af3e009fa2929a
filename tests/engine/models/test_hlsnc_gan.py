import pytest
import torch

from engine.errors import ShapeError, SpecError
from engine.models import build

SMALL = {"width": 4, "blocks": 2}


def test_the_papers_generator_has_the_papers_number_of_parameters():
    assert sum(p.numel() for p in build("hlsnc_gan").parameters()) == 11_373_195


def test_the_small_generator_that_is_shipped_has_its_number_of_parameters():
    sizes = {"width": 16, "blocks": 9}
    assert sum(p.numel() for p in build("hlsnc_gan", "robust", sizes).parameters()) == 714_507


@pytest.mark.parametrize("side", [252, 256, 512])
def test_multiples_of_four_come_out_as_large_as_they_went_in(side):
    with torch.inference_mode():
        made = build("hlsnc_gan", sizes=SMALL).eval()(torch.zeros(1, 1, side, side))
    assert made.shape == (1, 1, side, side)


def test_rows_and_columns_may_differ():
    with torch.inference_mode():
        assert build("hlsnc_gan", sizes=SMALL)(torch.zeros(2, 1, 64, 36)).shape == (2, 1, 64, 36)


@pytest.mark.parametrize("side", [254, 16, 30])
def test_other_sizes_are_refused_with_a_remedy(side):
    with pytest.raises(ShapeError, match=r"multiples of 4 and at least 32.*pad first"):
        build("hlsnc_gan", sizes=SMALL)(torch.zeros(1, 1, side, side))


def test_the_image_lies_between_minus_one_and_one():
    x = torch.randn(1, 1, 64, 64, generator=torch.Generator().manual_seed(0)) * 100
    assert build("hlsnc_gan", sizes=SMALL)(x).abs().max() <= 1


def test_every_parameter_gets_a_gradient():
    network = build("hlsnc_gan", sizes=SMALL)
    x = torch.randn(2, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    (network(x) - x).square().sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize(
    ("preset", "sizes", "named"),
    [("best", {}, "best"), ("paper", {"depth": 3}, "depth"), ("paper", {"width": 0}, "width")],
)
def test_unknown_presets_and_sizes_are_named(preset, sizes, named):
    with pytest.raises(SpecError, match=named):
        build("hlsnc_gan", preset, sizes)


def test_an_unknown_network_is_named():
    with pytest.raises(SpecError, match="no network 'unet'"):
        build("unet")
