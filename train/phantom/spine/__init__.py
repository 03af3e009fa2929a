"""Phantom spines with known truth: a seed in, tissue fractions and sagittal protocols out.

Lumbar and lower thoracic vertebrae, discs of every grade, cord and roots in their fluid, the soft
tissue around them, marrow with oedema; all by the stated figures of
:mod:`train.phantom.spine.figures`.
"""

from train.phantom.spine import figures as _of_body
from train.phantom.spine.build import build_spine, draw_placement, spine_axes
from train.phantom.spine.protocols import FIGURES as _OF_PROTOCOLS
from train.phantom.spine.protocols import TIMINGS, draw_protocol

__all__ = ["FIGURES", "TIMINGS", "build_spine", "draw_placement", "draw_protocol", "spine_axes"]

FIGURES = (
    _of_body.EXTENT_MM,
    _of_body.LEVELS,
    _of_body.SACRUM,
    _of_body.ARCH,
    _of_body.SHAPE,
    _of_body.DISC,
    _of_body.CANAL,
    _of_body.HEALTH,
    _of_body.TRUNK,
    _of_body.SPREAD,
    _OF_PROTOCOLS,
)
"""Every number that spines and their protocols are drawn from."""
