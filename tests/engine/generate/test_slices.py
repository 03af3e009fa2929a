import threading

import numpy as np
import pytest
import torch
from torch import nn

from engine.device import Device, choose
from engine.errors import ShapeError
from engine.generate import generate_slices
from engine.volume import Volume
from engine.xp import put, to_numpy
from tests.engine.backends import BACKENDS
from tests.engine.grids import oblique
from tests.engine.networks import MARGIN, lively, repeating


def slices(count: int, xp=np, side: int = 32) -> Volume:
    """Noise in the network's range, other noise in each slice."""
    grid = oblique((0, 0, 0), shape=(count, side, side))
    values = np.random.default_rng(count).uniform(-1, 1, grid.shape).astype(np.float32)
    return Volume(xp.asarray(values), grid)


def cpu(batch: int, threads: int = 1) -> Device:
    return choose("cpu", batch=batch, threads=threads)


@pytest.mark.parametrize("xp", BACKENDS)
def test_a_network_that_changes_nothing_gives_the_input_back(xp):
    source = slices(5, xp)
    made = generate_slices(nn.Identity(), [source], cpu(2))
    assert type(made) is type(source.voxels)
    np.testing.assert_array_equal(to_numpy(made), to_numpy(source.voxels))


def test_the_real_network_with_weights_that_repeat_repeats_every_slice():
    source = slices(5, side=44)
    made = generate_slices(repeating(), [source], cpu(2))
    inner = (slice(None), slice(MARGIN, -MARGIN), slice(MARGIN, -MARGIN))
    np.testing.assert_allclose(made[inner], np.tanh(source.voxels[inner]), atol=1e-4)


@pytest.mark.parametrize("count", [1, 2, 7, 8, 9])
@pytest.mark.parametrize("batch", [1, 2, 3, 8, 64])
def test_the_batch_changes_no_byte_and_the_last_group_may_be_short(count, batch):
    source, network = slices(count), lively()
    made = generate_slices(network, [source], cpu(batch))
    assert made.shape == source.shape
    assert made.tobytes() == generate_slices(network, [source], cpu(1)).tobytes()
    assert made.std() > 0.01


@pytest.mark.parametrize("threads", [2, 3])
def test_the_number_of_threads_changes_no_byte(threads):
    source, network = slices(7), lively()
    made = generate_slices(network, [source], cpu(8, threads))
    assert made.tobytes() == generate_slices(network, [source], cpu(8, 1)).tobytes()


def test_a_slice_does_not_depend_on_its_neighbours():
    source, network = slices(6), lively()
    whole = generate_slices(network, [source], cpu(3))
    turned = source.with_voxels(np.ascontiguousarray(source.voxels[::-1]))
    np.testing.assert_array_equal(generate_slices(network, [turned], cpu(3))[::-1], whole)


def test_the_order_is_kept_when_later_slices_are_done_first():
    class Slow(nn.Module):
        """Holds the first slice back until the second is done."""

        def __init__(self) -> None:
            super().__init__()
            self.second_done = threading.Event()

        def forward(self, x):
            if x.mean() < 0.5:
                assert self.second_done.wait(30)
            else:
                self.second_done.set()
            return x

    grid = oblique((0, 0, 0), shape=(2, 4, 4))
    voxels = np.zeros(grid.shape, np.float32)
    voxels[1] = 1
    made = generate_slices(Slow(), [Volume(voxels, grid)], cpu(2, threads=2))
    np.testing.assert_array_equal(made, voxels)


class Failing(nn.Module):
    def forward(self, x):
        raise ValueError(f"the network is broken for {tuple(x.shape)}")


@pytest.mark.parametrize("before", [1, 2, 3])
def test_torch_gets_its_threads_back(before):
    torch.set_num_threads(before)
    generate_slices(nn.Identity(), [slices(3)], cpu(2, threads=2))
    assert torch.get_num_threads() == before


@pytest.mark.parametrize("before", [1, 2, 3])
def test_torch_gets_its_threads_back_after_an_exception_which_is_not_swallowed(before):
    torch.set_num_threads(before)
    with pytest.raises(ValueError, match="the network is broken"):
        generate_slices(Failing(), [slices(3)], cpu(2, threads=2))
    assert torch.get_num_threads() == before


def test_each_slice_is_computed_by_one_thread():
    class Asking(nn.Module):
        def forward(self, x):
            return torch.full_like(x, torch.get_num_threads())

    torch.set_num_threads(3)
    made = generate_slices(Asking(), [slices(5)], cpu(4, threads=2))
    np.testing.assert_array_equal(made, 1)


def test_nothing_is_recorded_for_gradients():
    class Asking(nn.Module):
        def forward(self, x):
            return torch.full_like(x, float(torch.is_inference_mode_enabled()))

    np.testing.assert_array_equal(generate_slices(Asking(), [slices(3)], cpu(2)), 1)


def test_a_size_that_the_network_cannot_take_is_refused():
    with pytest.raises(ShapeError, match="multiples of 4"):
        generate_slices(lively(), [slices(2, side=34)], cpu(2))


def test_other_precisions_are_computed_in_single():
    source = slices(2)
    double = source.with_voxels(source.voxels.astype(np.float64))
    made = generate_slices(lively(), [double], cpu(2))
    assert made.dtype == np.float32
    np.testing.assert_array_equal(made, generate_slices(lively(), [source], cpu(2)))


def test_the_input_is_untouched():
    source = slices(2)
    before = source.voxels.copy()
    generate_slices(lively(), [source], cpu(2))
    np.testing.assert_array_equal(source.voxels, before)


@pytest.mark.gpu
def test_on_a_gpu_the_batch_changes_no_byte_either():
    source, network = slices(19), lively()
    on_device = source.with_voxels(put(source.voxels, on_gpu=True))
    made = {
        to_numpy(generate_slices(network, [on_device], choose("cuda", batch=batch))).tobytes()
        for batch in (1, 2, 3, 8, 64)
    }
    assert len(made) == 1
