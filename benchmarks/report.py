"""One line per figure, so that runs can be compared."""

import statistics
from collections.abc import Sequence

__all__ = ["line", "median"]


def median(values: Sequence[float]) -> float:
    """Return the median of the runs."""
    return statistics.median(values)


def line(name: str, ours: float, peer: tuple[str, float], unit: str, runs: int) -> str:
    """Return ``bench <name> ours=<figure> <peer>=<figure> ratio=<ours/peer> runs=<n>``."""
    who, theirs = peer
    ratio = ours / theirs if theirs else float("nan")
    return (
        f"bench {name} ours={_figure(ours)}{unit} {who}={_figure(theirs)}{unit} "
        f"ratio={ratio:.2f} runs={runs}"
    )


def _figure(value: float) -> str:
    return f"{value:.0f}" if value >= 20 else f"{value:.2f}"
