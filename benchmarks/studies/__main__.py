"""``python -m benchmarks.studies shift`` or ``ablation [NAME ...]``: learn, measure, write down.

What was learned before is not learned again: a run that was broken off goes on where it stopped.
"""

import argparse
import json
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.studies import ablation, shift
from benchmarks.studies.plot import draw_shift
from train.config import Recipe, read_recipe

RESULTS = Path("benchmarks/results")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.studies", description=__doc__)
    parser.add_argument("study", choices=("shift", "ablation"))
    parser.add_argument(
        "names", nargs="*", help=f"of {', '.join(ablation.ABLATIONS)}; all unless said"
    )
    parser.add_argument("--steps", type=int, default=600, help="updates of each variant (600)")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where recipes were made")
    parser.add_argument(
        "--threads", type=int, help="of the CPU; the recipe's unless said: one, for two at a time"
    )
    wanted = parser.parse_args()
    if wanted.study == "shift":
        data = wanted.runs / shift.BASE.stem / "data"
        base = on_threads(read_recipe(shift.BASE), wanted.threads)
        found = shift.study(base, data, wanted.runs / "studies", wanted.steps)
        write("shift", found)
        draw_shift(found, RESULTS / "shift.png")
        return
    if unknown := set(wanted.names) - set(ablation.ABLATIONS):
        parser.error(f"no ablation {', '.join(sorted(unknown))}")
    for name in wanted.names or ablation.ABLATIONS:
        data = wanted.runs / ablation.ABLATIONS[name].recipe / "data"
        base = on_threads(ablation.recipe_of(name), wanted.threads)
        found = ablation.study(name, base, data, wanted.runs / "studies", wanted.steps)
        write(f"ablation-{name}", found)


def on_threads(recipe: Recipe, threads: int | None) -> Recipe:
    """Return a recipe that learns on this many threads; none leaves it as it is."""
    if threads is None:
        return recipe
    return replace(recipe, learning=replace(recipe.learning, threads=threads))


def write(name: str, found: dict[str, Any]) -> None:
    """Write one study, with when and at which commit it was made."""
    git = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    stamped = {"date": f"{datetime.now(UTC):%Y-%m-%d}", "commit": git.stdout.strip(), **found}
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(stamped, indent=1) + "\n", encoding="utf-8")
    print(path)


if __name__ == "__main__":
    main()
