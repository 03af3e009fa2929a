"""Regions of the brain, by planes and bodies in the template's space.

They are drawn coarsely, for sums over a lobe: borders follow the main sulci of the template as
straight planes, not any atlas. Grey matter is what a voxel of a region must be to count.

References
----------
Landau et al. 2011, Neurobiol Aging 32:1207 (uptake over that of pons and cerebellum).
"""

from collections.abc import Mapping
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.volume import Grid
from train.errors import DataInvalid
from train.pair import Pair
from train.phantom.fields import Axes, Floats, Placement, between
from train.phantom.shapes import Capsule, Ellipsoid, Shape
from train.phantom.tissues import Tissue

__all__ = ["FIGURES", "REGIONAL", "Region", "places_of", "region_masks", "region_of"]


class Region(IntEnum):
    """Of the brain, both sides together."""

    NONE = 0
    FRONTAL = 1
    TEMPORAL = 2
    PARIETAL = 3
    OCCIPITAL = 4
    POSTERIOR_CINGULATE = 5
    """With the precuneus."""
    MEDIAL_TEMPORAL = 6
    DEEP = 7
    """Caudate, putamen and thalamus."""
    CEREBELLUM = 8
    PONS = 9


REGIONAL: Mapping[Region, float] = {
    Region.NONE: 1.0, Region.FRONTAL: 1.0, Region.TEMPORAL: 0.93, Region.PARIETAL: 1.0,
    Region.OCCIPITAL: 1.06, Region.POSTERIOR_CINGULATE: 1.12, Region.MEDIAL_TEMPORAL: 0.80,
    Region.DEEP: 1.10, Region.CEREBELLUM: 0.82, Region.PONS: 0.80,
}  # fmt: skip
"""Uptake of healthy grey matter over the table's; the order is that of rest with open eyes."""

_SMALL: tuple[tuple[Shape, Region], ...] = (
    (Ellipsoid((34, 50, 7), (21, 20, 10)), Region.POSTERIOR_CINGULATE),
    (Capsule((-22, 8, 24), (-10, 34, 27), (10, 9)), Region.MEDIAL_TEMPORAL),
    (Ellipsoid((6, -4, 20), (15, 24, 14)), Region.DEEP),
    (Ellipsoid((8, 18, 12), (10, 14, 10)), Region.DEEP),
)
"""Bodies on the left within the lobes, the right ones alike; the first that holds a point wins."""
_PONS = Ellipsoid((-32, 26, 0), (14, 12, 15))
_TENTORIUM = (-26.0, 0.22, 24.0, 34.0, -68.0)
"""Height at the side, rise per mm towards the middle, where the rise begins; how far back it is;
the floor of the skull."""
_SYLVIAN, _CENTRAL, _OCCIPITAL = (-6.8, 0.6), (6.0, 0.42), (68.0, 0.35)
"""Height per mm backwards of the first, depth per mm upwards of the others."""
_TEMPORAL = (16.0, 18.0, -26.0)
"""Below, outside of, behind."""
_ORBITAL, _NODES = -24.0, 16
FIGURES = (
    tuple(REGIONAL.items()), _SMALL, _PONS, _TENTORIUM, _SYLVIAN, _CENTRAL, _OCCIPITAL, _TEMPORAL,
    _ORBITAL, _NODES,
)  # fmt: skip


def region_of(points: tuple[Floats, Floats, Floats]) -> NDArray[np.uint8]:
    """Return the :class:`Region` of points (S, P, L) in mm of the template; arrays broadcast."""
    up, back, left = points
    side = np.abs(left)
    edge, slope, begin, front, floor = _TENTORIUM
    roof = edge + slope * np.clip(begin - side, 0, None)
    cerebellum = (back > front) & (up > floor) & (up < roof)
    occipital = back > _OCCIPITAL[0] + _OCCIPITAL[1] * up
    parietal = back > _CENTRAL[0] + _CENTRAL[1] * up
    top, inner, pole = _TEMPORAL
    temporal = (up < _SYLVIAN[0] + _SYLVIAN[1] * back) & (up < top) & (side > inner) & (back > pole)
    found = np.select(
        [cerebellum, occipital, temporal, parietal, up > _ORBITAL],
        [Region.CEREBELLUM, Region.OCCIPITAL, Region.TEMPORAL, Region.PARIETAL, Region.FRONTAL],
        Region.NONE,
    ).astype(np.uint8)
    mirrored = (up, back, side)
    for shape, region in reversed(_SMALL):
        inside = (shape.distance(mirrored) < 0) & (found != Region.CEREBELLUM)
        found = np.where(inside, region, found)
    return np.asarray(np.where(_PONS.distance(points) < 0, Region.PONS, found), dtype=np.uint8)


def places_of(grid: Grid, placement: Placement) -> dict[str, Any]:
    """Return where the voxels of a grid lie in the template, coarsely, as JSON holds it."""
    nodes = [np.linspace(0, n - 1, max(2, -(-n // _NODES) + 1)) for n in grid.shape]
    indices = np.stack(np.meshgrid(*nodes, indexing="ij")).reshape(3, -1).T
    patient = grid.centres(indices)[:, ::-1].T.reshape(3, *(len(n) for n in nodes))
    points = placement.to_template(patient.astype(np.float32))
    return {"shape": list(points.shape), "mm": [round(float(v), 1) for v in points.ravel()]}


def region_masks(pair: Pair) -> dict[str, NDArray[np.bool_]]:
    """Return the voxels of each region on the pair's grid.

    Returns
    -------
    dict
        ``left_frontal``, ``right_frontal`` and so on: grey matter of each lobe; ``reference``: pons
        and cerebellum, both sides. A region that the field of view misses has no voxel.

    Raises
    ------
    DataInvalid
        When the pair does not say where its voxels lie in the template.
    """
    places = pair.about.get("places")
    if not places:
        text = "the pair has no places in the template; regions are known of phantom heads with PET"
        raise DataInvalid(f"{text}, made by 'dicom-train phantom'")
    coarse = np.array(places["mm"], dtype=np.float32).reshape(places["shape"])
    at = [
        np.linspace(0, nodes - 1, count)
        for nodes, count in zip(coarse.shape[1:], pair.target.shape, strict=True)
    ]
    axes: Axes = (at[0], at[1], at[2])
    up, back, left = between(coarse, axes)
    found = region_of((up, back, left))
    grey = pair.tissue == Tissue.GREY
    masks = {
        f"{name}_{region.name.lower()}": (found == region) & grey & side
        for region in Region
        if region not in (Region.NONE, Region.CEREBELLUM, Region.PONS)
        for name, side in (("left", left > 0), ("right", left <= 0))
    }
    brain = grey | (pair.tissue == Tissue.WHITE)
    masks["reference"] = np.isin(found, (Region.CEREBELLUM, Region.PONS)) & brain
    return masks
