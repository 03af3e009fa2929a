"""The evaluation for those who would rather look: one page that needs nothing but itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from train.card import METHODS, doubts, efforts_of, plural, refusals
from train.evaluate import charts
from train.evaluate.page import banner, light_box, page, picture, section, table
from train.evaluate.pictures import Case, Look
from train.evaluate.scores import Scored, per_subject
from train.evaluate.summary import number
from train.evaluate.whole import write_text
from train.metrics import asymmetry

__all__ = ["Evidence", "write_report"]

_BINS, _WORST = 80, 3
_TYPICAL = "Typical (the median error)"
_FIGURED = "A held-out {}; planes go through the largest error"
_ONLY = {"phantom": "Phantoms only.", "person": "Persons of one archive."}


@dataclass(slots=True)
class Evidence:
    """What the report shows beside figures.

    Parameters
    ----------
    look : Look
        How results are drawn.
    window : (low, high)
        Of the model's results.
    cases : mapping
        Pictures by subject and scan.
    counts : (80, 80)
        How often a true value (first axis) was made as a value (second), over the window.
    regions : list
        Uptake by region, truth and model, of each scan.
    downstream : mapping
        What :mod:`train.downstream` found; empty where it was not asked.
    """

    look: Look
    window: tuple[float, float]
    cases: dict[tuple[int, int], Case] = field(default_factory=dict)
    counts: NDArray[np.float64] = field(default_factory=lambda: np.zeros((_BINS, _BINS)))
    regions: list[tuple[dict[str, float], dict[str, float]]] = field(default_factory=list)
    downstream: Mapping[str, Any] = field(default_factory=dict)

    def count(self, made: NDArray[np.float32], real: NDArray[np.float32]) -> None:
        """Add the voxels of one scan."""
        limits = (self.window, self.window)
        self.counts += np.histogram2d(real, made, bins=_BINS, range=limits)[0]


def write_report(
    path: Path,
    figure: Path,
    found: Mapping[str, Any],
    scans: Sequence[Scored],
    evidence: Evidence,
) -> None:
    """Write the page and, for the model's card, one picture.

    Parameters
    ----------
    found : mapping
        The evaluation.
    """
    chosen = _chosen(scans)
    typical = chosen[_TYPICAL]
    charts.sheet(
        figure, evidence.cases[typical.subject, typical.scan], _FIGURED.format(found["who"])
    )
    made = f"{found['makes']} from {', '.join(found['sources'])}"
    page_text = page(
        f"{found['model']}: {made}",
        [
            f"<h1>Synthetic {escape(made)}</h1>",
            f'<p class="soft">{escape(found["model"])} · {found["anatomy"]} · {_counts(found)}</p>',
            banner(
                f"{_ONLY[found['who']]} Learned from: {found['learned_from']}. Measured on: "
                f"{found['measured_on']}. Nothing here is for diagnosis or treatment."
            ),
            f"<p>{escape(refused)}</p>" if (refused := refusals(found)) else "",
            _cards(found),
            _errors(found, scans),
            section("Look at it", _how_to_look(found, evidence.look),
                    *(_shown(name, one, evidence, found["unit"]) for name, one in chosen.items())),
            _where_wrong(found, evidence),
            _uptake(evidence),
            _downstream(evidence.downstream, found["weights"]["model"]),
            _figures(found),
            _by_subject(found),
            _origin(found),
        ],
    )  # fmt: skip
    write_text(path, page_text)


def _chosen(scans: Sequence[Scored]) -> dict[str, Scored]:
    """Return the scans to look at, no scan twice: the median, the worst, the best."""
    order = sorted(scans, key=lambda one: one.figures["model"]["mae"])
    wanted = {_TYPICAL: order[(len(order) - 1) // 2]}
    wanted |= {f"Worst, number {n}": one for n, one in enumerate(reversed(order[-_WORST:]), 1)}
    wanted["Best"] = order[0]
    chosen: dict[str, Scored] = {}
    for name, one in wanted.items():
        if one not in chosen.values():
            chosen[name] = one
    return chosen


def _counts(found: Mapping[str, Any]) -> str:
    subjects, who = found["subjects"], found["who"]
    return (
        f"{plural(subjects['measured'], f'held-out {who}')}, {plural(found['scans'], 'scan')}; "
        f"learned from {plural(subjects['learned_from'], 'other')}"
    )


def _span(one: Mapping[str, float]) -> str:
    return f"{number(one['mean'])} ({number(one['low'])} to {number(one['high'])})"


def _cards(found: Mapping[str, Any]) -> str:
    """Return the answers that everybody asks for first."""
    unit, ours = found["unit"], found["figures"]["model"]["mae"]
    cards = [
        _card("", f"{number(ours['mean'])} {unit}",
              f"mean absolute error {found['where']}; 95 % interval {number(ours['low'])} to "
              f"{number(ours['high'])}")
    ]  # fmt: skip
    why = doubts(found)
    cards += [_card("even", "too early to say", one) for one in why]
    for other, gain in found["mae_below"].items():
        if not why and other in ("regression", "look_up_table", "copy"):
            cards.append(_against(METHODS[other], gain, unit, found["who"]))
    if share := found["share_of_look_up_table"].get("regression"):
        third = "good" if share["mean"] <= 1 / 3 else "even"
        text = "of the look-up table's error is what the regression reaches; a third is aimed at"
        cards.append(_card(third, f"{share['mean']:.0%}", text))
    return f'<ul class="cards">{"".join(cards)}</ul>'


def _against(name: str, gain: Mapping[str, float], unit: str, who: str) -> str:
    beside = f"{unit} (95 %, {who} beside {who})"
    low, high = gain["low"], gain["high"]
    if low > 0:
        text = f"than the {name}: its error is {number(low)} to {number(high)} {beside} larger"
        return _card("good", "better", text)
    if high < 0:
        text = f"than the {name}: its error is {number(-high)} to {number(-low)} {beside} smaller"
        return _card("bad", "worse", text)
    text = f"from the {name}: its error is {number(low)} to {number(high)} {beside} larger"
    return _card("even", "not told apart", text)


def _card(kind: str, large: str, small: str) -> str:
    return f'<li class="{kind}"><b>{escape(large)}</b>{escape(small)}</li>'


def _errors(found: Mapping[str, Any], scans: Sequence[Scored]) -> str:
    errors = {method: per_subject(scans, method, "mae") for method in found["figures"]}
    means = {method: figures["mae"] for method, figures in found["figures"].items()}
    gains = [(f"against {METHODS[other]}", {"model": gain}) for other, gain in
             found["mae_below"].items()]  # fmt: skip
    said = "; ".join(f"{METHODS[name]}: {text}" for name, text in found["baselines"].items())
    return section(
        "How large the error is",
        f"<p>A pale dot is one {found['who']}, the large dot the mean, the bar its 95 % "
        "interval.</p>",
        picture(charts.methods(errors, means, found["unit"]), "Errors by method"),
        "<h3>How much lower than the others, subject beside subject</h3>"
        "<p>Right of 0 this model is better; where the whole bar is, surely so.</p>",
        picture(charts.forest(gains, f"error below theirs, {found['unit']}", zero=True), "Gains"),
        f'<p class="soft">{escape(said)}.</p>',
        f'<p class="soft">Effort: {escape(efforts_of(found))}.</p>',
    )


def _how_to_look(found: Mapping[str, Any], look: Look) -> str:
    window = f"{number(look.low)} to {number(look.high)}"
    unit = "" if found["unit"] == "of the range" else f" {found['unit']}"
    return (
        "<p>The planes go through the largest error of each scan. Hold the pointer over the image "
        "of this model: it turns into the truth. In the last column red is too high, blue too low, "
        f"white right; full colour from {number(look.away)}{escape(unit)}. Results and truth are "
        f"shown from {window}{escape(unit)}.</p>"
    )


def _shown(name: str, one: Scored, evidence: Evidence, unit: str) -> str:
    case = evidence.cases[one.subject, one.scan]
    strata = ", ".join(f"{key} {value}" for key, value in one.strata.items())
    error = f"error {number(one.figures['model']['mae'])} {unit}"
    title = f"{name}: subject {one.subject}, scan {one.scan}; {error}" + (
        f"; {strata}" if strata else ""
    )
    return light_box(Case(title, case.views))


def _where_wrong(found: Mapping[str, Any], evidence: Evidence) -> str:
    unit = found["unit"]
    errors = [(_spaced(name, one["subjects"]), {m: v["mae"] for m, v in one["methods"].items()
               if m in ("model", "regression", "look_up_table")})
              for name, one in found["tissues"].items()]  # fmt: skip
    bias = [(_spaced(name, one["subjects"]), {"model": one["methods"]["model"]["me"]})
            for name, one in found["tissues"].items()]  # fmt: skip
    groups = [(f"{kind}: {_spaced(value, one['subjects'])}",
               {m: v for m, v in one["mae"].items() if m in ("model", "regression")})
              for kind, values in found["strata"].items() if len(values) > 1
              for value, one in values.items()]  # fmt: skip
    shown = [
        "<h3>Value for value</h3><p>How often each true value was made as each other: the nearer "
        "to the line the better; a cloud below it is a value that is made too low.</p>",
        picture(charts.agreement(evidence.counts, evidence.window, unit), "Truth against model"),
    ]
    if errors:
        shown += [
            "<h3>By tissue</h3>",
            picture(charts.forest(errors, f"error, {unit}"), "By tissue"),
        ]
        drawn = charts.forest(bias, f"mean error, {unit}", zero=True)
        shown += ["<h3>Too high or too low, by tissue</h3>", picture(drawn, "Bias by tissue")]
    if groups:
        shown += ["<h3>By group</h3>", picture(charts.forest(groups, f"error, {unit}"), "By group")]
    return section("Where it is wrong", *shown)


def _spaced(name: str, subjects: int) -> str:
    return f"{name.replace('_', ' ')} (n = {subjects})"


def _uptake(evidence: Evidence) -> str:
    """Return uptake by region and left against right; nothing where there is none."""
    by_region: dict[str, list[tuple[float, float]]] = {}
    by_side: dict[str, list[tuple[float, float]]] = {}
    for real, made in evidence.regions:
        for name in real.keys() & made.keys():
            bare = name.removeprefix("left_").removeprefix("right_")
            by_region.setdefault(bare, []).append((real[name], made[name]))
        ours, theirs = asymmetry(made), asymmetry(real)
        for name in ours.keys() & theirs.keys():
            by_side.setdefault(name, []).append((theirs[name], ours[name]))
    if not by_region:
        return ""
    regions, sides = dict(sorted(by_region.items())), dict(sorted(by_side.items()))
    parts = ["<p>A dot is one region of one scan; on the line, model and truth agree.</p>",
             picture(charts.scatter(regions, "SUVR"), "Uptake by region")]  # fmt: skip
    if sides:
        parts += ["<h3>Left against right</h3><p>200 (left - right) / (left + right).</p>",
                  picture(charts.scatter(sides, "asymmetry in %"), "Asymmetry")]  # fmt: skip
    return section("Uptake by region", *parts)


def _downstream(beside: Mapping[str, Any], weights: str) -> str:
    """Return what a second program found with these ``weights``; with others it says nothing."""
    title = "Is it good for something"
    if not beside:
        return ""
    if beside.get("weights") != weights:
        text = "What a second program found is of other weights; run 'dicom-train downstream', "
        return section(title, f'<p class="soft">{escape(text)}then evaluate again.</p>')
    rows = [[row["name"], *(_span(one) for one in row["values"])] for row in beside["rows"]]
    return section(
        title,
        f"<p>{escape(beside['question'])}</p>",
        table([beside["of"], *beside["columns"]], rows),
        f'<p class="soft">{escape(beside["how"])}</p>',
    )


def _figures(found: Mapping[str, Any]) -> str:
    order = [name for name in METHODS if name in found["figures"]]
    rows = []
    for name, measure in found["measures"].items():
        label = f"{measure['label']}{', ' + measure['unit'] if measure['unit'] else ''}"
        over = "to ".join(f"{end:g} " for end in measure.get("range", []))
        cells = [_span(found["figures"][method][name]) if name in found["figures"][method] else "–"
                 for method in order]  # fmt: skip
        rows.append([label, f"{measure.get('profile', '')} {over}".strip(), *cells])
    head = ["mean and 95 % interval", "profile and range", *(METHODS[name] for name in order)]
    return section("All figures", table(head, rows))


def _by_subject(found: Mapping[str, Any]) -> str:
    methods = [name for name in METHODS if name in found["figures"]]
    rows = [[subject, str(scan["scan"]), *(number(scan["mae_by_method"][m]) for m in methods)]
            for subject, scans in found["per_subject"].items() for scan in scans]  # fmt: skip
    shown = table([found["who"], "scan", *(METHODS[name] for name in methods)], rows)
    text = f"Error of every scan, {found['unit']}"
    return f"<details><summary>{escape(text)}</summary>{shown}</details>"


def _origin(found: Mapping[str, Any]) -> str:
    rows = [
        ["recipe, SHA-256", found["recipe"]],
        *(
            [["recipe of the phantoms, SHA-256", ", ".join(found["phantom_recipe"])]]
            if found["phantom_recipe"]
            else []
        ),
        *([["pairs held out, SHA-256", found["pairs"]]] if found["pairs"] else []),
        *([f"weights, {METHODS[name]}, SHA-256", sha] for name, sha in found["weights"].items()),
        ["effort", efforts_of(found)],
        ["intervals", found["interval"]],
    ]
    return section("Where the figures come from", table(["", ""], rows))
