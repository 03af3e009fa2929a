"""Receiving: instances per second and the slowest hundredth, all peers in turns in every run."""

from collections.abc import Iterator

from benchmarks.objects import KINDS, instances
from benchmarks.peers import receivers
from benchmarks.raw_client import send_all
from benchmarks.report import line, median

ASSOCIATIONS = (1, 4, 8)


def run(runs: int) -> Iterator[str]:
    """Yield a line per kind, number of associations and peer."""
    with receivers() as (ours, targets):
        for kind in KINDS:
            for associations in ASSOCIATIONS:
                rates: dict[str, list[float]] = {target.name: [] for target in targets}
                slowest: dict[str, list[float]] = {target.name: [] for target in targets}
                for _ in range(runs):
                    for target in targets:
                        sent = instances(kind)
                        shares = [sent[n::associations] for n in range(associations)]
                        took = send_all(target, shares)
                        rates[target.name].append(len(sent) / took.seconds)
                        slowest[target.name].append(took.p99_ms)
                        if target is ours.target:
                            ours.check(sent)
                mine = median(rates["ours"])
                for target in targets[1:]:
                    peer = target.name, median(rates[target.name])
                    name = f"receive-{kind.name}-{associations}"
                    yield line(name, mine, peer, "/s", runs)
                    peer = target.name, median(slowest[target.name])
                    name = f"receive-p99-{kind.name}-{associations}"
                    yield line(name, median(slowest["ours"]), peer, "ms", runs)
