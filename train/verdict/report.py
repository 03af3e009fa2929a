"""A verdict as one page: what is asked, where it is better and worse, whom it loses most."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from train.config import Recipe
from train.data import Entry, truth_of
from train.evaluate import (
    Look,
    banner,
    case_of,
    forest,
    light_box,
    number,
    page,
    picture,
    section,
    table,
    write_json,
    write_text,
)
from train.pair import read_pair
from train.verdict.answer import ask
from train.verdict.compare import Compared
from train.verdict.planted import plant

__all__ = ["REPORT", "VERDICT", "write_verdict"]

VERDICT, REPORT = "verdict.json", "verdict.html"
_SAID = {
    "PROMOTE": ("good", "promote", "the candidate is better, and all that is asked of it is shown"),
    "KEEP": ("bad", "keep the active model", "not all that is asked of the candidate is shown"),
}


def write_verdict(out: Path, found: Compared, recipe: Recipe, bundles: tuple[Path, Path]) -> Path:
    """Write ``verdict.html`` and last ``verdict.json`` into ``out``; return the page."""
    out.mkdir(parents=True, exist_ok=True)
    report = found.report
    kind, large, small = _SAID[report["verdict"]]
    made = f"{report['makes']} from {', '.join(report['sources'])}"
    names = {
        key: f"{report[key]['name']} {report[key]['version']}" for key in ("active", "candidate")
    }
    parts = [
        f"<h1>{escape(names['candidate'])} beside {escape(names['active'])}</h1>",
        f'<p class="soft">Synthetic {escape(made)}; {escape(_counts(report))}</p>',
        banner(
            f"Candidate: learned from {report['candidate']['learned_from']}. Measured on "
            f"{report['who']}s whom learning has not seen."
        ),
        _cards(report, kind, large, small),
        section("What is asked of a candidate", _criteria(report["criteria"])),
        _gains(report),
        section(
            "Whom it loses most",
            "<p>The planes go through the candidate's largest error. Hold the pointer over its "
            "image: it turns into the truth.</p>",
            *(_shown(entry, recipe, bundles) for entry in found.worst),
        ),
        section("What a change may do", _impact(report["gate"])),
        _persons(report),
        section("Where this comes from", _origin(report)),
    ]
    write_text(out / REPORT, page(f"Verdict: {names['candidate']}", parts))
    write_json(out / VERDICT, report)
    return out / REPORT


def _counts(report: Mapping[str, Any]) -> str:
    return ", ".join(f"{count} {group}" for group, count in report["groups"].items() if count)


def _cards(report: Mapping[str, Any], kind: str, large: str, small: str) -> str:
    passed = [one["passed"] for one in report["criteria"]]
    cards = [(kind, large, small),
             ("good" if all(passed) else "bad", f"{sum(passed)} of {len(passed)}",
              "criteria of the gate file are passed")]  # fmt: skip
    if gain := report["gain"]:
        better = "good" if gain["low"] > 0 else "bad" if gain["high"] < 0 else "even"
        text = f"{report['unit']} lower error, 95 % {number(gain['low'])} to {number(gain['high'])}"
        cards.append((better, number(gain["mean"]), text))
    lines = (f'<li class="{one}"><b>{escape(big)}</b>{escape(little)}</li>'
             for one, big, little in cards)  # fmt: skip
    return f'<ul class="cards">{"".join(lines)}</ul>'


def _criteria(criteria: Sequence[Mapping[str, Any]]) -> str:
    lines = "".join(
        f'<li class="{"good" if one["passed"] else "bad"}">'
        f"<b>{'passed' if one['passed'] else 'failed'}</b> <i>{escape(one['name'])}</i> "
        f"{escape(one['text'])}</li>"
        for one in sorted(criteria, key=lambda one: bool(one["passed"]))
    )
    return f'<ul class="lines">{lines}</ul>'


def _gains(report: Mapping[str, Any]) -> str:
    if report["gain"] is None:
        return ""
    rows = [("all held out", {"model": report["gain"]})]
    rows += [(f"{name} ({one['subjects']})", {"model": one["gain"]})
             for name, one in report["strata"].items()]  # fmt: skip
    drawn = forest(rows, f"error below the active model's, {report['unit']}", zero=True)
    return section("How much lower its error is, person beside person",
                   "<p>Right of 0 the candidate is better; where the whole bar is, surely so.</p>",
                   picture(drawn, "Gains by group"))  # fmt: skip


def _shown(entry: Entry, recipe: Recipe, bundles: tuple[Path, Path]) -> str:
    pair, window = read_pair(entry.path), recipe.preparation.window
    planted = plant(pair.sources, entry.subject)
    active, candidate = (ask(bundle, pair, planted).made for bundle in bundles)
    truth = np.asarray(truth_of(pair, recipe.preparation).voxels)
    title = f"Subject {entry.subject}, scan {entry.about['scan']}"
    made = {"candidate": candidate, "active model": active}
    return light_box(case_of(title, pair, made, truth, Look.of(recipe.pairs.target, window)))


def _impact(gate: Mapping[str, Any]) -> str:
    told = {"benefit": "What it is good for", "harm": "Whom it may harm, and how",
            "watched_by": "Who watches it, and how"}  # fmt: skip
    return "".join(f"<h3>{escape(name)}</h3><p>{escape(gate['impact'][key])}</p>"
                   for key, name in told.items())  # fmt: skip


def _persons(report: Mapping[str, Any]) -> str:
    rows = [
        [str(one["subject"]), str(one["scan"]), one["group"],
         *(number(one[who]["figures"]["mae"]) if one[who]["figures"] else "–"
           for who in ("active", "candidate")),
         one["candidate"]["stopped"] or "passes"]
        for one in report["per_subject"]
    ]  # fmt: skip
    head = ["subject", "scan", "group", "active", "candidate", "candidate's own limits"]
    text = f"Every scan: mean absolute error, {report['unit']}"
    return f"<details><summary>{escape(text)}</summary>{table(head, rows)}</details>"


def _origin(report: Mapping[str, Any]) -> str:
    rows = [[f"{who} model", report[who]["digest"]] for who in ("active", "candidate")]
    rows += [["what differs", ", ".join(report["changed"])], ["recipe, SHA-256", report["recipe"]],
             ["gate file, SHA-256", report["gate"]["sha256"]], ["pairs, SHA-256", report["pairs"]],
             ["code", report["commit"]]]  # fmt: skip
    return table(["", ""], rows)
