"""Tasks and bundles as values: what is needed, what is made, with which model, under which limits.

What enters: TOML and JSON. What leaves: frozen values, every mistake named. It loads no weights and
no torch, so rules may ask it anything.
"""

from engine.task.bundle import PLANES, Bundle, Contract, read_bundle
from engine.task.content import content
from engine.task.figures import RESULT, SOURCE, Figure
from engine.task.labels import LABELS_MADE, LABELS_MR, LABELS_TAKEN, UNITS
from engine.task.limits import FEWEST, lacking, own_limits, read_limits, unknown
from engine.task.serving import Generation, NamedFile, Output
from engine.task.task import GRIDS, Task, is_pin, read_task

__all__ = [
    "FEWEST",
    "GRIDS",
    "LABELS_MADE",
    "LABELS_MR",
    "LABELS_TAKEN",
    "PLANES",
    "RESULT",
    "SOURCE",
    "UNITS",
    "Bundle",
    "Contract",
    "Figure",
    "Generation",
    "NamedFile",
    "Output",
    "Task",
    "content",
    "is_pin",
    "lacking",
    "own_limits",
    "read_bundle",
    "read_limits",
    "read_task",
    "unknown",
]
