"""Whom a model is taught by: studies chosen by a file, paired, stripped of identity, written out.

What enters: a cohort file, what is known of the series of an archive, here or drawn from a PACS,
and the objects of those that are chosen. What leaves: a folder of objects that name nobody, and a
manifest that names each by its hash, with what was left out and why. Nothing here learns:
:mod:`train` reads such a folder.
"""

from dicom_node.cohort.choose import Choice, Chosen, Left, Why, choose
from dicom_node.cohort.draw import Drawing, Drew, Holder
from dicom_node.cohort.draw import Progress as DrawProgress
from dicom_node.cohort.hours import Clock
from dicom_node.cohort.seen import Person, Seen, seen
from dicom_node.cohort.spec import Between, Cohort, Exclude, Scanners, read_cohort
from dicom_node.cohort.write import CohortError, Written, write_cohort

__all__ = [
    "Between",
    "Choice",
    "Chosen",
    "Clock",
    "Cohort",
    "CohortError",
    "DrawProgress",
    "Drawing",
    "Drew",
    "Exclude",
    "Holder",
    "Left",
    "Person",
    "Scanners",
    "Seen",
    "Why",
    "Written",
    "choose",
    "read_cohort",
    "seen",
    "write_cohort",
]
