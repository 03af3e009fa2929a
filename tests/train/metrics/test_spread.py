import pytest

from train.metrics import bootstrap, bootstrap_ratio


def test_the_interval_holds_the_mean_and_narrows_with_subjects():
    few, many = bootstrap([1.0, 2.0, 3.0]), bootstrap([1.0, 2.0, 3.0] * 20)
    assert few.low < few.mean == many.mean == 2 < few.high
    assert many.high - many.low < few.high - few.low


def test_the_interval_is_the_same_every_time():
    assert bootstrap([1.0, 5.0, 2.0]) == bootstrap([1.0, 5.0, 2.0])


def test_a_ratio_is_of_means_and_its_subjects_stay_together():
    sure = bootstrap_ratio([1.0, 2.0, 3.0], [3.0, 6.0, 9.0])
    assert (sure.mean, sure.low, sure.high) == pytest.approx((1 / 3, 1 / 3, 1 / 3))
    unsure = bootstrap_ratio([1.0, 2.0, 3.0], [9.0, 6.0, 3.0])
    assert unsure.low < 1 / 3 < unsure.high


def test_small_figures_keep_their_digits_in_json():
    assert bootstrap([0.0123456, 0.0123456]).as_dict()["mean"] == 0.012346
