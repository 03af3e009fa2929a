"""Several volumes, other units, other ways over a volume: what every task but the first needs."""

import hashlib
import json

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from torch import nn

from engine.errors import (
    InputRefused,
    ModelMissing,
    ModelTampered,
    NoMemory,
    ResultRefused,
    SpecError,
)
from engine.pipeline import Generator, read_atlas, synthesise
from engine.preprocess import Chain
from engine.reason import Code
from engine.task import Generation, Output, Task, read_bundle
from tests.engine.grids import noise, oblique
from tests.engine.heads import T2, atlas, head, head_grid, pose
from tests.engine.networks import bundle_of, lively
from tests.engine.test_pipeline import phantom

ONTO = [{"step": "orient"}, {"step": "normalise", "high": 0.995, "onto": [0, 1]}]
MR = Output((0.0, 1.0), 0.0, "1", (0.0, 1.0))
WINDOWS = Generation("windows", (8, 16, 16), 0.5)


class Mean(nn.Module):
    """The mean of the channels."""

    def forward(self, x):
        return x.mean(dim=1, keepdim=True)


class Answer(nn.Module):
    """The same value everywhere but in the middle."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = value

    def forward(self, x):
        made = torch.zeros_like(x[:, :1])
        made[..., 4:, :] = self.value
        return made


@pytest.mark.parametrize("generation", [Generation("slices"), WINDOWS, Generation("whole")])
def test_the_channels_are_the_volumes_each_in_the_networks_range(cpu, generation):
    source = phantom()
    brighter = source.with_voxels(source.voxels * 5)
    generator = Generator(Mean(), Chain.of(ONTO), generation, MR)
    made = generator([source, brighter], cpu)
    (alone,), _ = Chain.of(ONTO).apply([source])
    np.testing.assert_allclose(made.volume.voxels, alone.voxels, atol=1e-5)
    assert made.volume.grid is source.grid
    assert made.volume.unit == "1"
    assert made.inside.all()


def test_a_volume_that_lies_elsewhere_is_registered_and_the_result_lies_on_the_first(cpu):
    first = head(head_grid((0.1, 0, 0)))
    other = head(head_grid((0, 1.57, 0), shape=(48, 72, 64)), T2, at=pose((0.05, 0, 0), (3, -4, 5)))
    steps = [{"step": "register", "how": "rigid"}, *ONTO]
    made = Generator(Mean(), Chain.of(steps), Generation("whole"), MR)([first, other], cpu)
    assert made.volume.grid is first.grid
    record = made.trace.record()[0]
    assert record["others"][0]["information"] > 0.5


def test_an_answer_beyond_the_networks_range_is_cut_off(cpu):
    hu = Output((-1000.0, 2000.0), -1000.0, "HU", (0.0, 1.0))
    made = Generator(Answer(1.4), Chain.of(ONTO), Generation("slices"), hu)([phantom()], cpu)
    assert sorted(np.unique(made.volume.voxels)) == [-1000, 2000]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_an_answer_that_is_no_number_is_refused(cpu, value):
    with pytest.raises(ResultRefused, match="values that are no numbers"):
        Generator(Answer(value), Chain.of(ONTO), Generation("slices"), MR)([phantom()], cpu)


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda x: np.where(x > x.mean(), np.nan, x), "values that are no numbers"),
        (lambda x: np.full_like(x, 7), "constant: every voxel is 7"),
    ],
)
def test_one_bad_volume_among_several_is_refused(cpu, which, spoil, said):
    sources = [phantom(), phantom()]
    sources[which] = sources[which].with_voxels(spoil(sources[which].voxels))
    with pytest.raises(InputRefused, match=said):
        Generator(Mean(), Chain.of(ONTO), Generation("slices"), MR)(sources, cpu)


def test_a_lack_of_memory_says_what_was_too_much(cpu):
    class Greedy(nn.Module):
        def forward(self, x):
            return x.new_empty(10**15)

    for generation, said in ((WINDOWS, "8 windows at once"), (Generation("whole"), "whole volume")):
        with pytest.raises(NoMemory, match=f"no memory on cpu for .*{said}"):
            Generator(Greedy(), Chain.of(ONTO), generation, MR)([phantom()], cpu)


def made_by(folder, makes: str, output: dict, labels=("T1",)) -> Task:
    """A task whose bundle makes ``makes``, the network the same as ever."""
    bundle_of(lively(), folder)
    inference = json.loads((folder / "configs/inference.json").read_text())
    (folder / "configs/inference.json").write_text(json.dumps({**inference, "output": output}))
    contract = json.loads((folder / "contract.json").read_text())
    contract["accepts"]["labels"] = list(labels)
    (folder / "contract.json").write_text(json.dumps({**contract, "makes": makes}))
    return Task("other", tuple(labels), makes, read_bundle(folder))


def test_mr_is_stored_in_twelve_bits_by_the_models_scale(tmp_path, cpu):
    output = {"window": [0, 2], "outside": 0, "unit": "1", "relative": 0.995}
    made = synthesise([phantom()], made_by(tmp_path / "mr", "T2", output), cpu)
    assert made.volume.unit == "1"
    assert made.stored.slope == 2 / 4095
    assert made.stored.pixels.max() <= 4095
    back = made.stored.pixels * made.stored.slope
    assert np.abs(back - made.volume.voxels).max() <= 0.51 * made.stored.slope
    assert made.quality["max"] <= 2


def test_pet_is_stored_in_fifteen_bits_by_its_own_maximum(tmp_path, cpu):
    output = {"window": [0, 3], "outside": 0, "unit": "SUVR"}
    made = synthesise([phantom()], made_by(tmp_path / "pt", "PT", output), cpu)
    assert made.volume.unit == "SUVR"
    assert made.stored.pixels.dtype == np.int16
    assert made.stored.pixels.max() == 32767
    back = made.stored.pixels * made.stored.slope
    assert np.abs(back - made.volume.voxels).max() <= 0.51 * made.stored.slope


def test_as_many_volumes_are_wanted_as_labels(tmp_path, cpu):
    output = {"window": [0, 2], "outside": 0, "unit": "1"}
    task = made_by(tmp_path / "two", "FLAIR", output, labels=("T1", "T2"))
    said = r"task other needs 2 volumes \(T1, T2\), got 1"
    with pytest.raises(InputRefused, match=said) as refused:
        synthesise([phantom()], task, cpu)
    assert [reason.code for reason in refused.value.reasons] == [Code.SEQUENCE_WRONG]


@pytest.fixture
def atlas_file(tmp_path):
    """The atlas as a file, and its hash."""
    path = tmp_path / "models" / "atlas.safetensors"
    path.parent.mkdir()
    save_file(atlas().arrays(), path)
    return path, hashlib.sha256(path.read_bytes()).hexdigest()


def test_an_atlas_is_read_once_its_hash_is_that_of_the_bundle(atlas_file):
    path, sha256 = atlas_file
    found = read_atlas(path, sha256)
    np.testing.assert_allclose(found.grey.voxels, atlas().grey.voxels, atol=0.003)
    assert found.t1.grid.same_as(atlas().t1.grid)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelTampered, match="the SHA-256 of atlas"):
        read_atlas(path, sha256)
    path.unlink()
    with pytest.raises(ModelMissing, match=r"atlas .* cannot be read"):
        read_atlas(path, sha256)


def test_a_bundle_hands_its_atlas_to_its_steps(tmp_path, atlas_file):
    path, sha256 = atlas_file
    output = {"window": [0, 3], "outside": 0, "unit": "SUVR"}
    bundle = made_by(tmp_path / "pet", "PT", output).bundle
    contract = json.loads((bundle.path / "contract.json").read_text())
    contract["atlas"] = {"file": "models/atlas.safetensors", "sha256": sha256}
    (bundle.path / "contract.json").write_text(json.dumps(contract))
    (bundle.path / "models" / "atlas.safetensors").write_bytes(path.read_bytes())
    generator = Generator.of(read_bundle(bundle.path))
    assert generator.chain.atlas is not None
    assert generator.chain.atlas.t1.shape == atlas().t1.shape


def test_steps_that_ask_an_atlas_are_refused_where_the_bundle_has_none(tmp_path):
    steps = [{"step": "template", "spacing_mm": 3, "shape": [64, 64, 64]}, *ONTO]
    bundle = read_bundle(bundle_of(lively(), tmp_path / "lost", steps=steps))
    said = r"^lost: configs/inference\.json has a step that .*template.*contract\.json .*name it"
    with pytest.raises(SpecError, match=said):
        Generator.of(bundle)


def test_the_sources_are_untouched(cpu):
    sources = [noise(oblique((0.1, 0, 0), shape=(8, 16, 16)), seed=n) for n in (0, 1)]
    before = [source.voxels.copy() for source in sources]
    Generator(Mean(), Chain.of(ONTO), WINDOWS, MR)(sources, cpu)
    for source, voxels in zip(sources, before, strict=True):
        np.testing.assert_array_equal(source.voxels, voxels)
