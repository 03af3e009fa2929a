"""What is measured while a subject lies in a scanner: several images on one lattice.

All images of a session share the lattice, the field strength and the coil's gain. A target is
acquired by its site's usual protocol, with noise of its own where it is MR or PET; CT is the truth
itself. A cone-beam image is the truth as its scanner spoils it.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from engine.volume import Grid, Volume
from train.phantom.cone_beam import degrade
from train.phantom.contrasts import Gradient, Inversion, Values, mixed, of_mr
from train.phantom.contrasts import Sequence as Pulses
from train.phantom.disease import uptake
from train.phantom.fields import Axes, Floats, smooth_noise
from train.phantom.order import Order
from train.phantom.scanner import (
    TIMINGS,
    Protocol,
    draw_sequence,
    gain_of,
    receive,
    scan,
    usual_sequence,
)
from train.phantom.subject import Subject
from train.phantom.tissues import Tissue

__all__ = ["FIGURES", "Acquired", "Session", "acquisitions"]

_UNEQUAL = {Tissue.SPONGY: 0.25, Tissue.FAT: 0.15, Tissue.MUSCLE: 0.10, Tissue.CSF: 0.02}
_ELSE_UNEQUAL, _INFLOW, _VOID = 0.05, (1.0, 2.0), 0.3
_BRIGHTEST = (600.0, 4000.0)
_TARGET_NOISE, _PET_NOISE, _PET_GRAIN_MM = 0.010, 0.03, 5.0
FIGURES = (
    tuple(_UNEQUAL.items()), _ELSE_UNEQUAL, _INFLOW, _VOID, _BRIGHTEST, _TARGET_NOISE, _PET_NOISE,
    _PET_GRAIN_MM,
)  # fmt: skip
_UNITS = {"CT": "HU", "CBCT": "HU", "PT": "SUVR"}
_UNMOVED = (0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Acquired:
    """One image of a session.

    Parameters
    ----------
    label : str
        Of :data:`train.phantom.order.LABELS`.
    name : str
        Of the sequence or the modality.
    sequence : Pulses or None
        By which it is acquired, where it is MR.
    shift_mm : (S, P, L)
        How far the subject has moved before it.
    target : bool
        It is what is to be made.
    """

    label: str
    name: str
    sequence: Pulses | None
    shift_mm: tuple[float, float, float] = _UNMOVED
    target: bool = False

    def told(self) -> dict[str, Any]:
        """Return what is written down about it."""
        told = asdict(self)
        times = told["sequence"] or {}
        return {"label": self.label, "name": self.name, "shift_mm": list(self.shift_mm), **times}


def acquisitions(order: Order, first: Protocol, rng: np.random.Generator) -> list[Acquired]:
    """Draw the images of a session: the sources, then the target.

    Parameters
    ----------
    first : Protocol
        Of the first source.
    """
    images = [Acquired(order.sources[0], first.name, first.sequence)]
    for label in order.sources[1:]:
        way = rng.standard_normal(3)
        up, back, left = way / np.linalg.norm(way) * rng.uniform(0, order.shift_mm)
        shift = (round(float(up), 3), round(float(back), 3), round(float(left), 3))
        name, sequence = label.lower(), None
        if label in TIMINGS:
            name, sequence = draw_sequence(label, first.field_t, rng)
        images.append(Acquired(label, name, sequence, shift))
    name, sequence = order.target.lower(), None
    if order.target in TIMINGS:
        name, sequence = usual_sequence(order.target, first.field_t)
    return [*images, Acquired(order.target, name, sequence, target=True)]


class Session:
    """A subject in a scanner.

    Parameters
    ----------
    subject : Subject
        Who lies in it.
    protocol : Protocol
        Of the first source.
    grid : Grid
        Of all images.
    rng : Generator
        What chance decides, drawn in the order in which things are asked for.
    """

    def __init__(
        self, subject: Subject, protocol: Protocol, grid: Grid, rng: np.random.Generator
    ) -> None:
        self._subject, self._protocol, self._grid, self._rng = subject, protocol, grid, rng
        self._gain = gain_of(grid, protocol.coil, rng)

    def measure(self, images: Sequence[Acquired]) -> tuple[list[Volume], Floats]:
        """Return the images, and the share of each voxel that is body."""
        still = [one for one in images if one.shift_mm == _UNMOVED]
        body = 1 - self._subject.body.fractions[Tissue.OUTSIDE]
        seen = list(self._sampled([*(self._image(one) for one in still), body], _UNMOVED))
        inside, found = seen.pop(), dict(zip(still, seen, strict=True))
        for one in images:
            if one.shift_mm != _UNMOVED:
                found[one] = self._sampled([self._image(one)], one.shift_mm)[0]
        volumes = [
            Volume(self._finished(one, found[one]), self._grid, unit=_UNITS.get(one.label, "1"))
            for one in images
        ]
        return volumes, inside

    def _sampled(self, images: Sequence[Floats], shift_mm: tuple[float, float, float]) -> Floats:
        placement = self._subject.placement
        moved = replace(placement, shift_mm=placement.shift_mm + np.array(shift_mm))
        axes, thickness = self._subject.body.axes, self._protocol.thickness_mm
        return scan(np.stack(images), axes, moved, self._grid, thickness)

    def _image(self, one: Acquired) -> Floats:
        """Return what would be seen in the body's own space, without the scanner's faults."""
        who = self._subject
        if one.sequence is not None:
            values = of_mr(one.sequence, self._protocol.field_t, who.relaxation)
            return mixed(who.body.fractions, self._seen(values, one)) * who.texture
        if one.label == "PT" and who.condition is not None:
            return uptake(who.body, who.condition, float(np.mean(who.placement.scale)))
        return mixed(who.body.fractions, who.hu)

    def _seen(self, values: Values, one: Acquired) -> Values:
        """Draw what the equations leave out: magnetisation transfer, fat's shift, flow.

        Blood that flows out before its echo gives nothing, as always with spin echoes; blood that
        flows in gives more than at rest. A target has none of it but the flow of spin echoes: what
        nothing in the source tells cannot be learned.
        """
        flows = isinstance(one.sequence, Gradient | Inversion) and not one.target
        seen = dict(values)
        if not one.target:
            for tissue, value in values.items():
                sway = self._rng.normal(0, _UNEQUAL.get(tissue, _ELSE_UNEQUAL))
                seen[tissue] = value * float(np.exp(sway))
        void = not flows or self._rng.uniform() < _VOID
        inflow = 0.0 if void else self._rng.uniform(*_INFLOW)
        return {**seen, Tissue.BLOOD: values[Tissue.BLOOD] * inflow}

    def _finished(self, one: Acquired, seen: Floats) -> Floats:
        """Return what the scanner makes of an image that has been sampled."""
        if one.sequence is not None:
            noise = _TARGET_NOISE if one.target else self._protocol.coil.noise
            received = receive(seen * self._gain, noise, self._rng)
            top = _BRIGHTEST[1] if one.target else self._rng.uniform(*_BRIGHTEST)
            return np.round(received * np.float32(top / received.max()))
        if one.label == "PT":
            return self._counted(seen)
        return np.round(degrade(seen, self._grid, self._rng) if one.label == "CBCT" else seen)

    def _counted(self, uptaken: Floats) -> Floats:
        """Return uptake with the grain of a reconstruction."""
        steps = zip(self._grid.shape, self._grid.spacing_mm, strict=True)
        z, y, x = (np.arange(n, dtype=np.float64) * step for n, step in steps)
        axes: Axes = (z, y, x)
        grain = smooth_noise(self._rng, axes, _PET_GRAIN_MM)
        return np.clip(uptaken + _PET_NOISE * grain * np.sqrt(np.clip(uptaken, 0, None)), 0, 6)
