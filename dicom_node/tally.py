"""Counters of one process: they only grow, and begin again with the process."""

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = [
    "CERTIFICATE_DAYS",
    "GPU_BUSY",
    "GPU_MEMORY_SIZE",
    "GPU_MEMORY_USED",
    "Count",
    "Tally",
]

CERTIFICATE_DAYS = "certificate_days"
GPU_MEMORY_USED, GPU_MEMORY_SIZE = "gpu_memory_used_bytes", "gpu_memory_size_bytes"
GPU_BUSY = "gpu_busy_ratio"
"""Measured, not counted: what is counted ends in ``_total``."""


@dataclass(frozen=True, slots=True)
class Count:
    """What one counter stands at, or what was measured.

    Parameters
    ----------
    name : str
        As Prometheus will have it, without its prefix: ``received_instances_total``.
    labels : mapping
        Names to values; never a patient, and few values for each.
    """

    name: str
    labels: Mapping[str, str]
    value: float


class Tally:
    """Counts what happens. Safe to call from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: Counter[tuple[str, tuple[tuple[str, str], ...]]] = Counter()

    def add(self, name: str, labels: Mapping[str, str], amount: float = 1) -> None:
        """Count ``amount`` more."""
        with self._lock:
            self._values[name, tuple(sorted(labels.items()))] += amount  # type: ignore[assignment]

    def counts(self) -> list[Count]:
        """Return all counters, in order."""
        with self._lock:
            found = sorted(self._values.items())
        return [Count(name, dict(labels), value) for (name, labels), value in found]
