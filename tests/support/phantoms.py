"""Phantoms through a running node: scans sent as DICOM, results fetched as voxels."""

from io import BytesIO
from pathlib import Path

import numpy as np
from pydicom import dcmread

from tests.support.dcmtk import storescu
from tests.support.node import RunningNode, is_sent
from tests.support.orthanc import Orthanc
from train.config import Recipe
from train.pair import Pair, read_pair
from train.phantom import Order, make_phantoms
from train.phantom.series import Patient, write_session

STEP = {"HU": 1.0, "SUVR": 1e-3, "1": 1.0}
"""What is stored at the finest, in the unit of the result; a PET's slope is finer still."""


def scanned(recipe: Recipe, subject: int, folder: Path) -> Pair:
    """Return the first scan of a subject by the recipe's own order; its file goes to ``folder``."""
    return read_pair(next(make_phantoms(folder, [subject], Order.of(recipe.pairs))))


def answered(
    pair: Pair, name: str, node: RunningNode, orthanc: Orthanc, folder: Path, wait_s: float = 300
) -> list[bytes]:
    """Send a pair's sources as a study of Study Description ``name``; return what Orthanc then has.

    The objects are in the order of their instance numbers.
    """
    who = Patient(seed=f"tasks-{name}", name="PHANTOM^TASKS", patient_id="PHANTOM-TASKS")
    series = write_session(pair, who, folder)
    files = [path for label in pair.about["labels"] for path in series[label]]
    for path in files:
        ds = dcmread(path)
        ds.StudyDescription = name
        ds.save_as(path)
    said = storescu(node.port, *files)
    assert said.returncode == 0, said.stderr
    study_uid = str(dcmread(files[0], stop_before_pixels=True).StudyInstanceUID)
    answer = node.until(study_uid, is_sent, wait_s)
    (series_uid,) = answer["jobs"][0]["series_uids"]
    objects = [orthanc.file(instance) for instance in orthanc.series()[series_uid]]
    return sorted(
        objects, key=lambda one: dcmread(BytesIO(one), stop_before_pixels=True).InstanceNumber
    )


def volume_of(objects: list[bytes]) -> np.ndarray:
    """Return the voxels of a series in the order of its instance numbers, rescaled."""
    slices = []
    for one in objects:
        ds = dcmread(BytesIO(one))
        slope, intercept = float(ds.get("RescaleSlope", 1)), float(ds.get("RescaleIntercept", 0))
        slices.append(ds.pixel_array * slope + intercept)
    return np.stack(slices).astype(np.float32)
