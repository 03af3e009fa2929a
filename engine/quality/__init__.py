"""The gates: is a source like what the model learned from, and is a result an image of it.

Before a network runs, each source is measured (:data:`SOURCE`): how much of the field of view is
body and where it is cut, empty, doubled and missing slices, noise, ghosts, saturation, and how like
the sources that the model learned from it is. Afterwards the result is measured beside its source
(:data:`RESULT`): contours, shift, percentiles, shares of tissue, seams, and what the network says
of the same subject with left for right. Each figure has limits that were set on held-out subjects.
"""

from engine.quality.gate import Gate, read_gate, unjudged
from engine.quality.likeness import Likeness, grain_of, picture_of
from engine.quality.measure import compare, measure_result, measure_source
from engine.quality.mirror import Mirror
from engine.quality.result import result_figures, slice_figures
from engine.quality.seen import Seen
from engine.quality.source import source_figures
from engine.quality.spread import Spread
from engine.quality.verdict import Check, Limit, Verdict, worst

__all__ = [
    "Check",
    "Gate",
    "Likeness",
    "Limit",
    "Mirror",
    "Seen",
    "Spread",
    "Verdict",
    "compare",
    "grain_of",
    "measure_result",
    "measure_source",
    "picture_of",
    "read_gate",
    "result_figures",
    "slice_figures",
    "source_figures",
    "unjudged",
    "worst",
]
