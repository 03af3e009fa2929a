import pytest
import torch

from engine.errors import ShapeError
from engine.models.blocks import SpectralConv3d, pyramid
from tests.engine.models.counting import gmacs, parameters
from train.adversaries import MultiResolution3d

X = torch.rand(2, 1, 8, 16, 8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("convolutions", "count"), [(1, 211_676), (2, 395_020), (3, 578_364)])
def test_it_has_its_number_of_parameters(convolutions, count):
    with torch.device("meta"):
        judge = MultiResolution3d(convolutions=convolutions)
    assert parameters(judge) == count


def test_a_patch_of_96_takes_the_stated_multiplications():
    with torch.device("meta"):
        judge = MultiResolution3d()
    shapes = [(1, 1, side, side, side) for side in (96, 48, 24, 12)]
    assert gmacs(lambda *shown: judge(shown), *shapes) == pytest.approx(16.7, abs=0.05)


def test_every_voxel_is_judged_at_every_resolution():
    shown = pyramid(X, "nearest")
    logits = MultiResolution3d(width=2)(shown)
    assert [tuple(level.shape) for level in logits] == [tuple(level.shape) for level in shown]


def test_every_resolution_is_looked_at():
    torch.manual_seed(0)
    judge = MultiResolution3d(width=2).eval()
    shown = [level.clone().requires_grad_() for level in pyramid(X, "average")]
    judge(shown)[0].sum().backward()
    assert all(level.grad.abs().sum() > 0 for level in shown)


def test_with_one_resolution_only_the_finest_is_seen_and_judged():
    judge = MultiResolution3d(width=2, multi=False).eval()
    (logits,) = judge(pyramid(X, "nearest"))
    assert logits.shape == X.shape
    assert torch.equal(judge((X,))[0], logits)


def test_all_its_convolutions_are_spectral_and_it_gives_logits():
    judge = MultiResolution3d(width=2)
    convolutions = [part for part in judge.modules() if isinstance(part, torch.nn.Conv3d)]
    assert all(isinstance(part, SpectralConv3d) for part in convolutions)
    with torch.no_grad():
        judge.logits[0].bias.fill_(7.0)
    assert judge(pyramid(X, "nearest"))[0].max() > 1


def test_every_parameter_gets_a_gradient():
    torch.manual_seed(0)
    judge = MultiResolution3d(width=2)
    sum(level.square().sum() for level in judge(pyramid(X, "nearest"))).backward()
    for name, parameter in judge.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize(
    "shapes",
    [
        [],
        [(1, 1, 8, 8, 8)],
        [(1, 1, 8, 8, 8)] * 4,
        [(1, 1, 12 >> k, 8 >> k, 8 >> k) for k in range(4)],
        [(1, 2, 8 >> k, 8 >> k, 8 >> k) for k in range(4)],
        [(1, 8 >> k, 8 >> k, 8 >> k) for k in range(4)],
    ],
)
def test_volumes_that_do_not_halve_are_refused(shapes):
    with pytest.raises(ShapeError, match=r"4 volumes .* each half of the one before"):
        MultiResolution3d(width=2)([torch.zeros(shape) for shape in shapes])


def test_half_precision_gives_nearly_the_same_logits():
    torch.manual_seed(0)
    judge, shown = MultiResolution3d(width=2).eval(), pyramid(X, "nearest")
    with torch.inference_mode():
        exact = judge(shown)
        with torch.autocast("cpu", torch.bfloat16):
            half = judge(shown)
    for level, other in zip(half, exact, strict=True):
        torch.testing.assert_close(level.float(), other, atol=0.03, rtol=0.03)
