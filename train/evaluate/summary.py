"""What the figures come to, as JSON holds it and as a terminal shows it."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from train.card import METHODS, doubts, plural, refusals
from train.config import Recipe
from train.evaluate.figures import BIAS, TISSUE, Figure, read_as, shown_unit
from train.evaluate.scores import (
    Scored,
    below,
    figures_by_method,
    shares,
    strata,
    tissues,
)

__all__ = ["commit", "number", "summary", "told"]

_WORST = 3
_MEASURED = {
    "phantom": "held-out {} phantoms of known truth; says nothing of patients",
    "person": "held-out persons of the cohort that was learned from ({})",
}
_REGION = {"suvr_": ("SUVR of {}, synthetic less real", "SUVR"),
           "asymmetry_": ("asymmetry of {}, synthetic less real", "points of %")}  # fmt: skip


def summary(recipe: Recipe, scans: Sequence[Scored], about: Mapping[str, Any]) -> dict[str, Any]:
    """Return the evaluation.

    Parameters
    ----------
    scans : sequence of Scored
        All that was measured; at least one.
    about : mapping
        ``subjects``, ``refused``, ``phantoms``, ``pairs``, ``copied``; by learned method
        ``weights`` (SHA-256) and ``effort`` (``updates``, ``batch``, ``learning_rate``).
    """
    made, who = recipe.pairs, "person" if recipe.section == "cohort" else "phantom"
    measures = _measures(scans, made.target)
    worst = sorted(scans, key=lambda one: -one.figures["model"]["mae"])[:_WORST]
    return {
        "model": f"{recipe.name} {recipe.model.version}",
        "makes": made.target,
        "sources": list(made.sources),
        "anatomy": made.anatomy,
        "learned_from": recipe.model.learned_from,
        "who": who,
        "measured_on": _MEASURED[who].format(made.anatomy),
        "subjects": about["subjects"],
        "scans": len(scans),
        "refused": about["refused"],
        "where": _where(made.target),
        "unit": shown_unit(made.target),
        "window": list(recipe.preparation.window),
        "interval": "95 %, bootstrap over subjects, 10000 draws",
        "baselines": _baselines(scans, about["copied"]),
        "measures": {name: one.as_dict() for name, one in measures.items()},
        "figures": figures_by_method(scans, list(measures)),
        "mae_below": below(scans),
        "share_of_look_up_table": shares(scans),
        "tissues": tissues(scans),
        "strata": strata(scans),
        "worst": [_named(one) for one in worst],
        "per_subject": _by_subject(scans),
        "recipe": recipe.digest,
        "phantom_recipe": about["phantoms"],
        "pairs": about["pairs"],
        "weights": about["weights"],
        "effort": about["effort"],
        "commit": commit(),
    }


def commit() -> str:
    """Return the commit of this code, with ``-dirty`` where files differ; empty when installed.

    A figure is worth as much as what it can be made again from: recipe, seed and code.
    """
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        done = subprocess.run(  # noqa: S603 - fixed words
            command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False
        )
    except OSError:  # no git here
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _measures(scans: Sequence[Scored], makes: str) -> dict[str, Figure]:
    """Return how every figure that some scan has is to be read; those of tissues stand apart."""
    seen = {name for one in scans for name in one.figures["model"]}
    known = {name: figure for name, figure in read_as(makes).items() if name in seen}
    for prefix, (label, unit) in _REGION.items():
        for name in sorted(one for one in seen if one.startswith(prefix)):
            region = name.removeprefix(prefix).replace("_", " ")
            known[name] = Figure(label.format(region), unit, "zero")
    return known


def _where(makes: str) -> str:
    if makes == "PT":
        return "inside the brain, on the grid of each source"
    return "inside the body, air cavities included, on the grid of each source"


def _baselines(scans: Sequence[Scored], copied: str | None) -> dict[str, str]:
    said = {
        "regression": "the same network, sizes and data, learned without an adversary",
        "look_up_table": "median truth by brightness, all sources together, of those learned from; "
        "sources are registered where the model's steps do so",
        "copy": f"the {copied} itself, scaled as the truth is, registered likewise",
        "constant": "the median truth of those learned from, everywhere inside",
        "passage": "the truth through the model's own steps and back to the source's grid, with "
        "no network between: the error of a network that makes its learning target exactly",
    }
    return {name: text for name, text in said.items() if name in scans[0].figures}


def _named(one: Scored) -> dict[str, Any]:
    error = float(f"{one.figures['model']['mae']:.5g}")
    return {"subject": one.subject, "scan": one.scan, "mae": error, "strata": dict(one.strata)}


def _by_subject(scans: Sequence[Scored]) -> dict[str, Any]:
    """Return the model's figures of every scan, and the error of every method, by subject."""
    found: dict[str, Any] = {}
    for one in sorted(scans, key=lambda scan: (scan.subject, scan.scan)):
        figures = {
            name: float(f"{value:.5g}")
            for name, value in one.figures["model"].items()
            if not name.startswith((TISSUE, BIAS))
        }
        others = {name: float(f"{f['mae']:.5g}") for name, f in one.figures.items()}
        row = {"scan": one.scan, **figures, "mae_by_method": others}
        found.setdefault(str(one.subject), []).append(row)
    return found


def told(found: Mapping[str, Any]) -> str:
    """Return the main figures as lines for a terminal: of held-out phantoms, or of real volumes."""
    if "sets" in found:
        return "\n".join([f"{found['said']}:", *(f"  {_told_set(one)}" for one in found["sets"])])
    unit, measured = found["unit"], found["subjects"]["measured"]
    lines = [f"MAE, {found['where']}, {plural(measured, 'held-out ' + found['who'])} (95 %):"]
    for method, figures in found["figures"].items():
        mae = figures["mae"]
        name = f"{METHODS[method]:26}"
        lines.append(
            f"  {name} {number(mae['mean'])} {unit} ({number(mae['low'])} to {number(mae['high'])})"
        )
    if refused := refusals(found):
        lines.append(f"  {refused}")
    lines += [f"  too early to say which is better: {one}" for one in doubts(found)]
    return "\n".join(lines)


def _told_set(one: Mapping[str, Any]) -> str:
    if not one["run"]:
        return f"{one['name']}: not run; {one['why_not']}"
    errors = {method: figures["mae"] for method, figures in one["figures"].items()}
    if not errors:
        return f"{one['name']}: run; there is no truth to hold it against"
    return f"{one['name']}: MAE " + ", ".join(
        f"{METHODS[method]} {number(mae)}" for method, mae in errors.items()
    )


def number(value: float) -> str:
    """Return ``value`` with three digits that count, never in powers of ten."""
    if value == 0:
        return "0"
    size = abs(value)
    digits = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 1 else 3 if size >= 0.1 else 4
    return f"{value:.{digits}f}"
