"""``python -m benchmarks.battery``: plant every fault, count what passes, write it down."""

import argparse
import json
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

from benchmarks.battery.cases import CLEAN, FAULTS, FIRST_SEED
from benchmarks.battery.plot import draw_faults, draw_spreads, read_limits
from benchmarks.battery.results import RESULT_FAULTS
from benchmarks.battery.run import Case, Part, Share, run, shown, summary
from engine.task import read_bundle
from train.config import read_recipe

RESULTS = Path("benchmarks/results")
TOGETHER = 5
"""Subjects without faults that one process draws: what all are drawn from is read but once."""

EACH = 50
"""After so many cases it is said how far it is."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.battery", description=__doc__)
    parser.add_argument(
        "models", nargs="*", help="of conf/models; all that have limits unless said"
    )
    parser.add_argument("--conf", type=Path, default=Path("conf"), help="the configuration (conf)")
    parser.add_argument(
        "--subjects", type=int, default=5, help="subjects with faults, each model (5)"
    )
    parser.add_argument("--clean", type=int, default=200, help="studies without, each model (200)")
    parser.add_argument("--scans", type=int, default=4, help="of each subject without faults (4)")
    parser.add_argument(
        "--results", type=int, default=4, help="subjects with faults in the result, each model (4)"
    )
    parser.add_argument("--faults", nargs="*", default=FAULTS, help="which ones; all unless said")
    parser.add_argument("--data", type=Path, help="the folder of real series; none unless said")
    parser.add_argument("--no-network", action="store_true", help="headers and pixels alone")
    parser.add_argument("--pictures", metavar="MODEL", help="draw one subject's faults, no more")
    parser.add_argument("--workers", type=int, default=2, help="processes (2)")
    parser.add_argument("--save", metavar="NAME", help="write benchmarks/results/NAME.json")
    wanted = parser.parse_args()
    if wanted.pictures:
        _draw(wanted.conf, wanted.pictures)
        return
    models = wanted.models or sorted(
        path.name
        for path in (wanted.conf / "models").iterdir()
        if read_bundle(path).quality is not None
    )
    faulty = range(FIRST_SEED, FIRST_SEED + wanted.subjects)
    results = range(FIRST_SEED + 500, FIRST_SEED + 500 + wanted.results)
    first_clean = FIRST_SEED + 1000
    clean = range(first_clean, first_clean + -(-wanted.clean // wanted.scans))
    together = [tuple(clean[at : at + TOGETHER]) for at in range(0, len(clean), TOGETHER)]
    shares = [
        *(Share(wanted.conf, model, (seed,), 1, tuple(wanted.faults), not wanted.no_network)
          for model in models for seed in faulty),
        *(Share(wanted.conf, model, seeds, wanted.scans, (CLEAN,), network=False, part="clean")
          for model in models for seeds in together),
        *(Share(wanted.conf, model, (seed,), 1, tuple(RESULT_FAULTS), part="results")
          for model in models for seed in results),
        *(Share(wanted.conf, model, (FIRST_SEED,), 1, (), part="real", data=wanted.data)
          for model in models if wanted.data is not None),
    ]  # fmt: skip
    about = _about(wanted.conf, models)
    cases: list[Case] = []
    began = time.monotonic()
    for case in run(shares, wanted.workers):
        cases.append(case)
        if len(cases) % EACH == 0:
            print(f"{len(cases)} cases, {time.monotonic() - began:.0f} s", flush=True)
            if wanted.save:  # an hour's work is not lost with the machine
                _write(wanted.save, {**about, "complete": False}, _tables(cases))
    found = _tables(cases)
    for part in found.values():
        _show(part)
    if wanted.save:
        _write(wanted.save, about, found)


def _tables(cases: list[Case]) -> dict[str, dict[str, Any]]:
    """Return what became of each fault, by the parts that were measured."""
    found = {
        part: summary([case for case in cases if case.part == part]) for part in get_args(Part)
    }
    return {part: one for part, one in found.items() if one}


def _draw(conf: Path, model: str) -> None:
    """Draw what is planted, before the network runs, and how true spreads are."""
    draw_faults(list(shown(conf, model, FIRST_SEED)), RESULTS / "battery-faults.png")
    draw_spreads(read_limits(conf / "models"), RESULTS / "battery-spreads.png")


def _show(found: dict[str, Any]) -> None:
    for fault, one in found.items():
        gates = ", ".join(f"{name} {count}" for name, count in one["gates"].most_common())
        codes = ", ".join(f"{name} {count}" for name, count in one["codes"].most_common(4))
        print(f"{fault:38} {one['cases']:4}  {gates:32} {codes}")


def _about(conf: Path, models: list[str]) -> dict[str, Any]:
    """Return what is about to be measured: who asks afterwards may find another."""
    git = subprocess.run(
        ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    )
    return {
        "at": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "commit": git.stdout.strip(),
        "models": {one: read_bundle(conf / "models" / one).digest for one in models},
        "recipes": {one: read_recipe(conf / "train" / f"{one}.toml").digest for one in models},
    }


def _write(name: str, about: dict[str, Any], parts: dict[str, Any]) -> None:
    """Write down the parts that were measured; of the others stays what was there."""
    path = RESULTS / f"{name}.json"
    before = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    now = {part: {**about, "faults": found} for part, found in parts.items()}
    RESULTS.mkdir(exist_ok=True)
    path.write_text(json.dumps({**before, **now}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
