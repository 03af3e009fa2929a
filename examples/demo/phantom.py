"""The patient of the demo: a phantom head with its own truth, and its T1 as a scanner writes it."""

from pathlib import Path

from engine.volume import Volume
from train.phantom import Coil, Inversion, Order, Protocol, draw_subject, read_template, scan_pair
from train.phantom.series import Patient, write_series
from train.phantom.vendors import style

__all__ = ["STUDY", "make_study"]

SEED = 90001
"""A subject that no model that comes with the program has learned from."""
STUDY = Patient(seed="demo-1", name="PHANTOM^DEMO", patient_id="PHANTOM-DEMO")
_MPRAGE = Protocol(
    name="mprage",
    sequence=Inversion(tr_ms=2000, te_ms=3.0, ti_ms=900),
    field_t=3.0,
    plane="sagittal",
    spacing_mm=1.0,
    step_mm=1.2,
    thickness_mm=1.2,
    extent_mm=(180.0, 256.0, 240.0),
    tilt_deg=(1.0, -2.0, 2.0),
    above_mm=12.0,
    coil=Coil(bias=0.1, bias_mm=110.0, near=0.3, noise=0.02),
)


def make_study(out: Path) -> tuple[list[Path], Volume]:
    """Write the T1 series into ``out``; return its files, and the true CT on its grid."""
    subject = draw_subject(SEED, read_template(1.0))
    pair = scan_pair(subject, 0, Order(sources=("T1",), target="CT"), _MPRAGE)
    return write_series(pair.source, style("siemens-ve-mprage"), STUDY, out, number=3), pair.target
