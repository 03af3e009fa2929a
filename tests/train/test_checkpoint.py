import pytest
import torch

from train import checkpoint
from train.data import Batch
from train.errors import CheckpointInvalid
from train.systems import Choice, build_system

ABOUT = {"step": "3", "recipe": "abc", "served": "to_ct"}


def system(width: int = 4, optimiser: str = "adam", seed: int = 0):
    settings = {"adversary_width": 4, "optimiser": optimiser}
    return build_system(
        Choice("hlsnc_gan", "paper", 5, seed, {"width": width, "blocks": 1}, settings)
    )


def batch(seed: int) -> Batch:
    drawn = torch.Generator().manual_seed(seed)
    return Batch(*(torch.rand(1, 1, 32, 32, generator=drawn) * 2 - 1 for _ in range(2)))


@pytest.mark.parametrize("optimiser", ["adam", "rmsprop"])
def test_learning_goes_on_bit_by_bit(tmp_path, optimiser):
    path = tmp_path / checkpoint.FILE
    whole = system(optimiser=optimiser)
    for step in range(3):
        whole.update(batch(step), step)
    checkpoint.save(path, whole.networks, whole.optimisers, ABOUT)
    resumed = system(optimiser=optimiser, seed=9)
    checkpoint.restore(checkpoint.load(path), resumed.networks, resumed.optimisers)
    for step in (3, 4):
        assert whole.update(batch(step), step) == resumed.update(batch(step), step)
    for name, network in whole.networks.items():
        for key, value in network.state_dict().items():
            assert torch.equal(value, resumed.networks[name].state_dict()[key]), (name, key)


def test_same_state_same_bytes(tmp_path):
    made = system()
    for name in ("one", "two"):
        checkpoint.save(tmp_path / name, made.networks, made.optimisers, ABOUT)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["one", "two"]


def test_what_is_served_comes_out_alone(tmp_path):
    made = system()
    checkpoint.save(tmp_path / "c", made.networks, made.optimisers, ABOUT)
    served = checkpoint.served_weights(checkpoint.load(tmp_path / "c"))
    assert set(served) == set(made.to_ct.state_dict())


def test_an_absent_checkpoint_says_to_fit_first(tmp_path):
    with pytest.raises(CheckpointInvalid, match="run 'dicom-train fit' first"):
        checkpoint.load(tmp_path / "none")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 a pickle in a zip", b"\x80\x04\x95"])
def test_a_file_of_another_kind_is_refused(tmp_path, content):
    (tmp_path / "c").write_bytes(content)
    with pytest.raises(CheckpointInvalid, match=r"no readable checkpoint .* of another kind"):
        checkpoint.load(tmp_path / "c")


def test_a_cut_file_is_refused(tmp_path):
    made = system()
    checkpoint.save(tmp_path / "c", made.networks, made.optimisers, ABOUT)
    (tmp_path / "c").write_bytes((tmp_path / "c").read_bytes()[:-100])
    with pytest.raises(CheckpointInvalid, match="cut off"):
        checkpoint.load(tmp_path / "c")


def test_what_early_stopping_remembers_comes_back_and_is_served(tmp_path):
    made = system()
    best = {name: value + 1 for name, value in made.to_ct.state_dict().items()}
    looked = checkpoint.Best(0.1 + 0.2, 2, best)
    checkpoint.save(tmp_path / "c", made.networks, made.optimisers, ABOUT, looked)
    found = checkpoint.load(tmp_path / "c")
    assert (found.best.error, found.best.step) == (0.1 + 0.2, 2)
    for name, value in checkpoint.served_weights(found).items():
        assert torch.equal(value, best[name])
    checkpoint.save(tmp_path / "c", made.networks, made.optimisers, ABOUT)
    assert checkpoint.load(tmp_path / "c").best.error == float("inf")


def test_a_checkpoint_of_other_networks_is_refused(tmp_path):
    made, other = system(), system(width=8)
    checkpoint.save(tmp_path / "c", made.networks, made.optimisers, ABOUT)
    with pytest.raises(CheckpointInvalid, match="holds other networks"):
        checkpoint.restore(checkpoint.load(tmp_path / "c"), other.networks, other.optimisers)
