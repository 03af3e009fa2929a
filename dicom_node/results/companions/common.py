"""What all companions have alike: patient and study, a series of their own, marks, equipment."""

from collections.abc import Sequence
from copy import deepcopy

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items

from dicom_node.results.companions.kinds import Kind
from dicom_node.results.copy import copy_from, declare_set
from dicom_node.results.making import Making, SeriesMade
from dicom_node.results.provenance import declare_scheme
from dicom_node.results.series import date_by
from dicom_node.results.uids import instance_uid, series_uid
from dicom_node.results.words import name_of
from engine.volume import FrameRef

__all__ = ["begin", "frames_of", "referenced", "unit_of"]

_EQUIPMENT = (
    "Manufacturer", "ManufacturerModelName", "DeviceSerialNumber", "SoftwareVersions",
    "InstitutionName", "DeviceUID", "InstanceCreatorUID",
)  # fmt: skip
"""The same device made the companion, so it says the same of itself."""
_UNITS = {"HU": ("[hnsf'U]", "Hounsfield unit"), "SUVR": ("{ratio}", "ratio")}
_WITHOUT_SOURCE = 9000


def begin(making: Making, made: SeriesMade, kind: Kind) -> Dataset:
    """Return a companion with everything but its content.

    Parameters
    ----------
    made : SeriesMade
        The result, as :func:`dicom_node.results.make_series` made it of ``making``.
    """
    first = made.datasets[0]
    ds = copy_from(first, acquired=False)
    declare_set(ds, making.sources[0].header)
    for keyword in kind.lacks:
        if keyword in ds:
            delattr(ds, keyword)
    date_by(ds, making)
    for keyword in _EQUIPMENT:
        if first.get(keyword):
            setattr(ds, keyword, first.get(keyword))
    ds.ContributingEquipmentSequence = deepcopy(first.ContributingEquipmentSequence)
    declare_scheme(ds)
    ds.SOPClassUID, ds.Modality = kind.sop_class_uid, kind.modality
    ds.SOPInstanceUID = instance_uid(making.job_key, kind.name, 1)
    ds.SeriesInstanceUID = series_uid(making.job_key, kind.name)
    ds.SeriesNumber, ds.InstanceNumber = _number(int(first.SeriesNumber) + kind.slot), 1
    qualification = making.site.qualification
    ds.SyntheticData, ds.ContentQualification = "YES", qualification
    ds.SeriesDescription = f"{kind.title} of s{name_of(making)} (SYNTHETIC, {qualification})"
    return ds


def _number(wanted: int) -> int:
    return wanted if wanted < 2**31 else _WITHOUT_SOURCE + wanted % 100


def frames_of(datasets: Sequence[Dataset]) -> list[FrameRef]:
    """Return references to objects of one frame each."""
    return [FrameRef(str(ds.SOPClassUID), str(ds.SOPInstanceUID)) for ds in datasets]


def referenced(frames: Sequence[FrameRef]) -> Items:
    """Return new items that name objects (PS3.3 10.8): an item of one sequence is in no other."""
    items = []
    for frame in dict.fromkeys((one.sop_class_uid, one.sop_instance_uid) for one in frames):
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = frame
        items.append(item)
    return Items(items)


def unit_of(unit: str) -> tuple[str, str]:
    """Return a volume's unit as UCUM has it: code and meaning."""
    return _UNITS.get(unit, ("1", "no units"))
