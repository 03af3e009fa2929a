"""The gate of one model: limits that were set on held-out subjects, and what is held against them.

Limits stand in the bundle's ``quality.json`` and what sources were like in a file of arrays beside
it. The contract names both by their SHA-256: other limits are another model.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

from engine.quality.likeness import Likeness
from engine.quality.measure import measure_result, measure_source
from engine.quality.spread import Spread
from engine.quality.verdict import UNLIMITED, Check, Limit, Verdict
from engine.reason import Code, Reason
from engine.task import (
    PLANES,
    RESULT,
    SOURCE,
    Bundle,
    Figure,
    lacking,
    own_limits,
    unknown,
)
from engine.task.labels import are_labels
from engine.task.parts import Part, is_number
from engine.volume import Volume
from engine.weights import read

__all__ = ["Gate", "read_gate", "unjudged"]

Limits = Mapping[str, Limit]
_KEYS = ("calibrated_on", "bands", "sources", "result", "uncertainty")


@dataclass(frozen=True, eq=False, slots=True)
class Gate:
    """What the sources and the result of one model are held against.

    Parameters
    ----------
    sources : tuple of mapping
        Limits by name of :data:`engine.task.SOURCE`, for each source; what a figure
        without one says, a person has to judge.
    result : mapping
        Limits by name of :data:`engine.task.RESULT`.
    bands : (low, high)
        Values of the result that part its lowest, middle and highest band.
    likeness : tuple of Likeness
        What each source was like.
    labels : tuple of str
        Of the sources, for people.
    unit : str
        Of the result.
    spread : Spread
        How far a result may be off.
    planes : tuple of tuple of str
        Of the slices of each source that limits were set on; empty where they do not say.
    """

    sources: tuple[Limits, ...]
    result: Limits
    bands: tuple[float, float]
    likeness: tuple[Likeness, ...]
    labels: tuple[str, ...]
    unit: str
    spread: Spread
    planes: tuple[tuple[str, ...], ...] = ()

    def of_sources(self, volumes: Sequence[Volume]) -> tuple[Check, ...]:
        """Judge what goes in: NumPy voxels as acquired, one volume per source."""
        checks: list[Check] = []
        for number, volume in enumerate(volumes):
            figures = measure_source(volume, self.likeness[number])
            whose = f"{self.labels[number]}: " if len(self.labels) > 1 else ""
            checks += _held_against(self.sources[number], figures, SOURCE, whose)
        return tuple(checks)

    def of_result(self, source: Volume, made: Volume, again: Volume) -> tuple[Check, ...]:
        """Judge what came out; see :func:`engine.quality.measure.measure_result`."""
        figures = measure_result(source, made, again, self.bands)
        unit = self.unit if self.unit != "1" else "its own unit"
        return tuple(_held_against(self.result, figures, RESULT, "", unit))


def _held_against(
    limits: Limits,
    figures: Mapping[str, float],
    known: Mapping[str, Figure],
    whose: str,
    unit: str = "",
) -> list[Check]:
    checks = []
    for name, figure in known.items():
        seen, limit = figures[name], limits.get(name, UNLIMITED)
        what = f"{whose}{figure.what.format(unit=unit)}"
        verdict, code = limit.verdict(seen), figure.code
        if verdict is Verdict.PASS and not limit.is_on(figure.side):
            limit, verdict, code = UNLIMITED, Verdict.HOLD, Code.QC_FAILED
        checks.append(Check(name, what, seen, limit.broken(seen), verdict, code))
    return checks


def unjudged(bundle: Bundle, gate: Gate | None, volumes: Sequence[Volume]) -> tuple[Reason, ...]:
    """Return why nothing is known about the results of such sources; empty where limits say it.

    Parameters
    ----------
    gate : Gate or None
        That of ``bundle``, as :func:`read_gate` gave it.
    volumes : sequence of Volume
        What goes in, one per source.
    """
    if gate is None:
        reason = lacking(bundle)
        return () if reason is None else (reason,)
    found = []
    for label, known, volume in zip(gate.labels, gate.planes, volumes, strict=False):
        plane, _ = volume.grid.plane
        if plane not in known:
            ways = " and ".join(known)
            why = f"its limits were set on {ways} slices of {label}, these are {plane}"
            found.append(unknown(bundle, why))
    return tuple(found)


def read_gate(bundle: Bundle) -> Gate | None:
    """Return the gate of ``bundle``; None where it has no limits of its own.

    Raises
    ------
    ModelMissing, ModelTampered
        When limits or likeness are not there, or not those that the bundle names.
    SpecError
        When they do not say what they must.
    """
    part, labels = own_limits(bundle), bundle.contract.labels
    if isinstance(part, Reason):
        return None
    part.only(_KEYS)
    sources = part.objects("sources")
    if len(sources) != len(labels):
        raise part.refused("sources", f"limits for each of {', '.join(labels)}")
    return Gate(
        sources=tuple(
            _limits(Part(f"{part.where}: sources: {label}", one), SOURCE)
            for label, one in zip(labels, sources, strict=True)
        ),
        result=_limits(part.part("result"), RESULT),
        bands=part.range("bands"),
        likeness=_likeness(bundle),
        labels=labels,
        unit=bundle.output.unit,
        spread=_spread(part.part("uncertainty")),
        planes=_planes(part.part("calibrated_on"), len(labels)),
    )


def _planes(about: Part, sources: int) -> tuple[tuple[str, ...], ...]:
    """Return the planes that each source had; limits of former versions do not say."""
    if "planes" not in about.values:
        return ()
    value: Any = about.values["planes"]
    if not isinstance(value, list) or len(value) != sources:
        raise about.refused("planes", "a list for each source")
    if not all(are_labels(one, PLANES) for one in value):
        raise about.refused("planes", f"for each source a list of {', '.join(PLANES)}")
    return tuple(tuple(one) for one in value)


def _spread(part: Part) -> Spread:
    part.only(("floor", "slope", "within", "bins"))
    floor, slope = part.number("floor"), part.number("slope")
    if floor < 0 or slope < 0:
        raise part.refused("floor" if floor < 0 else "slope", "a number of at least 0")
    return Spread(floor, slope)


def _limits(part: Part, known: Mapping[str, Figure]) -> Limits:
    part.only(tuple(known))
    return {name: _limit(part.part(name)) for name in known if name in part.values}


def _limit(part: Part) -> Limit:
    part.only(("hold", "refuse"))
    hold, refuse = _ends(part, "hold"), _ends(part, "refuse")
    if not (refuse[0] <= hold[0] <= hold[1] <= refuse[1]):
        raise part.refused("refuse", "a range around that of hold")
    return Limit(hold, refuse)


def _ends(part: Part, key: str) -> tuple[float, float]:
    """Return [low, high], of which either may be null: no limit on that side."""
    value: Any = part.values.get(key)
    if not isinstance(value, list) or len(value) != 2:
        raise part.refused(key, "[low, high], null for none,")
    if not all(one is None or is_number(one) for one in value):
        raise part.refused(key, "[low, high], null for none,")
    return (
        -inf if value[0] is None else float(value[0]),
        inf if value[1] is None else float(value[1]),
    )


def _likeness(bundle: Bundle) -> tuple[Likeness, ...]:
    """Return what each source was like: arrays named ``<number>.<array>``."""
    if bundle.likeness is None:
        return ()
    file = bundle.likeness
    tensors = read(bundle.path / file.file, file.sha256, what="likeness")
    found = []
    for number in range(len(bundle.contract.labels)):
        prefix = f"{number}."
        arrays = {
            name.removeprefix(prefix): one.numpy()
            for name, one in tensors.items()
            if name.startswith(prefix)
        }
        found.append(Likeness.of(arrays, f"{bundle.name}: {file.file}: {number}"))
    return tuple(found)
