"""Instances to send: a head MR of 256 × 256 and a CT of 512 × 512, 16 bits, every UID new."""

from dataclasses import dataclass

import numpy as np

from dicom_node.dicom import new_uid
from tests.support.mr import MR_IMAGE, MrSeries, encoded

CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"


@dataclass(frozen=True)
class Kind:
    """What is sent, and how many in a run."""

    name: str
    sop_class_uid: str
    rows: int
    count: int


KINDS = (Kind("mr", MR_IMAGE, 256, 400), Kind("ct", CT_IMAGE, 512, 200))


def instances(kind: Kind) -> list[tuple[str, str, bytes]]:
    """Return SOP class, SOP Instance UID and encoded data set of one study's worth."""
    ds = MrSeries(slices=1).datasets()[0]
    ds.SOPClassUID, ds.Modality = kind.sop_class_uid, kind.name.upper()
    ds.StudyInstanceUID, ds.SeriesInstanceUID = new_uid(), new_uid()
    ds.Rows = ds.Columns = kind.rows
    pixels = np.random.default_rng(1).integers(0, 4096, (kind.rows, kind.rows), dtype="<u2")
    ds.PixelData = pixels.tobytes()
    found = []
    for number in range(kind.count):
        ds.SOPInstanceUID, ds.InstanceNumber = new_uid(), str(number + 1)
        found.append((kind.sop_class_uid, str(ds.SOPInstanceUID), encoded(ds)))
    return found
