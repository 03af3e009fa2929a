"""What the engine says where weights, network, steps or memory are not what it needs."""

from dataclasses import replace

import pytest
import torch

from engine.errors import (
    ModelMissing,
    ModelTampered,
    NoMemory,
    ResultRefused,
    ShapeError,
    SpecError,
)
from engine.models import build
from engine.pipeline import _run as run
from engine.pipeline import load_network, synthesise
from engine.reason import Code
from engine.task import Generation, Task, read_bundle
from tests.engine.heads import phantom
from tests.engine.networks import bundle_of, lively
from tests.support.bundle import SIZES


@pytest.fixture
def task(tmp_path) -> Task:
    """A task of its own, to spoil."""
    return Task("sct", ("T1",), "CT", read_bundle(bundle_of(lively(), tmp_path / "lively")))


def test_without_weights_nothing_is_made(task, cpu):
    task.bundle.weights_path.unlink()
    with pytest.raises(ModelMissing, match="put the bundle lively back"):
        synthesise([phantom()], task, cpu)


def test_with_one_changed_byte_of_the_weights_nothing_is_made(task, cpu):
    content = bytearray(task.bundle.weights_path.read_bytes())
    content[-1] ^= 1
    task.bundle.weights_path.write_bytes(content)
    with pytest.raises(ModelTampered, match="the SHA-256 of weights"):
        synthesise([phantom()], task, cpu)


def test_weights_of_another_network_make_nothing(tmp_path, cpu):
    wide = build("hlsnc_gan", sizes={"width": 8, "blocks": 1})
    bundle = read_bundle(bundle_of(wide, tmp_path / "wide"))
    assert bundle.network["sizes"] == SIZES
    with pytest.raises(ModelTampered, match="another network"):
        synthesise([phantom()], Task("sct", ("T1",), "CT", bundle), cpu)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_network_that_answers_no_numbers_is_refused(tmp_path, cpu, value):
    broken = lively()
    with torch.no_grad():
        broken.decode[6].bias[0] = value
        broken.decode[6].weight[0, 0, 0, 0] = -value
    bundle = read_bundle(bundle_of(broken, tmp_path / "broken"))
    with pytest.raises(ResultRefused, match="values that are no numbers") as refused:
        synthesise([phantom()], Task("sct", ("T1",), "CT", bundle), cpu)
    assert [reason.code for reason in refused.value.reasons] == [Code.QC_FAILED]


def test_a_network_that_answers_the_same_everywhere_is_refused(tmp_path, cpu):
    flat = lively()
    with torch.no_grad():
        flat.decode[6].weight.zero_()
    bundle = read_bundle(bundle_of(flat, tmp_path / "flat"))
    steps = [{**step, "margin_mm": 500} if step["step"] == "crop_pad" else step
             for step in bundle.steps]  # fmt: skip
    task = Task("sct", ("T1",), "CT", replace(bundle, steps=steps))
    with pytest.raises(ResultRefused, match="flat"):
        synthesise([phantom()], task, cpu)


@pytest.mark.parametrize(
    ("network", "said"),
    [
        ({"name": "unet"}, "no network 'unet'"),
        ({"name": "hlsnc_gan", "preset": "best"}, "no preset 'best'"),
        ({"name": "hlsnc_gan", "sizes": {"depth": 1}}, "no size 'depth'"),
        ({"name": "hlsnc_gan", "sizes": {"width": "4"}}, "width is a whole number.*got '4'"),
        ({"name": "hlsnc_gan", "sizes": {"width": 4.0}}, "width is a whole number.*got 4.0"),
        ({"name": "hlsnc_gan", "sizes": {"blocks": 0}}, "blocks is a whole number.*got 0"),
    ],
)
def test_a_network_that_is_not_known_is_named(task, network, said):
    with pytest.raises(SpecError, match=said):
        load_network(replace(task.bundle, network=network))


@pytest.mark.parametrize("width", [10**7, 10**9])
def test_a_network_that_no_memory_holds_is_called_that(task, width):
    spec = {"name": "hlsnc_gan", "sizes": {"width": width}}
    said = f"^lively: no memory for hlsnc_gan with width = {width}; put the bundle back"
    with pytest.raises(NoMemory, match=said) as refused:
        load_network(replace(task.bundle, network=spec))
    assert [reason.code for reason in refused.value.reasons] == [Code.NO_MEMORY]


def test_a_contract_of_more_labels_than_the_network_has_channels_is_an_error_of_ours(task, cpu):
    contract = replace(task.bundle.contract, labels=("T1", "T2"))
    two = Task("sct", ("T1", "T2"), "CT", replace(task.bundle, contract=contract))
    with pytest.raises(ShapeError, match=r"^\(B, 1, H, W\) .*got \(1, 2, ") as refused:
        synthesise([phantom(), phantom()], two, cpu)
    assert [reason.code for reason in refused.value.reasons] == [Code.OUTPUT_INVALID]


def test_a_step_that_is_not_known_is_named(task, cpu):
    bundle = replace(task.bundle, steps=({"step": "rotate"},))
    with pytest.raises(SpecError, match="no step 'rotate'"):
        synthesise([phantom()], replace(task, bundle=bundle), cpu)


def test_a_size_that_the_network_cannot_take_says_what_to_do(task, cpu):
    bundle = replace(task.bundle, steps=({"step": "normalise", "high": 0.99},))
    with pytest.raises(ShapeError, match="pad first"):
        synthesise([phantom(shape=(4, 30, 30))], replace(task, bundle=bundle), cpu)


class Greedy(torch.nn.Module):
    """Asks the real allocator for more than there is."""

    def forward(self, x):
        return x.new_empty(10**15)


class Wordy(torch.nn.Module):
    """Fails as an allocator does that says a lot."""

    def forward(self, x):
        raise torch.OutOfMemoryError("tried to allocate 2 GiB\n  of 1 GiB\nsee the manual")


def test_a_lack_of_memory_is_told_in_one_line(cpu):
    with pytest.raises(NoMemory, match=r"allocate 2 GiB of 1 GiB see the manual$") as raised:
        run(Wordy(), [phantom(shape=(3, 32, 32))], Generation(), cpu)
    assert "\n" not in str(raised.value)


class Broken(torch.nn.Module):
    def forward(self, x):
        return x @ x.new_zeros(7, 7)


@pytest.mark.parametrize(
    ("network", "error", "said"),
    [(Greedy(), NoMemory, "no memory on cpu for 8 slices at once"),
     (Broken(), RuntimeError, "cannot be multiplied|size mismatch|must match")],
)  # fmt: skip
def test_only_a_lack_of_memory_is_called_one(network, error, said, cpu):
    with pytest.raises(error, match=said) as raised:
        run(network, [phantom(shape=(3, 32, 32))], Generation(), cpu)
    assert isinstance(raised.value, NoMemory) is (error is NoMemory)
