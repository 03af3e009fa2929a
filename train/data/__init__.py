"""Prepared pairs on disk in, batches of slices out, through the steps that the node will run.

Nothing here asks where a pair came from: phantoms and registered scans are the same files.
"""

from train.data.augment import Augment, Change
from train.data.index import Entry, read_index
from train.data.paired import Batch, PairedSlices
from train.data.split import SPLIT, Split, make_split, read_split, write_split

__all__ = [
    "SPLIT",
    "Augment",
    "Batch",
    "Change",
    "Entry",
    "PairedSlices",
    "Split",
    "make_split",
    "read_index",
    "read_split",
    "write_split",
]
