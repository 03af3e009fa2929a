"""``python -m benchmarks``: everything, or what is named; a line per figure at the end."""

import argparse
import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import engine_steps, find, footprint, journey, receive, retrieve, send

PARTS = {
    "receive": receive.run,
    "send": send.run,
    "find": find.run,
    "retrieve": retrieve.run,
    "footprint": footprint.run,
    "journey": journey.run,
    "engine": engine_steps.run,
}
RESULTS = Path(__file__).parent / "results"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("part", nargs="*", help=f"of {', '.join(PARTS)}; all unless said")
    parser.add_argument("--runs", type=int, default=5, help="runs per figure (default 5)")
    parser.add_argument("--save", metavar="NAME", help="also write benchmarks/results/NAME.txt")
    wanted = parser.parse_args()
    unknown = set(wanted.part) - set(PARTS)
    if unknown:
        parser.error(f"no part {', '.join(sorted(unknown))}; parts are {', '.join(PARTS)}")
    lines = []
    for name in wanted.part or PARTS:
        print(f"# {name} …", flush=True)
        lines.extend(PARTS[name](wanted.runs))
    text = "\n".join([*_machine(), *lines])
    print(text)
    if wanted.save:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{wanted.save}.txt").write_text(text + "\n")


def _machine() -> list[str]:
    git = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    return [
        f"# {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, commit {git.stdout.strip() or 'unknown'}",
        f"# {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"load {os.getloadavg()[0]:.1f}",
    ]


if __name__ == "__main__":
    main()
