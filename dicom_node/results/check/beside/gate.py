"""The gate before a companion may leave: every element is what it has to be, and there is no other.

It looks at the encoded bytes, as a peer will.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping

from pydicom import config
from pydicom.datadict import keyword_for_tag
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag, Tag

from dicom_node.dicom import is_uid
from dicom_node.errors import OutputInvalid
from dicom_node.results.charset import CHARACTER_SET, sets_of
from dicom_node.results.check.beside.common import Bulk
from dicom_node.results.check.beside.document import document
from dicom_node.results.check.beside.overlay import overlay
from dicom_node.results.check.beside.report import report
from dicom_node.results.check.beside.uncertainty import uncertainty
from dicom_node.results.check.identity import faults_of_set
from dicom_node.results.check.part10 import Raw, decode, faults_of_file, measure, raw_of, read
from dicom_node.results.check.wanted import Table, exactly, faults_of_element, name_of
from dicom_node.results.making import Making
from dicom_node.values import Companion

__all__ = ["check_companion"]

_WANTED: Mapping[Companion, Callable[[Making], tuple[Table, Bulk | None]]] = {
    Companion.UNCERTAINTY: uncertainty,
    Companion.REPORT: report,
    Companion.OVERLAY: overlay,
    Companion.PDF: document,
}
_UIDS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
_MOST_FAULTS = 8
"""Faults that one message names."""


def check_companion(name: Companion, content: bytes, making: Making) -> None:
    """Refuse a companion that must not leave.

    Parameters
    ----------
    name : Companion
        Which one it is.
    content : bytes
        A Part 10 file.
    making : Making
        What its result was made of.

    Raises
    ------
    OutputInvalid
        Naming its faults.
    """
    with config.disable_value_validation():  # identity is the source's, valid or not
        try:
            found = list(dict.fromkeys(_faults(name, content, making)))
        except OutputInvalid as exc:
            found = [str(exc)]
    if not found:
        return
    more = [f"and {len(found) - _MOST_FAULTS} more"] if len(found) > _MOST_FAULTS else []
    text = "; ".join(found[:_MOST_FAULTS] + more)
    raise OutputInvalid(
        f"companion {name}: {text}. Nothing of the result leaves; report this line as a bug"
    )


def _faults(name: Companion, content: bytes, making: Making) -> Iterator[str]:
    ds, raw = read(content), raw_of(content)
    yield from faults_of_file(content, ds, raw)
    table, bulk = _WANTED[name](making)
    kept = None if bulk is None else Tag(bulk.keyword)
    for vr, value in raw.values():
        if vr == "SQ":
            measure(value)
    decode(ds, (tag for tag in raw if tag != kept))
    for word in _UIDS:
        if not is_uid(str(ds.get(word, ""))):
            yield f"{word} is no UID"
    yield from faults_of_set(ds, making.sources[0].header)
    own = {CHARACTER_SET: exactly(*sets_of(ds))} if CHARACTER_SET in ds else {}
    yield from _faults_of_elements(ds, (tag for tag in raw if tag != kept), {**table, **own})
    yield from _faults_of_unknown(raw)
    if bulk is not None:
        yield from _faults_of_bulk(bulk, raw.get(Tag(bulk.keyword)))


def _faults_of_elements(ds: Dataset, tags: Iterable[BaseTag], table: Table) -> Iterator[str]:
    for keyword in table:
        if keyword not in ds:
            yield f"{keyword} is absent"
    for tag in tags:
        keyword = keyword_for_tag(tag)
        if keyword not in table:
            yield f"{name_of(tag)} must not be there"
        else:
            yield from faults_of_element(ds[tag], table[keyword], signed=False)


def _faults_of_unknown(raw: Mapping[BaseTag, Raw]) -> Iterator[str]:
    for tag, (vr, _) in raw.items():
        if vr == "UN":
            yield f"{name_of(tag)} is written as UN"


def _faults_of_bulk(bulk: Bulk, element: Raw | None) -> Iterator[str]:
    if element is None:
        yield f"{bulk.keyword} is absent"
        return
    vr, content = element
    if vr != bulk.vr:
        yield f"{bulk.keyword} is written as {vr}, {bulk.vr} is wanted"
    if content != bulk.content:
        yield f"{bulk.keyword} is not {bulk.what}"
    yield from bulk.faults
