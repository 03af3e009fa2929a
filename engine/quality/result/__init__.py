"""A result, beside the source that it was made from and by itself."""

from engine.quality.result.figures import PERCENTILES, result_figures, shares, slice_figures
from engine.quality.result.told import cubed

__all__ = ["PERCENTILES", "cubed", "result_figures", "shares", "slice_figures"]
