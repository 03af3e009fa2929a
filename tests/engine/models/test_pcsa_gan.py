import pytest
import torch
import torch.nn.functional as fn
from torch import nn

from engine.errors import ShapeError, SpecError
from engine.models import build
from tests.engine.models.counting import gmacs, parameters

SMALL = {"width": 12}


def small(preset: str = "paper", **sizes: object) -> nn.Module:
    torch.manual_seed(0)
    return build("pcsa_gan", preset, {**SMALL, **sizes})


def volume(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def full() -> nn.Module:
    with torch.device("meta"):
        return build("pcsa_gan")


def test_the_papers_generator_has_its_number_of_parameters(full):
    assert parameters(full) == 3_256_154


def test_with_features_handed_over_there_are_more_parameters():
    with torch.device("meta"):
        assert parameters(build("pcsa_gan", sizes={"skip": True})) == 3_319_010
        assert parameters(build("pcsa_gan", "robust")) == 3_319_010


def test_every_stage_has_its_number_of_parameters(full):
    assert {name: parameters(stage) for name, stage in full.named_children() if name != "up"} == {
        "first": 3_240,
        "second": 157_056,
        "third": 497_856,
        "residual": 1_991_040,
        "attend": 46_321,
        "image": 649,
    }
    assert [parameters(up) for up in full.up] == [497_760, 62_232]
    assert [parameters(group[0]) for group in full.first.groups] == [1_376, 1_008, 336]
    assert [parameters(group[0]) for group in full.second.groups] == [108_036, 38_940]


def test_a_brain_of_64_takes_the_stated_multiplications(full):
    assert gmacs(full, (1, 1, 64, 64, 64)) == pytest.approx(10.15, abs=0.005)


def test_the_sides_of_every_stage_are_those_of_the_papers_table(full):
    sides = {}
    hooks = [
        stage.register_forward_hook(
            lambda module, args, made, name=name: sides.update({name: made.shape[-1]})
        )
        for name, stage in [*full.named_children(), ("up0", full.up[0]), ("up1", full.up[1])]
    ]
    full(torch.empty(1, 1, 64, 64, 64, device="meta"))
    for hook in hooks:
        hook.remove()
    assert sides == {
        "first": 64,
        "second": 32,
        "third": 8,
        "residual": 4,
        "attend": 4,
        "up0": 16,
        "up1": 32,
        "image": 64,
    }


@pytest.mark.parametrize("shape", [(16, 16, 16), (16, 32, 48)])
def test_multiples_of_sixteen_come_out_as_large_as_they_went_in(shape):
    with torch.inference_mode():
        assert small()(volume(1, 1, *shape)).shape == (1, 1, *shape)


@pytest.mark.parametrize(
    "shape", [(1, 1, 16, 16, 24), (1, 2, 16, 16, 16), (1, 16, 16, 16), (1, 1, 0, 16, 16)]
)
def test_other_shapes_are_refused_with_a_remedy(shape):
    with pytest.raises(ShapeError, match=r"multiples of 16.*pad first"):
        small()(torch.zeros(shape))


def test_uptake_lies_between_nothing_and_one():
    made = small("robust")(volume(1, 1, 16, 16, 16) * 1e4)
    assert made.min() >= 0
    assert made.max() <= 1


def test_at_first_attention_changes_nothing():
    with_attention, without = small(skip=True), small(skip=True, attention=0)
    weights = with_attention.state_dict()
    without.load_state_dict({name: weights[name] for name in without.state_dict()})
    x = volume(1, 1, 16, 32, 16)
    assert torch.equal(with_attention(x), without(x))


@pytest.mark.parametrize(("attention", "side"), [(4, 2), (16, 8)])
def test_places_attend_on_the_grid_that_was_chosen(attention, side):
    network, seen = small(attention=attention), []
    network.attend.register_forward_pre_hook(lambda module, args: seen.append(args[0].shape[-1]))
    with torch.inference_mode():
        network(volume(1, 1, 32, 32, 32))
    assert seen == [side]


@pytest.mark.parametrize("sizes", [{"attention": 4}, {"attention": 16, "skip": True}])
def test_every_parameter_gets_a_gradient(sizes):
    network = small(scale_n=True, **sizes)
    with torch.no_grad():
        network.attend.gamma.fill_(0.5)  # at 0 nothing before it learns
        for part in network.modules():
            if isinstance(part, nn.Linear):
                part.weight.abs_()  # features are positive: no hidden number is cut off
                part.bias.abs_()
    (network(volume(2, 1, 32, 32, 32)) - 0.3).square().sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        if name != "attend.key.bias":  # softmax does not see it
            assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize(
    ("preset", "sizes", "named"),
    [
        ("best", {}, "best"),
        ("paper", {"depth": 3}, "depth"),
        ("paper", {"width": 0}, "width"),
        ("paper", {"width": 16}, "multiple of 6"),
        ("paper", {"attention": 32}, "one of 4, 16, 0"),
        ("paper", {"attention": False}, "attention"),
        ("paper", {"skip": "yes"}, "skip"),
    ],
)
def test_unknown_presets_and_sizes_are_named(preset, sizes, named):
    with pytest.raises(SpecError, match=named):
        build("pcsa_gan", preset, sizes)


def test_half_precision_gives_nearly_the_same_uptake():
    network, x = small("robust").eval(), volume(1, 1, 16, 16, 16)
    with torch.inference_mode():
        exact = network(x)
        with torch.autocast("cpu", torch.bfloat16):
            torch.testing.assert_close(network(x).float(), exact, atol=0.01, rtol=0.01)
        made = network.to(torch.bfloat16)(x.to(torch.bfloat16))
    torch.testing.assert_close(made.float(), exact, atol=0.01, rtol=0.01)


def test_fifty_steps_on_two_pairs_halve_the_error():
    source = fn.interpolate(volume(2, 1, 4, 4, 4), size=(16, 16, 16), mode="trilinear")
    target = 1 - source.square()
    network = small("robust", width=6)
    optimiser = torch.optim.Adam(network.parameters(), lr=3e-3)
    errors = []
    for _ in range(50):
        error = (network(source) - target).abs().mean()
        optimiser.zero_grad()
        error.backward()
        optimiser.step()
        errors.append(error.item())
    assert errors[-1] < errors[0] / 2
