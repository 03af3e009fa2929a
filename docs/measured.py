"""What was measured, as the pages of the systems show it: from files alone, no figure by hand."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from train.card import METHODS, efforts_of, label_of, refusals
from train.config import Recipe, read_recipe
from train.evaluate.summary import number

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
NONE = "Not measured yet."
SYSTEMS = ("hlsnc_gan", "calf_gan", "mdaunet3d", "pcsa_gan", "agi_net")
KINDS = {"agi": "AGI-Net, `paper`", "resunet": "ResUnet, `paper`", "robust": "AGI-Net, `robust`"}
_PROSE = {"PT": "PET"}
"""Labels that people call otherwise."""
_FIGURES = (
    "mae", "mae_soft", "mae_bone", "mae_air", "mae_regions", "mae_asymmetry", "me", "psnr",
    "psnr_2025", "ssim", "ssim_3d", "ms_ssim",
)  # fmt: skip
_DICE = {"real": "learned from real images", "synthetic": "learned from synthetic images"}


def fragments() -> dict[str, str]:
    """Return what the pages include, by file name."""
    recipes = [read_recipe(path) for path in sorted((ROOT / "conf/train").glob("*.toml"))]
    found = {"overview.inc": "\n".join(_overview(recipes))}
    for system in SYSTEMS:
        own = [recipe for recipe in recipes if recipe.learning.system == system]
        parts = [line for recipe in own for line in _of_recipe(recipe)]
        parts += _shift() if system == "agi_net" else _ablation(system)
        found[f"{system}.inc"] = "\n".join(parts)
    found["verdict.inc"] = "\n".join(_candidates())
    found["pairs.inc"] = "\n".join(_pairs())
    return {name: text + "\n" for name, text in found.items()}


def _candidates() -> Iterator[str]:
    """Yield who of the candidates of the benchmark was promoted, and by what others were told."""
    found = _read(RESULTS / "verdict.json")
    if not found:
        yield NONE
        return
    rows = [
        [kind, str(one["candidates"]), str(one["with a smaller error"]), f"**{one['promoted']}**",
         ", ".join(f"{name} {count}" for name, count in one["against"].items()) or "–"]
        for kind, one in found["kinds"].items()
    ]  # fmt: skip
    yield from _table(["candidates", "", "with a smaller error", "promoted", "failed by"], rows)
    yield f"Measured {found['at']}, commit {found['commit']}."
    if learned := _read(RESULTS / "erasers.json").get("erasers"):
        yield "\nModels that have really learned from unbalanced sets, sources with lesions and targets"
        yield "without, after Cohen et al. 2018, with and without pairs:\n"
        rows = [
            [one["way"], str(one["seed"]), f"{one['gain']:.4f}", f"**{'yes' if one['promoted'] else 'no'}**",
             ", ".join(dict.fromkeys(name.split(" ")[0] if name.startswith("stratum") else name
                                     for name in one["against"])) or "–"]
            for one in learned
        ]  # fmt: skip
        head = ["learned", "seed", "gain, of the range", "promoted", "failed by"]
        yield from _table(head, rows)


def _pairs() -> Iterator[str]:
    """Yield which pairs of the benchmark were left out, and why."""
    found = _read(RESULTS / "pairs.json")
    if not found:
        yield NONE
        return
    rows = [
        [kind, str(one["pairs"]), f"**{one['left out']}**",
         ", ".join(f"{name} {count}" for name, count in one["by"].items()) or "–"]
        for kind, one in found["kinds"].items()
    ]  # fmt: skip
    yield from _table(["pairs", "", "left out", "by"], rows)
    yield f"Measured {found['at']}, commit {found['commit']}."


def _read(path: Path) -> dict[str, Any]:
    """Return what a file holds; nothing where it is not there."""
    if not path.is_file():
        return {}
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def _evaluation(recipe: Recipe) -> dict[str, Any]:
    """Return the evaluation of a shipped bundle; nothing where it is of another recipe."""
    found = _read(ROOT / "conf/models" / recipe.name / "evaluation.json")
    return found if found.get("recipe") == recipe.digest else {}


def _result(name: str, recipe: Recipe) -> dict[str, Any]:
    """Return a file of results; nothing where it is of another recipe."""
    found = _read(RESULTS / name)
    return found if found.get("recipe") == recipe.digest else {}


def _cell(value: Mapping[str, float] | None) -> str:
    if value is None:
        return "–"
    return f"{number(value['mean'])} ({number(value['low'])} to {number(value['high'])})"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield "|" + "---|" * len(head)
    yield from (f"| {' | '.join(row)} |" for row in rows)
    yield ""


def _overview(recipes: Sequence[Recipe]) -> Iterator[str]:
    """One line per shipped model: its error beside the regression's and the look-up table's."""
    methods = ("model", "regression", "look_up_table")
    rows = []
    for recipe in recipes:
        system, made = recipe.learning.system, recipe.phantoms
        what = f"{_PROSE.get(made.target, made.target)} from {' and '.join(made.sources)}"
        row = [f"[{recipe.name}]({system}.md)", what]
        found = _evaluation(recipe)
        if found:
            errors = (found["figures"].get(name) for name in methods)
            row += [found["unit"], *(_cell(one["mae"] if one else None) for one in errors)]
            row += [str(found["subjects"]["measured"]), _against(found["mae_below"])]
        else:
            row += [NONE.lower().rstrip("."), *"–––––"]
        rows.append(row)
    head = ["model", "makes", "unit of the error", *(METHODS[name] for name in methods), "subjects"]
    head.append("against its regression")
    yield from _table(head, rows)


def _against(below: Mapping[str, Any]) -> str:
    """Say which has the smaller error, where the interval over subjects tells them apart."""
    if (gain := below.get("regression")) is None:
        return "–"
    return "better" if gain["low"] > 0 else "worse" if gain["high"] < 0 else "tie"


def _of_recipe(recipe: Recipe) -> Iterator[str]:
    made, learned = recipe.phantoms, recipe.learning
    sizes = ", ".join(f"`{key}` {value}" for key, value in learned.sizes.items())
    yield f"### {recipe.name}: {made.target} from {' and '.join(made.sources)}\n"
    yield (
        f"{made.anatomy.capitalize()} phantoms, preset `{learned.preset}`, {sizes}; "
        f"{learned.steps} updates of {learned.batch} {learned.draw}, seed {learned.seed}.\n"
    )
    yield f"```sh\nmake model NAME={recipe.name}\n```\n"
    found = _evaluation(recipe)
    if found:
        yield from _evaluated(recipe, found)
    else:
        yield f"{NONE}\n"
    yield from _downstream(_result(f"downstream-{recipe.name}.json", recipe))
    yield from _real(_result(f"real-{recipe.name}.json", recipe))


def _evaluated(recipe: Recipe, found: Mapping[str, Any]) -> Iterator[str]:
    figures, subjects = found["figures"], found["subjects"]
    phantoms = ", ".join(f"`{one[:12]}`" for one in found["phantom_recipe"])
    yield (
        f"Learned from {found['learned_from']}: {subjects['learned_from']} of them. Measured on "
        f"{found['measured_on']}: {subjects['measured']} subjects, {found['scans']} scans, "
        f"{found['where']}. Mean and interval ({found['interval']}). Recipe "
        f"`{found['recipe'][:12]}`, phantoms {phantoms}.\n"
    )
    if refused := refusals(found):
        yield f"{refused}\n"
    rows = []
    for name in (one for one in _FIGURES if one in found["measures"]):
        cells = (_cell(figures[method].get(name)) for method in figures)
        rows.append([label_of(found["measures"][name]), *cells])
    yield from _table(["", *(METHODS[method] for method in figures)], rows)
    yield from _beside(found)
    yield f"Effort: {efforts_of(found)}.\n"
    yield (
        f"![A held-out phantom: {', '.join(found['sources'])}, synthetic {found['makes']}, truth, "
        f"error](../../conf/models/{recipe.name}/evaluation.png)\n"
    )
    yield (
        "Tissues, strata, worst cases and every subject: "
        f"`conf/models/{recipe.name}/evaluation.json`.\n"
    )


def _beside(found: Mapping[str, Any]) -> Iterator[str]:
    """How far the model is below each other method, subject beside subject."""
    rows = []
    for other, gain in found["mae_below"].items():
        clear = "yes, below" if gain["low"] > 0 else "yes, above" if gain["high"] < 0 else "no"
        rows.append([METHODS[other], f"{_cell(gain)} {found['unit']}", clear])
    yield from _table(["error of the model below that of", "by", "clear of 0"], rows)
    shares = found.get("share_of_look_up_table", {})
    text = ", ".join(f"{METHODS[name]} {_cell(share)}" for name, share in shares.items())
    if text:
        yield f"Error as a share of the look-up table's: {text}.\n"


def _downstream(found: Mapping[str, Any]) -> Iterator[str]:
    if not found:
        return
    yield f"**A second program.** {found['question']} {found['how']} Cells: {found['of']}.\n"
    rows = [
        [
            row["name"],
            *(_cell(one) if isinstance(one, Mapping) else str(one) for one in row["values"]),
        ]
        for row in found["rows"]
    ]
    yield from _table(["", *found["columns"]], rows)
    if "mean_dice" in found:
        each = (f"{text} {found['mean_dice'][name]:.2f}" for name, text in _DICE.items())
        yield f"Mean Dice: {', '.join(each)}.\n"


REAL = {**METHODS, "look_up_table": "best look-up table for this very volume, knowing its truth"}
"""Of real volumes there are too few to fit a table to some and try it on others."""


def _real(found: Mapping[str, Any]) -> Iterator[str]:
    if not found:
        return
    yield f"**On real volumes, unchanged.** {found['said'].capitalize()}.\n"
    for one in found["sets"]:
        if one["run"]:
            yield f"- {one['name']}: {one['what']}."
    yield ""
    rows = []
    for one in found["sets"]:
        if not one["run"]:
            rows.append([one["name"], f"not run: {one['why_not']}", "–", "–"])
        for method, figures in one.get("figures", {}).items():
            error = f"{number(figures['mae'])} {found['unit']}"
            rows.append([one["name"], REAL[method], error, f"{figures['correlation']:.2f}"])
        if one["run"] and not one.get("figures"):
            rows.append([one["name"], "run; no truth to compare with", "–", "–"])
    yield from _table(["volume", "method", "error", "rank correlation"], rows)


def _ablation(system: str) -> Iterator[str]:
    found = _read(RESULTS / f"ablation-{system}.json")
    yield "### The paper's comparison, at reduced width\n"
    if "not_learned" not in found:  # none, or one of before variants were held to a constant
        yield f"{NONE}\n\n```sh\npython -m benchmarks.studies ablation {system}\n```\n"
        return
    yield f"In the paper: {found['paper']}. Here: {_stamp(found)}, phantoms, one seed.\n"
    rows, lost = [], found["not_learned"]
    for name in (*found["our_order"], "one constant"):
        figures = found["figures"][name]
        psnr = {key: round(value, 2) for key, value in figures["psnr"].items()}
        mae = {key: 100 * value for key, value in figures["mae"].items()}
        told = f"{psnr['mean']} ({psnr['low']} to {psnr['high']})"
        shown = f"{name}: not learned" if name in lost else name
        ended = found["ended_with"].get(name, {}).get("adversarial")
        end = "–" if ended is None else number(ended)
        rows.append([shown, told, _cell(figures["ssim"]), _cell(mae), end])
    first = f"variant, best {found['ordered_by'].upper()} first"
    head = [first, "PSNR, dB", "SSIM", "MAE, % of the range", "adversarial loss at the end"]
    yield from _table(head, rows)
    yield from _order(found)


def _order(found: Mapping[str, Any]) -> Iterator[str]:
    """Say of each step of the paper's order whether the images bear it out, subject by subject."""
    lost, order = found["not_learned"], " > ".join(found["paper_order"])
    if lost:
        text = "by mean absolute error no better than one constant after so few updates, so nothing"
        yield f"Not learned: {', '.join(lost)}; {text} can be said of what sets that apart.\n"
    if not found["paper_order"]:
        return
    said = "is reproduced" if found["order_is_the_papers"] else "is not reproduced"
    if set(lost) & set(found["paper_order"]):
        said = "cannot be judged as a whole"
    elif found["best_is_the_papers"] and not found["order_is_the_papers"]:
        said += "; its best is the best here too"
    yield f"The paper's order, {order}, {said}. Step by step:\n"
    unit = {"psnr": " dB", "ssim": ""}[found["ordered_by"]]
    for step in found["steps"]:
        if {step["better"], step["worse"]} & set(lost):
            yield f"- {step['better']} over {step['worse']}: not to be judged."
            continue
        by = step["by"]
        clear = by["low"] > 0 or by["high"] < 0
        word = "shown" if by["low"] > 0 else "the other way round" if clear else "not shown"
        yield f"- {step['better']} over {step['worse']}: {_cell(by)}{unit}: {word}."
    yield ""
    text = "a generator whose adversarial loss is tens at the end has lost to its adversary"
    yield f"The last column: {text}, and its images show that more than the part left out.\n"


def _shift() -> Iterator[str]:
    found = _read(RESULTS / "shift.json")
    yield "### One input moved against the other\n"
    if "more" not in found.get("falls", {}):
        yield f"{NONE}\n\n```sh\npython -m benchmarks.studies shift\n```\n"
        return
    yield f"{_stamp(found).capitalize()}, phantoms. PSNR in dB, mean over seeds and subjects.\n"
    head = ["shift, px", *(f"{px:g}" for px in found["shifts_px"]), "falls by (95 %)"]
    rows = [
        [KINDS[kind], *(f"{value:.2f}" for value in curve["mean"]), _cell(found["falls"][kind])]
        for kind, curve in found["psnr"].items()
    ]
    yield from _table(head, rows)
    yield f"The paper's claim, that AGI-Net loses less than its backbone, {_claim(found['falls'])}"
    yield "`robust` begins lower after so few updates; how far it falls is not to be compared.\n"
    yield "![PSNR over shifts](../../benchmarks/results/shift.png)\n"


def _claim(falls: Mapping[str, Any]) -> str:
    more = falls["more"]
    seeds = more["seeds"]
    by = f"by {_cell(more)} dB, subject beside subject; by seed {', '.join(map(number, seeds))}."
    if more["high"] < 0 and max(seeds) < 0:
        return f"holds here: the difference is {by}"
    if more["low"] > 0 and min(seeds) > 0:
        return f"does not hold here: it loses more, {by}"
    return f"is not shown here: it loses more {by}"


def _stamp(found: Mapping[str, Any]) -> str:
    parts = [f"{found['date']}, commit `{found['commit']}`"]
    parts += [f"{found[key]} {key}" for key in ("updates", "subjects") if key in found]
    return ", ".join(parts)
