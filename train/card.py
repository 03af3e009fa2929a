"""The card of a model: what it is, what it learned from, how good it is, where it fails."""

from collections.abc import Mapping
from typing import Any

from train.config import Cohort, Phantoms, Recipe

__all__ = ["METHODS", "card", "doubts", "efforts_of", "label_of", "plural", "refusals"]

METHODS = {
    "model": "this model",
    "regression": "regression, same network",
    "look_up_table": "best look-up table",
    "copy": "copy of the source",
    "constant": "one constant",
    "passage": "the truth, there and back",
}
"""What a result may have been made by, as people read it, in the order in which it is shown."""
_SEEN = {
    "phantoms": "It has seen no patient. What is said below of its accuracy was measured on "
    "phantoms and says nothing of patients.",
    "cohort": "What is said below of its accuracy was measured on other persons of the same "
    "archive, and says little of other scanners.",
}
_FEWEST = 5
"""Subjects: the bootstrap of fewer gives intervals that are far too narrow, of one none at all."""
_SHOWN = (
    "mae", "mae_soft", "mae_bone", "mae_air", "mae_regions", "mae_asymmetry", "me", "rmse", "psnr",
    "psnr_2025", "ssim", "ssim_3d", "ms_ssim",
)  # fmt: skip


def card(recipe: Recipe, evaluation: Mapping[str, Any], facts: Mapping[str, Any]) -> str:
    """Return the card as Markdown.

    Parameters
    ----------
    evaluation : mapping
        What :mod:`train.evaluate` measured; empty where nothing is measured yet.
    facts : mapping
        ``updates``, ``parameters_bytes`` and ``sha256`` of the weights; ``network``.
    """
    model, accepts = recipe.model, recipe.accepts
    lines = [
        f"# {recipe.name} {model.version}",
        "",
        model.description,
        "",
        f"**Learned from: {model.learned_from}.** {_SEEN[recipe.section]}",
        "",
        "## Use",
        "",
        model.intended_use,
        "",
        f"Takes {', '.join(accepts.labels)}; makes {model.makes}. Pixels of "
        f"{_range(accepts.pixel_spacing_mm)} mm, at least {accepts.min_slices} slices every "
        f"{_range(accepts.slice_step_mm)} mm, a field of view of {_range(accepts.extent_mm)} mm. "
        f"Contrast agent: {'may be there' if accepts.contrast_agent else 'refused'}.",
        "",
        "## Where it fails",
        "",
        *(f"- {limit}" for limit in model.limits),
        "",
        "## How it was made",
        "",
        *_making(recipe, facts),
        "",
        "## How good it is",
        "",
        *_figures(evaluation),
        "",
        "## References",
        "",
        *(f"- {reference}" for reference in model.references),
        "",
        f"{model.copyright}. Licence: see LICENSE.",
    ]
    return "\n".join(lines) + "\n"


def _range(pair: tuple[float, float]) -> str:
    return f"{pair[0]:g} to {pair[1]:g}"


def _making(recipe: Recipe, facts: Mapping[str, Any]) -> list[str]:
    learned = recipe.learning
    sizes = ", ".join(f"{key} {value}" for key, value in facts["network"]["sizes"].items())
    again = "dicom-train make" if recipe.section == "phantoms" else "dicom-train fit"
    return [
        f"- Network: {learned.network}, preset {learned.preset}, {sizes or 'sizes of the paper'}.",
        f"- Learned as: {learned.system}, {'paired' if learned.paired else 'unpaired'}.",
        _subjects(recipe.pairs),
        f"- Learning: {facts['updates']} updates of {learned.batch} {learned.draw}, seed "
        f"{learned.seed}.",
        *_terms(learned.settings),
        f"- Weights: {facts['parameters_bytes'] / 1e6:.2f} MB, SHA-256 `{facts['sha256']}`.",
        f"- Again: `{again} conf/train/{recipe.name}.toml`.",
    ]


def _subjects(made: Phantoms | Cohort) -> str:
    """Return who was learned from."""
    if isinstance(made, Cohort):
        return (
            f"- Subjects: persons of an archive, {made.anatomy}; {made.held_out:.0%} of them held "
            f"out and {made.watched:.0%} looked at while learning, dealt out by a salted hash."
        )
    held = made.validation + made.test
    shifted = f", sources up to {made.shift_mm:g} mm beside each other" if made.shift_mm else ""
    return (
        f"- Subjects: {made.subjects} {made.anatomy} phantoms of seeds from {made.first_seed}, "
        f"{plural(made.scans, 'scan')} each{shifted}; {held} of them held out."
    )


def _terms(settings: Mapping[str, Any]) -> list[str]:
    """Say it where a paired term, which is not the paper's, does most of the work."""
    paired, every = float(settings.get("voxel", 0)), int(settings.get("unpaired_every", 0))
    if not paired or not every:
        return []
    return [
        f"- Loss: a paired voxel term of weight {paired:g} in every update; the paper's hinge, "
        f"cycle and identity terms in one update of {every}. The paired term dominates, as "
        "phantoms are pairs: this is the paper's network more than the paper's way of learning."
    ]


def plural(count: int, what: str) -> str:
    """Return so many of something, in the number that they are."""
    return f"{count} {what}" + ("" if count == 1 else "s")


def refusals(evaluation: Mapping[str, Any]) -> str:
    """Return which held-out scans the model's own steps refused; nothing where it took them all."""
    refused = evaluation.get("refused", ())
    if not refused:
        return ""
    each = "; ".join(f"subject {one['subject']}: {one['why']}" for one in refused)
    return f"Refused by the model's own steps, as the node would, and not measured: {each}."


def _figures(evaluation: Mapping[str, Any]) -> list[str]:
    if not evaluation:
        return ["Not measured yet."]
    figures, subjects = evaluation["figures"], evaluation["subjects"]
    who = evaluation.get("who", "phantom")
    methods = [name for name in METHODS if name in figures]
    lines = [
        f"On {plural(subjects['measured'], f'held-out {who}')} "
        f"({plural(evaluation['scans'], 'scan')}), "
        f"{evaluation['where']}; mean and 95 % interval over subjects.",
        "",
        f"| | {' | '.join(METHODS[name] for name in methods)} |",
        "|---|" + "---|" * len(methods),
    ]
    for name in _SHOWN:
        if name in evaluation["measures"]:
            cells = [_cell(figures[method].get(name)) for method in methods]
            label = label_of(evaluation["measures"][name])
            lines.append(f"| {label} | {' | '.join(cells)} |")
    return [
        *lines,
        "",
        *([refused, ""] if (refused := refusals(evaluation)) else []),
        *_against(evaluation),
        "",
        f"Effort: {efforts_of(evaluation)}.",
        "",
        f"![A held-out {who}: {', '.join(evaluation['sources'])}, synthetic "
        f"{evaluation['makes']}, truth, error](evaluation.png)",
    ]


def label_of(measure: Mapping[str, Any]) -> str:
    """Return a figure's name with its unit and, where it has one, profile and range."""
    unit = f", {measure['unit']}" if measure["unit"] else ""
    if "range" not in measure:
        return f"{measure['label']}{unit}"
    low, high = measure["range"]
    return f"{measure['label']}{unit} ({measure['profile']}, {low:g} to {high:g})"


def _against(evaluation: Mapping[str, Any]) -> list[str]:
    """Return in words how the model stands beside each other method."""
    if why := doubts(evaluation):
        return [f"- Nothing is said of better or worse: {one}." for one in why]
    lines = []
    for other, gain in evaluation["mae_below"].items():
        if gain["high"] < 0:
            worse = {"mean": -gain["mean"], "low": -gain["high"], "high": -gain["low"]}
            by = f"{_cell(worse)} {evaluation['unit']}"
            lines.append(f"- **Error above that of {METHODS[other]}** by {by}: clear of 0.")
            continue
        clear = "clear of 0" if gain["low"] > 0 else "not clear of 0"
        by = f"{_cell(gain)} {evaluation['unit']}"
        lines.append(f"- Error below that of {METHODS[other]} by {by}: {clear}.")
    return lines


def efforts_of(evaluation: Mapping[str, Any]) -> str:
    """Return what each learned method was given: a comparison of unlike efforts must show it."""
    return "; ".join(
        f"{METHODS[name]} {_updates(one)} of {one['batch']} at a learning rate of "
        f"{one['learning_rate']:g}"
        for name, one in evaluation["effort"].items()
    )


def doubts(evaluation: Mapping[str, Any]) -> list[str]:
    """Return why nobody may say yet which method is better; empty where one may."""
    found = []
    if (seen := evaluation["subjects"]["measured"]) < _FEWEST:
        found.append(f"{seen} held out, {_FEWEST} or more are wanted for an interval that holds")
    for name, one in evaluation["effort"].items():
        if not one.get("finished", True):
            found.append(f"{METHODS[name]} has learned {_updates(one)}")
    return found


def _updates(one: Mapping[str, Any]) -> str:
    if one.get("finished", True):
        return f"{one['updates']} updates"
    return f"{one['updates']} of its {one['of']} updates, unfinished,"


def _cell(value: Mapping[str, float] | None) -> str:
    if value is None:
        return "–"
    return f"{value['mean']:g} ({value['low']:g} to {value['high']:g})"
