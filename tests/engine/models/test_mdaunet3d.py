import pytest
import torch
import torch.nn.functional as fn
from safetensors.torch import load, save
from torch import nn

from engine.errors import ShapeError, SpecError
from engine.models import bake, build
from engine.models.blocks import SpectralConv3d
from engine.weights import load_into
from tests.engine.models.counting import gmacs, parameters

SMALL = {"width": 4}


def small(**sizes: object) -> nn.Module:
    torch.manual_seed(0)
    return build("mdaunet3d", sizes={**SMALL, **sizes})


def volume(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def learned(**sizes: object) -> nn.Module:
    """A network some updates after its start, so that its singular vectors have moved."""
    network = small(**sizes)
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-2)
    for seed in range(3):
        optimiser.zero_grad()
        sum(image.square().mean() for image in network(volume(1, 1, 8, 8, 8, seed=seed))).backward()
        optimiser.step()
    return network


@pytest.fixture(scope="module")
def full() -> nn.Module:
    with torch.device("meta"):
        return build("mdaunet3d")


def test_the_papers_generator_has_its_number_of_parameters(full):
    assert parameters(full) == 6_176_846


@pytest.mark.parametrize(
    ("level", "encoder", "head"),
    [(0, 141_856, 433), (1, 567_104, 865), (2, 1_763_152, 1_729), (3, 2_952_176, 3_457)],
)
def test_every_level_has_its_number_of_parameters(full, level, encoder, head):
    assert parameters(full.levels.stems[level]) == 448
    assert parameters(full.levels.encoders[level]) == encoder
    assert parameters(full.heads[level]) == head


@pytest.mark.parametrize(
    ("level", "attention", "convolutions"),
    [(0, 2_990, 34_608), (1, 5_294, 138_336), (2, 9_902, 553_152)],
)
def test_every_decoder_has_its_number_of_parameters(full, level, attention, convolutions):
    decoder = full.levels.decoders[level]
    assert parameters(decoder[0]) == attention
    assert parameters(decoder[1:]) == convolutions


def test_a_patch_of_96_takes_the_stated_multiplications(full):
    assert gmacs(full, (1, 1, 96, 96, 96)) == pytest.approx(272.7, abs=0.05)


def test_while_learning_a_patch_of_96_comes_out_at_four_resolutions(full):
    images = full(torch.empty(1, 1, 96, 96, 96, device="meta"))
    assert [tuple(image.shape) for image in images] == [(1, 1, s, s, s) for s in (96, 48, 24, 12)]


def test_stems_and_decoder_are_spectral_and_the_rest_is_not(full):
    spectral = {name for name, part in full.named_modules() if isinstance(part, SpectralConv3d)}
    plain = {name for name, part in full.named_modules() if isinstance(part, nn.Conv3d)} - spectral
    assert len(spectral) == 4 + 9
    assert all(".stems." in name or ".decoders." in name for name in spectral)
    assert all(".stems." not in name for name in plain)


def test_in_evaluation_the_finest_image_is_all_that_is_made():
    assert small().eval()(volume(2, 1, 8, 16, 8)).shape == (2, 1, 8, 16, 8)


@pytest.mark.parametrize("shape", [(9, 12, 17), (8, 8, 10), (15, 16, 8)])
def test_sides_that_are_no_multiples_of_eight_are_padded_and_cropped_back(shape):
    network, x = small().eval(), volume(1, 1, *shape)
    depth, height, width = (-n % 8 for n in shape)
    padded = fn.pad(x, (0, width, 0, height, 0, depth), mode="replicate")
    with torch.inference_mode():
        made = network(x)
        whole = network(padded)
    assert made.shape == x.shape
    torch.testing.assert_close(made, whole[:, :, : shape[0], : shape[1], : shape[2]])


def test_coarser_images_of_odd_sides_are_rounded_up():
    shapes = [tuple(image.shape[2:]) for image in small()(volume(1, 1, 9, 12, 8))]
    assert shapes == [(9, 12, 8), (5, 6, 4), (3, 3, 2), (2, 2, 1)]


def test_without_coarser_outputs_one_image_is_learned():
    images = small(multi_output=False)(volume(1, 1, 8, 8, 8))
    assert [tuple(image.shape) for image in images] == [(1, 1, 8, 8, 8)]


def test_without_coarser_inputs_there_is_one_stem():
    network = small(multi_input=False)
    assert len(network.levels.stems) == 1
    assert network.eval()(volume(1, 1, 8, 8, 8)).shape == (1, 1, 8, 8, 8)


def test_how_the_volume_is_shown_at_coarser_resolutions_matters():
    torch.manual_seed(0)
    weights = build("mdaunet3d", sizes=SMALL).state_dict()
    made = []
    for how in ("trilinear", "nearest", "average"):
        network = build("mdaunet3d", sizes={**SMALL, "pyramid": how})
        made.append(load_into(network, weights)(volume(1, 1, 8, 8, 8)))
    assert not torch.equal(made[0], made[1])
    assert not torch.equal(made[0], made[2])
    robust = load_into(build("mdaunet3d", "robust", SMALL), weights)(volume(1, 1, 8, 8, 8))
    assert torch.equal(made[2], robust)


def test_every_parameter_gets_a_gradient():
    network = small()
    sum(image.square().sum() for image in network(volume(1, 1, 8, 8, 16))).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize("shape", [(1, 1, 7, 8, 8), (1, 2, 8, 8, 8), (1, 8, 8, 8)])
def test_other_shapes_are_refused_with_a_remedy(shape):
    with pytest.raises(ShapeError, match=r"sides of at least 8.*pad first"):
        small()(torch.zeros(shape))


@pytest.mark.parametrize(
    ("preset", "sizes", "named"),
    [
        ("best", {}, "best"),
        ("paper", {"depth": 3}, "depth"),
        ("paper", {"width": 0}, "width"),
        ("paper", {"width": 5}, "even"),
        ("paper", {"width": True}, "width"),
        ("paper", {"multi_input": 1}, "multi_input"),
        ("paper", {"pyramid": "cubic"}, "'trilinear', 'nearest', 'average'"),
    ],
)
def test_unknown_presets_and_sizes_are_named(preset, sizes, named):
    with pytest.raises(SpecError, match=named):
        build("mdaunet3d", preset, sizes)


@pytest.mark.parametrize("sizes", [{}, {"multi_input": False}, {"multi_output": False}])
def test_what_is_baked_and_exported_gives_the_same_image_bit_for_bit(sizes):
    network = learned(**sizes)
    baked, weights = bake("mdaunet3d", "paper", {**SMALL, **sizes}, network.state_dict())
    served = load_into(build("mdaunet3d", "paper", baked), load(save(weights)))
    x = volume(1, 1, 8, 16, 8, seed=9)
    with torch.inference_mode():
        assert torch.equal(served(x), network.eval()(x))


def test_what_is_baked_holds_plain_convolutions_and_one_head():
    baked, weights = bake("mdaunet3d", "robust", SMALL, small().state_dict())
    served = build("mdaunet3d", "robust", baked)
    assert not any(isinstance(part, SpectralConv3d) for part in served.modules())
    assert {name.rsplit(".", 1)[1] for name in weights} == {"weight", "bias"}
    assert {name for name in weights if "heads" in name} == {"heads.0.weight", "heads.0.bias"}
    assert baked["pyramid"] == "average"


def test_the_papers_generator_is_smaller_once_baked():
    with torch.device("meta"):
        served = build("mdaunet3d", sizes={"spectral": False, "multi_output": False})
    assert parameters(served) == 6_170_795


def test_baking_twice_changes_nothing():
    once = bake("mdaunet3d", "paper", SMALL, small().state_dict())
    sizes, weights = bake("mdaunet3d", "paper", *once)
    assert sizes == once[0]
    assert all(torch.equal(weights[name], once[1][name]) for name in once[1])


def test_other_networks_are_served_as_learned():
    weights = {"weight": torch.ones(1)}
    assert bake("hlsnc_gan", "paper", {"width": 4}, weights) == ({"width": 4}, weights)
    with pytest.raises(SpecError, match="no network 'unet'"):
        bake("unet", "paper", {}, weights)


def test_half_precision_gives_nearly_the_same_image():
    network, x = small().eval(), volume(1, 1, 8, 8, 8)
    with torch.inference_mode():
        exact = network(x)
        with torch.autocast("cpu", torch.bfloat16):
            torch.testing.assert_close(network(x).float(), exact, atol=0.03, rtol=0.03)
        made = network.to(torch.bfloat16)(x.to(torch.bfloat16))
    torch.testing.assert_close(made.float(), exact, atol=0.03, rtol=0.03)


@pytest.mark.slow
def test_fifty_steps_on_two_pairs_halve_the_error():
    coarse = volume(2, 1, 3, 3, 3)
    source = fn.interpolate(coarse, size=(8, 8, 8), mode="trilinear")
    target = 1 - source.square()
    torch.manual_seed(0)
    network = build("mdaunet3d", sizes={"width": 2})
    optimiser = torch.optim.Adam(network.parameters(), lr=3e-3)
    errors = []
    for _ in range(50):
        error = (network(source)[0] - target).abs().mean()
        optimiser.zero_grad()
        error.backward()
        optimiser.step()
        errors.append(error.item())
    assert errors[-1] < errors[0] / 2
