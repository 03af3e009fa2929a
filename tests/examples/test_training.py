from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from engine.pipeline import load_network
from engine.task import read_bundle
from examples import train_node, train_plain

CONSTANT_HU = 170
"""About what the best constant is off in a phantom's body: who learned nothing is not below."""


@pytest.fixture(autouse=True)
def _threads_as_before() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("example", [train_plain, train_node], ids=lambda one: one.__name__)
def test_an_example_is_read_on_one_screen(example):
    lines = Path(example.__file__).read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 60


@pytest.mark.slow
def test_plain_torch_learns_from_phantoms(tmp_path):
    assert train_plain.main(tmp_path) < CONSTANT_HU / 2


@pytest.mark.slow
def test_the_recipe_learns_the_same_and_leaves_a_bundle_that_the_engine_loads(tmp_path):
    assert train_node.main(tmp_path) < 0.7 * CONSTANT_HU
    bundle = read_bundle(tmp_path / "bundle")
    assert (bundle.contract.labels, bundle.contract.makes) == (("CBCT",), "CT")
    assert not load_network(bundle).training
