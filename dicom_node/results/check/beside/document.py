"""What the document for people has to be: a PDF that says these lines, and no others.

References
----------
PS3.3 A.45.1, C.24.1, C.24.2, C.8.6.1; ISO 32000-1, 7.5.
"""

import re
from collections.abc import Iterator, Sequence
from math import isfinite

from dicom_node.results.check.beside.common import (
    NOT_OF_DOCUMENTS,
    SCHEME,
    Bulk,
    Looks,
    pairs,
    referenced,
    shared,
)
from dicom_node.results.check.beside.figures import answers, figures
from dicom_node.results.check.identity import series
from dicom_node.results.check.wanted import Table, code, exactly, items
from dicom_node.results.companions.page import Line, is_printable, pdf_of
from dicom_node.results.copy import zone_of
from dicom_node.results.making import Making
from dicom_node.results.words import comments_of, described, name_of, what_was_done

__all__ = ["document"]

_LOOKS = Looks("pdf", "1.2.840.10008.5.1.4.1.1.104.1", "DOC", "Report", slot=8)
_ELSEWHERE = "in letters that this page lacks; see the object's header"
_OF_PATIENT = {
    "Name": "PatientName",
    "Patient ID": "PatientID",
    "Born": "PatientBirthDate",
    "Sex": "PatientSex",
    "Study date": "StudyDate",
    "Study": "StudyDescription",
    "Accession number": "AccessionNumber",
    "Study UID": "StudyInstanceUID",
}
_OBJECT = re.compile(rb"\d{10} 00000 n ")


def document(making: Making) -> tuple[Table, Bulk | None]:
    """Return every element but the document, and this, as they are wanted."""
    wanted = shared(making, _LOOKS, NOT_OF_DOCUMENTS)
    title = f"SYNTHETIC {name_of(making)} - NOT ACQUIRED"
    lines = list(_lines(making, wanted, title))
    content = pdf_of(title, lines, title)
    bulk = Bulk(
        "EncapsulatedDocument", "OB", content, "the report that was made",
        tuple(_faults(content, making)),
    )  # fmt: skip
    return {
        **wanted,
        "ConversionType": exactly("SD"),
        "AcquisitionDateTime": exactly(),
        "BurnedInAnnotation": exactly("YES"),
        "DocumentTitle": exactly(title),
        "ConceptNameCodeSequence": code("SYN-200", SCHEME, "Report on a synthesized series"),
        "VerificationFlag": exactly("UNVERIFIED"),
        "SourceInstanceSequence": items(*referenced(pairs(making))),
        "MIMETypeOfEncapsulatedDocument": exactly("application/pdf"),
        "EncapsulatedDocument": exactly(),
        "EncapsulatedDocumentLength": exactly(len(content)),
    }, bulk


def _faults(content: bytes, making: Making) -> Iterator[str]:
    """Yield what makes a document no PDF, or leaves out what it is for."""
    if not content.startswith(b"%PDF-1.4\n") or len(content) % 2:
        yield "the document is no PDF of even length"
    if not content.rstrip(b"\n").endswith(b"%%EOF"):
        yield "the document has no end"
    places = [int(one[:10]) for one in _OBJECT.findall(content)]
    for number, place in enumerate(places, start=1):
        if not content[place:].startswith(b"%d 0 obj\n" % number):
            yield f"object {number} of the document is not where its table says"
    model = making.synthesis.provenance.model
    for word in ("SYNTHETIC", "NOT ACQUIRED", model.name, model.version):
        if word.encode("cp1252", "replace") not in content:
            yield f"the document does not say {word}"


def _lines(making: Making, wanted: Table, title: str) -> Iterator[Line]:
    """Yield what the document has to say, line by line."""
    made = making.synthesis
    yield Line(title, is_heading=True)
    yield Line(_told(comments_of(making)))
    yield from _part("Patient and study", _patient(making, wanted))
    yield from _part("Series", _series(making))
    yield from _part("How it was made", [_told(what_was_done(making))])
    yield from _part("What was found", _found(making))
    if made.held:
        yield from _part("A person has to look at it", [_told(one.text) for one in made.held])
    if made.checks:
        yield from _part("Figures and their limits", _gate(making))


def _part(heading: str, texts: Sequence[str]) -> Iterator[Line]:
    yield Line("")
    yield Line(heading, is_heading=True)
    yield from map(Line, texts)


def _patient(making: Making, wanted: Table) -> list[str]:
    header, found = making.sources[0].header, []
    for what, keyword in _OF_PATIENT.items():
        values = wanted.get(keyword, exactly()).values
        text = "\\".join(map(str, values))
        if keyword == "PatientName" and values:
            text = str(header.PatientName.alphabetic)
        if text:
            found.append(f"{what + ':':18}{_told(text)}")
    return found


def _series(making: Making) -> list[str]:
    at = making.created_at.astimezone(zone_of(making.sources[0].header))
    own = series(making)
    slices = making.synthesis.stored.pixels.shape[0]
    return [
        f"Series:           {_told(described(making))}",
        f"Number:           {own['SeriesNumber'].values[0]}, of {slices} images",
        f"Series UID:       {own['SeriesInstanceUID'].values[0]}",
        f"Made:             {at:%Y-%m-%d %H:%M:%S} (UTC{at:%z})",
        *(
            f"From {source.label + ':':13}{source.header.get('SeriesInstanceUID')}"
            for source in making.sources
        ),
    ]


def _found(making: Making) -> list[str]:
    counted = [
        f"{what}: {value:.4g} {unit[1] if unit[0] != '1' else ''}".rstrip()
        for _, what, value, unit in figures(making)
    ]
    return [
        *counted,
        *(f"{what}: {'yes' if holds else 'NO'}" for _, what, holds in answers(making)),
    ]


def _gate(making: Making) -> list[str]:
    return [
        f"{one.verdict:7}{one.name:18}{one.figure:10.4g}  {_range(*one.limit):22}{_told(one.what)}"
        for one in making.synthesis.checks
    ]


def _range(low: float, high: float) -> str:
    if isfinite(low):
        return f"{low:.4g} to {high:.4g}" if isfinite(high) else f"at least {low:.4g}"
    return f"at most {high:.4g}" if isfinite(high) else "no limit"


def _told(text: str) -> str:
    return text if is_printable(text) else _ELSEWHERE
