"""One slice of a PET series (PS3.3 A.21, C.8.9)."""

from pydicom.dataset import Dataset

from engine.volume import Volume
from train.phantom.series.common import (
    DATE,
    code,
    decimal,
    item,
    plane,
    put,
)

__all__ = ["REFERENCE_BQML", "pet"]

REFERENCE_BQML = 7000.0
"""What the reference region holds: a scanner counts, and knows nothing of ratios."""
_DOSE_BQ, _HALF_LIFE_S, _LASTED_MS = 2.0e8, 6586.2, 900000
_INJECTED = "093000"


def pet(volume: Volume, shared: Dataset, index: int, scale: float) -> Dataset:
    """Build slice ``index`` from what its series shares; ``scale`` is SUVR of one step."""
    ds = Dataset()
    ds.update(shared)
    put(ds, plane(volume, index))
    put(ds, {
        "BitsStored": 16, "HighBit": 15, "PixelRepresentation": 1,
        "RescaleIntercept": 0, "RescaleSlope": decimal(scale * REFERENCE_BQML),
        "Units": "BQML", "CountsSource": "EMISSION", "SeriesType": ("STATIC", "IMAGE"),
        "NumberOfSlices": volume.shape[0], "ImageIndex": index + 1, "DecayCorrection": "START",
        "CorrectedImage": ("NORM", "DTIM", "ATTN", "SCAT", "DECY"), "CollimatorType": "NONE",
        "ReconstructionMethod": "OSEM", "ConvolutionKernel": "XYZ GAUSS4.00",
        "ActualFrameDuration": _LASTED_MS, "FrameReferenceTime": 0, "DecayFactor": 1,
        "RadiopharmaceuticalInformationSequence": item(_tracer()),
        "PatientOrientationCodeSequence": _recumbent(),
        "PatientGantryRelationshipCodeSequence": code("102540008", "SCT", "headfirst"),
    })  # fmt: skip
    del ds.PatientPosition  # the sequences say it (PS3.3 C.7.6.30)
    return ds


def _tracer() -> dict[str, object]:
    return {
        "Radiopharmaceutical": "FDG", "RadiopharmaceuticalStartTime": _INJECTED,
        "RadiopharmaceuticalStartDateTime": f"{DATE}{_INJECTED}",
        "RadionuclideTotalDose": _DOSE_BQ, "RadionuclideHalfLife": _HALF_LIFE_S,
        "RadionuclideCodeSequence": code("77004003", "SCT", "^18^Fluorine"),
        "RadiopharmaceuticalCodeSequence": code("35321007", "SCT", "Fluorodeoxyglucose F^18^"),
    }  # fmt: skip


def _recumbent() -> list[Dataset]:
    lying = code("102538003", "SCT", "recumbent")
    lying[0].PatientOrientationModifierCodeSequence = code("40199007", "SCT", "supine")
    return lying
