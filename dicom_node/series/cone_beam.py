"""Cone-beam CT told from CT: both are CT Image Storage, and the two must not be mixed up.

A cone beam labelled ``CT`` would make a rule believe that the study has its CT; a CT labelled
``CBCT`` would be "corrected" by a network that has never seen one. So either word needs proof. The
kinds of evidence for a cone beam are the maker, the model, the words of the description, and how
it was acquired. Two kinds of four make it ``CBCT``. None makes it ``CT``. One alone, or evidence
for both, is left undecided: the series is then neither, takes no part in rules, and the reason
says what was seen.

References
----------
PS3.3 C.8.2.1 (CT Image), C.8.15.3.2 (CT Acquisition Type), C.8.15.3.4 (CT Table Dynamics).
"""

import re
from collections.abc import Iterator

from dicom_node.series.facts import Header, codes, maker, positive, series_texts, words
from dicom_node.series.findings import Label
from engine.reason import Code, Reason

__all__ = ["ct_label"]

NEEDED = 2
"""Kinds of evidence that make a cone beam."""

_MAKER = re.compile(
    r"VARIAN|ELEKTA|PLANMECA|SIRONA|CARESTREAM DENTAL|KAVO|IMAGING SCIENCES|MORITA|NEWTOM|\bQR S|"
    r"CEFLA|VATECH|SOREDEX|INSTRUMENTARIUM|GENDEX|PREXION|MYRAY|XORAN|CURVEBEAM|ZIEHM|RAYSCAN|"
    r"GENORAY|POINTNIX|OWANDY|ACTEON"
)
"""They make imagers on treatment machines, for teeth or on C-arms, and no helical CT. They also
export CTs that others acquired, so the maker alone proves nothing."""
_MODEL = re.compile(
    r"\bxvi\b|on-?board.?imag|\bobi\b|true.?beam|halcyon|\bethos\b|clinac|trilogy|edge.?(ct|rt)|"
    r"versa.?hd|infinity.?(xvi|rt)|o-?arm|galileos|orthophos|axeos|promax|viso\b|accuitomo|"
    r"veraview|i-?cat\b|newtom|\bvgi\b|gendex|scanora|cranex|orthopantomo|\bcs ?(8100|8200|9\d00)|"
    r"pax-?(i3d|flex)|\bpedcat|minicat|cios.?spin|vision.?rfd|loop-?x|imagingring"
)
_WORDS = re.compile(
    r"cbct|cone.?beam|\bxvi\b|\bkv.?ct\b|\bobi\b|dyna.?ct|xper.?ct|innova.?ct|\bdvt\b|volumentomogra|"
    r"\b[34]d.?cb\b|faisceau.?conique|haz.?conico|fascio.?conico|kegelstrahl"
)
_BEAM = re.compile(
    r"(half|full).?fan|bow.?tie.?(half|full)|(half|full).?bow.?tie|cone.?beam|flat.?panel"
)
_HELICAL_OPTIONS = re.compile(r"HELIX|HELICAL|SPIRAL|AXIAL MODE|CLUSTER|CINE MODE")
_HELICAL_TYPES = frozenset({"SPIRAL", "SEQUENCED"})
_DIAGNOSTIC = re.compile(
    r"somatom|lightspeed|brightspeed|discovery|revolution|optima|brilliance|ingenuity|\bict\b|iqon|"
    r"incisive|gemstone|biograph|gemini|vereos|aquilion|alexion|asteion|scenaria|supria|eclos|\buct\b|"
    r"neuviz|big.?bore|naeotom|sensation|emotion|definition"
)


def ct_label(header: Header) -> tuple[Label, tuple[Reason, ...]]:
    """Return ``CT``, ``CBCT`` or ``UNKNOWN`` for the header of a CT image, with the reason."""
    cone, fan = list(_cone(header)), list(_fan(header))
    if not cone:
        return Label.CT, ()
    if fan:
        text = f"{cone[0]} as in cone-beam CT, but {fan[0]} as in CT; evidence for one is wanted"
        return Label.UNKNOWN, (Reason(Code.SEQUENCE_CONFLICT, text),)
    if len(cone) < NEEDED:
        text = (
            f"{cone[0]} as in cone-beam CT; a second kind of evidence is wanted to tell it from CT"
        )
        return Label.UNKNOWN, (Reason(Code.SEQUENCE_UNKNOWN, text),)
    return Label.CBCT, ()


def _cone(header: Header) -> Iterator[str]:
    """Yield one text for each kind of evidence for a cone beam."""
    if _MAKER.search(maker(header)):
        yield "the maker is one"
    if _MODEL.search(words(header.get("ManufacturerModelName"))):
        yield "the model is one"
    if any(_WORDS.search(text) for text in (*series_texts(header), _study(header))):
        yield "it is called"
    beam = (header.get(word) for word in ("FilterType", "ScanOptions", "ConvolutionKernel"))
    if any(_BEAM.search(words(text)) for text in beam):
        yield "its beam is shaped"


def _study(header: Header) -> str:
    return words(header.get("StudyDescription"))


def _fan(header: Header) -> Iterator[str]:
    """Yield evidence for a CT: the table moves, or the scanner is one that only does that."""
    if positive(header, "SpiralPitchFactor") or positive(header, "TableFeedPerRotation"):
        yield "the table moves"
    if _HELICAL_TYPES & set(codes(header, "AcquisitionType")):
        yield "the acquisition is spiral or sequenced"
    if any(_HELICAL_OPTIONS.search(value) for value in codes(header, "ScanOptions")):
        yield "the scan options are those"
    if any(value.startswith("CT_SOM") for value in codes(header, "ImageType")):
        yield "the image type is one"
    if _DIAGNOSTIC.search(words(header.get("ManufacturerModelName"))):
        yield "the model is one"
