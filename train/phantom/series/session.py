"""All series of a scan, as the scanners that acquired them would have sent them."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from train.pair import Pair
from train.phantom.series.common import Patient
from train.phantom.series.write import write_series
from train.phantom.vendors import USUAL, Style, style

__all__ = ["acquired_by", "write_session"]

_BODY_PARTS = {"spine": "LSPINE"}


def write_session(pair: Pair, who: Patient, out: Path) -> dict[str, list[Path]]:
    """Write every source of a phantom pair and its target, each as one series.

    Parameters
    ----------
    pair : Pair
        Of :func:`train.phantom.scan_pair`; its headers say the times it was acquired with.
    who : Patient
        Patient and study.
    out : Path
        Each series gets a folder in it, named by contrast.

    Returns
    -------
    dict
        The files by contrast, in the order of the slices.
    """
    told, field_t = pair.about["timings"], float(pair.about["protocol"]["field_t"])
    written = {}
    for number, (one, volume) in enumerate(
        zip(told, (*pair.sources, pair.target), strict=True), start=1
    ):
        way = acquired_by(one, field_t, pair.about["anatomy"])
        files = write_series(volume, way, who, out / one["label"].lower(), number=number)
        written[one["label"]] = files
    return written


def acquired_by(told: Mapping[str, Any], field_t: float, anatomy: str) -> Style:
    """Return a header style with the times that an image was acquired with.

    Parameters
    ----------
    told : mapping
        An entry of ``about["timings"]``.
    field_t : float
        Field strength.
    anatomy : str
        Of :data:`train.phantom.order.ANATOMIES`.
    """
    one = style(USUAL[told["label"], told["name"]])
    one = replace(one, body_part=_BODY_PARTS.get(anatomy, one.body_part))
    if one.modality != "MR":
        return one
    usual = one.sequence
    timed = replace(
        usual,
        tr=_said(told, "tr_ms", usual.tr),
        te=_said(told, "te_ms", usual.te),
        ti=_said(told, "ti_ms", usual.ti),
        flip=_said(told, "flip_deg", usual.flip),
    )
    equipment = {**one.equipment, "MagneticFieldStrength": field_t}
    return replace(one, equipment=equipment, sequence=timed)


def _said(told: Mapping[str, Any], key: str, usual: float | None) -> float | None:
    return round(float(told[key]), 2) if key in told else usual
