import pytest
import torch

from engine.errors import ShapeError
from tests.engine.models.counting import parameters
from train.adversaries import Volume3d

SHAPE = (16, 32, 16)
X = torch.rand(2, 2, *SHAPE, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("channels", "count"), [(2, 691_657), (1, 691_009)])
def test_it_has_its_number_of_parameters(channels, count):
    with torch.device("meta"):
        judge = Volume3d(channels_in=channels)
    assert parameters(judge) == count


def test_a_brain_of_64_is_judged_by_one_number():
    with torch.device("meta"):
        assert Volume3d()(torch.empty(3, 2, 64, 64, 64)).shape == (3, 1)


def test_it_gives_logits_without_a_sigmoid():
    judge = Volume3d(width=2, shape=SHAPE)
    with torch.no_grad():
        judge.logit.bias.fill_(7.0)
    assert judge(X).max() > 1


def test_the_last_three_steps_add_what_they_got():
    judge = Volume3d(width=2, shape=SHAPE)
    assert [step.past is None for step in judge.steps] == [True, False, False, False]
    step = judge.steps[1]
    with torch.no_grad():
        step.conv.weight.zero_()
        step.conv.bias.zero_()
    x = torch.randn(1, 2, 4, 4, 4, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(step(x), torch.nn.functional.max_pool3d(step.past(x), 2))


def test_every_parameter_gets_a_gradient():
    judge = Volume3d(width=2, shape=SHAPE)
    judge(X).square().sum().backward()
    for name, parameter in judge.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize("shape", [(1, 1, *SHAPE), (1, 2, 16, 16, 16), (2, *SHAPE)])
def test_volumes_of_another_shape_are_refused(shape):
    with pytest.raises(ShapeError, match=r"\(B, 2, 16, 32, 16\) is wanted"):
        Volume3d(width=2, shape=SHAPE)(torch.zeros(shape))


@pytest.mark.parametrize("shape", [(16, 16, 24), (0, 16, 16)])
def test_it_is_not_built_for_sides_that_cannot_be_pooled_four_times(shape):
    with pytest.raises(ShapeError, match="multiples of 16"):
        Volume3d(shape=shape)


def test_half_precision_gives_nearly_the_same_logits():
    torch.manual_seed(0)
    judge = Volume3d(width=2, shape=SHAPE)
    with torch.inference_mode():
        exact = judge(X)
        with torch.autocast("cpu", torch.bfloat16):
            torch.testing.assert_close(judge(X).float(), exact, atol=0.03, rtol=0.03)
