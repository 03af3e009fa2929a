"""What a result says of itself in words: its marks, and how it was made."""

from collections.abc import Mapping, Sequence

from pydicom.dataset import Dataset

from dicom_node.results.iod import iod_of
from dicom_node.results.making import Making
from dicom_node.results.valid import valid_text
from engine.task import LABELS_MR

__all__ = ["HELD", "comments_of", "described", "mark", "name_of", "what_was_done"]

HELD = "HELD - NOT RELEASED"
"""With which everything begins that people read of a copy whose result waits for a person."""
_NAMES = {"PT": "PET"}
"""What people call a label, where that is something else."""
_NOTHING = {
    "CT": "no X-rays were used",
    "MR": "no sequence was run for it",
    "PT": "no tracer was given",
}
"""What an acquisition would have needed, by modality."""
_NEEDED_IT: Mapping[str, Sequence[str]] = {"CT": ("CT", "CBCT"), "MR": (), "PT": ("PT",)}
"""Sources whose own acquisition needed the same, so that it has to be excepted."""
_LONGEST = 64
"""Characters of a Long String (PS3.5 6.2)."""
_LONGEST_WHY = 4096
"""Characters of Image Comments that tell why; a Long Text holds 10240."""


def mark(ds: Dataset, making: Making) -> None:
    """Say that it is synthetic in every place that somebody may look (PS3.3 C.12.1.1.1)."""
    ds.SyntheticData = "YES"
    ds.ContentQualification = making.site.qualification
    ds.SeriesDescription = described(making)
    ds.ImageComments = comments_of(making)
    ds.BurnedInAnnotation = "NO"
    ds.LossyImageCompression = "00"
    defaced = valid_text(making.sources[0].header, "RecognizableVisualFeatures") == "NO"
    if making.recognizable and not defaced:
        ds.RecognizableVisualFeatures = "YES"


def described(making: Making) -> str:
    """Return Series Description (0008,103E): what it is, and of which model where there is room."""
    made, contrasts = name_of(making), _sources(making)[0]
    model = making.synthesis.provenance.model
    phantom = ", phantom-trained" if "phantom" in model.learned_from.lower() else ""
    said = f"s{made} from {contrasts} (SYNTHETIC, {making.site.qualification}{phantom}"
    if making.held:
        return _held(making, said)
    named = f"{said}, {model.name})"  # tells the results of two models apart
    return named if len(named) <= _LONGEST else f"{said})"[:_LONGEST]


def _held(making: Making, said: str) -> str:
    """Return the Series Description of a marked copy: the mark, and what else there is room for."""
    marks = f"(SYNTHETIC, {making.site.qualification})"
    made, contrasts = f"s{name_of(making)}", _sources(making)[0]
    ways = (f"{said})", f"{made} from {contrasts} {marks}", f"{made} {marks}")
    told = [f"{HELD}: {way}" for way in ways]
    return next((one for one in told if len(one) <= _LONGEST), told[-1][:_LONGEST])


def _why_held(making: Making) -> str:
    """Return what the comments of a marked copy begin with; nothing for the result."""
    if not making.held:
        return ""
    codes = ", ".join(dict.fromkeys(str(reason.code) for reason in making.held))
    why = "; ".join(reason.text for reason in making.held)
    return f"{HELD} ({codes}): {why[:_LONGEST_WHY]}. "


def comments_of(making: Making) -> str:
    """Return Image Comments (0020,4000), which many viewers show."""
    model = making.synthesis.provenance.model
    return (
        f"{_why_held(making)}SYNTHETIC {name_of(making)} - NOT ACQUIRED. "
        f"Derived from {_sources(making)[1]} by machine learning, "
        f"model {model.name} {model.version}. "
        f"Research use only. The model learned from {model.learned_from}."
    )


def what_was_done(making: Making) -> str:
    """Return Derivation Description (0008,2111): what ran, on what, with which weights."""
    provenance = making.synthesis.provenance
    model, kind = provenance.model, _sources(making)[1]
    contrasts = " and ".join(source.label for source in making.sources)
    contrasts = contrasts if contrasts == kind else f"{contrasts} {kind}"
    grid = "the source's grid" if making.grid == "native" else "straight axial slices (resampled)"
    return (
        f"Synthetic {name_of(making)}, made by machine learning from {contrasts}; "
        f"{_spared(making)}. "
        f"Network {provenance.system}, model {model.name} {model.version}, bundle "
        f"{model.digest}, weights sha256:{model.weights}, learned from {model.learned_from}. "
        f"Written on {grid}."
    )[:1024]


def _spared(making: Making) -> str:
    """Return what was not done to the patient, the sources' own acquisition excepted."""
    modality = iod_of(making.task.makes).modality
    excepted = any(source.label in _NEEDED_IT[modality] for source in making.sources)
    return _NOTHING[modality] + (" but the source's" if excepted else "")


def name_of(making: Making) -> str:
    """Return what people call the result."""
    return _NAMES.get(making.task.makes, making.task.makes)


def _sources(making: Making) -> tuple[str, str]:
    """Return the sources in words: each by its contrast, and of what kind they are."""
    labels = [source.label for source in making.sources]
    if all(label in LABELS_MR for label in labels):
        return f"{'+'.join(labels)}w MR", "MR"
    return "+".join(labels), " and ".join(labels)
