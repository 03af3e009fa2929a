"""Who holds a lease, and whether that process is still alive."""

import os
import socket
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

__all__ = ["Lease", "is_dead", "is_lost", "process_owner"]


@dataclass(frozen=True, slots=True)
class Lease:
    """How long something belongs to whom.

    Parameters
    ----------
    owner : str
        ``host/boot/pid/started``: see :func:`process_owner`.
    seconds : float
        Until it has to be renewed.
    """

    owner: str
    seconds: float

    def until(self, now: datetime) -> datetime:
        """Return when the lease ends."""
        return now + timedelta(seconds=self.seconds)


def process_owner(pid: int | None = None) -> str:
    """Return a name for a process that no other process, before or after, has.

    The host, the boot, the process number and its start time: together they tell a process that is
    gone from a new one with its number.
    """
    number = pid or os.getpid()
    return f"{socket.gethostname()}/{_boot()}/{number}/{_started(number)}"


def is_dead(owner: str) -> bool:
    """Whether ``owner`` is certainly gone: a process of this host and no longer running.

    Of other hosts nothing is known; their leases run out by time.
    """
    host, _, rest = owner.partition("/")
    if host != socket.gethostname():
        return False
    boot, number, started = (*rest.split("/"), "", "", "")[:3]
    if boot != _boot():
        return True
    return not number.isdigit() or _started(int(number)) != started


def is_lost(owner: str | None, until: datetime | None, now: datetime) -> bool:
    """Whether what ``owner`` held until ``until`` may be given to another."""
    return until is None or until < now or (owner is not None and is_dead(owner))


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return "-"


def _started(pid: int) -> str:
    """Return when a process started: field 22 of its proc(5) stat; empty when it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    fields = stat.rpartition(")")[2].split()
    return "" if fields[0] in "ZX" else fields[19]
