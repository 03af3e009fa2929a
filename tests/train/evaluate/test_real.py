import json

import nibabel
import numpy as np
import pytest

from engine.volume import Grid, Volume
from tests.support.need import data_folder
from tests.train.evaluate.conftest import learned, task
from train.errors import DataInvalid
from train.evaluate import measure_real, real, told
from train.evaluate.real import SETS, hounsfield, read_nifti
from train.served import served


def test_a_nifti_lies_where_its_header_says(tmp_path):
    voxels = np.zeros((4, 5, 6), np.float32)
    voxels[1, 2, 3] = 7
    affine = np.array([[-2.0, 0, 0, 10], [0, 0, 3, -20], [0, 1, 0, 5], [0, 0, 0, 1]])
    nibabel.save(nibabel.Nifti1Image(voxels, affine), tmp_path / "one.nii.gz")
    volume = read_nifti(tmp_path / "one.nii.gz")
    index = np.argwhere(volume.voxels == 7).astype(float)
    right, front, up = (affine @ [1, 2, 3, 1])[:3]
    np.testing.assert_allclose(volume.grid.centres(index)[0], [-right, -front, up])


def test_what_is_no_volume_is_refused(tmp_path):
    (tmp_path / "no.nii").write_bytes(b"nothing")
    with pytest.raises(DataInvalid, match="not readable as NIfTI"):
        read_nifti(tmp_path / "no.nii")
    with pytest.raises(DataInvalid, match="not readable as NIfTI"):
        read_nifti(tmp_path / "absent.nii")
    nibabel.save(nibabel.Nifti1Image(np.zeros((2, 2)), np.eye(4)), tmp_path / "flat.nii")
    with pytest.raises(DataInvalid, match="2 axes"):
        read_nifti(tmp_path / "flat.nii")


def test_hounsfield_by_hand():
    # up to 900 as it is, eleven times as steep for 200, then twice: 900, 3100 and 3300 are ends
    cormack = np.array([0.0, 900.0, 2000.0, 3100.0, 3300.0], np.float32)
    np.testing.assert_allclose(hounsfield(cormack), [-1000, -100, 0, 100, 200], atol=1e-3)


def test_a_ct_is_in_hounsfield_units_before_it_is_resampled(tmp_path):
    """The scale bends: the mean of two values is not the value of their mean."""
    stored = np.zeros((4, 4, 4), np.float32)
    stored[:, :, 2:] = 3300
    nibabel.save(nibabel.Nifti1Image(stored, np.diag([2.0, 2.0, 2.0, 1])), tmp_path / "ct.nii")
    volume = real._read("CT", tmp_path / "ct.nii")
    assert volume.unit == "HU"
    affine = volume.affine.copy()
    affine[:3, 3] += [0, 0, 1]  # half a voxel higher
    there = real._on(volume, Volume(volume.voxels, Grid(volume.shape, affine))).voxels
    assert there[1, 1, 1] == pytest.approx((-1000 + 200) / 2)
    assert there[3, 1, 1] == pytest.approx(200)
    affine[:3, 3] += [0, 0, 4]
    above = real._on(volume, Volume(volume.voxels, Grid(volume.shape, affine))).voxels
    assert above[-1, 1, 1] == -1000  # air, not water, where nothing was seen


def test_what_is_not_independent_of_the_phantoms_says_so():
    said = {one.name: one.what for one in SETS}
    assert "NOT independent" in said["MNI average"]
    assert "ICBM 152" in said["MNI average"]


def test_what_must_be_known_of_a_real_volume_is_said():
    for one in SETS:
        assert set(one.caveats) == set(one.files)
    assert "NOT stored in Hounsfield" in {s.name: s for s in SETS}["MNI average"].caveats["CT"]


@pytest.mark.parametrize(
    ("sources", "makes", "names"),
    [
        (("T1", "T2"), "PD", ["stroke", "MNI average"]),
        (("T1",), "CT", ["stroke", "MNI average"]),
    ],
)
def test_a_model_is_run_unchanged_where_labels_and_anatomy_fit(
    base, tmp_path, sources, makes, names
):
    one = learned(task(base, sources, makes), tmp_path)
    found = measure_real(one.recipe, one.run, data_folder())
    assert json.loads((one.run / "real.json").read_text("utf-8")) == found
    sets = {row["name"]: row for row in found["sets"]}
    assert [name for name, row in sets.items() if row["run"]] == names
    assert "another anatomy" in sets["cervical cord"]["why_not"]
    mni = sets["MNI average"]
    assert set(mni["figures"]) >= {"model", "look_up_table"}
    assert mni["figures"]["look_up_table"]["correlation"] > 0.3
    assert makes in mni["caveats"]
    text = (one.run / "real.html").read_text("utf-8")
    assert "nothing concluded" in text
    assert "NOT independent" in text
    assert found["weights"] == served(one.recipe, one.run, one.data).sha256
    assert found["recipe"] == one.recipe.digest
    assert sets["stroke"]["figures"] == {}  # no truth, pictures only
    assert ("Cormack" in text) == (makes == "CT")
    lines = told(found).splitlines()
    assert len(lines) == 1 + len(found["sets"])
    assert any(line.startswith("  MNI average: MAE this model") for line in lines)
    assert any("not run; another anatomy" in line for line in lines)
    assert any("no truth" in line for line in lines)


def test_what_the_node_would_refuse_is_said_and_not_hidden(base, tmp_path):
    one = learned(task(base, ("T1",), "CT"), tmp_path)
    (tmp_path / "real").mkdir()
    for file in {file for row in SETS for file in row.files.values()}:
        path = tmp_path / "real" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        nibabel.save(nibabel.Nifti1Image(np.zeros((12, 12, 12), np.float32), np.eye(4)), path)
    found = measure_real(one.recipe, one.run, tmp_path / "real")
    assert all("refused" in row["why_not"] for row in found["sets"][:2])


def test_voxels_of_one_brightness_share_their_rank():
    dark = np.zeros(100, np.float32)
    dark[:50] = 1
    other = np.tile([0.0, 1.0], 50).astype(np.float32)
    assert real._rank_correlation(dark, other) == 0
    assert real._rank_correlation(dark, dark) == 1
