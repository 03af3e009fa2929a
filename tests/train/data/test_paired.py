import numpy as np
import pytest
import torch

from engine.preprocess import Chain, Window
from train.data import Augment, PairedSlices, read_index
from train.errors import DataInvalid
from train.pair import read_pair

STEPS = (
    {"step": "orient"},
    {"step": "resample", "spacing_mm": [12.0, 6.0, 6.0]},
    {"step": "crop_pad", "multiple": 4, "minimum": [44, 36], "margin_mm": 8},
    {"step": "normalise", "high": 0.995},
)
WINDOW = Window(-1000, 2000)
NOTHING = Augment()


@pytest.fixture(scope="module")
def slices(data) -> PairedSlices:
    return PairedSlices(read_index(data), STEPS, WINDOW, outside=-1000)


def test_an_empty_folder_says_how_to_fill_it(tmp_path):
    with pytest.raises(DataInvalid, match="make some with 'dicom-train phantom"):
        read_index(tmp_path)


def test_the_index_knows_whose_each_pair_is(data):
    assert [entry.subject for entry in read_index(data)] == [0, 1, 2, 3, 4]


def test_the_target_follows_the_source_through_the_bundles_own_steps(data, slices):
    entry = read_index(data)[1]
    pair = read_pair(entry.path)
    source, trace = Chain.of(STEPS).apply(pair.source)
    batch = slices.whole(1)
    np.testing.assert_allclose(batch.source[:, 0], source.voxels, atol=2e-3)  # half precision
    hu = WINDOW.undo(batch.target[:, 0].numpy())
    followed = trace.follow(pair.target, outside=-1000).voxels
    np.testing.assert_allclose(hu, np.clip(followed, -1000, 2000), atol=2)
    assert np.corrcoef(trace.undo(source.with_voxels(hu), outside=-1000).voxels.ravel(),
                       pair.target.voxels.ravel())[0, 1] > 0.8  # fmt: skip


def test_a_batch_follows_from_seed_and_step_alone(slices):
    augment = Augment(flip=0.5, gain=0.2, noise=0.05)
    for step in (0, 17):
        one, two = (slices.draw(step, seed=3, size=4, augment=augment) for _ in range(2))
        assert torch.equal(one.source, two.source)
        assert torch.equal(one.target, two.target)
    other = slices.draw(18, seed=3, size=4, augment=augment)
    assert other.source.shape != two.source.shape or not torch.equal(other.source, two.source)


def test_shapes_and_ranges_are_what_networks_take(slices):
    batch = slices.draw(0, seed=0, size=3, augment=NOTHING)
    assert batch.source.shape == batch.target.shape
    assert batch.source.shape[:2] == (3, 1)
    assert all(side % 4 == 0 and side >= 36 for side in batch.source.shape[2:])
    for image in (batch.source, batch.target):
        assert image.dtype == torch.float32
        assert image.min() >= -1
        assert image.max() <= 1


def test_padding_of_the_target_is_air(slices):
    assert slices.whole(0).target[:, :, 0, 0].max() < -0.99


def test_no_pairs_are_refused():
    with pytest.raises(DataInvalid, match="no pair to learn from"):
        PairedSlices([], STEPS, WINDOW, outside=-1000)
