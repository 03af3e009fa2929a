"""Series understood: the files of one series in, its label and verdicts out.

What enters: paths of one series, by what the node knows its own work, and the contract of a task's
model. What leaves: :class:`Findings`, what the series is and what is wrong with it, and the reasons
why a task's model must not be given it. Nothing here raises for what stands in a file.
docs/reference/acceptance.md says what is asked, in which order and on which grounds.
"""

from dicom_node.series.anatomy import shows_face
from dicom_node.series.examine import TELLING, Judged, examine, judge
from dicom_node.series.facts import day_of, field_strength_t, series_texts, words
from dicom_node.series.findings import Findings, Label, Verdict
from dicom_node.series.instances import OwnIdentity, strangers
from dicom_node.series.label import label_of
from dicom_node.series.scope import fits
from dicom_node.series.text import named
from engine.io import pixel_digest
from engine.io.header import ROOT as KEYWORDS

__all__ = [
    "KEYWORDS",
    "TELLING",
    "Findings",
    "Judged",
    "Label",
    "OwnIdentity",
    "Verdict",
    "day_of",
    "examine",
    "field_strength_t",
    "fits",
    "judge",
    "label_of",
    "named",
    "pixel_digest",
    "series_texts",
    "shows_face",
    "strangers",
    "words",
]
