"""What each kind of image has of its own: CT, MR and PET (PS3.3 A.3, A.4, A.21).

What enters: a data set with everything that all kinds share. What leaves: the same with the
attributes of its IOD, and the tables by which the gate judges it.
"""

from collections.abc import Mapping

from dicom_node.errors import OutputInvalid
from dicom_node.results.iod.common import Iod
from dicom_node.results.iod.ct import CT
from dicom_node.results.iod.mr import MR
from dicom_node.results.iod.pet import PET
from engine.task import LABELS_MR

__all__ = ["CT", "MR", "PET", "Iod", "iod_of"]

_OF: Mapping[str, Iod] = {"CT": CT, "PT": PET, **dict.fromkeys(LABELS_MR, MR)}


def iod_of(label: str) -> Iod:
    """Return the kind of image that a series of ``label`` is written as.

    Raises
    ------
    OutputInvalid
        When nothing is known of the label.
    """
    if label not in _OF:
        raise OutputInvalid(f"no series is written for {label}; known: {', '.join(sorted(_OF))}")
    return _OF[label]
