"""Jobs run, each in a child process that may die without taking anything with it.

What enters: jobs from the queue, files from the archive. What leaves: finished series in the
archive and the outbox, or the reason why there is none. The parent loads no torch; the child does.
"""

from dicom_node.worker.enter import enter_made, hold_made
from dicom_node.worker.gpu import Gpus
from dicom_node.worker.process import Child, ChildDied
from dicom_node.worker.stage import Retries, WorkerStage
from dicom_node.worker.work import Answer, Work

__all__ = [
    "Answer",
    "Child",
    "ChildDied",
    "Gpus",
    "Retries",
    "Work",
    "WorkerStage",
    "enter_made",
    "hold_made",
]
