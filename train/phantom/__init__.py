"""Phantom heads with known truth: a seed in, scans with their CT out.

Tissue maps of the MNI152 template that nilearn ships, deformed per subject; skull, scalp, face,
air and neck built around them by a stated recipe; MR and CT by signal equations and HU. There is
no patient's data in them.
"""

from train.phantom.anatomy import Head, build_head
from train.phantom.contrasts import Gradient, Inversion, SpinEcho, mixed, of_ct, of_mr
from train.phantom.fields import Placement
from train.phantom.scanner import Coil, Protocol, draw_protocol, grid_of, receive, scan
from train.phantom.subject import Subject, draw_subject, make_phantoms, scan_pair
from train.phantom.template import Template, read_template
from train.phantom.tissues import HU, RELAXATION, Tissue

__all__ = [
    "HU",
    "RELAXATION",
    "Coil",
    "Gradient",
    "Head",
    "Inversion",
    "Placement",
    "Protocol",
    "SpinEcho",
    "Subject",
    "Template",
    "Tissue",
    "build_head",
    "draw_protocol",
    "draw_subject",
    "grid_of",
    "make_phantoms",
    "mixed",
    "of_ct",
    "of_mr",
    "read_template",
    "receive",
    "scan",
    "scan_pair",
]
