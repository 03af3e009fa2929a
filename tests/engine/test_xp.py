import numpy as np
import pytest
import torch

from engine.errors import DeviceMissing
from engine.xp import from_torch, has_cupy, namespace, put, to_numpy, to_torch
from tests.engine.backends import BACKENDS

VALUES = np.arange(24, dtype=np.float32).reshape(2, 3, 4)


@pytest.mark.parametrize("xp", BACKENDS)
def test_the_array_decides_which_library_computes(xp):
    assert type(namespace(xp.asarray(VALUES)).zeros(1)) is type(xp.zeros(1))


@pytest.mark.parametrize("xp", BACKENDS)
def test_values_come_back_from_every_library(xp):
    np.testing.assert_array_equal(to_numpy(xp.asarray(VALUES)), VALUES)


@pytest.mark.parametrize("xp", BACKENDS)
def test_values_go_to_torch_and_back_into_the_same_library(xp):
    array = xp.asarray(VALUES)
    tensor = to_torch(array)
    assert tensor.dtype == torch.float32
    assert tuple(tensor.shape) == (2, 3, 4)
    back = from_torch(tensor + 1, like=array)
    assert type(back) is type(array)
    np.testing.assert_array_equal(to_numpy(back), VALUES + 1)


def test_host_memory_is_shared_not_copied():
    array = VALUES.copy()
    assert to_numpy(array) is array
    to_torch(array)[0, 0, 0] = 99
    assert array[0, 0, 0] == 99


@pytest.mark.parametrize(
    "view", [VALUES[::-1], VALUES[:, ::2], VALUES.transpose(2, 0, 1)], ids=["flip", "step", "turn"]
)
def test_views_that_torch_cannot_share_are_copied(view):
    np.testing.assert_array_equal(to_torch(view).numpy(), view)


def test_an_array_that_must_not_change_does_not():
    array = VALUES.copy()
    array.setflags(write=False)
    to_torch(array)[0, 0, 0] = 99  # torch warns of sharing such memory, and warnings are errors
    assert array[0, 0, 0] == 0


def test_a_tensor_with_a_gradient_comes_back_without_one():
    tensor = torch.ones(2, requires_grad=True)
    assert from_torch(tensor, like=VALUES).tolist() == [1, 1]


def test_putting_on_the_host_gives_the_array_itself():
    assert put(VALUES, on_gpu=False) is VALUES


@pytest.mark.skipif(has_cupy(), reason="a CUDA device answers")
def test_without_a_device_the_gpu_is_refused_with_a_remedy():
    with pytest.raises(
        DeviceMissing, match="need CuPy and a CUDA device; install the cuda13 extra"
    ):
        put(VALUES, on_gpu=True)


@pytest.mark.gpu
def test_cupy_and_torch_share_device_memory():
    array = put(VALUES, on_gpu=True)
    tensor = to_torch(array)
    tensor[0, 0, 0] = 99
    assert to_numpy(array)[0, 0, 0] == 99
    assert from_torch(tensor, like=array).data.ptr == array.data.ptr
