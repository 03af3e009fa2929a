"""Every mark that a result is synthetic, and how it says that it was made."""

from collections.abc import Iterator, Mapping

from dicom_node.dicom import derive_uid
from dicom_node.results.check.wanted import Table, Wanted, code, exactly, items
from dicom_node.results.making import Making
from dicom_node.results.valid import valid_text
from dicom_node.results.words import comments_of, described, name_of, what_was_done

__all__ = ["faults_of_words", "marks"]

_SCHEME = "99SYNTHNODE"
_HELD = "HELD - NOT RELEASED"
_READ_FIRST = ("SeriesDescription", "ImageComments")
_LONGEST = 64
"""Characters of a Long String (PS3.5 6.2)."""


def marks(making: Making, *, resampled: bool) -> Table:
    """Return the marks of PS3.3 C.12.1.1 and C.7.6.1, as they are wanted.

    Parameters
    ----------
    making : Making
        What the result was made of.
    resampled : bool
        Whether a source, or the result, lies on another grid than the first source.
    """
    wanted = {
        "SyntheticData": exactly("YES"),
        "ContentQualification": exactly(making.site.qualification),
        "BurnedInAnnotation": exactly("NO"),
        "LossyImageCompression": exactly("00"),
        "SeriesDescription": exactly(described(making)),
        "ImageComments": exactly(comments_of(making)),
        "DerivationDescription": exactly(what_was_done(making)),
        "DerivationCodeSequence": _derivation(resampled=resampled),
        "CodingSchemeIdentificationSequence": items(
            {
                "CodingSchemeDesignator": exactly(_SCHEME),
                "CodingSchemeUID": exactly(derive_uid("coding scheme", _SCHEME)),
                "CodingSchemeName": exactly("Codes of the DICOM Synthesis Node"),
                "CodingSchemeResponsibleOrganization": exactly("DICOM Synthesis Node project"),
            }
        ),
    }
    defaced = valid_text(making.sources[0].header, "RecognizableVisualFeatures") == "NO"
    if making.recognizable and not defaced:
        wanted["RecognizableVisualFeatures"] = exactly("YES")
    return wanted


def _derivation(*, resampled: bool) -> Wanted:
    made = code("SYN-001", _SCHEME, "Cross-modality image synthesis by machine learning")
    moved = code("113085", "DCM", "Spatial resampling")
    return items(*made.values, *(moved.values if resampled else ()))


def faults_of_words(making: Making) -> Iterator[str]:
    """Yield what the words for a result leave out: they are compared, and judged here besides.

    Whoever words them otherwise may forget what they are for.
    """
    name, model = name_of(making), making.synthesis.provenance.model
    system, site = making.synthesis.provenance.system, making.site
    said = {
        "SeriesDescription": (described(making), ("(SYNTHETIC", site.qualification)),
        "ImageComments": (
            comments_of(making),
            (f"SYNTHETIC {name} - NOT ACQUIRED", model.name, model.version, model.learned_from),
        ),
        "DerivationDescription": (
            what_was_done(making),
            (f"Synthetic {name}", system, model.name, model.version, model.digest, model.weights),
        ),
    }
    for keyword, (text, words) in said.items():
        yield from (f"{keyword} does not say {word}" for word in words if word not in text)
    yield from _faults_of_held(making, {word: said[word][0] for word in _READ_FIRST})
    if site.qualification not in ("RESEARCH", "SERVICE", "PRODUCT"):
        yield f"ContentQualification {site.qualification} is none of the standard's"


def _faults_of_held(making: Making, said: Mapping[str, str]) -> Iterator[str]:
    """Yield what people would not read first of a copy whose result waits for a person, and why."""
    for keyword, text in said.items():
        if text.startswith(_HELD) != bool(making.held):
            yield f"{keyword} {'does not begin' if making.held else 'begins'} with {_HELD}"
    if len(said["SeriesDescription"]) > _LONGEST:
        yield f"SeriesDescription is longer than {_LONGEST} characters"
    for reason in making.held:
        if str(reason.code) not in said["ImageComments"]:
            yield f"ImageComments does not say {reason.code}"
