"""A dataset of real studies into prepared pairs: read, brought onto one grid, judged, written.

What enters: a folder that ``dicom-node cohort write`` has written. What leaves: pairs as
:mod:`train.pair` has them, and what was left out, with why and with a picture.
"""

from train.cohort.assemble import PICTURES, Done, assemble
from train.cohort.dataset import Dataset, Listed, Series, read_dataset
from train.cohort.judge import Against, Fault, Found, judge

__all__ = [
    "PICTURES",
    "Against",
    "Dataset",
    "Done",
    "Fault",
    "Found",
    "Listed",
    "Series",
    "assemble",
    "judge",
    "read_dataset",
]
