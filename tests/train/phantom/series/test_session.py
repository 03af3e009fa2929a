import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread

from dicom_node.series import OwnIdentity, examine
from engine.io import read_voxels
from train.phantom import Order, scan_pair
from train.phantom.series import Patient, write_session
from train.phantom.series.pet import REFERENCE_BQML

VALIDATOR = Path(sys.executable).with_name("dciodvfy")
LABELS = ("T1", "T2", "PD", "FLAIR", "STIR", "CBCT", "PT", "CT")


@pytest.fixture(scope="module")
def written(session, tmp_path_factory):
    return write_session(session, Patient(), tmp_path_factory.mktemp("session"))


@pytest.mark.parametrize("label", LABELS)
def test_the_node_accepts_every_contrast_by_its_label(written, label):
    findings = examine(written[label], OwnIdentity())
    assert findings.reasons == ()
    assert findings.label == label
    assert findings.verdict == "accept"


@pytest.mark.skipif(not VALIDATOR.is_file(), reason="dciodvfy (dicom3tools) is not installed")
@pytest.mark.parametrize("label", LABELS)
def test_objects_are_valid(written, label):
    done = subprocess.run(
        [VALIDATOR, "-new", written[label][5]], capture_output=True, text=True, check=False
    )
    assert [line for line in done.stderr.splitlines() if line.startswith("Error")] == []


def test_headers_say_the_times_that_were_acquired_with(session, written):
    for told in session.about["timings"][:5]:
        ds = dcmread(written[told["label"]][0], stop_before_pixels=True)
        assert float(ds.RepetitionTime) == pytest.approx(told["tr_ms"], abs=0.01)
        assert float(ds.EchoTime) == pytest.approx(told["te_ms"], abs=0.01)
        assert float(ds.MagneticFieldStrength) == session.about["protocol"]["field_t"]


def test_all_series_are_of_one_study_and_one_frame(written):
    heads = [dcmread(files[0], stop_before_pixels=True) for files in written.values()]
    assert len({ds.StudyInstanceUID for ds in heads}) == 1
    assert len({ds.FrameOfReferenceUID for ds in heads}) == 1
    assert len({ds.SeriesInstanceUID for ds in heads}) == len(LABELS)


def test_uptake_comes_back_in_becquerels(session, written):
    back = read_voxels(examine(written["PT"], OwnIdentity()).chosen).voxels
    wanted = session.sources[LABELS.index("PT")].voxels * REFERENCE_BQML
    np.testing.assert_allclose(back, wanted, atol=1.0)


def test_a_spine_is_no_head(spine, tmp_path):
    pair = scan_pair(spine, 0, Order(anatomy="spine", sources=("T1",), target="STIR"))
    series = write_session(pair, Patient(study_description="Lumbar spine"), tmp_path)
    for label, files in series.items():
        findings = examine(files, OwnIdentity())
        assert (findings.label, findings.verdict) == (label, "accept")
        assert dcmread(files[0], stop_before_pixels=True).BodyPartExamined == "LSPINE"
