import pytest
import torch
from torch import Tensor, nn

from engine.errors import ShapeError, SpecError
from engine.models import build
from engine.models.blocks import MultiConvFormer
from tests.engine.models.counting import gmacs, parameters

SMALL = {"width": 8, "blocks": 2, "latent": 8}
PATCHGAN = 2_764_609


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def on_meta(**sizes) -> nn.Module:
    with torch.device("meta"):
        return build("calf_gan", sizes=sizes)


def small(preset: str = "paper", **sizes) -> nn.Module:
    torch.manual_seed(0)
    return build("calf_gan", preset, {**SMALL, **sizes})


def test_the_papers_parts_have_their_numbers_of_parameters():
    network = on_meta()
    assert parameters(network.generator) == 14_792_193
    assert parameters(network.encoder) == 8_711_232
    assert parameters(network.converter) == 37_440
    assert parameters(network) + PATCHGAN == 26_305_474


def test_the_papers_layers_have_their_numbers_of_parameters():
    network = on_meta()
    g, fe = network.generator, network.encoder
    assert [parameters(g.encode[i]) for i in (1, 2, 4, 5, 7, 8)] == [
        3_200, 128, 73_856, 256, 295_168, 512,
    ]  # fmt: skip
    assert parameters(g.body) == 9 * 1_558_016
    assert [parameters(part) for part in (g.up1, g.up2, g.last)] == [
        295_040 + 16_640, 73_792 + 8_320, 3_137,
    ]  # fmt: skip
    assert [parameters(part) for part in fe.layers if parameters(part)] == [
        640, 118_976, 475_520, 1_558_016, 1_180_160, 1_558_016, 1_180_160, 1_558_016, 1_048_832,
    ]  # fmt: skip
    assert [parameters(head) for head in fe.heads] == [16_448, 16_448]


@pytest.mark.parametrize(("domains", "millions"), [(1, 26.277), (2, 26.305), (3, 26.334)])
def test_each_further_contrast_adds_a_head_and_a_branch(domains, millions):
    total = parameters(on_meta(domains=domains, target=domains - 1)) + PATCHGAN
    assert round(total / 1e6, 3) == millions


def test_robust_has_as_many_parameters_as_the_paper():
    with torch.device("meta"):
        assert parameters(build("calf_gan", "robust")) + PATCHGAN == 26_305_474


def test_a_slice_takes_as_many_multiplications_as_the_paper_leaves_room_for():
    network = on_meta()
    assert gmacs(network.generator, (1, 1, 256, 256), (1, 64)) == pytest.approx(76.5, abs=0.05)
    encode = gmacs(lambda x: network.encoder(x, 0), (1, 1, 256, 256))
    assert encode == pytest.approx(22.7, abs=0.05)


@pytest.mark.parametrize("shape", [(1, 1, 256, 256), (2, 1, 64, 80)])
def test_a_slice_comes_out_as_large_as_it_went_in(shape):
    with torch.inference_mode():
        assert small().eval()(torch.zeros(shape)).shape == shape


@pytest.mark.parametrize("side", [48, 72])
def test_other_sizes_are_refused_with_a_remedy(side):
    with pytest.raises(ShapeError, match=r"multiples of 16 and at least 64.*pad first"):
        small()(torch.zeros(1, 1, side, side))


def test_another_number_of_channels_is_refused():
    with pytest.raises(ShapeError, match=r"\(B, 1, H, W\).*got \(1, 2, 64, 64\)"):
        small()(torch.zeros(1, 2, 64, 64))


def test_the_generator_alone_takes_multiples_of_four():
    generator = small().generator
    assert generator(torch.zeros(2, 1, 20, 36), torch.zeros(2, 8)).shape == (2, 1, 20, 36)
    with pytest.raises(ShapeError, match="multiples of 4 and at least 8"):
        generator(torch.zeros(2, 1, 22, 36), torch.zeros(2, 8))


@pytest.mark.parametrize("f", [None, torch.zeros(1, 8), torch.zeros(2, 9)])
def test_a_latent_of_another_shape_is_refused(f):
    with pytest.raises(ShapeError, match=r"a latent of shape \(2, 8\) is wanted"):
        small().generator(torch.zeros(2, 1, 16, 16), f)


def test_the_image_lies_between_minus_one_and_one():
    assert small()(noise(1, 1, 64, 64) * 100).abs().max() <= 1


def test_of_range_unit_it_lies_between_nought_and_one():
    image = small(range="unit")(noise(1, 1, 64, 64) * 100)
    assert 0 <= image.min() <= image.max() <= 1
    assert image.min() < 0.5 < image.max()
    assert parameters(small(range="unit")) == parameters(small())
    with pytest.raises(SpecError, match="range is one of 'symmetric', 'unit'"):
        small(range="hounsfield")


def test_the_way_forward_is_guided_by_the_converted_latent_of_the_source():
    network, x = small(domains=3, source=2, target=1).eval(), noise(1, 1, 64, 64)
    latent = network.converter(network.encoder(x, 2), 1)
    torch.testing.assert_close(network(x), network.generator(x, latent.f_hat))
    other = network.converter(network.encoder(x, 0), 1)
    assert not torch.allclose(network(x), network.generator(x, other.f_hat))


def test_the_parts_of_a_latent_add_up():
    network, f = small(), noise(3, 8)
    f_hat, f_wo, f_wm, f_tm = network.converter(f, 1)
    torch.testing.assert_close(f_wo + f_wm, f)
    torch.testing.assert_close(f_wo + f_tm, f_hat)
    torch.testing.assert_close(f_wo, network.converter(f, 0).f_wo)
    assert not torch.allclose(f_tm, network.converter(f, 0).f_tm)


def test_the_latent_of_a_new_network_tells_slices_apart():
    f = small().encoder(noise(4, 1, 64, 64).cumsum(3) / 8, 0)
    assert f.std(dim=0).mean() > 0.2 * f.square().mean().sqrt()


ABSORBED = {
    "encode.1.bias", "encode.4.bias", "encode.7.bias", "up1.conv.bias", "up2.conv.bias",
    "mlp.2.bias",
}  # fmt: skip
"""Biases whose channel is normalised next: their gradient is zero by design."""


def test_every_parameter_gets_a_gradient_but_biases_that_a_normalisation_absorbs():
    network = small()
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if "kernels" in name or ".mlp." in name:
                parameter.mul_(30)  # blocks that are all but the identity hide what is before them
    x, y = noise(2, 1, 64, 64), noise(2, 1, 64, 64, seed=1)
    f = network.encoder(x, 0)
    forth, back = network.converter(f, 1), network.converter(f, 0)
    made = network.generator(x, forth.f_hat)
    errors = (made - y, forth.f_hat - network.encoder(y, 1), back.f_hat - 1)
    sum(error.square().mean() for error in errors).backward()
    for name, parameter in network.named_parameters():
        absorbed = any(name.endswith(ending) for ending in ABSORBED)
        assert bool(parameter.grad.abs().max() > 2e-6) is not absorbed, name


def test_only_the_target_branch_and_the_source_head_are_served():
    network = small()
    network(noise(2, 1, 64, 64)).square().sum().backward()
    idle = {name for name, parameter in network.named_parameters() if parameter.grad is None}
    assert {name.rsplit(".", 2)[0] for name in idle if "towards" in name} == {"converter.towards.0"}
    assert {name for name in idle if "heads" in name} == {
        "encoder.heads.1.weight",
        "encoder.heads.1.bias",
    }


def test_what_batches_of_one_slice_have_taught_is_what_evaluation_gives():
    network, x = small().train(), noise(1, 1, 128, 128)
    for part in network.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.momentum = 1.0  # running averages that have settled
    with torch.no_grad():
        learned = network(x)
        torch.testing.assert_close(network.eval()(x), learned, atol=0.02, rtol=0)


def test_robust_normalises_by_instances_in_the_encoder():
    network = small("robust")
    kinds = [type(part) for part in network.generator.encode]
    assert kinds.count(nn.InstanceNorm2d) == 3
    assert nn.BatchNorm2d not in kinds


def test_without_guidance_there_is_no_latent():
    network = small(guidance=False)
    assert network.encoder is None
    assert network.converter is None
    assert network(noise(1, 1, 20, 36)).shape == (1, 1, 20, 36)
    with pytest.raises(ShapeError, match="a latent of shape None is wanted"):
        network.generator(torch.zeros(2, 1, 16, 16), torch.zeros(2, 8))


def test_without_multi_conv_formers_the_generator_has_residual_blocks():
    network = small(mcf=False)
    assert not any(isinstance(part, MultiConvFormer) for part in network.generator.modules())
    assert any(isinstance(part, MultiConvFormer) for part in network.encoder.modules())
    assert network(noise(1, 1, 64, 64)).shape == (1, 1, 64, 64)


def test_it_runs_in_half_precision_close_to_single_precision():
    network, x = small().train(), noise(2, 1, 64, 64)
    with torch.no_grad():
        single = network(x)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            half = network(x)
    assert (half.float() - single).abs().mean() < 0.05 * single.abs().mean()
    assert network.generator.encode[2].running_mean.dtype == torch.float32


@pytest.mark.parametrize(
    ("preset", "sizes", "named"),
    [
        ("best", {}, "best"),
        ("paper", {"depth": 3}, "depth"),
        ("paper", {"width": 12}, "width is a multiple of 8; got 12"),
        ("paper", {"domains": True}, "domains"),
        ("paper", {"target": 2}, "target is one of 0, 1; got 2"),
        ("paper", {"guidance": 1}, "guidance is true or false; got 1"),
        ("paper", {"norm": "layer"}, "norm is one of 'batch', 'instance'"),
    ],
)
def test_unknown_presets_and_sizes_are_named(preset, sizes, named):
    with pytest.raises(SpecError, match=named):
        build("calf_gan", preset, sizes)
