"""Prepared pairs on disk in, batches out, through the steps that the node will run.

Nothing here asks where a pair came from: phantoms and registered scans are the same files.
"""

from train.data.augment import Augment, Change, ChannelChange
from train.data.batch import Batch
from train.data.dealt import DEALT, deal, deal_as, person_number
from train.data.index import Entry, entries_of, read_index
from train.data.ordered import ORDER, check_order
from train.data.pool import Look, Pool
from train.data.prepared import ATLAS, Prepared, Shelf, is_strange, prepare, span_of, truth_of
from train.data.split import SPLIT, Split, make_split, read_split, write_split

__all__ = [
    "ATLAS",
    "DEALT",
    "ORDER",
    "SPLIT",
    "Augment",
    "Batch",
    "Change",
    "ChannelChange",
    "Entry",
    "Look",
    "Pool",
    "Prepared",
    "Shelf",
    "Split",
    "check_order",
    "deal",
    "deal_as",
    "entries_of",
    "is_strange",
    "make_split",
    "person_number",
    "prepare",
    "read_index",
    "read_split",
    "span_of",
    "truth_of",
    "write_split",
]
