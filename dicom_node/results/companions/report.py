"""What was found of a result, as a structured report: TID 1500 in a Comprehensive 3D SR.

The tree is built by highdicom, which knows the templates; everything around it is written as in
all other objects, so nothing in it is drawn by chance or taken from the clock.

References
----------
PS3.3 A.35.13 (Comprehensive 3D SR IOD); PS3.16 TID 1500, 1501, 1600, 4019, CID 100.
"""

from collections.abc import Sequence

from highdicom import sr
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items

from dicom_node.dicom import MANUFACTURER, MODEL_NAME, derive_uid
from dicom_node.errors import OutputInvalid
from dicom_node.results.companions.common import begin, frames_of, referenced
from dicom_node.results.companions.found import answers, numbers
from dicom_node.results.companions.kinds import REPORT
from dicom_node.results.copy import strict
from dicom_node.results.making import Making, SeriesMade
from dicom_node.results.provenance import SCHEME
from dicom_node.results.words import name_of
from engine.task import LABELS_MR

__all__ = ["make_report"]

_MRI = ("25056-3", "LN", "MRI unspecified body region")
_IMAGING = ("363679005", "SCT", "Imaging procedure")
"""Of CID 100: a procedure of our own coding would be an error."""
_YES, _NO = ("373066001", "SCT", "Yes"), ("373067005", "SCT", "No")


def make_report(making: Making, made: SeriesMade) -> Dataset:
    """Return the report on a result.

    Raises
    ------
    OutputInvalid
        When a value cannot be written as DICOM.
    """
    ds = begin(making, made, REPORT)
    ds.ReferencedPerformedProcedureStepSequence = Items([])
    ds.PerformedProcedureCodeSequence = Items([])
    ds.CompletionFlag, ds.PreliminaryFlag = "COMPLETE", "PRELIMINARY"
    ds.VerificationFlag = "UNVERIFIED"
    ds.CurrentRequestedProcedureEvidenceSequence = _evidence(ds, making, made)
    try:
        with strict():
            ds.update(_tree(making, made))
    except (ValueError, TypeError, OverflowError) as exc:
        raise OutputInvalid(f"a value of the report is no valid DICOM: {exc}") from exc
    return ds


def _tree(making: Making, made: SeriesMade) -> Dataset:
    """Return the root of the tree, with what is below it."""
    only_mr = all(source.label in LABELS_MR for source in making.sources)
    report = sr.MeasurementReport(
        observation_context=_observer(making),
        procedure_reported=_code(_MRI if only_mr else _IMAGING),
        imaging_measurements=[_group(making, made)],
        referenced_images=made.datasets,
    )
    root = Dataset()
    root.update(report[0])
    return root


def _observer(making: Making) -> sr.ObservationContext:
    device = sr.DeviceObserverIdentifyingAttributes(
        uid=making.site.node_uid,
        name=MODEL_NAME,
        manufacturer_name=MANUFACTURER,
        model_name=MODEL_NAME,
        serial_number=making.site.node_uid[-16:],
    )
    return sr.ObservationContext(
        observer_device_context=sr.ObserverContext(
            observer_type=_code(("121007", "DCM", "Device")),
            observer_identifying_attributes=device,
        )
    )


def _group(making: Making, made: SeriesMade) -> sr.MeasurementsAndQualitativeEvaluations:
    provenance, what = making.synthesis.provenance, name_of(making)
    model = provenance.model
    return sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(
            uid=derive_uid("tracking", making.job_key, REPORT.name),
            identifier=f"Quality of the SYNTHETIC {what}",
        ),
        finding_type=_ours("SYN-100", "Quality of synthesized series"),
        algorithm_id=sr.AlgorithmIdentification(
            name=model.name,
            version=model.version,
            parameters=[
                f"network {provenance.system}",
                f"bundle {model.digest}",
                f"weights sha256:{model.weights}",
            ],
            family=_code(("123110", "DCM", "Artificial Intelligence")),
            manufacturer=MANUFACTURER,
        ),
        measurements=[
            sr.Measurement(
                name=_ours(one.code, one.what),
                value=float(f"{one.value:.6g}"),
                unit=_code((one.unit[0], "UCUM", one.unit[1])),
            )
            for one in numbers(making)
        ],
        qualitative_evaluations=[
            sr.QualitativeEvaluation(_ours(one.code, one.what), _code(_YES if one.holds else _NO))
            for one in answers(making)
        ],
        source_images=[
            sr.SourceImageForMeasurementGroup(one.sop_class_uid, one.sop_instance_uid)
            for one in frames_of(made.datasets)
        ],
    )


def _evidence(ds: Dataset, making: Making, made: SeriesMade) -> Items:
    """Return the result and what it was made from: all of one study."""
    pairs = [(made.series_uid, frames_of(made.datasets))]
    pairs += [(str(one.header.SeriesInstanceUID), list(one.frames)) for one in making.sources]
    study, series = Dataset(), []
    for uid, frames in pairs:
        item = Dataset()
        item.SeriesInstanceUID, item.ReferencedSOPSequence = uid, referenced(frames)
        series.append(item)
    study.StudyInstanceUID, study.ReferencedSeriesSequence = ds.StudyInstanceUID, Items(series)
    return Items([study])


def _ours(value: str, meaning: str) -> sr.CodedConcept:
    return _code((value, SCHEME, meaning))


def _code(parts: Sequence[str]) -> sr.CodedConcept:
    value, scheme, meaning = parts
    return sr.CodedConcept(value=value, scheme_designator=scheme, meaning=meaning)
