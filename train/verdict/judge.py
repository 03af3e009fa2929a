"""Candidate beside active model: every criterion of the gate file, its figure and its limit."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from train.metrics import bootstrap
from train.verdict.answer import Seen
from train.verdict.figures import BANDS
from train.verdict.gatefile import GateFile, Proof

__all__ = ["GROUP", "HELD_OUT", "PHANTOMS", "WATCHED", "Criterion", "judge", "paired"]

GROUP = 5
"""Persons of a stratum: of fewer nothing is said."""
HELD_OUT, WATCHED, PHANTOMS = "held out", "watched", "phantoms"
_FEWEST_LESIONS = 10
_VISIBLE = 0.002
"""Of the range of the result: a planted lesion that the active model shows less does not count."""
_LOW = 10
"""A percentile: of persons, those whose lesions are kept least."""
_FEWEST_WATCHED = 10
_CHANCE = 0.001
"""So often the gains of two groups lie so far apart by chance."""

Pairs = list[tuple[Seen, Seen]]
"""Scans, as the active model and as the candidate did them."""


@dataclass(frozen=True, slots=True)
class Criterion:
    """One line of a verdict.

    Parameters
    ----------
    name : str
    passed : bool
    seen, limit : float or None
        None where it is no number.
    text : str
        A sentence with what was seen and what is wanted.
    """

    name: str
    passed: bool
    seen: float | None
    limit: float | None
    text: str


def judge(
    active: Sequence[Seen], candidate: Sequence[Seen], gate: GateFile, changed: Sequence[str]
) -> tuple[Criterion, ...]:
    """Hold a candidate to a gate file.

    Parameters
    ----------
    active, candidate : sequence of Seen
        The same scans in the same order.
    changed : sequence of str
        Parts of the bundle that differ; see :data:`train.verdict.gatefile.PARTS`.
    """
    scans = list(zip(active, candidate, strict=True))
    both = [(a, c) for a, c in scans if a.figures and c.figures]
    held, watched, drawn = (
        [one for one in both if one[0].group == group] for group in (HELD_OUT, WATCHED, PHANTOMS)
    )
    proof = gate.proof
    found = [_changed(gate, changed), _enough(held, proof), _refused(scans)]
    if not held:
        return tuple(found)
    return (
        *found,
        _better(held, proof),
        _worst(held, proof),
        *_strata(held, proof),
        *_biases(held, proof),
        _further(held, proof),
        _blurred(held, proof),
        *_lesions([*held, *drawn], proof),
        *_true_lesions([*held, *drawn], proof),
        _leak(held, watched, proof),
        _stopped(held, proof),
        _limits(held),
        _phantoms(drawn, proof),
    )


def paired(scans: Pairs, name: str) -> dict[int, tuple[float, float]]:
    """Return a figure of each subject, mean over scans: of the active model, of the candidate."""
    known: dict[int, list[tuple[float, float]]] = {}
    for active, candidate in scans:
        if name in active.figures and name in candidate.figures:
            values = active.figures[name], candidate.figures[name]
            known.setdefault(active.subject, []).append(values)
    return {who: (float(np.mean([a for a, _ in v])), float(np.mean([c for _, c in v])))
            for who, v in known.items()}  # fmt: skip


def _gains(scans: Pairs) -> dict[int, float]:
    """Return by how much each subject's error is smaller with the candidate."""
    return {who: active - candidate for who, (active, candidate) in paired(scans, "mae").items()}


def _changed(gate: GateFile, changed: Sequence[str]) -> Criterion:
    more = [part for part in changed if part not in gate.changes.parts]
    seen = ", ".join(changed) or "nothing"
    text = f"changed: {seen}; {', '.join(gate.changes.parts)} may be"
    return Criterion("changes", bool(changed) and not more, None, None, text)


def _enough(held: Pairs, proof: Proof) -> Criterion:
    persons = len({active.subject for active, _ in held})
    text = f"{persons} held out and measured; {proof.fewest} or more are wanted"
    return Criterion("enough", persons >= proof.fewest, persons, proof.fewest, text)


def _refused(scans: Pairs) -> Criterion:
    """Return whether the candidate takes whatever the active model takes."""
    lost = [c for a, c in scans if a.figures and not c.figures]
    text = f"{len(lost)} scans that the active model takes are refused by the candidate; 0 may be"
    return Criterion("refused", not lost, len(lost), 0, text)


def _better(held: Pairs, proof: Proof) -> Criterion:
    gain = bootstrap(list(_gains(held).values()))
    text = (
        f"its error is {gain.mean:.4g} ({gain.low:.4g} to {gain.high:.4g}) below the active "
        f"model's; all of the interval above {proof.better_by:g} is wanted"
    )
    return Criterion("better", gain.low > proof.better_by, gain.low, proof.better_by, text)


def _worst(held: Pairs, proof: Proof) -> Criterion:
    gains = _gains(held)
    who = min(gains, key=lambda one: gains[one])
    seen = max(-gains[who], 0.0)
    lost = f"subject {who} loses {seen:.4g}, nobody more" if seen else "nobody's error grows"
    text = f"{lost}; at most {proof.worst:g} may be lost"
    return Criterion("worst", seen <= proof.worst, seen, proof.worst, text)


def _strata(held: Pairs, proof: Proof) -> Iterable[Criterion]:
    groups: dict[tuple[str, str], Pairs] = {}
    for one in held:
        for kind, value in one[0].strata.items():
            groups.setdefault((kind, value), []).append(one)
    for (kind, value), scans in sorted(groups.items()):
        gains = list(_gains(scans).values())
        if len(gains) < GROUP:
            continue
        seen = max(-float(np.mean(gains)), 0.0)
        text = f"{kind} {value}, {len(gains)} persons: {seen:.4g} worse; at most {proof.stratum:g}"
        yield Criterion(f"stratum {kind} {value}", seen <= proof.stratum, seen, proof.stratum, text)


def _biases(held: Pairs, proof: Proof) -> Iterable[Criterion]:
    """Yield how much further mean errors are from 0: of all voxels, and of each band.

    Of all persons together, and of each by itself: errors to both sides make up for each other.
    """
    for name in ("me", *(f"me_{band}" for band in BANDS)):
        values = np.array(list(paired(held, name).values()))
        whose = "all voxels" if name == "me" else f"{name.removeprefix('me_')} voxels"
        together, each = np.abs(values.mean(axis=0)), np.abs(values).mean(axis=0)
        active, candidate = max((together, each), key=lambda one: float(one[1] - one[0]))
        seen = max(float(candidate - active), 0.0)
        text = (
            f"the mean error of {whose} is {candidate:.4g} from 0, the active model's "
            f"{active:.4g}; at most {proof.bias:g} more is allowed"
        )
        yield Criterion(f"bias {whose}", seen <= proof.bias, seen, proof.bias, text)


def _further(held: Pairs, proof: Proof) -> Criterion:
    active, candidate = np.array(list(paired(held, "shift_mm").values())).mean(axis=0)
    seen = max(float(candidate - active), 0.0)
    text = (
        f"it lies {candidate:.2f} mm from the truth, the active model's {active:.2f}; at most "
        f"{proof.shift_mm:g} more is allowed"
    )
    return Criterion("shift", seen <= proof.shift_mm, seen, proof.shift_mm, text)


def _blurred(held: Pairs, proof: Proof) -> Criterion:
    active, candidate = np.array(list(paired(held, "sharp").values())).mean(axis=0)
    lost = max(1 - float(candidate / max(active, 1e-9)), 0.0)
    text = f"{lost:.0%} of the active model's fine detail is lost; at most {proof.blur:.0%} may be"
    return Criterion("blur", lost <= proof.blur, lost, proof.blur, text)


def _lesions(scans: Pairs, proof: Proof) -> Iterable[Criterion]:
    """Yield whether the result answers to each lesion as the active model's does, in everybody.

    What a lesion is in the result is not the same in every contrast, so the active model's answer
    is the measure: its sign and its size. More than that counts as much, so that no strong answer
    makes up for one that is missing.
    """
    for kind, first in (("bright", 0), ("dark", 1)):
        shares: dict[int, list[float]] = {}
        for active, candidate in scans:
            answers = zip(active.lesions[first::2], candidate.lesions[first::2], strict=True)
            known = [min(max(c / a, -1.0), 1.0) for a, c in answers if abs(a) >= _VISIBLE]
            if known:
                shares.setdefault(active.subject, []).extend(known)
        name, count = f"{kind} lesions", sum(map(len, shares.values()))
        if count < _FEWEST_LESIONS:
            text = f"the active model shows {count} of the planted {kind} lesions"
            text = f"{text}; {_FEWEST_LESIONS} are wanted to tell whether they are kept"
            yield Criterion(name, False, count, _FEWEST_LESIONS, text)
            continue
        each = [float(np.mean(one)) for one in shares.values()]
        mean, low = float(np.mean(each)), float(np.percentile(each, _LOW))
        text = (
            f"of what the active model shows of {count} planted {kind} lesions {mean:.0%} is kept, "
            f"{low:.0%} in the tenth of the subjects that loses most; {proof.lesions:.0%} and "
            f"{proof.lesions / 2:.0%} are wanted"
        )
        passed = mean >= proof.lesions and low >= proof.lesions / 2
        yield Criterion(name, passed, mean, proof.lesions, text)


def _true_lesions(scans: Pairs, proof: Proof) -> Iterable[Criterion]:
    values = np.array(list(paired(scans, "lesions").values()))
    if len(values) < GROUP:
        return
    active, candidate = (float(one) for one in values.mean(axis=0))
    least = active - (1 - proof.lesions) * abs(active)
    text = (
        f"lesions of {len(values)} phantoms have {candidate:.0%} of their contrast, by the active "
        f"model {active:.0%}; {least:.0%} is wanted"
    )
    yield Criterion("lesions of phantoms", candidate >= least, candidate, least, text)


def _leak(held: Pairs, watched: Pairs, proof: Proof) -> Criterion:
    """Return whether the gain on the held-out is too good: as on persons that were learned from."""
    ours, theirs = (np.array(list(_gains(one).values())) for one in (held, watched))
    if min(len(ours), len(theirs)) < _FEWEST_WATCHED:
        text = (
            f"{len(theirs)} were only looked at while learning, and {len(ours)} are held out; "
            f"{_FEWEST_WATCHED} of each are wanted to tell whether the held-out were learned from"
        )
        return Criterion("leak", False, len(theirs), _FEWEST_WATCHED, text)
    more = float(ours.mean() - theirs.mean())
    parts = [float(one.var(ddof=1)) / len(one) for one in (ours, theirs)]
    freedom = sum(parts) ** 2 / max(
        sum(part**2 / (len(one) - 1) for part, one in zip(parts, (ours, theirs), strict=True)),
        1e-30,
    )
    chance = float(stats.t.ppf(1 - _CHANCE, max(freedom, 1.0))) * float(np.sqrt(sum(parts)))
    text = (
        f"the gain on the held-out is {more:.4g} larger than on the {len(theirs)} watched; "
        f"{proof.leak:g} and {chance:.4g} by chance are allowed"
    )
    return Criterion("leak", more <= proof.leak + chance, more, proof.leak + chance, text)


def _stopped(held: Pairs, proof: Proof) -> Criterion:
    rates = _rate(held, lambda one: one[0]), _rate(held, lambda one: one[1])
    seen = max(rates[1] - rates[0], 0.0)
    text = (
        f"its own limits stop {rates[1]:.0%} of its results, the active model's {rates[0]:.0%}; at "
        f"most {proof.held:.0%} more are allowed"
    )
    return Criterion("held", seen <= proof.held, seen, proof.held, text)


def _rate(scans: Pairs, side: Callable[[tuple[Seen, Seen]], Seen]) -> float:
    return float(np.mean([bool(side(one).stopped) for one in scans]))


def _limits(held: Pairs) -> Criterion:
    """Return whether the candidate's own limits stop the spoilt sources that the active's stop."""
    spoilt = [pair for active, candidate in held
              for pair in zip(active.spoilt, candidate.spoilt, strict=True)]  # fmt: skip
    stopped = [candidate for active, candidate in spoilt if active]
    let_through = sum(not one for one in stopped)
    text = (
        f"its own limits let {let_through} of {len(stopped)} spoilt sources through that the "
        "active model's stop; 0 may be"
    )
    return Criterion("limits", not let_through, let_through, 0, text)


def _phantoms(drawn: Pairs, proof: Proof) -> Criterion:
    gains = list(_gains(drawn).values())
    if len(gains) < GROUP:
        text = f"{len(gains)} phantoms that neither has learned from; {GROUP} or more are wanted"
        return Criterion("phantoms", False, len(gains), GROUP, text)
    seen = max(-float(np.mean(gains)), 0.0)
    text = f"on {len(gains)} phantoms it is {seen:.4g} worse; at most {proof.phantoms:g} is allowed"
    return Criterion("phantoms", seen <= proof.phantoms, seen, proof.phantoms, text)
