"""What was found of a result, for people: a PDF in a DICOM object.

For archives and viewers that do not show a structured report. It says the same, and every figure of
the gate beside its limit.

References
----------
PS3.3 A.45.1 (Encapsulated PDF IOD), C.24.1, C.24.2, C.8.6.1.
"""

from collections.abc import Iterator, Sequence
from math import isfinite

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items

from dicom_node.errors import OutputInvalid
from dicom_node.results.companions.common import begin, frames_of, referenced
from dicom_node.results.companions.found import answers, numbers
from dicom_node.results.companions.kinds import PDF
from dicom_node.results.companions.page import Line, is_printable, pdf_of
from dicom_node.results.copy import strict, zone_of
from dicom_node.results.making import Making, SeriesMade
from dicom_node.results.provenance import SCHEME, code
from dicom_node.results.words import comments_of, name_of, what_was_done

__all__ = ["make_pdf"]

_ELSEWHERE = "in letters that this page lacks; see the object's header"
_OF_PATIENT = (
    ("Patient ID", "PatientID"),
    ("Born", "PatientBirthDate"),
    ("Sex", "PatientSex"),
    ("Study date", "StudyDate"),
    ("Study", "StudyDescription"),
    ("Accession number", "AccessionNumber"),
    ("Study UID", "StudyInstanceUID"),
)
_TITLE = ("SYN-200", SCHEME, "Report on a synthesized series")


def make_pdf(making: Making, made: SeriesMade) -> Dataset:
    """Return the document on a result; it is of even length, as an element has to be.

    Raises
    ------
    OutputInvalid
        When a value cannot be written as DICOM.
    """
    ds = begin(making, made, PDF)
    title = f"SYNTHETIC {name_of(making)} - NOT ACQUIRED"
    try:
        with strict():
            content = pdf_of(title, list(_lines(ds, making, made, title)), title)
            ds.ConversionType = "SD"
            ds.AcquisitionDateTime = ""
            ds.BurnedInAnnotation = "YES"  # it names the patient
            ds.DocumentTitle = title
            ds.ConceptNameCodeSequence = Items([code(*_TITLE)])
            ds.VerificationFlag = "UNVERIFIED"
            ds.SourceInstanceSequence = referenced(frames_of(made.datasets))
            ds.MIMETypeOfEncapsulatedDocument = "application/pdf"
            ds.EncapsulatedDocument = content
            ds.EncapsulatedDocumentLength = len(content)
    except (ValueError, TypeError, OverflowError) as exc:
        raise OutputInvalid(f"a value of the document is no valid DICOM: {exc}") from exc
    return ds


def _lines(ds: Dataset, making: Making, made: SeriesMade, title: str) -> Iterator[Line]:
    yield Line(title, is_heading=True)
    yield Line(_told(comments_of(making)))
    yield from _part("Patient and study", _of_patient(ds))
    yield from _part("Series", _of_series(making, made))
    yield from _part("How it was made", [_told(what_was_done(making))])
    yield from _part("What was found", _of_result(making))
    if making.synthesis.held:
        reasons = [_told(reason.text) for reason in making.synthesis.held]
        yield from _part("A person has to look at it", reasons)
    if making.synthesis.checks:
        yield from _part("Figures and their limits", _of_gate(making))


def _part(heading: str, texts: Sequence[str]) -> list[Line]:
    return [Line(""), Line(heading, is_heading=True), *(Line(text) for text in texts)]


def _of_patient(ds: Dataset) -> list[str]:
    told = [("Name", str(ds.PatientName.alphabetic) if ds.PatientName else "")]
    told += [(what, str(ds.get(keyword) or "")) for what, keyword in _OF_PATIENT]
    return [f"{what + ':':18}{_told(value)}" for what, value in told if value]


def _of_series(making: Making, made: SeriesMade) -> list[str]:
    first = made.datasets[0]
    at = making.created_at.astimezone(zone_of(first))
    return [
        f"Series:           {_told(str(first.SeriesDescription))}",
        f"Number:           {first.SeriesNumber}, of {len(made.datasets)} images",
        f"Series UID:       {made.series_uid}",
        f"Made:             {at:%Y-%m-%d %H:%M:%S} (UTC{at:%z})",
        *(
            f"From {source.label + ':':13}{source.header.SeriesInstanceUID}"
            for source in making.sources
        ),
    ]


def _of_result(making: Making) -> list[str]:
    counted = [
        f"{one.what}: {one.value:.4g} {one.unit[1] if one.unit[0] != '1' else ''}".rstrip()
        for one in numbers(making)
    ]
    return [*counted, *(f"{one.what}: {'yes' if one.holds else 'NO'}" for one in answers(making))]


def _of_gate(making: Making) -> list[str]:
    return [
        f"{one.verdict:7}{one.name:18}{one.figure:10.4g}  {_range(*one.limit):22}{_told(one.what)}"
        for one in making.synthesis.checks
    ]


def _range(low: float, high: float) -> str:
    if isfinite(low) and isfinite(high):
        return f"{low:.4g} to {high:.4g}"
    if isfinite(low):
        return f"at least {low:.4g}"
    return f"at most {high:.4g}" if isfinite(high) else "no limit"


def _told(text: str) -> str:
    return text if is_printable(text) else _ELSEWHERE
