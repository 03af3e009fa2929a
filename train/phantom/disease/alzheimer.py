"""Where an Alzheimer-like disease takes hold, and how the brain shrinks there.

The same map lowers uptake and widens fluid: what PET shows is to be learned from MR, since in life
both come from the loss of the same neurons. It is a pattern, no model of a course.

References
----------
Minoshima et al. 1997, Ann Neurol 42:85 (posterior cingulate first and most, then parietal and
temporal association cortex; primary cortex, deep grey matter and cerebellum spared).
"""

import numpy as np

from train.phantom.disease.condition import Condition
from train.phantom.fields import Axes, Floats, between
from train.phantom.shapes import Capsule, Ellipsoid, Shape

__all__ = ["FIGURES", "PATTERN", "atrophy", "hold"]

PATTERN: tuple[tuple[Shape, float], ...] = (
    (Ellipsoid((34, 50, 7), (21, 20, 10)), 1.0),  # posterior cingulate and precuneus
    (Ellipsoid((36, 56, 45), (24, 22, 20)), 0.85),  # angular and supramarginal gyri
    (Ellipsoid((-10, 28, 58), (17, 38, 16)), 0.7),  # lateral temporal lobe
    (Capsule((-22, 8, 24), (-10, 34, 27), (10, 9)), 0.8),  # hippocampus and about it
    (Ellipsoid((34, -34, 36), (24, 22, 18)), 0.3),  # frontal association cortex: late
)
"""Bodies on the left, each with how strongly the disease takes hold; the right has the like."""
_EDGE_MM, _COARSE_MM = 4.0, 4.0
_AGEING, _LOSS = 0.7, 3.0
"""Exponents by which fluid wins over grey matter at full ageing, and at full disease besides."""
FIGURES = (PATTERN, _EDGE_MM, _COARSE_MM, _AGEING, _LOSS)


def hold(axes: Axes, condition: Condition) -> Floats:
    """Return how strongly the disease holds each point of the template's space.

    Shapes
    ------
    return : (Z, Y, X) float32, 0 to about 1.3; 0 without disease
    """
    z, y, x = (np.arange(axis[0], axis[-1] + 2 * _COARSE_MM, _COARSE_MM) for axis in axes)
    points = (
        z[:, None, None].astype(np.float32),
        y[None, :, None].astype(np.float32),
        x[None, None, :].astype(np.float32),
    )
    most = np.zeros((len(z), len(y), len(x)), dtype=np.float32)
    for shape, share in PATTERN:
        for side, more in ((shape, 1 + condition.lean), (shape.mirrored(), 1 - condition.lean)):
            within = 1 / (1 + np.exp(np.clip(side.distance(points) / _EDGE_MM, -30, 30)))
            most = np.maximum(most, share * more * condition.severity * within)
    places = tuple(
        (axis - other[0]) / _COARSE_MM for axis, other in zip(axes, (z, y, x), strict=True)
    )
    return np.asarray(between(most[None], (places[0], places[1], places[2]))[0])


def atrophy(axes: Axes, condition: Condition) -> Floats:
    """Return the exponent by which fluid wins over grey matter (Z, Y, X)."""
    return np.asarray(_AGEING * condition.ageing + _LOSS * hold(axes, condition), dtype=np.float32)
