"""What results are made of (PS3.2: annexes)."""

import ast
from collections.abc import Iterator
from pathlib import Path

import dicom_node.notes
import dicom_node.results
from conformance.overview import MADE
from conformance.tables import keywords, named, table
from dicom_node.dicom import MANUFACTURER, MODEL_NAME, derive_uid
from dicom_node.notes import KEY_OBJECT
from dicom_node.results.check import FORBIDDEN, WITH_VALUE
from dicom_node.results.companions import KINDS
from dicom_node.results.copy import (
    ACQUIRED,
    CLINICAL_TRIAL,
    IDENTITY,
    OF_PATIENT_AND_STUDY,
    WITH_VALUE_ONLY,
)
from dicom_node.results.iod import Iod
from dicom_node.results.iod import pet as pet_image
from dicom_node.results.provenance import SCHEME
from dicom_node.values import Companion

__all__ = ["codes", "copied", "created", "others", "terms"]

_SCHEMES = (SCHEME, "DCM", "SCT", "LN", "UCUM", "RFC5646")
_LABEL = "T1"
"""Where the type of an image names a contrast, this stands for all."""


def created() -> str:
    """IODs of what the node makes."""
    kinds = "\n\n".join(_kind(kind) for kind in MADE)
    return f"""## 7 Annexes

### 7.1 Objects that are created

Every result is a new series of the source's study, in the patient, study and frame of reference of the
source, in Explicit VR Little Endian, uncompressed. UIDs are derived (2.25, PS3.5 B.2) from the job, so the same
input and the same model give the same UIDs. Manufacturer is `{MANUFACTURER}`, Manufacturer's Model
Name `{MODEL_NAME}`; Device UID names node and model. A series is checked as it was encoded, and one that
breaks these tables does not leave.

Always with a value, in every kind: {keywords(WITH_VALUE)}.

Never there, in every kind: {keywords(FORBIDDEN)}; overlays; private elements.

| mark | value |
|---|---|
| Synthetic Data (0008,001C) | YES |
| Image Type (0008,0008) | holds SYNTHETIC, and DERIVED as value 1 |
| Content Qualification (0018,9004) | `site.content_qualification`: RESEARCH or SERVICE |
| Series Description, Image Comments, Derivation Description | say SYNTHETIC, the model, its version and what it learned from |
| Contributing Equipment Sequence (0018,A001) | the scanner first (109101, DCM), this node last (109100, DCM) |

{kinds}

#### Companions of a result

{_companions()}

#### Rejection note

{named(KEY_OBJECT)}: one instance in a series of its own, in the patient and study of the result that it rejects,
by TID 2010, with the title 113001, DCM, where an acquired series came late or a marked copy is needed no more, and 113037, DCM, where its model was
recalled. It names every instance of the result, says in words why, and bears Synthetic Data YES. Its UIDs are
derived from the result's series, so one rejection is one note. It goes to each destination that may hold the
result. A note that the node receives is kept like any object, and changes nothing of what it shows."""


def _companions() -> str:
    rows = [
        (f"`{name}`", named(kind.sop_class_uid), kind.modality, _HOLDS[name])
        for name, kind in KINDS.items()
    ]
    return f"""Where a rule asks for them (`companions`): each one instance in a series of its own, in the patient and study
of the result, with its UIDs derived from the job, and with the marks of every kind.

{table(("name", "SOP class", "Modality", "holds"), rows)}"""


_HOLDS = {
    Companion.UNCERTAINTY: "one frame per slice, 16 bits; Real World Value Mapping to one "
    "standard deviation",
    Companion.REPORT: "TID 1500, with one measurement group (TID 1501) and the algorithm (TID 4019)",
    Companion.OVERLAY: "one graphic annotation over every instance of the result; its rescale and "
    "first window",
    Companion.PDF: "application/pdf; Burned In Annotation YES, for it names the patient",
}


def _kind(kind: Iod) -> str:
    allocated, stored, high, signed = kind.bits
    rows = [
        ("SOP class", named(kind.sop_class_uid)),
        ("Modality", kind.modality),
        ("Image Type", f"`{chr(92).join(kind.image_type(_LABEL))}`{_where(kind)}"),
        ("Bits Allocated, Bits Stored, High Bit, Pixel Representation",
         f"{allocated}, {stored}, {high}, {signed}"),
        ("always with a value", keywords(kind.with_value)),
        ("there, perhaps empty", keywords(kind.present)),
        ("never there", keywords(kind.forbidden)),
        ("time of the source's acquisition", "copied" if kind.acquired else "not copied"),
    ]  # fmt: skip
    return f"#### {kind.modality} image\n\n{table(('', ''), rows)}"


def _where(kind: Iod) -> str:
    return (
        f"; for {_LABEL} stands the label that is made" if _LABEL in kind.image_type(_LABEL) else ""
    )


def copied() -> str:
    """Say what comes from the source (PS3.2: usage of attributes from received IODs)."""
    trial = [word for both in CLINICAL_TRIAL.items() for part in both for word in part]
    rows = [
        ("as they stand, valid or not", keywords(IDENTITY)),
        ("where valid, empty where they are empty", keywords(OF_PATIENT_AND_STUDY)),
        ("with a valid value only", keywords(WITH_VALUE_ONLY)),
        ("of a clinical trial, where there is one", keywords(trial)),
        ("for CT and MR results", keywords(ACQUIRED)),
    ]
    return f"""### 7.2 Attributes that are taken from received objects

{table(("how", "attributes"), rows)}

Nothing else is copied. Series are judged by their headers and their geometry: [acceptance](acceptance.md)
has each reason for which one is refused. Received objects are not changed: no attribute is coerced."""


def codes() -> list[tuple[str, str, str]]:
    """Return every code that results may hold: value, scheme, meaning; from the code's own source."""
    found = set()
    for package in (dicom_node.results, dicom_node.notes):
        for path in sorted(Path(package.__file__).parent.rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            found |= {*_calls(tree), *_named(tree)}
    tables = vars(pet_image)
    for name in ("_RECUMBENT", "_GANTRY"):
        found |= {(value, "SCT", meaning) for value, meaning in tables[name].values()}
    return sorted(found, key=lambda one: (one[1], one[0]))


def _calls(tree: ast.AST) -> Iterator[tuple[str, str, str]]:
    """Yield the arguments of each call of ``code`` that are written out."""
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and getattr(node.func, "id", "") == "code"):
            continue
        values = [SCHEME if getattr(one, "id", "") == "SCHEME" else getattr(one, "value", None)
                  for one in node.args]  # fmt: skip
        if len(values) == 3 and all(isinstance(value, str) for value in values):
            yield values[0], values[1], values[2]


def _named(tree: ast.AST) -> Iterator[tuple[str, str, str]]:
    """Yield codes that are written out as three texts, or begin with one of our own."""
    for node in ast.walk(tree):
        parts = node.args if isinstance(node, ast.Call) else getattr(node, "elts", ())
        values = [SCHEME if getattr(one, "id", "") == "SCHEME" else getattr(one, "value", None)
                  for one in parts]  # fmt: skip
        if len(values) < 3 or not all(isinstance(value, str) for value in values[:2]):
            continue
        if values[0].startswith("SYN-") and values[1] != SCHEME:
            yield values[0], SCHEME, values[1]
        elif len(values) == 3 and values[1] in _SCHEMES and isinstance(values[2], str):
            yield values[0], values[1], values[2]


def terms() -> str:
    """Coded terms (PS3.2: coded terminology and templates)."""
    rows = [(f"`{value}`", scheme, meaning) for value, scheme, meaning in codes()]
    return f"""### 7.3 Coded terms

{table(("code", "scheme", "meaning"), rows)}

{SCHEME} is a scheme of this project, with the UID {derive_uid("coding scheme", SCHEME)}; each object
declares it in Coding Scheme Identification Sequence. Of the templates of structured reporting TID 2010 is used for
rejection notes, and TID 1500 for reports."""


def others() -> str:
    """Say what there is nothing of."""
    return """### 7.4 Private attributes, SOP classes and transfer syntaxes

The node writes no private attribute, and has no private or specialised SOP class and no private transfer
syntax. It keeps and forwards those of others.

### 7.5 Greyscale consistency

The node displays nothing."""
