import pytest
import torch
from torch import Tensor, nn

from engine.errors import ShapeError, SpecError
from engine.models import build
from engine.models.blocks.rolling import CrossGroupAttention, GroupRolling, RollingRoute
from engine.models.resunet import STAGES
from tests.engine.models.counting import gmacs, parameters

SMALL = {"width": 8}
GROUPS = {
    1: (33_580_490, 238.84),
    2: (25_313_876, 190.52),
    4: (21_191_528, 166.36),
    8: (19_152_272, 154.28),
    16: (18_176_480, 148.24),
}
STAGE_TABLE = [
    (17_008_320, 141.91),
    (17_032_784, 144.46),
    (17_122_656, 146.95),
    (17_466_224, 149.40),
    (18_808_704, 151.83),
    (19_152_272, 154.28),
    (19_242_144, 156.76),
    (19_266_608, 159.31),
]


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def operations(module: nn.Module, x: Tensor, made: Tensor) -> int:
    """Operations of one layer as the paper's tables count them; rolling counts nothing."""
    if isinstance(module, nn.LayerNorm):
        return 5 * x.numel()
    if isinstance(module, nn.GELU | nn.ReLU | CrossGroupAttention | RollingRoute):
        return x.numel()  # the last two for the pooling that they do
    if not isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d | GroupRolling):
        return 0
    at = x if isinstance(module, nn.ConvTranspose2d) else made
    places = 1 if isinstance(module, nn.Linear) else at[0, 0].numel()
    biased = getattr(module, "bias", None) is not None
    return 2 * module.weight.numel() * places + biased * made.numel()


def gflops(network: nn.Module) -> float:
    """Operations for one channel of 256 x 256, in 1e9."""
    counted = []

    def count(module: nn.Module, given: tuple[Tensor, ...], made: Tensor) -> None:
        counted.append(operations(module, given[0], made))

    for module in network.modules():
        module.register_forward_hook(count)
    network(torch.zeros(1, 1, 256, 256, device="meta"))
    return sum(counted) / 1e9


def on_meta(**sizes) -> nn.Module:
    with torch.device("meta"):
        return build("agi_net", sizes=sizes)


@pytest.mark.parametrize("groups", GROUPS)
def test_the_table_of_group_numbers_holds(groups):
    count, operations = GROUPS[groups]
    assert parameters(on_meta(groups=groups)) == count
    assert gflops(on_meta(groups=groups, channels_in=1)) == pytest.approx(operations, abs=0.006)


@pytest.mark.parametrize("replaced", range(8))
def test_the_table_of_stages_holds(replaced):
    count, operations = STAGE_TABLE[replaced]
    stages = list(STAGES[:replaced])
    assert parameters(on_meta(stages=stages)) == count
    assert gflops(on_meta(stages=stages, channels_in=1)) == pytest.approx(operations, abs=0.006)


def test_with_the_one_routed_convolution_of_the_text_the_table_would_not_hold():
    assert round(parameters(on_meta(route_depth=1)) / 1e6, 2) == 18.21


def test_two_contrasts_take_seventy_seven_thousand_million_multiplications():
    assert gmacs(on_meta(), (1, 2, 256, 256)) == pytest.approx(77.0, abs=0.05)


def test_in_the_named_stages_the_first_convolution_of_each_block_is_rolled():
    network = build("agi_net", sizes={**SMALL, "stages": ["body", "up3"]})
    rolled = {name for name, part in network.named_modules() if isinstance(part, GroupRolling)}
    assert rolled == {"body.0.first", "body.1.first", "up3.1.first", "up3.2.first"}


def test_the_weights_of_resunet_fit_into_it():
    plain, rolled = build("resunet", sizes=SMALL), build("agi_net", sizes=SMALL)
    found = rolled.load_state_dict(plain.state_dict(), strict=False)
    assert found.unexpected_keys == []
    assert all("attention" in key or "route" in key for key in found.missing_keys)


@pytest.mark.parametrize("shape", [(1, 2, 240, 240), (1, 2, 256, 256), (2, 2, 64, 40)])
def test_multiples_of_eight_come_out_as_large_as_they_went_in(shape):
    with torch.inference_mode():
        made = build("agi_net", sizes=SMALL)(torch.zeros(shape))
    assert made.shape == (shape[0], 1, *shape[2:])


@pytest.mark.parametrize("shape", [(1, 2, 36, 40), (1, 3, 40, 40)])
def test_other_shapes_are_refused_with_a_remedy(shape):
    with pytest.raises(ShapeError, match=r"\(B, 2, H, W\).*multiples of 8.*stack 2 contrasts"):
        build("agi_net", sizes=SMALL)(torch.zeros(shape))


def test_at_the_start_only_what_lies_behind_the_routing_heads_gets_no_gradient():
    network = build("agi_net", sizes=SMALL)
    network(noise(2, 2, 16, 16)).square().sum().backward()
    for name, parameter in network.named_parameters():
        assert bool(parameter.grad.any()) is not (".route.layers." in name), name


def test_robust_starts_its_rolled_convolutions_as_large_as_plain_ones():
    torch.manual_seed(0)
    paper, robust = build("agi_net", sizes=SMALL), build("agi_net", "robust", SMALL)
    robust.load_state_dict(paper.state_dict())
    x = noise(1, 8, 16, 16)
    larger = 2 / 0.7310586 * paper.down1[0].first(x)
    torch.testing.assert_close(robust.down1[0].first(x), larger, rtol=1e-4, atol=1e-6)


def test_it_runs_in_half_precision_close_to_single_precision():
    network, x = build("agi_net", sizes={"width": 16}), noise(2, 2, 32, 32)
    with torch.inference_mode():
        single = network(x)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            half = network(x)
    assert half.dtype == torch.bfloat16
    torch.testing.assert_close(half.float(), single, atol=0.03 * single.abs().max().item(), rtol=0)


@pytest.mark.parametrize(
    ("preset", "sizes", "named"),
    [
        ("best", {}, "best"),
        ("paper", {"depth": 3}, "depth"),
        ("paper", {"width": 12}, "width is a multiple of groups; got 12 and 8"),
        ("paper", {"stages": ["down4"]}, "stages is a list of down1.*got.*down4"),
        ("paper", {"stages": 3}, "stages is a list of down1.*got 3"),
        ("paper", {"route_depth": 0}, "route_depth"),
    ],
)
def test_unknown_presets_and_sizes_are_named(preset, sizes, named):
    with pytest.raises(SpecError, match=named):
        build("agi_net", preset, sizes)
