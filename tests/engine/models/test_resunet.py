import pytest
import torch

from engine.errors import ShapeError, SpecError
from engine.models import build
from engine.models.resunet import STAGES
from tests.engine.models.counting import gmacs, parameters


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_the_papers_backbone_has_its_number_of_parameters():
    with torch.device("meta"):
        network = build("resunet")
    assert parameters(network) == 17_008_320


def test_the_papers_blocks_and_changes_of_resolution_have_their_numbers_of_parameters():
    with torch.device("meta"):
        network = build("resunet")
    blocks = [network.down1[0], network.down2[0], network.down3[0], network.body[0]]
    assert [parameters(block) for block in blocks] == [73_728, 294_912, 1_179_648, 4_718_592]
    down = [network.down1[2], network.down2[2], network.down3[2]]
    assert [parameters(conv) for conv in down] == [32_768, 131_072, 524_288]
    assert (parameters(network.head), parameters(network.tail)) == (1_152, 576)


def test_it_takes_seventy_one_thousand_million_multiplications():
    with torch.device("meta"):
        network = build("resunet", sizes={"channels_in": 1})
    assert gmacs(network, (1, 1, 256, 256)) == pytest.approx(141.915 / 2, rel=2e-3)


@pytest.mark.parametrize("shape", [(1, 2, 240, 240), (1, 2, 256, 256), (2, 2, 64, 40)])
def test_multiples_of_eight_come_out_as_large_as_they_went_in(shape):
    with torch.inference_mode():
        made = build("resunet", sizes={"width": 4})(torch.zeros(shape))
    assert made.shape == (shape[0], 1, *shape[2:])


@pytest.mark.parametrize("shape", [(1, 2, 36, 40), (1, 3, 40, 40), (2, 40, 40)])
def test_other_shapes_are_refused_with_a_remedy(shape):
    with pytest.raises(ShapeError, match=r"\(B, 2, H, W\).*multiples of 8.*stack 2 contrasts"):
        build("resunet", sizes={"width": 4})(torch.zeros(shape))


def test_the_output_is_linear():
    network = build("resunet", sizes={"width": 4})
    with torch.no_grad():
        network.tail.weight.mul_(100)
    assert network(noise(1, 2, 32, 32)).abs().max() > 1


def test_each_stage_of_the_way_down_is_added_to_its_mirror():
    network = build("resunet", sizes={"width": 4})
    x = noise(1, 2, 32, 32)
    with torch.no_grad():
        for stage in ("body", "up1", "up2", "up3"):
            for parameter in getattr(network, stage).parameters():
                parameter.zero_()
    torch.testing.assert_close(network(x), network.tail(network.head(x)))


def test_every_parameter_gets_a_gradient():
    network = build("resunet", sizes={"width": 4})
    network(noise(2, 2, 16, 16)).square().sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad.abs().sum() > 0, name


def test_its_stages_are_those_that_agi_net_may_replace():
    names = {name for name, _ in build("resunet", sizes={"width": 4}).named_children()}
    assert names == {"head", *STAGES, "tail"}


@pytest.mark.parametrize(
    ("preset", "sizes", "named"),
    [("best", {}, "best"), ("paper", {"groups": 3}, "groups"), ("paper", {"width": 0}, "width")],
)
def test_unknown_presets_and_sizes_are_named(preset, sizes, named):
    with pytest.raises(SpecError, match=named):
        build("resunet", preset, sizes)
