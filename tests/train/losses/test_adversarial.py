import math

import pytest
import torch

from train.losses import adversary_loss, generator_loss, gradient_penalty, minimax_generator

LEVELS = [(2, 1, 8, 8, 8), (2, 1, 4, 4, 4), (2, 1, 2, 2, 2), (2, 1, 1, 1, 1)]


def logits(seed: int) -> list[torch.Tensor]:
    drawn = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=drawn, requires_grad=True) for shape in LEVELS]


def t(*values: float) -> list[torch.Tensor]:
    return [torch.tensor(values)]


def softplus(x: float) -> float:
    return math.log1p(math.exp(x))


def test_entropy_by_hand():
    """BCE(2, 1) = softplus(-2) and BCE(-1, 0) = softplus(-1)."""
    expected = (softplus(-2) + softplus(-1)) / 2
    assert adversary_loss(t(2.0), t(-1.0), "entropy") == pytest.approx(expected)
    assert generator_loss(t(-1.0), "entropy") == pytest.approx(softplus(1))


def test_relativistic_by_hand():
    """Real 3 and 1 (mean 2), made 0 and 2 (mean 1): 3 - 1, 1 - 1 win and 0 - 2, 2 - 2 lose."""
    real, made = t(3.0, 1.0), t(0.0, 2.0)
    each = (softplus(-2) + softplus(0)) / 2  # real above the mean made; made below the mean real
    assert adversary_loss(real, made, "relativistic") == pytest.approx(each)
    against = (softplus(2) + softplus(0)) / 2
    assert generator_loss(made, "relativistic", real) == pytest.approx(against)


def test_hinge_pays_half_of_each_kind():
    assert adversary_loss(t(0.5), t(1.0), "hinge") == pytest.approx((0.5 + 2.0) / 2)
    assert generator_loss(t(0.5), "hinge") == pytest.approx(-0.5)


@pytest.mark.parametrize("value", [0.0, 3.7])
def test_equal_logits_cost_both_sides_ln_2_per_level(value):
    """Four levels: 4 ln 2, whatever the adversary's bias is."""
    same = [torch.full(shape, value) for shape in LEVELS]
    expected = pytest.approx(4 * math.log(2))
    assert adversary_loss(same, same, "relativistic") == expected
    assert generator_loss(same, "relativistic", same) == expected


def test_the_relativistic_term_reaches_the_generator_through_both_halves():
    real, made = logits(0), logits(1)
    generator_loss(made, "relativistic", [one.detach() for one in real]).backward()
    assert all(one.grad is not None and one.grad.abs().min() > 0 for one in made)
    assert all(one.grad is None for one in real)


def test_made_logits_in_the_place_of_real_ones_would_teach_the_generator_nothing():
    """What a trainer does that passes them there and detaches them: no gradient at all."""
    real, made = logits(0), logits(1)
    loss = generator_loss(real, "relativistic", [one.detach() for one in made])
    loss.backward()
    assert all(one.grad is None for one in made)


def test_moving_all_logits_alike_changes_nothing_between_rivals():
    real, made = logits(0), logits(1)
    moved = adversary_loss([r + 5 for r in real], [m + 5 for m in made], "relativistic")
    assert moved.item() == pytest.approx(
        adversary_loss(real, made, "relativistic").item(), rel=1e-5
    )


def test_levels_add_up():
    real, made = logits(0), logits(1)
    for form in ("entropy", "hinge", "relativistic"):
        each = [adversary_loss([r], [m], form) for r, m in zip(real, made, strict=True)]
        total = adversary_loss(real, made, form)
        assert total.item() == pytest.approx(sum(one.item() for one in each), rel=1e-5)


def test_as_many_levels_are_judged_as_there_are():
    with pytest.raises(ValueError, match="shorter"):
        adversary_loss(logits(0), logits(1)[:1], "entropy")


def test_the_printed_game_has_little_slope_where_the_adversary_is_sure():
    sure = torch.tensor([-8.0], requires_grad=True)
    minimax_generator(sure).backward()
    assert minimax_generator(torch.zeros(3)) == pytest.approx(-math.log(2))
    assert sure.grad.abs().max() < 1e-3


def test_the_slope_of_a_known_score_is_paid_by_half_its_square():
    """Score 3 * mean x of 4 voxels: slope 3/4 in each, squares add up to 9/4."""
    image = torch.rand(2, 1, 2, 2, requires_grad=True)
    score = [3 * image]
    assert gradient_penalty(score, image).item() == pytest.approx(9 / 8)


def test_the_penalty_teaches_the_adversary_and_is_the_same_for_any_number_of_patches():
    weight = torch.tensor(2.0, requires_grad=True)
    image = torch.rand(3, 1, 4, 4, requires_grad=True)
    once = gradient_penalty([weight * image], image)
    twice = gradient_penalty([torch.cat([weight * image] * 2, dim=2)], image)
    assert once.item() == pytest.approx(twice.item())
    once.backward()
    assert weight.grad == pytest.approx(2 * once.item() / 2)
