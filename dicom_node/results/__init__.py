"""A synthesis into a DICOM series that says what it is, checked before it may leave.

What enters: the engine's volume with its provenance, and the objects that it was made from. What
leaves: encoded data sets of one new series in the same study.
"""

from dicom_node.results.check import check_series
from dicom_node.results.copy import undecodable
from dicom_node.results.encode import encode
from dicom_node.results.making import Making, Plane, SeriesMade, Site, SourceSeries
from dicom_node.results.series import make_series
from dicom_node.results.uids import held_kind, held_series, instance_uid, series_uid

__all__ = [
    "Making",
    "Plane",
    "SeriesMade",
    "Site",
    "SourceSeries",
    "check_series",
    "encode",
    "held_kind",
    "held_series",
    "instance_uid",
    "make_series",
    "series_uid",
    "undecodable",
]
