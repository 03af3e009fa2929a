"""Figures of the gates, limits of the shipped models and what the battery found, as tables."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.task import RESULT, SOURCE, Figure, read_bundle

ROOT = Path(__file__).parents[1]
BATTERY = ROOT / "benchmarks" / "results" / "battery.json"
NONE = "Not measured yet.\n"
_GATES = {"header": "headers", "pixels": "pixels", "result": "result", "none": "**passed**"}


def fragments() -> dict[str, str]:
    """Return what the page includes, by file name."""
    limits = _limits()
    return {
        "gate-source.inc": _figures(
            SOURCE,
            {
                f"{name} {label}": found
                for name, one in limits.items()
                for label, found in zip(_labels(name), one["sources"], strict=True)
            },
        ),
        "gate-result.inc": _figures(RESULT, {name: one["result"] for name, one in limits.items()}),
        "spread.inc": _spreads(),
        "battery.inc": _battery(),
    }


def _limits() -> dict[str, dict[str, Any]]:
    """Return the limits of the shipped models that have some, by name."""
    paths = sorted((ROOT / "conf" / "models").glob("*/quality.json"))
    return {path.parent.name: json.loads(path.read_text(encoding="utf-8")) for path in paths}


def _labels(model: str) -> list[str]:
    """Return what a model is given, where that is several; else nothing needs a name."""
    labels = read_bundle(ROOT / "conf" / "models" / model).contract.labels
    return list(labels) if len(labels) > 1 else [""]


def _figures(known: Mapping[str, Figure], limits: Mapping[str, Mapping[str, Any]]) -> str:
    head = ["figure", "what it is", "code", *(f"`{name.strip()}`" for name in limits)]
    lines = [_row(head), _row(["---"] * len(head))]
    for name, figure in known.items():
        what = figure.what.format(unit="the result's unit")
        code = f"`{figure.code}`" + (", may refuse" if figure.refuses else "")
        lines.append(
            _row([f"`{name}`", what, code, *(_range(one[name]) for one in limits.values())])
        )
    return "\n".join(lines) + "\n"


def _spreads() -> str:
    """Return how true the spreads of each model are of subjects that they were not fitted to."""
    models = sorted(ROOT.glob("conf/models/*/quality.json"))
    if not models:
        return NONE
    head = [
        "model",
        "floor",
        "slope",
        "within one",
        "within two",
        "predicted: seen, of ten equal parts of the voxels, in the unit of the result",
    ]
    lines = [_row(head), _row(["---"] * len(head))]
    for path in models:
        one = json.loads(path.read_text(encoding="utf-8"))["uncertainty"]
        within = [f"{100 * share:.0f} %" for share in one["within"]]
        bins = ", ".join(f"{predicted:.3g}: {seen:.3g}" for predicted, seen in one["bins"])
        lines.append(
            _row(
                [
                    f"`{path.parent.name}`",
                    f"{one['floor']:.3g}",
                    f"{one['slope']:.3g}",
                    *within,
                    bins,
                ]
            )
        )
    note = "Of normal errors 68 % lie within one spread and 95 % within two."
    return "\n".join([*lines, "", note]) + "\n"


def _range(limit: Mapping[str, Any]) -> str:
    low, high = limit["hold"]
    if low is None and high is None:
        return "–"
    if high is None:
        return f"≥ {low:.3g}"
    return f"≤ {high:.3g}" if low is None else f"{low:.3g} to {high:.3g}"


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


_PARTS = {
    "inputs": "In the source",
    "clean": "No fault: headers and pixels alone",
    "real": "In real series, and real voxels",
    "results": "In the result",
}


def _battery() -> str:
    if not BATTERY.is_file():
        return NONE
    found = json.loads(BATTERY.read_text(encoding="utf-8"))
    lines = []
    for part, title in _PARTS.items():
        if (one := found.get(part)) is None:
            lines += [f"**{title}.** {NONE}"]
        else:
            at = f"Measured {one['at']} at {one['commit']}."
            lines += [f"**{title}.** {at}\n", *_table(one["faults"]), ""]
    return "\n".join(lines)


def _table(faults: Mapping[str, Any]) -> list[str]:
    head = [
        "fault",
        "cases",
        "caught by",
        "codes",
        "figures that told most",
        "held",
        "refused",
        "passed",
    ]
    lines = [_row(head), _row(["---"] * len(head))]
    for fault, one in faults.items():
        verdicts = one["verdicts"]
        lines.append(
            _row([
                fault, str(one["cases"]), ", ".join(_GATES[gate] for gate in one["gates"]),
                _most(one["codes"]), _most(one["checks"]), str(verdicts.get("HOLD", 0)),
                str(verdicts.get("REFUSE", 0)), str(verdicts.get("PASS", 0)),
            ])
        )  # fmt: skip
    return lines


def _most(counts: Mapping[str, int]) -> str:
    named = sorted(counts, key=lambda name: -counts[name])[:3]
    return ", ".join(f"`{name}`" for name in named) or "–"
