"""Steps in order, applied and undone."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from engine.errors import InputRefused, SpecError
from engine.preprocess.align import Register, Template
from engine.preprocess.atlas import Atlas
from engine.preprocess.crop_pad import CropPad
from engine.preprocess.intensity import Clip, MinMax, Normalise, Window
from engine.preprocess.orient import Orient
from engine.preprocess.resample import Resample
from engine.preprocess.smooth import Smooth
from engine.preprocess.tissue import GreyMatter
from engine.reason import Code, Reason
from engine.task.parts import is_number
from engine.volume import Volume

__all__ = ["KEYS", "Chain", "Step", "Trace"]


class Step(Protocol):
    """One thing done to a volume that can be undone on a result and written down."""

    def apply(self, volume: Volume) -> Volume:
        """Return a new volume; the input is untouched."""

    def undo(self, volume: Volume, source: Volume, *, outside: float) -> Volume:
        """Return a result to where ``source``, the input of :meth:`apply`, was.

        ``outside`` fills what the network never saw.
        """

    def follow(self, volume: Volume, *, outside: float) -> Volume:
        """Return a second volume of the source's grid at its new place, its values kept.

        ``outside`` fills what that volume does not reach.
        """

    def record(self) -> dict[str, Any]:
        """Return the step's name and numbers, as JSON would hold them."""


@dataclass(frozen=True, eq=False, slots=True)
class Trace:
    """What was applied to the volumes, step by step.

    Parameters
    ----------
    steps : tuple of Step
        Of the first volume: results lie where it does.
    before : tuple of Volume
        The first volume before each step.
    others : tuple of tuple of Step
        The steps of each further volume.
    """

    steps: tuple[Step, ...]
    before: tuple[Volume, ...]
    others: tuple[tuple[Step, ...], ...] = ()

    def undo(self, volume: Volume, *, outside: float) -> Volume:
        """Return a result to the source's grid; ``outside`` fills what the network never saw."""
        for step, source in zip(reversed(self.steps), reversed(self.before), strict=True):
            volume = step.undo(volume, source, outside=outside)
        return volume

    def undo_crop(self, volume: Volume, *, outside: float) -> Volume:
        """Return a result at the network's spacing, over the source's whole field of view.

        A result that lies in the atlas's space comes back from it.
        """
        for index in reversed(range(len(self.steps))):
            step, source = self.steps[index], self.before[index]
            elsewhere = any(isinstance(one, Template) for one in self.steps[:index])
            if isinstance(step, Resample | Orient) and not elsewhere:
                break
            volume = step.undo(volume, source, outside=outside)
        return volume

    def follow(self, volume: Volume, *, outside: float) -> Volume:
        """Bring a second volume of the source's grid through the same geometry, its values kept.

        This is how learning pairs a target with its source: resampled and cut by the very numbers
        that were fitted to the source, padded with ``outside``.
        """
        for step in self.steps:
            volume = step.follow(volume, outside=outside)
        return volume

    def record(self) -> tuple[dict[str, Any], ...]:
        """Return every step with the numbers that it was applied with.

        Where they differ by volume, ``others`` holds those of the further volumes.
        """
        records = [step.record() for step in self.steps]
        for index, record in enumerate(records):
            others = [steps[index].record() for steps in self.others]
            if any(other != record for other in others):
                record["others"] = others
        return tuple(records)


@dataclass(frozen=True, slots=True)
class Chain:
    """The preprocessing of one model, as its bundle specifies it.

    Several volumes are the channels of one network. Places are decided by the first of them, so
    they are on one grid at the end, by ``register`` where they were not before; brightness is
    fitted to each.

    Parameters
    ----------
    spec : sequence of mapping
        In the order in which they are applied: ``{"step": "orient"}``,
        ``{"step": "register", "how": "rigid"}``,
        ``{"step": "template", "spacing_mm": 3, "shape": [64, 64, 64]}``,
        ``{"step": "grey_matter"}``, ``{"step": "smooth", "fwhm_mm": 8}``,
        ``{"step": "resample", "spacing_mm": [z, y, x]}`` (may say ``"nested": true``),
        ``{"step": "crop_pad", "multiple": 4, "minimum": [rows, columns], "margin_mm": 8}``,
        and one that brings values onto the network's range:
        ``{"step": "normalise", "high": 0.995}``, ``{"step": "window", "low": -1000, "high": 2000}``
        (both may say ``"onto": [low, high]``, the first ``"headroom": 2``), or
        ``{"step": "min_max"}``.
    atlas : Atlas or None
        What ``template`` and ``grey_matter`` want.

    Raises
    ------
    SpecError
        When a step or a key of it is unknown, or its value is impossible: at :meth:`of`.
    """

    spec: tuple[Mapping[str, Any], ...]
    atlas: Atlas | None = None

    @classmethod
    def of(cls, spec: Sequence[Mapping[str, Any]], atlas: Atlas | None = None) -> "Chain":
        """Return the chain, every step's name, keys and values checked."""
        for item in spec:
            _checked(item)
        names = [item["step"] for item in spec]
        if "grey_matter" in names and "template" not in names[: names.index("grey_matter")]:
            raise SpecError("step grey_matter asks the atlas: put step template before it")
        return cls(tuple(dict(item) for item in spec), atlas)

    @property
    def wants_atlas(self) -> bool:
        """Whether a step asks the atlas."""
        return any(item["step"] in _OF_ATLAS for item in self.spec)

    def apply(self, volumes: Sequence[Volume]) -> tuple[tuple[Volume, ...], Trace]:
        """Fit each step to what the one before it left, and apply it.

        Raises
        ------
        InputRefused
            When a step cannot be fitted to what it is given, or the volumes are not on one grid.
        SpecError
            When there is no volume, or no atlas where a step asks it.
        """
        if not volumes:
            raise SpecError("a chain wants at least one volume, got none")
        if self.wants_atlas and self.atlas is None:
            raise SpecError("a step asks the atlas and there is none; name it in the bundle")
        now, steps, before = tuple(volumes), [], []
        for item in self.spec:
            fitted = _fitted(item, now, self.atlas)
            before.append(now[0])
            steps.append(fitted)
            now = tuple(step.apply(volume) for step, volume in zip(fitted, now, strict=True))
        _on_one_grid(now)
        first, *others = zip(*steps, strict=True) if steps else ((),) * len(now)
        return now, Trace(tuple(first), tuple(before), tuple(others))


_OF_ATLAS = ("grey_matter", "template")
KEYS: Mapping[str, tuple[set[str], set[str]]] = {
    "crop_pad": ({"multiple", "minimum", "margin_mm"}, set()),
    "grey_matter": (set(), set()),
    "min_max": (set(), set()),
    "normalise": ({"high"}, {"headroom", "onto"}),
    "orient": (set(), set()),
    "register": ({"how"}, set()),
    "resample": ({"spacing_mm"}, {"nested"}),
    "smooth": ({"fwhm_mm"}, set()),
    "template": ({"spacing_mm", "shape"}, set()),
    "window": ({"low", "high"}, {"onto"}),
}
"""By step: keys that it must have, and those that it may have."""


def _checked(item: Any) -> None:
    name = item.get("step") if isinstance(item, Mapping) else item
    if not isinstance(item, Mapping) or not isinstance(name, str) or name not in KEYS:
        raise SpecError(f"no step {name!r}; known: {', '.join(sorted(KEYS))}")
    keys, (needed, possible) = set(item) - {"step"}, KEYS[name]
    if not needed <= keys <= needed | possible:
        wanted = ", ".join(sorted(needed)) or "none"
        more = f"; possible: {', '.join(sorted(possible))}" if possible else ""
        raise SpecError(f"step {name} has keys {sorted(keys)}; wanted: {wanted}{more}")
    if name == "register" and item["how"] != "rigid":
        raise SpecError(f"step register: how = {item['how']!r}; 'rigid' is wanted")
    _step(item)


def _fitted(
    item: Mapping[str, Any], volumes: tuple[Volume, ...], atlas: Atlas | None
) -> tuple[Step, ...]:
    """Return the step for each volume: places by the first of them, brightness by its own."""
    step, fitted = _step(item), tuple[Step, ...]()
    match step:
        case None if item["step"] == "orient":
            fitted = tuple(Orient.fit(volume) for volume in volumes)
        case None:
            fitted = tuple(Register.fit(volumes[0], volume) for volume in volumes)
        case Normalise() | MinMax():
            fitted = tuple(step.fit(volume) for volume in volumes)
        case GreyMatter() if atlas:
            fitted = tuple(step.fit(volume, atlas) for volume in volumes)
        case Template() if atlas:
            fitted = (step.fit(_on_one_grid(volumes), atlas),) * len(volumes)
        case CropPad():
            fitted = (step.fit(_on_one_grid(volumes)),) * len(volumes)
        case _:
            fitted = (step,) * len(volumes)
    return fitted


def _on_one_grid(volumes: tuple[Volume, ...]) -> Volume:
    """Return the first of ``volumes``; refuse them unless all lie where it does."""
    for volume in volumes[1:]:
        if not volume.grid.same_as(volumes[0].grid):
            text = (
                f"the volumes lie on different grids ({volumes[0].shape} and {volume.shape} "
                "voxels); the model's steps do not register them, so one grid is wanted"
            )
            raise InputRefused([Reason(Code.MATRIX_MIXED, text)])
    return volumes[0]


Plain = Resample | CropPad | Normalise | Clip | MinMax | Smooth | Template | GreyMatter


def _step(item: Mapping[str, Any]) -> Plain | None:
    """Return the step that an item specifies; None for those that volumes alone decide."""
    made = _MADE.get(item["step"])
    try:
        return made(item) if made else None
    except ValueError as exc:
        values = ", ".join(f"{key} = {value!r}" for key, value in item.items() if key != "step")
        raise SpecError(f"step {item['step']}: {values} are no numbers as wanted: {exc}") from exc


def _number(value: Any) -> float:
    """Return a number; a text of digits and a truth value are none."""
    if not is_number(value):
        raise ValueError(f"{value!r} is no number")
    return float(value)


def _count(value: Any) -> int:
    if type(value) is not int:
        raise ValueError(f"{value!r} is no whole number")
    return value


def _several(values: Any, how_many: int) -> Sequence[Any]:
    """Return a list of so many; a text is a sequence too, but none that is meant here."""
    if not isinstance(values, list | tuple) or len(values) != how_many:
        raise ValueError(f"{values!r} is no list of {how_many}")
    return values


def _resample(item: Mapping[str, Any]) -> Resample:
    z, y, x = (_number(value) for value in _several(item["spacing_mm"], 3))
    nested = item.get("nested", False)
    if not isinstance(nested, bool):
        raise SpecError(f"step resample: nested = {nested!r}; true or false is wanted")
    return Resample((z, y, x), nested)


def _normalise(item: Mapping[str, Any]) -> Normalise:
    headroom = item.get("headroom", 1.0)
    if not is_number(headroom):
        raise SpecError(f"step normalise: headroom = {headroom!r}; a number is wanted")
    return Normalise(_number(item["high"]), onto=_onto(item), headroom=float(headroom))


def _crop_pad(item: Mapping[str, Any]) -> CropPad:
    rows, columns = (_count(value) for value in _several(item["minimum"], 2))
    return CropPad(_count(item["multiple"]), (rows, columns), _number(item["margin_mm"]))


def _template(item: Mapping[str, Any]) -> Template:
    planes, rows, columns = (_count(value) for value in _several(item["shape"], 3))
    return Template(_number(item["spacing_mm"]), (planes, rows, columns))


def _onto(item: Mapping[str, Any]) -> tuple[float, float]:
    low, high = (_number(value) for value in _several(item.get("onto", (-1.0, 1.0)), 2))
    return low, high


def _window(item: Mapping[str, Any]) -> Clip:
    return Clip(Window(_number(item["low"]), _number(item["high"]), _onto(item)))


_MADE: Mapping[str, Callable[[Mapping[str, Any]], Plain]] = {
    "crop_pad": _crop_pad,
    "grey_matter": lambda _: GreyMatter(),
    "min_max": lambda _: MinMax(),
    "normalise": _normalise,
    "resample": _resample,
    "smooth": lambda item: Smooth(_number(item["fwhm_mm"])),
    "template": _template,
    "window": _window,
}
