"""Whether a candidate may take the place of the active model: both on whom neither learned from.

What enters: two bundles, pairs, a gate file that says what is asked. What leaves: ``verdict.json``
for programs, ``verdict.html`` for people.
"""

from train.verdict.answer import Answer, Seen, ask, look
from train.verdict.compare import KEEP, PROMOTE, Compared, compare
from train.verdict.figures import figures_beside
from train.verdict.gatefile import PARTS, Changes, GateFile, Impact, Proof, read_gate_file
from train.verdict.judge import Criterion, judge
from train.verdict.planted import Planted, plant
from train.verdict.report import REPORT, VERDICT, write_verdict

__all__ = [
    "KEEP",
    "PARTS",
    "PROMOTE",
    "REPORT",
    "VERDICT",
    "Answer",
    "Changes",
    "Compared",
    "Criterion",
    "GateFile",
    "Impact",
    "Planted",
    "Proof",
    "Seen",
    "ask",
    "compare",
    "figures_beside",
    "judge",
    "look",
    "plant",
    "read_gate_file",
    "write_verdict",
]
