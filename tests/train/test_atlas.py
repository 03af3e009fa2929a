"""The atlas: one brain in the engine's own form, the same bytes every time."""

import numpy as np
import pytest

from engine.errors import ModelTampered
from engine.pipeline import read_atlas
from engine.preprocess import register
from engine.preprocess.align import Template
from engine.preprocess.resample import resample_onto
from engine.preprocess.smooth import Smooth
from train.atlas import write_atlas
from train.phantom import Order, Tissue, draw_subject, read_template, scan_pair


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    path = tmp_path_factory.mktemp("atlas") / "atlas.safetensors"
    return path, write_atlas(path)


def test_the_engine_reads_a_brain_of_a_brains_size(written):
    atlas = read_atlas(*written)
    litres = float(atlas.brain.sum()) * np.prod(atlas.t1.grid.spacing_mm) / 1e6
    assert 1.7 < litres < 2.1  # the template's brain is larger than most
    assert np.all(atlas.brain < 1.01)
    up = atlas.t1.grid.centres(np.argwhere(atlas.brain > 0.5).astype(float))[:, 2]
    assert (round(up.min()), round(up.max())) == (
        pytest.approx(-71, abs=3),
        pytest.approx(81, abs=3),
    )


def test_it_is_written_the_same_every_time(written, tmp_path):
    path, digest = written
    assert write_atlas(tmp_path / "again.safetensors") == digest
    assert (tmp_path / "again.safetensors").read_bytes() == path.read_bytes()
    assert path.stat().st_size < 5_000_000


def test_a_changed_byte_is_seen(written, tmp_path):
    path, digest = written
    spoilt = bytearray(path.read_bytes())
    spoilt[-1] ^= 1
    (tmp_path / "atlas.safetensors").write_bytes(spoilt)
    with pytest.raises(ModelTampered, match="SHA-256"):
        read_atlas(tmp_path / "atlas.safetensors", digest)


def test_a_full_disk_leaves_no_half_of_an_atlas(tmp_path, monkeypatch):
    def full(path, content):
        path.touch()
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        write_atlas(tmp_path / "atlas.safetensors")
    assert not (tmp_path / "atlas.safetensors").exists()


@pytest.mark.parametrize("clothed", [pytest.param(False, marks=pytest.mark.slow), True])
def test_the_brain_is_found_under_the_scalp_and_not_spread_over_it(written, clothed, monkeypatch):
    """The atlas is a brain alone: bare, its rim fits the edge between scalp and air better."""

    def bare(atlas):
        rim = Smooth(8.0).apply(atlas.t1.with_voxels(atlas.brain))
        return atlas.t1, rim.with_voxels((rim.voxels > 0.1).astype(np.float32))

    if not clothed:
        monkeypatch.setattr(register, "_clothed", bare)
    order = Order(sources=("T1",), target="PT", spacing_mm=2.0)
    pair = scan_pair(draw_subject(4054, read_template(2.0)), 0, order)
    atlas, (head,) = read_atlas(*written), pair.sources
    step = Template(3.0, (64, 64, 64)).fit(head, atlas)
    brain = np.isin(pair.tissue, [Tissue.CSF, Tissue.GREY, Tissue.WHITE])
    placed = step.follow(head.with_voxels(brain.astype(np.float32)), outside=0.0)
    mean = atlas.t1.with_voxels(atlas.brain)
    seen = resample_onto(mean, placed.grid, seen=mean.grid, outside=0.0)[0]
    here, there = placed.voxels > 0.5, seen.voxels > 0.5
    dice = 2 * (here & there).sum() / (here.sum() + there.sum())
    assert (dice > 0.85) == clothed, dice
