"""The card of a model: what it is, what it learned from, how good it is, where it fails."""

from collections.abc import Mapping
from typing import Any

from train.config import Recipe

__all__ = ["card"]

_METHODS = {
    "model": "this model",
    "look_up_table": "best look-up table",
    "constant": "constant",
}
_ROWS = {
    "mae": "MAE, HU",
    "mae_soft": "MAE in soft tissue, HU",
    "mae_bone": "MAE in bone, HU",
    "mae_air": "MAE in air cavities, HU",
    "me": "mean error, HU",
    "rmse": "RMSE, HU",
    "psnr": "PSNR, dB",
    "ssim": "SSIM",
}


def card(recipe: Recipe, evaluation: Mapping[str, Any], facts: Mapping[str, Any]) -> str:
    """Return the card as Markdown.

    Parameters
    ----------
    evaluation : mapping
        What :mod:`train.evaluate` measured; empty where nothing is measured yet.
    facts : mapping
        ``updates``, ``parameters_bytes`` and ``sha256`` of the weights.
    """
    model, accepts = recipe.model, recipe.accepts
    lines = [
        f"# {recipe.name} {model.version}",
        "",
        model.description,
        "",
        f"**Learned from: {model.learned_from}.** It has seen no patient. What is said below of "
        "its accuracy was measured on phantoms and says nothing of patients.",
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
    made, learned = recipe.phantoms, recipe.learning
    sizes = ", ".join(f"{key} {value}" for key, value in learned.sizes.items())
    held = made.validation + made.test
    return [
        f"- Network: {learned.system}, preset {learned.preset}, {sizes or 'sizes of the paper'}.",
        f"- Subjects: {made.subjects} phantoms of seeds from {made.first_seed}, {made.scans} scans "
        f"each; {held} of them held out.",
        f"- Learning: {facts['updates']} updates of {learned.batch} slices, seed {learned.seed}.",
        *_terms(learned.settings),
        f"- Weights: {facts['parameters_bytes'] / 1e6:.2f} MB, SHA-256 `{facts['sha256']}`.",
        f"- Again: `dicom-train make conf/train/{recipe.name}.toml`.",
    ]


def _terms(settings: Mapping[str, Any]) -> list[str]:
    """Say it where a paired term, which is not the paper's, does most of the work."""
    paired, every = float(settings.get("voxel", 0)), int(settings.get("unpaired_every", 1))
    if not paired:
        return []
    return [
        f"- Loss: a paired voxel term of weight {paired:g} in every update; the paper's hinge, "
        f"cycle and identity terms in one update of {every}. The paired term dominates, as "
        "phantoms are pairs: this is the paper's network more than the paper's way of learning."
    ]


def _figures(evaluation: Mapping[str, Any]) -> list[str]:
    if not evaluation:
        return ["Not measured yet."]
    figures, subjects = evaluation["figures"], evaluation["subjects"]
    head = " | ".join(_METHODS.values())
    lines = [
        f"On {subjects['measured']} held-out phantoms ({evaluation['scans']} scans), "
        f"{evaluation['where']}; mean and 95 % interval over subjects.",
        "",
        f"| | {head} |",
        "|---|" + "---|" * len(_METHODS),
    ]
    for name, label in _ROWS.items():
        cells = [_cell(figures[method].get(name)) for method in _METHODS]
        lines.append(f"| {label} | {' | '.join(cells)} |")
    gain = evaluation["mae_below"]["look_up_table"]
    lines += [
        "",
        f"MAE is below that of the best look-up table, MR brightness to HU, by {_cell(gain)} HU.",
        "",
        "![A held-out phantom: MR, synthetic CT, truth, difference](evaluation.png)",
    ]
    return lines


def _cell(value: Mapping[str, float] | None) -> str:
    if value is None:
        return "–"
    return f"{value['mean']:g} ({value['low']:g} to {value['high']:g})"
