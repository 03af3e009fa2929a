"""Whose a result is, and which: the source's patient and study, and UIDs and times of its own."""

from collections.abc import Iterator

from pydicom.dataset import Dataset
from pydicom.tag import Tag

from dicom_node.results.charset import CHARACTER_SET, UTF8, sets_of, unknown_sets
from dicom_node.results.check.wanted import Table, Wanted, exactly, of_source
from dicom_node.results.copy import (
    ACQUIRED,
    CLINICAL_TRIAL,
    IDENTITY,
    OF_PATIENT_AND_STUDY,
    WITH_VALUE_ONLY,
    ZONE,
    acquired_at,
    offset_of,
    zone_of,
)
from dicom_node.results.making import Making
from dicom_node.results.uids import instance_uid, series_uid
from dicom_node.results.valid import valid_element, valid_text

__all__ = ["copied", "faults_of_set", "instance", "series"]

_LABELS = ("CT", "PT", "T1", "T1CE", "T2", "PD", "FLAIR", "STIR")
_GRIDS = ("native", "rt-axial")
_WITHOUT_SOURCE = 9000
_HELD = 80
"""Series numbers of marked copies come after this slot, two for each label."""


def copied(source: Dataset, body_part: str, *, acquired: bool) -> Table:
    """Return what a result has of its source: patient, study, frame of reference, place in time.

    Parameters
    ----------
    source : Dataset
        An instance of the first source.
    body_part : str
        What the model is made for: where the source names no body part, this is written.
    acquired : bool
        Whether the source's time of acquisition is the result's.
    """
    wanted = {word: of_source(source.get(Tag(word))) for word in IDENTITY}
    wanted |= _valid(source, OF_PATIENT_AND_STUDY, empty_too=True)
    wanted |= _valid(source, WITH_VALUE_ONLY)
    wanted.setdefault("BodyPartExamined", exactly(body_part))
    for words, of_type_2 in CLINICAL_TRIAL.items():
        if found := _valid(source, (*words, *of_type_2)):
            wanted |= {**dict.fromkeys(of_type_2, of_source(None)), **found}
    zoned = offset_of(valid_text(source, ZONE)) is not None
    if zoned:
        wanted |= _valid(source, (ZONE,))
    return {**wanted, **_acquisition(source, zoned=zoned)} if acquired else wanted


def _valid(
    source: Dataset, words: tuple[str, ...], *, empty_too: bool = False
) -> dict[str, Wanted]:
    found = {word: valid_element(source, word) for word in words}
    return {
        word: of_source(element)
        for word, element in found.items()
        if element is not None and (empty_too or not element.is_empty)
    }


def _acquisition(source: Dataset, *, zoned: bool) -> Table:
    wanted = _valid(source, ACQUIRED)
    if "AcquisitionDate" in wanted:
        return wanted
    moment = acquired_at(source, zone_of(source) if zoned else None)
    return wanted if moment is None else dict(zip(ACQUIRED, map(exactly, moment), strict=True))


def series(making: Making) -> Table:
    """Return what makes a series one of its own, as it is wanted: UIDs, number, times."""
    source = making.sources[0].header
    at = making.created_at.astimezone(zone_of(source))
    date, time = exactly(at.strftime("%Y%m%d")), exactly(at.strftime("%H%M%S.%f"))
    events = ("InstanceCreation", "Series", "Content")
    return {
        "SeriesInstanceUID": exactly(series_uid(making.job_key, _kind(making))),
        "SeriesNumber": exactly(_series_number(source, making)),
        "InstanceCreatorUID": exactly(making.site.node_uid),
        **{f"{event}Date": date for event in events},
        **{f"{event}Time": time for event in events},
    }


def instance(making: Making, z: int) -> Table:
    """Return what makes slice ``z`` (from 0) one of its own."""
    return {
        "SOPInstanceUID": exactly(instance_uid(making.job_key, _kind(making), z + 1)),
        "InstanceNumber": exactly(z + 1),
    }


def _kind(making: Making) -> str:
    """Return of what UIDs are derived: a marked copy shares none with its result."""
    return f"{making.task.makes} held" if making.held else making.task.makes


def _series_number(source: Dataset, making: Making) -> int:
    """Return a hundred times the source's, and the slot of what was made on which grid."""
    label, grid = _LABELS.index(making.task.makes), _GRIDS.index(making.grid)
    slot = _HELD + 2 * label + grid + 1 if making.held else 10 * label + grid + 1
    number = int(valid_text(source, "SeriesNumber") or 0)
    return (
        100 * number + slot
        if number > 0 and 100 * number + slot < 2**31
        else _WITHOUT_SOURCE + slot
    )


def faults_of_set(ds: Dataset, source: Dataset) -> Iterator[str]:
    """Yield whether text is written in a set that is neither the source's nor wanted in its place.

    UTF-8 stands in its place where the source's cannot write all of the text, or where nobody
    knows it.
    """
    seen, wanted = sets_of(ds), sets_of(source)
    if unknown_sets(wanted):
        wanted = (UTF8,)
    if seen == wanted or (seen == (UTF8,) and _is_beyond_ascii(ds)):
        return
    yield f"{CHARACTER_SET} is {_named(seen)}, {_named(wanted)} is wanted"


def _is_beyond_ascii(ds: Dataset) -> bool:
    """Whether a text of ``ds`` has a letter that ASCII has not; pixels aside."""
    pixels = ds.get_item("PixelData")
    return any(
        not str(element.value).isascii()
        for element in ds.iterall()
        if element.tag != getattr(pixels, "tag", None)
    )


def _named(sets: tuple[str, ...]) -> str:
    return "\\".join(sets) or "none"
