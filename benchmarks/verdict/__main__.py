"""``python -m benchmarks.verdict``: a model, candidates out of it, and who of them is promoted."""

import argparse
import json
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from benchmarks.verdict.candidates import BETTER, MARGIN, POISONS
from benchmarks.verdict.erasers import erasers
from benchmarks.verdict.run import GATE, Outcome, active, small, tried
from train.verdict import read_gate_file

RESULTS = Path("benchmarks/results")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.verdict", description=__doc__)
    parser.add_argument("--each", type=int, default=200, help="poisoned, and better ones (200)")
    parser.add_argument("--run", type=Path, default=Path("runs/verdict"), help="(runs/verdict)")
    parser.add_argument("--erasers", type=int, metavar="SEEDS", help="models that learned to erase")
    parser.add_argument("--workers", type=int, default=2, help="processes (2)")
    parser.add_argument("--save", metavar="NAME", help="write benchmarks/results/NAME.json")
    wanted = parser.parse_args()
    if wanted.erasers:
        found = []
        for one in erasers(wanted.run, range(1, 1 + wanted.erasers), wanted.workers):
            print(one, flush=True)
            found.append(asdict(one))
        _save({**_about(), "erasers": found}, wanted.save)
        return
    bundle = active(wanted.run, wanted.workers)
    began, outcomes = time.monotonic(), []
    kinds = [list(POISONS)[number % len(POISONS)] for number in range(wanted.each)]
    jobs = [(wanted.run, bundle, kind, number)
            for number, kind in enumerate([*kinds, *[BETTER] * wanted.each])]  # fmt: skip
    with ProcessPoolExecutor(wanted.workers, mp_context=get_context("spawn")) as pool:
        for outcome in pool.map(tried, jobs):
            outcomes.append(outcome)
            if len(outcomes) % 50 == 0:
                print(f"{len(outcomes)} candidates, {time.monotonic() - began:.0f} s", flush=True)
    _save({**_about(), "margin": MARGIN, "kinds": _table(outcomes)}, wanted.save)


def _save(found: dict[str, Any], name: str | None) -> None:
    print(json.dumps(found, indent=1))
    if name:
        path = RESULTS / f"{name}.json"
        path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def _table(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    return {kind: dict(_row([one for one in outcomes if one.kind == kind]))
            for kind in dict.fromkeys(one.kind for one in outcomes)}  # fmt: skip


def _row(outcomes: Sequence[Outcome]) -> Iterator[tuple[str, Any]]:
    yield "candidates", len(outcomes)
    yield "promoted", sum(one.promoted for one in outcomes)
    yield "with a smaller error", sum(one.gain > 0 for one in outcomes)
    yield "against", dict(Counter(name for one in outcomes for name in one.against).most_common())
    odd = [one for one in outcomes if one.promoted != (one.kind == BETTER)]
    yield "odd", [{"seed": one.seed, "gain": round(one.gain, 2), "against": list(one.against)}
                  for one in odd]  # fmt: skip


def _about() -> dict[str, Any]:
    done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True,
                          check=False)  # fmt: skip
    recipe, gate = small(), read_gate_file(GATE)
    return {"at": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC", "commit": done.stdout.strip(),
            "recipe": recipe.digest, "gate": gate.sha256}  # fmt: skip


if __name__ == "__main__":
    main()
