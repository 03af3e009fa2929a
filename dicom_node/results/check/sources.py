"""What a result was made of: sources that belong together, and a provenance that says all."""

from collections.abc import Iterator

from pydicom.dataset import Dataset

from dicom_node.results.making import Making, SourceSeries

__all__ = ["faults_of_provenance", "faults_of_sources"]

_OF_ONE_STUDY = ("PatientID", "StudyInstanceUID")
_NEVER = {
    "SyntheticData": "YES",
    "LossyImageCompression": "01",
    "BurnedInAnnotation": "YES",
}
"""Sources that nothing is made of; a result would have to say the same of itself."""


def faults_of_sources(making: Making) -> Iterator[str]:
    """Yield why nothing may be made of these sources."""
    first = making.sources[0]
    for source in making.sources:
        yield from _faults_of_header(source.header, first.header)
        yield from _faults_of_frames(source)
    slices = making.synthesis.stored.pixels.shape[0]
    if making.grid == "native" and len(first.planes) != slices:
        yield f"{slices} slices were made of {len(first.planes)} of the source"


def _faults_of_header(header: Dataset, first: Dataset) -> Iterator[str]:
    for keyword in _OF_ONE_STUDY:
        if str(header.get(keyword)) != str(first.get(keyword)):
            yield f"the sources differ in {keyword}"
    for keyword, value in _NEVER.items():
        if header.get(keyword) == value:
            yield f"the source's {keyword} is {value}"


def _faults_of_frames(source: SourceSeries) -> Iterator[str]:
    if len(source.frames) != len(source.planes):
        yield f"a source has {len(source.frames)} slices at {len(source.planes)} places"
    instances = {(ref.sop_class_uid, ref.sop_instance_uid) for ref in source.frames}
    if (source.header.get("SOPClassUID"), source.header.get("SOPInstanceUID")) not in instances:
        yield "a source's header is that of none of its slices"


def faults_of_provenance(making: Making) -> Iterator[str]:
    """Yield what the record of how a result was made leaves open, or contradicts."""
    provenance = making.synthesis.provenance
    model = provenance.model
    told = {
        "task": provenance.task,
        "system": provenance.system,
        "model": model.name,
        "version": model.version,
        "digest": model.digest,
        "weights": model.weights,
        "learned_from": model.learned_from,
    }
    yield from (f"provenance has no {word}" for word, value in told.items() if not value)
    if model != making.task.bundle.identity:
        yield f"model {model.name} {model.version} made it, and it is not the task's"
    if provenance.task != making.task.name:
        yield f"task {provenance.task} made it, {making.task.name} is wanted"
