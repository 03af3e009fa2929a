"""Steps in order, applied and undone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from engine.errors import SpecError
from engine.preprocess.crop_pad import CropPad
from engine.preprocess.intensity import Normalise
from engine.preprocess.orient import Orient
from engine.preprocess.resample import Resample
from engine.volume import Volume

__all__ = ["Chain", "Step", "Trace"]


class Step(Protocol):
    """One thing done to a volume that can be undone on a result and written down."""

    def apply(self, volume: Volume) -> Volume:
        """Return a new volume; the input is untouched."""

    def undo(self, volume: Volume, source: Volume, *, outside: float) -> Volume:
        """Return a result to where ``source``, the input of :meth:`apply`, was.

        ``outside`` fills what the network never saw.
        """

    def record(self) -> dict[str, Any]:
        """Return the step's name and numbers, as JSON would hold them."""


@dataclass(frozen=True, eq=False, slots=True)
class Trace:
    """What was applied to one volume, step by step, and the volumes before each step."""

    steps: tuple[Step, ...]
    before: tuple[Volume, ...]

    def undo(self, volume: Volume, *, outside: float) -> Volume:
        """Return a result to the source's grid; ``outside`` fills what the network never saw."""
        for step, source in zip(reversed(self.steps), reversed(self.before), strict=True):
            volume = step.undo(volume, source, outside=outside)
        return volume

    def undo_crop(self, volume: Volume, *, outside: float) -> Volume:
        """Return a result at the network's spacing, over the source's whole field of view."""
        for step, source in zip(reversed(self.steps), reversed(self.before), strict=True):
            if isinstance(step, Resample | Orient):
                break
            volume = step.undo(volume, source, outside=outside)
        return volume

    def follow(self, volume: Volume, *, outside: float) -> Volume:
        """Bring a second volume of the source's grid through the same geometry, its values kept.

        This is how learning pairs a target with its source: resampled and cut by the very numbers
        that were fitted to the source, padded with ``outside``.
        """
        for step in self.steps:
            if isinstance(step, CropPad):
                volume = step.apply(volume, padding=outside)
            elif not isinstance(step, Normalise):
                volume = step.apply(volume)
        return volume

    def record(self) -> tuple[dict[str, Any], ...]:
        """Return every step with the numbers it was applied with."""
        return tuple(step.record() for step in self.steps)


@dataclass(frozen=True, slots=True)
class Chain:
    """The preprocessing of one model, as its bundle specifies it.

    Parameters
    ----------
    spec : sequence of mapping
        ``{"step": "orient"}``, ``{"step": "resample", "spacing_mm": [z, y, x]}``,
        ``{"step": "crop_pad", "multiple": 4, "minimum": [rows, columns], "margin_mm": 8}``,
        ``{"step": "normalise", "high": 0.995}``, in this order.

    Raises
    ------
    SpecError
        When a step or a key of it is unknown, or its value is impossible: at :meth:`of`.
    """

    spec: tuple[Mapping[str, Any], ...]

    @classmethod
    def of(cls, spec: Sequence[Mapping[str, Any]]) -> "Chain":
        """Return the chain, every step's name, keys and values checked."""
        for item in spec:
            _checked(item)
        return cls(tuple(dict(item) for item in spec))

    def apply(self, volume: Volume) -> tuple[Volume, Trace]:
        """Fit each step to what the one before it left, and apply it."""
        steps: list[Step] = []
        before: list[Volume] = []
        for item in self.spec:
            step = _fitted(item, volume)
            before.append(volume)
            steps.append(step)
            volume = step.apply(volume)
        return volume, Trace(tuple(steps), tuple(before))


_KEYS = {
    "orient": set[str](),
    "resample": {"spacing_mm"},
    "normalise": {"high"},
    "crop_pad": {"multiple", "minimum", "margin_mm"},
}


def _checked(item: Any) -> None:
    name = item.get("step") if isinstance(item, Mapping) else item
    if not isinstance(item, Mapping) or not isinstance(name, str) or name not in _KEYS:
        raise SpecError(f"no step {name!r}; known: {', '.join(sorted(_KEYS))}")
    keys = set(item) - {"step"}
    if keys != _KEYS[name]:
        wanted = ", ".join(sorted(_KEYS[name])) or "none"
        raise SpecError(f"step {name} has keys {sorted(keys)}; wanted: {wanted}")
    if name != "orient":
        _step(item)


def _fitted(item: Mapping[str, Any], volume: Volume) -> Step:
    if item["step"] == "orient":
        return Orient.fit(volume)
    step = _step(item)
    return step if isinstance(step, Resample) else step.fit(volume)


def _step(item: Mapping[str, Any]) -> Resample | Normalise | CropPad:
    try:
        match item["step"]:
            case "resample":
                z, y, x = (float(value) for value in item["spacing_mm"])
                return Resample((z, y, x))
            case "normalise":
                return Normalise(float(item["high"]))
            case _:
                rows, columns = (int(value) for value in item["minimum"])
                return CropPad(int(item["multiple"]), (rows, columns), float(item["margin_mm"]))
    except (TypeError, ValueError, OverflowError) as exc:
        values = ", ".join(f"{key} = {value!r}" for key, value in item.items() if key != "step")
        raise SpecError(f"step {item['step']}: {values} are no numbers as wanted: {exc}") from exc
