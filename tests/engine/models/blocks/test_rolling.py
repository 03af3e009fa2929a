import itertools

import pytest
import torch
import torch.nn.functional as fn

from engine.errors import SpecError
from engine.models.blocks.rolling import (
    CrossGroupAttention,
    GroupRolling,
    RollingRoute,
    roll_kernels,
)
from tests.engine.models.counting import parameters


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def rolled_one(kernel: torch.Tensor, dx: float, dy: float) -> torch.Tensor:
    """Four whole rolls, blended: the paper's Eq. 4, one group of one sample at a time."""
    left, top = int(dx // 1), int(dy // 1)
    across, down = dx - left, dy - top
    blended = torch.zeros_like(kernel)
    for more_y, more_x in itertools.product((0, 1), repeat=2):
        share = (down if more_y else 1 - down) * (across if more_x else 1 - across)
        blended += share * torch.roll(kernel, (top + more_y, left + more_x), dims=(-2, -1))
    return blended


@pytest.mark.parametrize(
    ("dx", "dy"),
    [(0, 0), (1, 0), (0, -1), (0.25, 0.75), (-0.4, 1.6), (-2.3, -5.9), (7.5, 3.0), (1000.3, -1e3)],
)
def test_a_rolled_kernel_is_torchs_roll_blended_bilinearly(dx, dy):
    kernel, offsets = noise(4, 6, 3, 3), torch.tensor([[[dx, dy]]])
    expected = rolled_one(kernel, *offsets.flatten().tolist())
    made = roll_kernels(kernel, offsets, torch.ones(1, 1))
    torch.testing.assert_close(made[0], expected, atol=3e-7, rtol=0)


def test_each_sample_and_group_rolls_and_scales_on_its_own():
    kernel, offsets = noise(4, 6, 3, 3), 3 * noise(2, 3, 2, seed=1)
    scales = noise(2, 3, seed=2)
    made = roll_kernels(kernel, offsets, scales)
    assert made.shape == (2, 4, 6, 3, 3)
    for sample, group in itertools.product(range(2), range(3)):
        channels = slice(2 * group, 2 * group + 2)
        dx, dy = offsets[sample, group].tolist()
        one = scales[sample, group] * rolled_one(kernel[:, channels], dx, dy)
        torch.testing.assert_close(made[sample, :, channels], one, atol=1e-6, rtol=0)


@pytest.mark.parametrize("at", [0.0, 0.3, -1.0, -1.7])
def test_the_gradient_of_an_offset_is_that_of_its_right_side(at):
    kernel, weights = noise(2, 2, 3, 3), noise(1, 2, 2, 3, 3, seed=1)
    offsets = torch.full((1, 1, 2), at, requires_grad=True)
    (roll_kernels(kernel, offsets, torch.ones(1, 1)) * weights).sum().backward()
    step = 0.25
    for axis in range(2):
        moved = offsets.detach().clone()
        moved[..., axis] += step
        both = (roll_kernels(kernel, o, torch.ones(1, 1)) for o in (moved, offsets.detach()))
        slope = ((next(both) - next(both)) * weights).sum() / step
        torch.testing.assert_close(offsets.grad[0, 0, axis], slope, atol=1e-4, rtol=1e-4)


def test_a_kernel_that_rolls_by_one_column_sees_the_image_one_column_further():
    kernel = torch.zeros(1, 1, 3, 3)
    kernel[0, 0, 1, 1] = 1.0
    moved = roll_kernels(kernel, torch.tensor([[[1.0, 0.0]]]), torch.ones(1, 1))[0]
    x = noise(1, 1, 6, 6)
    torch.testing.assert_close(fn.conv2d(x, moved, padding=1)[..., :-1], x[..., 1:])


@pytest.mark.parametrize(
    ("channels", "count"), [(64, 49_096), (128, 192_392), (256, 761_608), (512, 3_030_536)]
)
def test_the_papers_module_has_its_number_of_parameters(channels, count):
    with torch.device("meta"):
        assert parameters(GroupRolling(channels)) == count


def lively(channels: int = 8, groups: int = 4) -> GroupRolling:
    """A module whose heads have moved: offsets of about a tap."""
    module = GroupRolling(channels, groups=groups)
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        module.route.offset.weight.normal_(0, 2.0, generator=generator)
        module.route.scale.weight.normal_(0, 1.0, generator=generator)
    return module


def test_samples_of_a_batch_are_convolved_as_if_each_were_alone():
    module, x = lively(), noise(3, 8, 12, 10)
    alone = torch.cat([module(sample) for sample in x.split(1)])
    torch.testing.assert_close(module(x), alone, atol=1e-6, rtol=1e-5)


def test_it_convolves_with_the_kernels_that_the_route_asks_for():
    module, x = lively(), noise(2, 8, 12, 10)
    enhanced = module.attention(x)
    offsets, scales = module.route(enhanced)
    assert offsets.abs().max() > 0.2
    kernels = roll_kernels(module.weight, offsets, scales)
    expected = torch.cat(
        [fn.conv2d(e[None], k, padding=1) for e, k in zip(enhanced, kernels, strict=True)]
    )
    torch.testing.assert_close(module(x), expected, atol=1e-6, rtol=1e-5)


def test_with_no_offset_and_scale_one_it_is_a_plain_convolution_of_what_was_weighed():
    module, x = GroupRolling(8, groups=4), noise(2, 8, 6, 7)
    with torch.no_grad():
        module.route.scale.bias.fill_(50.0)  # sigmoid: 1
    expected = fn.conv2d(module.attention(x), module.weight, padding=1)
    torch.testing.assert_close(module(x), expected, atol=1e-6, rtol=1e-5)


def test_at_the_start_the_kernel_rests_and_counts_sigmoid_of_one():
    offsets, scales = RollingRoute(8, 4, 2)(noise(2, 8, 6, 7))
    assert not offsets.any()
    torch.testing.assert_close(scales, torch.full((2, 4), 0.7310586))


def test_at_the_start_the_heads_get_a_gradient_and_the_route_behind_them_gets_none():
    module = GroupRolling(8, groups=4)
    module(noise(2, 8, 6, 7)).square().sum().backward()
    for name, parameter in module.named_parameters():
        behind = name.startswith("route.layers")
        assert bool(parameter.grad.any()) is not behind, name


def test_once_the_heads_have_moved_every_parameter_gets_a_gradient():
    module = lively()
    module(noise(2, 8, 6, 7)).square().sum().backward()
    for name, parameter in module.named_parameters():
        assert parameter.grad.abs().sum() > 0, name


def test_levelled_it_starts_as_large_as_a_plain_convolution():
    module, x = GroupRolling(32, groups=8, level=True), noise(2, 32, 16, 16)
    plain = fn.conv2d(x, module.weight, padding=1)
    assert (module(x).std() / plain.std()).item() == pytest.approx(1.0, abs=0.1)


def test_attention_sees_within_a_group_its_own_channels_and_one_of_each_part_of_all_groups():
    attention = CrossGroupAttention(8, 4)  # groups 01 23 45 67; shuffled 02 46 13 57
    with torch.no_grad():
        attention.mix.weight.fill_(1.0)
        attention.mix.bias.zero_()
    x = torch.ones(1, 8, 1, 1)
    for channel, seen_by in {1: {0, 2}, 2: {1, 0}, 4: {2, 1}, 7: {3}}.items():
        changed = x.clone()
        changed[0, channel] = 0.5
        ratio = (attention(changed) / changed - attention(x) / x).flatten()
        assert {int(i) // 2 for i in ratio.nonzero()} == seen_by


def test_groups_that_do_not_part_the_channels_are_refused():
    with pytest.raises(SpecError, match="12 channels do not part into 8 groups"):
        GroupRolling(12, groups=8)


def test_under_autocast_kernels_are_rolled_in_single_precision():
    offsets, scales, kernel = 2 * noise(2, 4, 2), noise(2, 4, seed=1), noise(8, 8, 3, 3, seed=2)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        made = roll_kernels(kernel, offsets, scales)
    assert made.dtype == torch.float32
    torch.testing.assert_close(made, roll_kernels(kernel, offsets, scales), atol=0, rtol=0)
