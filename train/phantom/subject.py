"""A subject from a seed: its body, its shape and pose, its own figures of every tissue."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from train.phantom.anatomy import build_head
from train.phantom.body import Body
from train.phantom.contrasts import Values, of_ct
from train.phantom.disease import Condition, draw_condition
from train.phantom.fields import Floats, Placement, smooth_noise
from train.phantom.spine import build_spine, draw_placement
from train.phantom.template import Template
from train.phantom.tissues import HU, Tissue

__all__ = ["FIGURES", "Subject", "draw_spine", "draw_subject"]

_BONE_HU = {Tissue.CORTICAL: 60.0, Tissue.SPONGY: 60.0}
_SOFT_HU = 2.0
"""Standard deviations by which subjects differ."""
_TIMES = 0.04
_STILL = {Tissue.CSF: 0.01, Tissue.VITREOUS: 0.01}
"""Of the logarithm of T1 and T2; water differs less than tissue."""
_TEXTURE = ((0.03, 7.0), (0.025, 25.0))
FIGURES = (_BONE_HU, _SOFT_HU, _TIMES, _STILL, _TEXTURE)


@dataclass(frozen=True, eq=False, slots=True)
class Subject:
    """One phantom person.

    Parameters
    ----------
    seed : int
        Same seed, same person.
    anatomy : str
        What part of it: see :data:`train.phantom.order.ANATOMIES`.
    body : Body
        Tissue fractions in a space of their own: of a head, the template's.
    placement : Placement
        Shape, size and pose.
    tissue : (Z, Y, X) uint8
        What fills most of each voxel of the body.
    hu : mapping
        The person's Hounsfield units of each tissue.
    texture : (Z, Y, X)
        By what signal differs within a tissue, about 1.
    relaxation : mapping
        By what the person's T1 and T2 of each tissue are multiplied.
    condition : Condition or None
        Of a head.
    facts : mapping
        ``strata`` to sort results by, name by value, and what else is to be known of the person.
    """

    seed: int
    anatomy: str
    body: Body
    placement: Placement
    tissue: NDArray[np.uint8]
    hu: Values
    texture: Floats
    relaxation: Mapping[Tissue, float]
    condition: Condition | None
    facts: Mapping[str, Any]


def draw_subject(seed: int, template: Template) -> Subject:
    """Return the head of ``seed``."""
    rng = np.random.default_rng([seed, 0])
    condition = draw_condition(rng)
    body, lesions = build_head(template, condition, rng)
    placement = Placement.draw(rng, template.axes)
    facts = {
        "strata": {"lesion": condition.lesion, "disease": condition.disease},
        "condition": asdict(condition),
        "lesions": [asdict(lesion) for lesion in lesions],
    }
    return Subject(seed, "head", body, placement, *_figures(body, rng), condition, facts)


def draw_spine(seed: int, spacing_mm: float) -> Subject:
    """Return the spine of ``seed``."""
    rng = np.random.default_rng([seed, 2])
    body, strata = build_spine(rng, spacing_mm)
    placement = draw_placement(rng, body.axes)
    facts = {"strata": strata}
    return Subject(seed, "spine", body, placement, *_figures(body, rng), None, facts)


def _figures(
    body: Body, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], Values, Floats, Mapping[Tissue, float]]:
    """Draw what differs from person to person: Hounsfield units, texture, relaxation times."""
    sways = {tissue: float(rng.normal(0, 1)) for tissue in Tissue}
    soft = {tissue: _SOFT_HU for tissue in Tissue if -200 < HU[tissue] < 200}
    hu = of_ct({tissue: sways[tissue] * sd for tissue, sd in {**soft, **_BONE_HU}.items()})
    texture = np.ones([len(axis) for axis in body.axes], dtype=np.float32)
    for share, length_mm in _TEXTURE:
        texture += np.float32(share) * smooth_noise(rng, body.axes, length_mm)
    relaxation = {
        tissue: float(np.exp(rng.normal(0, _STILL.get(tissue, _TIMES)))) for tissue in Tissue
    }
    return body.tissue(), hu, texture, relaxation
