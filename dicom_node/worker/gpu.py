"""What the graphics cards of this host have in use, without loading what computes on them."""

import shutil
import subprocess
from collections.abc import Iterator
from datetime import datetime

from dicom_node import log
from dicom_node.tally import GPU_BUSY, GPU_MEMORY_SIZE, GPU_MEMORY_USED, Count

__all__ = ["Gpus"]

_log = log.get("worker")
_MEGABYTE = 2**20
_FIELDS = "index,memory.used,memory.total,utilization.gpu"
_NAMES = (
    (GPU_MEMORY_USED, _MEGABYTE),
    (GPU_MEMORY_SIZE, _MEGABYTE),
    (GPU_BUSY, 0.01),
)
"""What a line gives behind the number of the card, and what its unit is worth."""
_WAIT_S = 5.0


class Gpus:
    """Asks the driver, by its own program, at each beat.

    That is light: the process that holds torch is another one, and need not be asked, which it
    could not answer while it computes. The figures are of whole cards, whoever uses them.

    Parameters
    ----------
    program : str
        Of the driver; where there is none there is no card, and nothing is measured.
    """

    def __init__(self, program: str = "nvidia-smi") -> None:
        self._program = shutil.which(program)
        self._is_well = True

    def levels(self, _now: datetime) -> list[Count]:
        """Return memory and use of each card; nothing where the driver does not answer."""
        if self._program is None:
            return []
        command = (self._program, f"--query-gpu={_FIELDS}", "--format=csv,noheader,nounits")
        try:
            done = subprocess.run(  # noqa: S603 - the driver's program, no word of it from outside
                command, check=True, capture_output=True, text=True, timeout=_WAIT_S
            )
        except (OSError, subprocess.SubprocessError) as exc:
            self._note(str(exc))
            return []
        self._is_well = True
        return [count for line in done.stdout.splitlines() for count in _counts(line)]

    def _note(self, why: str) -> None:
        """Say once that the driver does not answer."""
        if self._is_well:
            _log.warning("no figures of the graphics card", why=why)
        self._is_well = False


def _counts(line: str) -> Iterator[Count]:
    """Yield what a line says; what a card does not tell, as one that is divided, is left out."""
    device, *values = (part.strip() for part in line.split(","))
    for (name, unit), value in zip(_NAMES, values, strict=False):
        if value.isdigit():
            yield Count(name, {"device": device}, int(value) * unit)
