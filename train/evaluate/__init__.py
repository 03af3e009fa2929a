"""How good a model is: held-out phantoms, real volumes, beside what costs less.

What enters: a recipe, its pairs and what was learned from them. What leaves: ``evaluation.json``
for programs, ``report.html`` for people; of real volumes ``real.json`` and ``real.html``.
"""

from train.evaluate.charts import forest
from train.evaluate.held_out import DOWNSTREAM, EVALUATION, FIGURE, REPORT, measure
from train.evaluate.lookup import LookUp
from train.evaluate.page import banner, light_box, page, picture, section, table
from train.evaluate.pictures import Look, case_of
from train.evaluate.real import measure_real
from train.evaluate.summary import commit, number, told
from train.evaluate.whole import write_json, write_text

__all__ = [
    "DOWNSTREAM",
    "EVALUATION",
    "FIGURE",
    "REPORT",
    "Look",
    "LookUp",
    "banner",
    "case_of",
    "commit",
    "forest",
    "light_box",
    "measure",
    "measure_real",
    "number",
    "page",
    "picture",
    "section",
    "table",
    "told",
    "write_json",
    "write_text",
]
