"""How good a model is: held-out phantoms, real volumes, beside what costs less.

What enters: a recipe, its pairs and what was learned from them. What leaves: ``evaluation.json``
for programs, ``report.html`` for people; of real volumes ``real.json`` and ``real.html``.
"""

from train.evaluate.held_out import DOWNSTREAM, EVALUATION, FIGURE, REPORT, measure
from train.evaluate.lookup import LookUp
from train.evaluate.real import measure_real
from train.evaluate.summary import told

__all__ = [
    "DOWNSTREAM",
    "EVALUATION",
    "FIGURE",
    "REPORT",
    "LookUp",
    "measure",
    "measure_real",
    "told",
]
