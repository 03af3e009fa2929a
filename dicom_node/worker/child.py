"""The child's own program: ``python -m dicom_node.worker.child CONF``.

One line of work in, one line of answer out, until the input closes.
"""

import gc
import os
import queue
import sys
import threading
from dataclasses import replace
from pathlib import Path

from dicom_node import log
from dicom_node.worker.work import Work

__all__ = ["main"]


def main(arguments: list[str]) -> None:
    """Do work until there is no more.

    Parameters
    ----------
    arguments : [configuration folder]
    """
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints goes to the log, not into the conversation
    lines: queue.Queue[str] = queue.Queue()
    threading.Thread(target=_listen, args=(lines,), daemon=True).start()
    gc.disable()  # what is loaded stays: to look for garbage in it takes a seventh of the start
    from dicom_node.worker.run import load_bench, run

    gc.freeze()
    gc.enable()
    bench = load_bench(Path(arguments[0]), os.environ)
    log.configure(bench.settings.file.log.level)
    while True:
        work = Work.of_line(lines.get())
        answers.write(replace(run(bench, work), run=work.run).to_line())
        answers.flush()


def _listen(lines: "queue.Queue[str]") -> None:
    """Pass lines on; when the input closes, whoever gave us work is gone, and so are we."""
    for line in sys.stdin:
        lines.put(line)
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
