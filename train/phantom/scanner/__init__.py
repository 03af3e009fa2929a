"""Scanning a phantom: a protocol, a lattice through the body, thick slices, coil and noise.

A body's images and a protocol enter; what a scanner would have measured leaves.
"""

from train.phantom.scanner.coil import Coil, gain_of, receive
from train.phantom.scanner.protocol import FIGURES as _OF_PROTOCOL
from train.phantom.scanner.protocol import PLANES, Plane, Protocol, draw_protocol, grid_of
from train.phantom.scanner.sampling import most_common, scan
from train.phantom.scanner.timing import TIMINGS, Timing, draw_sequence, usual_sequence

__all__ = [
    "FIGURES",
    "PLANES",
    "TIMINGS",
    "Coil",
    "Plane",
    "Protocol",
    "Timing",
    "draw_protocol",
    "draw_sequence",
    "gain_of",
    "grid_of",
    "most_common",
    "receive",
    "scan",
    "usual_sequence",
]

FIGURES = (TIMINGS, _OF_PROTOCOL)
"""Every number that protocols are drawn from."""
