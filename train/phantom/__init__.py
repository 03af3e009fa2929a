"""Phantom bodies with known truth: a seed in, scans with what is true in every voxel out.

Heads are tissue maps of the MNI152 template that nilearn ships, deformed per subject, with lesions
in some; skull, scalp, face, air and neck are built around them by a stated recipe. Spines are built
from shapes alone. MR, CT, cone-beam CT and PET come from signal equations and cited tables. There
is no patient's data in them.
"""

from train.phantom.anatomy import build_head
from train.phantom.body import Body, Canvas
from train.phantom.contrasts import (
    Gradient,
    Inversion,
    InversionEcho,
    SpinEcho,
    mixed,
    of_ct,
    of_mr,
)
from train.phantom.disease import Condition, draw_condition
from train.phantom.fields import Placement
from train.phantom.order import ANATOMIES, LABELS, Order
from train.phantom.pairs import RECIPE_SHA256, draw_subjects, make_phantoms, scan_pair
from train.phantom.regions import region_masks
from train.phantom.scanner import Coil, Protocol, draw_protocol, grid_of, receive, scan
from train.phantom.subject import Subject, draw_spine, draw_subject
from train.phantom.template import Template, read_template
from train.phantom.tissues import HU, RELAXATION, UPTAKE, Tissue

__all__ = [
    "ANATOMIES",
    "HU",
    "LABELS",
    "RECIPE_SHA256",
    "RELAXATION",
    "UPTAKE",
    "Body",
    "Canvas",
    "Coil",
    "Condition",
    "Gradient",
    "Inversion",
    "InversionEcho",
    "Order",
    "Placement",
    "Protocol",
    "SpinEcho",
    "Subject",
    "Template",
    "Tissue",
    "build_head",
    "draw_condition",
    "draw_protocol",
    "draw_spine",
    "draw_subject",
    "draw_subjects",
    "grid_of",
    "make_phantoms",
    "mixed",
    "of_ct",
    "of_mr",
    "read_template",
    "receive",
    "region_masks",
    "scan",
    "scan_pair",
]
