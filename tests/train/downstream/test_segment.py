import numpy as np
import pytest
import torch

from train.downstream.segment import Effort, Example, Outliner, dice, segmented

QUICK = Effort(steps=60, batch=4, width=4)


def example(subject: int, *, inverted: bool = False) -> Example:
    """Discs brighter than what is around them; synthetic ones may be darker."""
    rng = np.random.default_rng(subject)
    away = np.hypot(*(np.indices((20, 22)) - rng.uniform(8, 12, (2, 1, 1))))
    labels = np.repeat((away < 6)[None], 4, axis=0).astype(np.int64)
    real = (labels - 0.5 + rng.normal(0, 0.1, labels.shape)).astype(np.float32)
    return Example(subject, real, -real if inverted else real, labels)


def test_what_is_learned_from_faithful_images_works_on_real_ones():
    found = segmented([example(0), example(1)], [example(2), example(3)], QUICK)
    real, synthetic = found[1]
    assert len(real) == 2
    assert min(real) > 0.8
    assert synthetic == real  # the same images, the same beginning


def test_what_is_learned_from_false_images_does_not():
    learn = [example(0, inverted=True), example(1, inverted=True)]
    real, synthetic = segmented(learn, [example(2), example(3)], QUICK)[1]
    assert min(real) > 0.8
    assert max(synthetic) < 0.3


def test_dice_by_hand():
    labels = np.zeros((1, 10, 20), np.int64)
    labels[0, :5] = 1  # 100 voxels
    labels[0, 9, :3] = 2  # too few to count
    outlined = np.zeros_like(labels)
    outlined[0, 3:6] = 1  # 60, of which 40 are right
    assert dice(outlined, labels) == {1: pytest.approx(2 * 40 / 160)}


def test_any_size_is_outlined():
    assert Outliner(3, 4)(torch.zeros(1, 1, 13, 18)).shape == (1, 3, 13, 18)
