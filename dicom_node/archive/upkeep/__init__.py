"""What is here, what of it may go, and whether all of it is as it should be.

What enters: the rows and files of an archive. What leaves: holdings for who decides, files deleted
so that no crash leaves half of it, and what is wrong between rows and files, with files that no row
names put apart.
"""

from dicom_node.archive.upkeep.condemn import condemn
from dicom_node.archive.upkeep.erase import Eraser
from dicom_node.archive.upkeep.hold import erasing, kept_whole
from dicom_node.archive.upkeep.holding import Amount, Holding, Part
from dicom_node.archive.upkeep.holdings import Holdings
from dicom_node.archive.upkeep.sweep import ORPHANS, sweep
from dicom_node.archive.upkeep.verify import Fault, Report, count_files, verify

__all__ = [
    "ORPHANS",
    "Amount",
    "Eraser",
    "Fault",
    "Holding",
    "Holdings",
    "Part",
    "Report",
    "condemn",
    "count_files",
    "erasing",
    "kept_whole",
    "sweep",
    "verify",
]
