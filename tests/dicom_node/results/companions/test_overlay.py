"""The presentation state: what it writes, over which images, and how they look below it."""

import subprocess

import pytest

from dicom_node.results import make_series
from tests.dicom_node.results.companions.conftest import put, read_back, written
from tests.support.need import program

LABELS = pytest.mark.parametrize("label", ["CT", "FLAIR", "PT"])


@LABELS
def test_dcmtk_can_show_images_by_it(label, judged, tmp_path):
    path = put(written(judged(label=label), "overlay"), tmp_path, "overlay")
    said = subprocess.run(
        [program("/usr/bin/dcmpschk"), str(path)],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "Test passed." in said.stdout + said.stderr, said.stdout + said.stderr
    assert said.returncode == 0


def test_it_writes_synthetic_and_the_model_over_every_slice(judged):
    making = judged()
    ds, made = read_back(making, "overlay"), make_series(making)
    model = making.synthesis.provenance.model
    (annotation,) = ds.GraphicAnnotationSequence
    (text,) = annotation.TextObjectSequence
    assert text.UnformattedTextValue.split("\r\n") == [
        "SYNTHETIC - not acquired",
        f"{model.name} {model.version}",
    ]
    assert annotation.GraphicLayer == ds.GraphicLayerSequence[0].GraphicLayer == "SYNTHETIC"
    (series,) = ds.ReferencedSeriesSequence
    assert series.SeriesInstanceUID == made.series_uid
    wanted = [one.SOPInstanceUID for one in made.datasets]
    for images in (series.ReferencedImageSequence, annotation.ReferencedImageSequence):
        assert [one.ReferencedSOPInstanceUID for one in images] == wanted


@LABELS
def test_images_look_below_it_as_their_own_headers_say(label, judged):
    making = judged(label=label)
    ds, first = read_back(making, "overlay"), make_series(making).datasets[0]
    (window,) = ds.SoftcopyVOILUTSequence
    centres = first["WindowCenter"]
    assert window.WindowCenter == (centres.value[0] if centres.VM > 1 else centres.value)
    assert window.get("VOILUTFunction") == first.get("VOILUTFunction")
    for word in ("RescaleSlope", "RescaleIntercept"):
        assert ds.get(word) == first.get(word)
    assert ("RescaleType" in ds) == ("RescaleSlope" in first)
    (area,) = ds.DisplayedAreaSelectionSequence
    assert list(area.DisplayedAreaBottomRightHandCorner) == [first.Columns, first.Rows]
    assert "FrameOfReferenceUID" not in ds
    assert ds.BodyPartExamined == first.BodyPartExamined
