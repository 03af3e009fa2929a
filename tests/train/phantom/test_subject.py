import numpy as np
import pytest

from tests.train.conftest import COARSE_MM, protocol
from train.pair import read_pair, write_pair
from train.phantom import draw_subject, make_phantoms, scan_pair


def test_same_seed_same_bytes(template, tmp_path):
    paths = [
        write_pair(tmp_path / name, scan_pair(draw_subject(3, template), 0, protocol()))
        for name in ("one", "two")
    ]
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_another_scan_of_a_subject_has_the_same_truth(subject):
    """The same voxels of the same person: only the MR differs."""
    one, two = (scan_pair(subject, index, protocol()) for index in (0, 1))
    np.testing.assert_array_equal(one.target.voxels, two.target.voxels)
    assert np.abs(one.source.voxels - two.source.voxels).max() > 0


def test_source_target_and_body_lie_on_one_grid(subject):
    pair = scan_pair(subject, 0, protocol("sagittal"))
    assert pair.source.shape == pair.target.shape == pair.body.shape
    assert pair.target.unit == "HU"
    assert pair.source.voxels.dtype == np.float32


def test_outside_the_body_there_is_air(subject):
    pair = scan_pair(subject, 0, protocol(noise=0.0))
    assert np.percentile(pair.target.voxels[~pair.body], 95) < -500
    assert np.median(pair.target.voxels[~pair.body]) == -1000
    assert pair.target.voxels[pair.body].mean() > -200


def test_bone_is_dark_and_fat_is_bright_in_t1(subject):
    pair = scan_pair(subject, 0, protocol(noise=0.0))
    mr, hu = pair.source.voxels, pair.target.voxels
    assert (
        mr[hu > 900].mean() < mr[(hu > 20) & (hu < 45)].mean() < mr[(hu > -95) & (hu < -80)].mean()
    )


def test_a_file_gives_back_its_pair(subject, tmp_path):
    pair = scan_pair(subject, 2, protocol("coronal"))
    back = read_pair(write_pair(tmp_path, pair))
    np.testing.assert_array_equal(back.source.voxels, pair.source.voxels)
    np.testing.assert_array_equal(back.target.voxels, pair.target.voxels)
    np.testing.assert_array_equal(back.body, pair.body)
    assert back.source.grid.same_as(pair.source.grid)
    assert back.about["protocol"]["plane"] == "coronal"


@pytest.mark.slow
def test_number_of_workers_changes_no_byte(tmp_path):
    alone, together = (
        sorted(make_phantoms(tmp_path / str(n), [1, 2], scans=1, spacing_mm=COARSE_MM, workers=n))
        for n in (1, 2)
    )
    assert [p.read_bytes() for p in alone] == [p.read_bytes() for p in together]
