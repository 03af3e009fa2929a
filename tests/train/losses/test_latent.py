import pytest
import torch

from train.losses import feature, orthogonal


def t(*rows: list[float]) -> torch.Tensor:
    return torch.tensor(rows)


def test_features_differ_by_their_mean_difference():
    assert feature(t([1.0, 2.0]), t([0.0, 4.0])) == pytest.approx(1.5)


def test_the_products_of_both_modalities_with_what_is_shared_are_squared():
    # 1 * 2 + 0 = 2 and 1 * 1 + 1 * 0 = 1 -> 5; second of the batch 0 -> mean 2.5
    shared = t([1.0, 1.0], [0.0, 0.0])
    source, target = t([2.0, 0.0], [9.0, 9.0]), t([1.0, 0.0], [9.0, 9.0])
    assert orthogonal(shared, source, target) == pytest.approx(2.5)


def test_orthogonal_vectors_cost_nothing():
    zero = orthogonal(t([1.0, 0.0]), t([0.0, 3.0]), t([0.0, -1.0]))
    assert zero == 0
    assert orthogonal(t([1.0, 0.0]), t([0.0, 3.0]), t([0.0, -1.0]), "cosine") == 0


def test_shorter_vectors_pay_less_as_printed_and_the_same_by_their_angle():
    shared, source, target = t([1.0, 1.0]), t([2.0, 0.0]), t([0.0, 4.0])
    assert orthogonal(shared / 10, source, target) < 0.02 * orthogonal(shared, source, target)
    by_angle = orthogonal(shared, source, target, "cosine")
    assert by_angle == pytest.approx(0.5 + 0.5)
    assert orthogonal(shared / 10, source / 10, target, "cosine") == pytest.approx(float(by_angle))
