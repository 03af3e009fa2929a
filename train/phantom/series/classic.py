"""One slice of a classic MR or CT series (PS3.3 A.4, A.3)."""

from typing import Any

from pydicom.dataset import Dataset

from engine.volume import Volume
from train.phantom.series.common import decimal, plane, put
from train.phantom.vendors import Style

__all__ = ["CT_INTERCEPT", "classic"]

CT_INTERCEPT = -1024
_WINDOW = {"WindowCenter": 1200, "WindowWidth": 2400}
"""In stored values; classic MR has no rescale."""


def classic(volume: Volume, style: Style, shared: Dataset, index: int) -> Dataset:
    """Build slice ``index`` from what its series shares."""
    ds = Dataset()
    ds.update(shared)
    put(ds, plane(volume, index))
    if style.modality == "CT":
        put(ds, {"RescaleIntercept": CT_INTERCEPT, "RescaleSlope": 1, "RescaleType": "HU"})
        put(ds, {"ScanOptions": style.sequence.options} if style.sequence.options else {})
        return ds
    put(ds, _timing(style))
    put(ds, {"SpacingBetweenSlices": decimal(volume.grid.spacing_mm[0])})
    put(ds, _WINDOW)
    return ds


def _timing(style: Style) -> dict[str, Any]:
    """Return the attributes of the MR Image module that tell the sequence (PS3.3 C.8.3.1)."""
    one = style.sequence
    facts = {
        "ScanningSequence": one.scanning, "SequenceVariant": one.variant,
        "ScanOptions": one.options or None, "MRAcquisitionType": one.dimension,
        "RepetitionTime": one.tr, "EchoTime": one.te, "EchoTrainLength": one.train,
        "FlipAngle": one.flip, "EchoNumbers": 1, "NumberOfAverages": 1, "ImagedNucleus": "1H",
        "ImagingFrequency": 123.25, "AngioFlag": "N", "PixelBandwidth": 240,
    }  # fmt: skip
    if one.ti is not None:
        facts["InversionTime"] = one.ti
    if one.vendor_name:
        facts["SequenceName"] = one.vendor_name
    return facts
