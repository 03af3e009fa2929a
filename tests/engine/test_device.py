import os
from dataclasses import FrozenInstanceError

import pytest
import torch

from engine.device import Device, choose
from engine.errors import DeviceMissing, SpecError

needs_no_cuda = pytest.mark.skipif(torch.cuda.is_available(), reason="a CUDA device answers")


def test_the_cpu_takes_eight_slices_and_every_thread_that_this_process_may_use():
    device = choose("cpu")
    assert (device.name, device.batch, device.arrays_on_gpu) == ("cpu", 8, False)
    assert device.threads == len(os.sched_getaffinity(0))
    assert device.torch == torch.device("cpu")


def test_numbers_that_are_said_are_taken():
    assert choose("cpu", batch=3, threads=5) == Device("cpu", 3, 5, arrays_on_gpu=False)


@needs_no_cuda
def test_auto_takes_the_cpu_where_no_cuda_device_answers():
    assert choose("auto") == choose("cpu")


@needs_no_cuda
def test_cuda_by_name_is_refused_where_there_is_none_and_not_replaced():
    with pytest.raises(DeviceMissing, match="no CUDA device answers; set device = 'auto'"):
        choose("cuda")


@pytest.mark.parametrize("name", ["gpu", "CPU", "cuda:1", ""])
def test_other_names_are_refused_with_the_names_that_are_known(name):
    with pytest.raises(SpecError, match=f"device '{name}': choose one of auto, cpu, cuda"):
        choose(name)


@pytest.mark.parametrize("numbers", [{"batch": 0}, {"batch": -1}, {"threads": 0}, {"threads": -2}])
def test_less_than_one_slice_or_thread_is_refused_and_not_replaced(numbers):
    with pytest.raises(SpecError, match="at least one slice and one thread"):
        choose("cpu", **numbers)


def test_a_device_stays_what_it_was():
    with pytest.raises(FrozenInstanceError):
        choose("cpu").batch = 2


def test_a_device_is_found_again_by_its_record_with_every_number():
    device = choose("cpu", batch=3, threads=5)
    record = device.record()
    assert record["kind"] == device.kind != ""
    assert Device.of_record(record) == device
    assert device.software == {}


@needs_no_cuda
def test_a_device_that_was_recorded_and_is_not_here_is_not_replaced():
    record = {**choose("cpu").record(), "name": "cuda", "kind": "NVIDIA H100"}
    with pytest.raises(DeviceMissing, match=r"made on cuda \(NVIDIA H100\), which is not here"):
        Device.of_record(record)


@pytest.mark.gpu
def test_a_gpu_is_found_again_by_its_record():
    device = choose("cuda")
    assert Device.of_record(device.record()) == device
    assert {"cuda", "cudnn"} <= set(device.software)
    assert device.kind == torch.cuda.get_device_name()


@pytest.mark.gpu
def test_auto_takes_cuda_where_it_answers():
    device = choose()
    assert (device.name, device.batch) == ("cuda", 32)
