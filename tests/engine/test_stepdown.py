"""Where memory runs out: the same image with less at once, and it is written down."""

import numpy as np
import pytest
import torch

from engine import pipeline
from engine.device import Device
from engine.errors import NoMemory
from engine.generate.stepdown import less_and_less
from engine.pipeline import synthesise
from engine.task import Task, read_bundle
from tests.engine.heads import phantom
from tests.engine.networks import bundle_of, lively

CPU = Device("cpu", 8, 2, arrays_on_gpu=False)


@pytest.fixture
def task(tmp_path) -> Task:
    return Task("sct", ("T1",), "CT", read_bundle(bundle_of(lively(), tmp_path / "lively")))


@pytest.fixture
def crowded(monkeypatch):
    """Let memory be enough for what a test says, and return the devices that were tried."""
    tried = []

    def only(fits):
        real = pipeline.generate

        def scarce(network, volumes, generation, device):
            tried.append(device)
            if not fits(device):
                raise torch.OutOfMemoryError("tried to allocate 20 MiB of 1 MiB")
            return real(network, volumes, generation, device)

        monkeypatch.setattr(pipeline, "generate", scarce)
        return tried

    return only


def test_less_at_once_then_the_cpu_then_one_at_a_time():
    gpu = Device("cuda", 32, 4, arrays_on_gpu=True)
    tried = [(d.name, d.batch, d.together, d.threads) for d in less_and_less(gpu)]
    assert tried == [
        ("cuda", 32, None, 4),
        ("cuda", 8, None, 4),
        ("cuda", 1, 1, 4),
        ("cpu", 8, None, 4),
        ("cpu", 1, None, 1),
    ]
    assert all(device.arrays_on_gpu for device in less_and_less(gpu)), "voxels lie where they lie"


def test_what_is_already_the_least_is_tried_once():
    least = Device("cpu", 1, 1, arrays_on_gpu=False)
    assert list(less_and_less(least)) == [least]


def test_with_too_little_memory_the_same_image_is_made_and_the_step_down_written_down(
    task, crowded
):
    whole = synthesise([phantom()], task, CPU)
    assert whole.provenance.lacked == ()
    tried = crowded(lambda device: device.threads == 1)
    made = synthesise([phantom()], task, CPU)
    assert [(device.batch, device.threads) for device in tried] == [(8, 2), (1, 1)]
    assert np.abs(made.volume.voxels - whole.volume.voxels).max() < 1.0
    assert made.stored.pixels.tobytes() == whole.stored.pixels.tobytes()
    (lacked,) = made.provenance.lacked
    assert lacked.startswith("no memory on cpu for 8 slices at once: tried to allocate")
    assert (made.provenance.device, made.provenance.batch) == ("cpu", 1)


def test_without_memory_for_one_slice_the_reason_names_all_that_was_tried(task, crowded):
    crowded(lambda _device: False)
    with pytest.raises(NoMemory, match=r"for 8 slices .*; then no memory on cpu for 1 slice"):
        synthesise([phantom()], task, CPU)


@pytest.mark.gpu
def test_a_gpu_whose_memory_others_have_taken_hands_over_to_the_cpu(task):
    """The allocator really fails: this process may have next to nothing of the card."""
    gpu = Device("cuda", 32, 2, arrays_on_gpu=False)
    whole = synthesise([phantom()], task, gpu)
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(1e-6)
    try:
        made = synthesise([phantom()], task, gpu)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert np.abs(made.volume.voxels - whole.volume.voxels).max() < 1.0
    assert made.provenance.device == "cpu"
    assert [text.partition(":")[0] for text in made.provenance.lacked] == [
        "no memory on cuda for 32 slices at once",
        "no memory on cuda for 8 slices at once",
        "no memory on cuda for 1 slices at once",
    ]
